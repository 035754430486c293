"""Worker processes: the same figures from any number of them, and none is left or missed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.search.data import ImageData
from cheapsearch.search.testing.executors import COUNTS, Counter, refuse
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Failed, Job, Outcome, Progress, Trained
from cheapsearch.search.workers.pool import MAX_FALSE_STARTS, WorkerPool, WorkersFailedError, _cause_of_death
from cheapsearch.space import Architecture

UNMODIFIED = Architecture("mobilenet_v2", 0.25)
JOBS = [
    Job(3, UNMODIFIED, 0),
    Job(4, replace(UNMODIFIED, expand="reuse"), 0),
    Job(5, replace(UNMODIFIED, expand="ghost"), 1),
    Job(6, replace(UNMODIFIED, last_stage="pool_first"), 1),
]
ENDLESS = Job(30, 10**9, 0)  # of Counter; it is under way until its worker is killed
KILLED = "the worker process was ended by SIGKILL; out of memory?"


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    """Whatever a test does, its workers end with it."""
    yield
    left = active_children()
    for child in left:
        child.kill()
        child.join()
    assert left == []


def figures(outcome: Outcome) -> tuple[object, ...]:
    """All but the times."""
    assert isinstance(outcome, Trained), outcome
    return outcome.accuracy, outcome.curve, outcome.losses


def collect(pool: WorkerPool[Any], count: int) -> dict[int, Outcome]:
    """By index; every outcome comes once."""
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        outcomes += [message for message in pool.collect() if not isinstance(message, Progress)]
    found = {outcome.index: outcome for outcome in outcomes}
    assert len(found) == len(outcomes) == count
    return found


def kill_the_worker_of(pool: WorkerPool[Any], job: Job[Any]) -> dict[int, Outcome]:
    """Kill whoever does a job, once somebody does; the outcomes of others meanwhile."""
    found: dict[int, Outcome] = {}
    while not (doing := [w for w in pool._workers if w.job == job and w.process.is_alive()]):
        messages = pool.collect()
        found |= {message.index: message for message in messages if not isinstance(message, Progress)}
    os.kill(doing[0].process.pid or 0, signal.SIGKILL)
    doing[0].process.join()
    return found


def test_pool_gives_the_figures_of_this_process_whatever_the_number_of_workers(
    tiny_images: ImageData, tiny_proxy: Proxy
) -> None:
    setup = partial(ProxyTrainer, tiny_images, tiny_proxy)
    trainer = setup("cpu")
    expected = {job.index: figures(list(trainer.perform(job))[-1]) for job in JOBS}  # type: ignore[arg-type]
    pool: WorkerPool[Any] = WorkerPool(setup, ["cpu", "cpu"])
    try:
        for job in JOBS:
            pool.submit(job)
        assert {index: figures(outcome) for index, outcome in collect(pool, 4).items()} == expected
    finally:
        pool.close()


def test_pool_survives_its_workers_and_leaves_no_process() -> None:
    """One test, because a worker takes seconds to start."""
    pool: WorkerPool[Any] = WorkerPool(Counter, ["cpu", "cpu"])
    try:
        assert len(active_children()) == 2
        assert pool.collect(timeout=0) == []

        # A job whose worker is killed is tried once more, and lost the second time; the other job is done.
        for job in (ENDLESS, COUNTS[0]):
            pool.submit(job)
        found = kill_the_worker_of(pool, ENDLESS)
        found |= kill_the_worker_of(pool, ENDLESS)
        found |= collect(pool, 2 - len(found))
        assert found == {ENDLESS.index: Failed(ENDLESS.index, KILLED), 7: Trained(7, 2.0)}
        assert len(active_children()) == 2

        # The replacements work. Ctrl-C reaches them too, but what becomes of them is not theirs to decide.
        for worker in pool._workers:
            os.kill(worker.process.pid or 0, signal.SIGINT)
        for job in COUNTS:
            pool.submit(job)
        assert collect(pool, 4)[11] == Trained(11, 6.0)

        # Closing ends them in the middle of their work; the first jobs go first.
        for job in (ENDLESS, replace(ENDLESS, index=31), *COUNTS):
            pool.submit(job)
        while len(pool.jobs) < 2:
            pool.collect()
        assert {job.index for job in pool.jobs} == {30, 31}
        start = time.monotonic()
    finally:
        pool.close()
    assert time.monotonic() - start < 5
    assert active_children() == []


def test_worker_is_not_ended_by_ctrl_c_while_it_starts() -> None:
    """Or each worker would print a traceback between the user's Ctrl-C and the driver's answer to it."""
    pool: WorkerPool[Any] = WorkerPool(Counter, ["cpu"])
    try:
        (worker,) = active_children()
        for _ in range(6):
            os.kill(worker.pid or 0, signal.SIGINT)
            time.sleep(0.2)
        assert worker.is_alive()
    finally:
        pool.close()


@pytest.mark.parametrize("moments", [(0.05, 0.5), (1.0,)])
def test_pool_replaces_workers_that_are_killed_while_they_start(moments: tuple[float, ...]) -> None:
    """At whatever moment, also while megabytes are sent to one; two in a row at most, or it gives up."""
    assert len(moments) < MAX_FALSE_STARTS
    # An attribute of a partial function is sent with it.
    setup = partial(Counter)
    setup.__dict__["ballast"] = bytes(8_000_000)
    pool: WorkerPool[Any] = WorkerPool(setup, ["cpu"] * len(moments))
    try:
        start = time.monotonic()
        victims = [worker.process for worker in pool._workers]
        for victim, moment in zip(victims, moments, strict=True):
            while (left := start + moment - time.monotonic()) > 0:
                assert pool.collect(timeout=left) == []
            os.kill(victim.pid or 0, signal.SIGKILL)
        done = {job.index: outcome for job, outcome in perform_all(pool, COUNTS)}
        assert done.keys() == {job.index for job in COUNTS}
        assert isinstance(done[3], Failed)
        assert sum(isinstance(outcome, Trained) for outcome in done.values()) == 3
        assert not set(victims) & set(active_children())
    finally:
        pool.close()


def test_pool_gives_up_on_workers_that_all_die_before_they_are_ready() -> None:
    pool: WorkerPool[Any] = WorkerPool(Counter, ["cpu"])
    try:
        pool.submit(COUNTS[0])
        killed = set()
        with pytest.raises(WorkersFailedError) as caught:  # noqa: PT012
            while True:
                for worker in active_children():
                    worker.kill()
                    killed.add(worker)
                assert pool.collect() == []
    finally:
        pool.close()
    assert len(killed) == MAX_FALSE_STARTS
    assert str(caught.value) == f"{MAX_FALSE_STARTS} times in a row {KILLED} before it was ready"


def test_pool_says_in_one_line_that_its_workers_cannot_be_set_up() -> None:
    pool: WorkerPool[Any] = WorkerPool(refuse, ["cpu"])
    try:
        with pytest.raises(WorkersFailedError) as caught:
            list(perform_all(pool, COUNTS))
    finally:
        pool.close()
    reason = "ValueError: there is nothing to count on cpu"
    assert str(caught.value) == f"a worker process cannot begin: {reason}"


# No guard around any of it; a worker that imported it would start workers of its own.
SCRIPT = """
from cheapsearch.search.testing.executors import COUNTS, Counter
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.pool import WorkerPool

print("once")
pool = WorkerPool(Counter, ["cpu"])
print(sorted(outcome.index for _, outcome in perform_all(pool, COUNTS)))
pool.close()
"""


@pytest.mark.parametrize("stdin", [False, True])
def test_pool_works_in_a_script_without_a_guard(tmp_path: Path, stdin: bool) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-" if stdin else str(path)],
        input=SCRIPT if stdin else None,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "once\n[0, 3, 7, 11]\n"


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [
        (-signal.SIGKILL, KILLED),
        (-signal.SIGSEGV, "the worker process was ended by SIGSEGV"),
        (1, "the worker process ended with exit code 1"),
        (None, "the worker process ended with exit code None"),
    ],
)
def test_cause_of_death_names_the_signal_or_the_exit_code(exit_code: int | None, reason: str) -> None:
    assert _cause_of_death(exit_code) == reason
