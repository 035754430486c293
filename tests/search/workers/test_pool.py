"""Worker processes: the same figures from any number of them, and none is left or missed."""

import os
import signal
import time
from dataclasses import replace
from functools import partial
from multiprocessing import active_children

import pytest

from cheapsearch.search.data import ImageData
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import Evaluator
from cheapsearch.search.workers.jobs import Job, Outcome
from cheapsearch.search.workers.pool import WorkerPool, _cause_of_death
from cheapsearch.space import Architecture

UNMODIFIED = Architecture("mobilenet_v2", 0.25)
JOBS = [
    Job(3, UNMODIFIED, 0),
    Job(4, replace(UNMODIFIED, expand="reuse"), 0),
    Job(5, replace(UNMODIFIED, expand="ghost"), 1),
    Job(6, replace(UNMODIFIED, last_stage="pool_first"), 1),
]


def figures(outcome: Outcome) -> tuple[object, ...]:
    """All but the times."""
    return outcome.accuracy, outcome.curve, outcome.losses, outcome.reason


def collect(pool: WorkerPool, count: int) -> dict[int, Outcome]:
    """By index; every outcome comes once."""
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        outcomes += pool.collect()
    found = {outcome.index: outcome for outcome in outcomes}
    assert len(found) == len(outcomes) == count
    return found


@pytest.fixture(scope="module")
def expected(tiny_images: ImageData, tiny_proxy: Proxy) -> dict[int, tuple[object, ...]]:
    """What an evaluator in this process makes of the jobs."""
    evaluator = Evaluator(tiny_images, tiny_proxy, "cpu")
    return {job.index: figures(evaluator.evaluate(job)) for job in JOBS}


def test_pool_survives_its_workers_gives_the_same_figures_and_leaves_no_process(
    tiny_images: ImageData, tiny_proxy: Proxy, expected: dict[int, tuple[object, ...]]
) -> None:
    """One test, because a worker takes seconds to start."""
    pool = WorkerPool(partial(Evaluator, tiny_images, tiny_proxy), devices=["cpu", "cpu"])
    assert len(active_children()) == 2
    assert pool.collect(timeout=0) == []

    # A job whose worker is killed is tried once more, and lost the second time; the other job is done.
    victim = pool._workers[0].process
    for job in JOBS[:2]:
        pool.submit(job)
    assert [worker.job for worker in pool._workers] == JOBS[:2]  # the first jobs go first
    os.kill(victim.pid or 0, signal.SIGKILL)
    found = {}
    while pool._workers[0].process is victim:
        found |= {outcome.index: outcome for outcome in pool.collect()}
    while (again := next((w for w in pool._workers if w.job == JOBS[0]), None)) is None:
        found |= {outcome.index: outcome for outcome in pool.collect()}
    os.kill(again.process.pid or 0, signal.SIGKILL)
    found |= collect(pool, 2 - len(found))
    lost = found[JOBS[0].index]
    assert (lost.accuracy, lost.reason) == (None, "the worker process was ended by SIGKILL; out of memory?")
    assert figures(found[JOBS[1].index]) == expected[JOBS[1].index]
    assert victim not in active_children()
    assert len(active_children()) == 2

    # Its replacement works, and two workers give the figures of one.
    for job in JOBS:
        pool.submit(job)
    assert [worker.job for worker in pool._workers] == JOBS[:2]
    assert {index: figures(outcome) for index, outcome in collect(pool, 4).items()} == expected

    # Ctrl-C reaches the workers too, but what becomes of them is not theirs to decide.
    for worker in pool._workers:
        os.kill(worker.process.pid or 0, signal.SIGINT)
    for job in JOBS:
        pool.submit(job)
    assert {index: figures(outcome) for index, outcome in collect(pool, 4).items()} == expected

    # Closing ends them in the middle of their work.
    for job in JOBS:
        pool.submit(job)
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < 5
    assert active_children() == []


def test_worker_is_not_ended_by_ctrl_c_while_it_starts(tiny_images: ImageData, tiny_proxy: Proxy) -> None:
    """Or each worker would print a traceback between the user's Ctrl-C and the driver's answer to it."""
    with WorkerPool(partial(Evaluator, tiny_images, tiny_proxy), devices=["cpu"]) as pool:
        (worker,) = pool._workers
        for _ in range(6):
            os.kill(worker.process.pid or 0, signal.SIGINT)
            time.sleep(0.2)
        assert worker.process.is_alive()


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [
        (-signal.SIGKILL, "the worker process was ended by SIGKILL; out of memory?"),
        (-signal.SIGSEGV, "the worker process was ended by SIGSEGV"),
        (1, "the worker process ended with exit code 1"),
        (None, "the worker process ended with exit code None"),
    ],
)
def test_cause_of_death_names_the_signal_or_the_exit_code(exit_code: int | None, reason: str) -> None:
    assert _cause_of_death(exit_code) == reason
