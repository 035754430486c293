"""The same search and the same retraining on any workers, and whatever is killed on the way; slow."""

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.search.cli.main import main
from cheapsearch.space.saved_run import load_run

pytestmark = pytest.mark.slow
OPTIONS = (
    *("run", "--dataset", "digits"),
    *("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=10"),
)
# Trainings of one length, and of two; of a search that is killed often there are more.
LENGTHS: dict[str, tuple[tuple[str, ...], ...]] = {
    "one length": (("--budget", "10"), ("--budget", "30")),
    "two lengths": (("--rungs", "1,3", "--budget", "30"), ("--rungs", "1,3", "--budget", "60")),
}
KILLS = 20
POLICY = ("--epochs", "4", "--warmup-epochs", "1", "--learning-rate", "0.02", "--width", "0.25")


def search(out: Path, *options: str) -> list[tuple[object, ...]]:
    assert main([*OPTIONS, "--out", str(out), *options]) == 0
    return facts(out)


def facts(out: Path) -> list[tuple[object, ...]]:
    """What must not change of the trials: all but times and numbers."""
    trials = load_run(out).trials
    return [(t.hash, t.architecture, t.rung, t.state, t.origin, t.accuracy, t.costs, t.right) for t in trials]


@pytest.fixture(scope="module", params=LENGTHS)
def lengths(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Options of a search."""
    return LENGTHS[request.param][0]


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, lengths: tuple[str, ...]
) -> list[tuple[object, ...]]:
    """The trials of such a search in this process."""
    return search(tmp_path_factory.mktemp("undisturbed") / "run", *lengths, "--workers", "0")


def rows(path: Path) -> int:
    try:
        return max(0, len(path.read_text().splitlines()) - 1)
    except FileNotFoundError:
        return 0


def start(*options: str) -> "subprocess.Popen[bytes]":
    """A command in a process of its own, which says nothing."""
    silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "cheapsearch", *options], **silent)


def wait_until(reached: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


# --- a search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_search_is_the_same_on_any_number_of_workers(
    tmp_path: Path, lengths: tuple[str, ...], undisturbed: list[tuple[object, ...]], workers: int
) -> None:
    assert search(tmp_path / "run", *lengths, "--workers", str(workers)) == undisturbed


def test_search_is_the_same_in_a_cluster(
    tmp_path: Path, lengths: tuple[str, ...], undisturbed: list[tuple[object, ...]], ray_cluster: Any
) -> None:
    found = search(tmp_path / "run", *lengths, "--executor", "ray", "--ray-address", ray_cluster.address)
    assert found == undisturbed
    assert load_run(tmp_path / "run").record.workers == 2


def test_search_killed_in_a_cluster_leaves_no_worker_and_goes_on_elsewhere(
    tmp_path: Path, lengths: tuple[str, ...], undisturbed: list[tuple[object, ...]], ray_cluster: Any
) -> None:
    import ray

    out = tmp_path / "run"
    cluster = ("--executor", "ray", "--ray-address", ray_cluster.address)
    with start(*OPTIONS, *lengths, "--out", str(out), *cluster) as driver:
        wait_until(lambda: rows(out / "trials.csv") >= 2)
        assert ray.available_resources().get("CPU", 0.0) == 0.0
        driver.kill()
    wait_until(lambda: ray.available_resources().get("CPU", 0.0) == 2.0)
    assert 2 <= rows(out / "trials.csv") < len(undisturbed)
    assert main(["run", "--out", str(out), "--workers", "0"]) == 0
    assert facts(out) == undisturbed


@pytest.mark.parametrize("name", LENGTHS)
def test_search_killed_at_random_moments_ends_as_an_undisturbed_one(tmp_path: Path, name: str) -> None:
    """Twenty times: while it starts, and around the moment at which another trial is written."""
    longer = (*LENGTHS[name][1], "--workers", "0")
    expected = search(tmp_path / "undisturbed", *longer)
    out, rng = tmp_path / "run", random.Random(0)
    trials, starting = out / "trials.csv", 1.0
    for kill in range(KILLS):
        before, began = rows(trials), time.monotonic()
        with start(*OPTIONS, "--out", str(out), *longer) as driver:
            if kill % 2:
                time.sleep(rng.uniform(0.0, starting))
            else:
                wait_until(lambda least=before + 1: rows(trials) >= least)  # type: ignore[misc]
                starting = time.monotonic() - began
                time.sleep(rng.uniform(0.0, 0.2))
            assert driver.poll() is None  # it is killed, and has not ended
            driver.kill()
    assert KILLS // 2 <= rows(trials) < len(expected)
    assert main(["run", "--out", str(out), "--workers", "0"]) == 0
    assert facts(out) == expected
    numbers = [trial.number for trial in load_run(out).trials]
    assert len(set(numbers)) == len(numbers)


# --- a retraining -----------------------------------------------------------------------------------


def retrained(run: Path, *options: str) -> dict[str, tuple[Any, ...]]:
    """Of every network its learning curve and its weights."""
    assert main(["retrain", str(run), "--trial", "0", "1", "--yes", *POLICY, *options]) == 0
    found: dict[str, tuple[Any, ...]] = {}
    for folder in sorted((run / "retrain").glob("*/")):
        with (folder / "metrics.csv").open() as file:
            curve = [{**row, "seconds": ""} for row in csv.DictReader(file)]
        found[folder.name] = (curve, (folder / "best.safetensors").read_bytes()[-4096:])
    assert len(found) == 2
    return found


def test_retraining_is_the_same_in_a_cluster_that_loses_a_worker(
    tmp_path: Path, digits_run: Path, ray_cluster: Any
) -> None:
    """The worker goes on from the checkpoint of the one that was killed."""
    here, there = (shutil.copytree(digits_run, tmp_path / name) for name in ("here", "there"))
    expected = retrained(here, "--workers", "0")
    killed: list[int] = []

    def kill_one() -> None:
        wait_until(lambda: any(rows(path) >= 1 for path in there.glob("retrain/*/metrics.csv")))
        workers = [path for path in Path("/proc").glob("[0-9]*") if b"ray::_Worker" in _command(path)]
        killed.append(int(workers[0].name))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    found = retrained(there, "--executor", "ray", "--ray-address", ray_cluster.address)
    killer.join()
    assert killed
    assert found == expected


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
