"""What all tests share. One thread a process, before numpy and torch load: cores are for processes."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from cheapsearch.space import Architecture, TrainingResult
    from cheapsearch.space.part_costs import PartCosts

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # processes that a test starts inherit it
# In the background of a shell Ctrl-C is ignored, and whatever the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in a worker, so that figures computed here equal a worker's; some commands take all cores."""
    _take_one_thread()
    yield
    _take_one_thread()


def _take_one_thread() -> None:
    torch = sys.modules.get("torch")  # tests of what needs no torch load none
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_result() -> "Callable[..., TrainingResult]":
    """Makes the result of a full training with scores in percent; keywords change its settings."""
    from cheapsearch.space import Cost, TrainingRecord, TrainingResult

    def make(
        architecture: "Architecture",
        val: float,
        test: float | None = None,
        *,
        epochs: int = 2,
        **changes: Any,
    ) -> TrainingResult:
        settings: dict[str, Any] = {
            **{"version": "0.1.0", "created": "2026-03-15T10:22:31+00:00", "trial": 0},
            **{"costs": Cost(params=1, flops=1), "num_classes": 10, "input_size": 32},
            **{"dataset": "cifar10", "data_dir": "", "data_seed": 7, "fingerprint": "9c2f0b1d"},
            **{"train_images": 45000, "val_images": 5000, "policy": {"epochs": epochs}, "seed": 0},
            **{"device": "cpu", "processes": 1, "threads": 1},
        }
        return TrainingResult(
            settings=TrainingRecord(architecture=architecture, **settings | changes),
            epochs=epochs,
            best_epoch=epochs,
            val_loss=1.0,
            val_top1=val,
            val_top5=99.0,
            final_top1=val,
            test_loss=None if test is None else 1.0,
            test_top1=test,
            test_top5=None if test is None else 99.0,
            seconds=60.0,
            val_score=val,
            test_score=test,
        )

    return make


# Where operations and backbones of a user's own are known.
OWN = (
    *("cheapsearch.space.known_operations._OWN", "cheapsearch.space.operation_file._LOADED"),
    *("cheapsearch.space.backbones._OWN", "cheapsearch.space.own_backbones._TABLES"),
)


def _forget(patched: pytest.MonkeyPatch) -> None:
    for known in OWN:
        patched.setattr(known, {})


@pytest.fixture
def forget_own(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Nothing of a user's own is known; what a test loads is forgotten after it, or when this is called."""
    _forget(monkeypatch)
    return partial(_forget, monkeypatch)


@pytest.fixture(scope="module")
def own_of_a_module() -> Iterator[None]:
    """The same for all tests of a module together."""
    with pytest.MonkeyPatch.context() as patched:
        _forget(patched)
        yield


@pytest.fixture(scope="session")
def part_costs() -> "Callable[..., PartCosts]":
    """Makes up costs of the parts of a backbone: every operation of every part has other ones."""
    from cheapsearch.space import SITES, STAGED_SITES, Cost, get_backbone
    from cheapsearch.space.part_costs import DEPTHWISE, PartCosts

    def make(name: str, width: float = 1.0, *, num_classes: int = 10, input_size: int = 224) -> "PartCosts":
        backbone = get_backbone(name)
        stages = range(1, backbone.stages + 1)
        places = [(s, stage) for s in SITES for stage in (stages if s in STAGED_SITES else [0])]
        named = {part: backbone.operations[part[0]] for part in places}
        named |= {(DEPTHWISE, stage): (DEPTHWISE,) for stage in stages}
        costs = {
            part: {
                operation: Cost(params=number + 40 * index, flops=(number + 40 * index) ** 2)
                for index, operation in enumerate(operations)
            }
            for number, (part, operations) in enumerate(named.items(), 1)
        }
        return PartCosts(name, width, num_classes, input_size, costs)

    return make


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], None]:
    """Called by a test for which something is not there, with what, and how to get it: it is skipped.

    With CHEAPSEARCH_REQUIRE_SLOW=1 it fails.
    """
    return _lacking


@pytest.fixture(scope="session")
def needed() -> Callable[[str, str], Any]:
    """The same for a package: imports it, by its name and how to get it."""

    def imported(name: str, how: str) -> Any:
        try:
            return import_module(name)
        except ImportError:
            return _lacking(f"needs {name}: {how}")

    return imported


def _lacking(what: str) -> None:
    if os.environ.get("CHEAPSEARCH_REQUIRE_SLOW"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One browser for all tests: Chromium, as Debian or Playwright installs it.

    Without one these tests are skipped; with CHEAPSEARCH_REQUIRE_BROWSER=1 they fail.
    """
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            # Without a sandbox, which root cannot have: the pages are these tests' own.
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
        except Error as error:
            if os.environ.get("CHEAPSEARCH_REQUIRE_BROWSER"):
                raise
            how = "install one by `apt-get install chromium`, or `playwright install chromium`"
            pytest.skip(f"needs a browser: {how} ({str(error).splitlines()[0]})")
        yield browser
        browser.close()
