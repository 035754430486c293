"""One thread a process, before numpy and torch load: the machine's cores are for processes side by side."""

import os
import re
import shlex
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cheapsearch.space import Architecture, TrainingResult
    from cheapsearch.space.part_costs import PartCosts

ROOT = Path(__file__).parents[1]

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # processes that a test starts inherit it


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


@pytest.fixture(scope="session")
def run_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs the commands of a page of docs one after the other, each as if alone in its process.

    Searches are short, by flags that come behind those of the page. Returns the folder where it was done; the
    examples are in it.
    """
    from cheapsearch.search.cli.main import main

    tiny = "epochs=1,images=60,input_size=8,width=0.25,batch_size=30"
    short = ["--budget", "3", "--proxy", tiny, "--workers", "0", "--device", "cpu"]

    def run(name: str) -> Path:
        page = (ROOT / "docs" / name).read_text("utf-8")
        commands = "".join(re.findall(r"^```sh\n(.*?)^```$", page, re.S | re.M)).splitlines()
        assert commands
        folder = tmp_path_factory.mktemp(Path(name).stem)
        shutil.copytree(ROOT / "examples", folder / "examples")
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(folder)
            for command in commands:
                program, *words = shlex.split(command)
                assert program == "cheapsearch"
                _forget(patched)
                assert main([*words, *(short if words[0] == "run" else [])]) == 0, command
        return folder

    return run


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
