"""What can befall a search in the middle, done to it for real."""

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_digits

from cheapsearch.search.study.driver import SearchFailedError
from cheapsearch.search.study.opening import open_run
from cheapsearch.search.workers.workplace import Workplace
from cheapsearch.space import TrialRecord, UserError
from cheapsearch.space.saved_run import load_run

PROXY = {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20}
SETTINGS: dict[str, Any] = {
    **{"dataset": "digits", "budget": 3, "workers": 0, "device": "cpu", "sampler": "random"},
    **{"in_flight": 2, "proxy": PROXY},
}


def go_on(
    out: Path, befall: Callable[[int], None] = lambda done: None, **given: Any
) -> list[tuple[object, ...]]:
    """Run to the end in this process; what must not change of its trials.

    Args:
        befall: Called after every trial with how many there are.
    """
    known = {"workers": 0} if (out / "run.yaml").exists() else SETTINGS
    with open_run(known | given, out=out) as run:
        for done, _ in enumerate(run.search(), 1):
            befall(done)
        return facts(run.trials)


def facts(trials: list[TrialRecord]) -> list[tuple[object, ...]]:
    """All but times, and numbers, of which an interrupted proposal loses one."""
    return [(trial.architecture, trial.state, trial.origin, trial.accuracy) for trial in trials]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    return go_on(tmp_path_factory.mktemp("undisturbed") / "run")


def refusal(out: Path, **given: Any) -> str:
    with pytest.raises(UserError) as caught:
        go_on(out, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_trial_that_takes_too_long_has_failed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cheapsearch.search.study.driver.MAX_FAILURES", 1)
    given = SETTINGS | {"workers": 1, "in_flight": 1}
    with open_run(given, out=tmp_path / "run", place=Workplace(trial_timeout=0.01)) as run:
        with pytest.raises(SearchFailedError, match="timed out: ended after 0 s"):
            list(run.search())
        (trial,) = run.trials
    assert (trial.state, trial.accuracy) == ("failed", None)
    assert trial.reason.endswith("(as --trial-timeout says)")


# --- the images -------------------------------------------------------------------------------------


def test_search_goes_on_without_its_images_and_is_not_taken_up_without_them(tmp_path: Path) -> None:
    digits = load_digits()
    data = tmp_path / "few.npz"
    splits = {"train": slice(0, 300), "val": slice(300, 400), "test": slice(400, 500)}
    arrays = {f"{name}_images": (digits.images[part] * 15).astype(np.uint8) for name, part in splits.items()}
    arrays |= {f"{name}_labels": digits.target[part][:, None] for name, part in splits.items()}
    np.savez(data, **arrays)

    def lose(done: int) -> None:
        if done == 1:
            data.unlink()

    assert len(go_on(tmp_path / "run", lose, dataset=str(data))) == 3
    assert str(data) in refusal(tmp_path / "run", budget=4)
    np.savez(data, **arrays)
    assert len(go_on(tmp_path / "run", budget=4)) == 4


# --- the disk ---------------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Writing beyond so many bytes fails, as on a full disk, in this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("full_from", [0, 1])
def test_search_on_a_full_disk_ends_in_one_line_and_goes_on_later(
    tmp_path: Path, undisturbed: list[tuple[object, ...]], full_from: int
) -> None:
    """Not a byte more can be written, from the beginning of the second time or from its first trial on."""
    out = tmp_path / "run"
    with open_run(SETTINGS, out=out):
        pass
    with ExitStack() as filled:

        def fill(done: int) -> None:
            if done == full_from:
                filled.enter_context(files_no_larger_than(0))

        fill(0)
        with pytest.raises((UserError, OSError)) as caught:
            go_on(out, befall=fill)
    assert "\n" not in str(caught.value)
    assert go_on(out) == undisturbed


@contextmanager
def nobody() -> Iterator[None]:
    """This process may do no more than others may, also where it is root's."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_run_folder_that_is_read_only_is_refused_in_one_line(
    tmp_path: Path, undisturbed: list[tuple[object, ...]]
) -> None:
    out = tmp_path / "run"
    with open_run(SETTINGS, out=out):
        pass
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for folder in (*(parent for parent in out.parents if "pytest-" in str(parent)), out):
        folder.chmod(0o755)
    out.chmod(0o555)
    try:
        with nobody():
            said = refusal(out)
    finally:
        out.chmod(0o755)
    assert said.startswith(f"out: must be a folder that can be written, {out} is not (")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert go_on(out) == undisturbed


def test_run_folder_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with open_run(SETTINGS, out=out):
        pass
    hold = "import filelock, sys; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print(); input()"
    command = [sys.executable, "-c", hold, str(out / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert "another cheapsearch works in" in refusal(out)
        holder.send_signal(signal.SIGKILL)  # the lock goes with the process
    with open_run({}, out=out) as run:
        assert run.trained == 0


# --- the clock --------------------------------------------------------------------------------------


def test_search_is_the_same_while_the_clock_jumps(
    tmp_path: Path, undisturbed: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back and forth by years, whenever Optuna or anything else looks at it."""
    looks: list[float] = []

    def jump() -> float:
        looks.append(random.Random(len(looks)).uniform(-1000.0, 1000.0))
        return looks[-1]

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(days=jump())

    for module in (optuna.storages._rdb.storage, optuna.storages._in_memory):
        monkeypatch.setattr(module, "datetime", Jumping)
    monkeypatch.setattr("time.time", lambda: 1e9 + 86_400.0 * jump())
    assert go_on(tmp_path / "run") == undisturbed
    # Not by the clock that jumps; a training takes a fraction of a second.
    assert all(0.0 < (trial.seconds or 0.0) < 60.0 for trial in load_run(tmp_path / "run").trials)
    study = optuna.load_study(study_name="cheapsearch", storage=f"sqlite:///{tmp_path}/run/study.db")
    durations = [trial.duration for trial in study.trials if trial.duration is not None]
    assert len(durations) == 3 < len(looks)
    assert min(durations) < timedelta(0) < max(durations)
