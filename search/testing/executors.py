"""What every executor keeps to: one outcome for each job, and an end to everything when it is closed."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..workers.executor import Executor, ExecutorFactory, JobT
from ..workers.jobs import Failed, Job, Message, Outcome, Progress, Trained

_PATIENCE = 120.0  # seconds until a message that does not come is missed


@dataclass(frozen=True)
class Counter:
    """Counts where others train: the subject of a job is its number of epochs, and none of them fails."""

    device: str

    def perform(self, job: Job[int]) -> Iterator[Message]:
        if job.subject == 0:
            yield Failed(job.index, "a job without an epoch")
            return
        for epoch in range(1, job.subject + 1):
            yield Progress(job.index, epoch, float(epoch))
        yield Trained(job.index, float(job.subject + job.seed))


def refuse(device: str) -> Counter:
    """A setup that raises."""
    raise ValueError(f"there is nothing to count on {device}")


# Handed in out of the order of their indices.
COUNTS = (Job(7, 2, 0), Job(3, 0, 0), Job(11, 1, 5), Job(0, 3, 2))


def check_executor_factory(make_executor: ExecutorFactory, *, device: str = "cpu") -> None:
    """Check what makes an executor from a setup and devices, and the executor that it makes.

    Call it where processes may be started: the executor's own, if it has any.

    Raises:
        AssertionError: If it does not keep to what `Executor` says.
    """
    outcomes = check_executor(lambda: make_executor(Counter, [device]), COUNTS)
    expected: dict[int, Outcome] = {
        job.index: outcome
        for job in COUNTS
        for outcome in Counter(device).perform(job)
        if not isinstance(outcome, Progress)
    }
    assert outcomes == expected, f"an outcome must be the performer's own, {outcomes} are not {expected}"
    _check_refusal(make_executor, device)


def check_executor(make: Callable[[], Executor[JobT]], jobs: Sequence[JobT]) -> dict[int, Outcome]:
    """Check an executor with jobs of its kind, three at least and each with an index of its own.

    Args:
        make: Makes a fresh one.

    Returns:
        The outcomes by index.

    Raises:
        AssertionError: If it does not keep to what `Executor` says.
    """
    assert len({job.index for job in jobs}) == len(jobs) >= 3, "give three jobs or more of different indices"
    before = multiprocessing.active_children()
    executor = make()
    try:
        assert list(executor.jobs) == [], "jobs must list nothing before a job is handed in"
        assert executor.collect(0) == [], "collect must return nothing before a job is handed in"
        outcomes = _outcomes(executor, jobs)
        again = _outcomes(executor, jobs[:1])  # what was done does not stand in the way of more
        assert again.keys() == {jobs[0].index}
        for job in jobs:  # closed in the middle of these
            executor.submit(job)
    finally:
        executor.close()
    executor.close()
    assert list(executor.jobs) == [], "jobs must list nothing after close"
    assert executor.collect(0) == [], "collect must return nothing after close"
    left = [child for child in multiprocessing.active_children() if child not in before]
    assert not left, f"close must end every process, {left} are left"
    return outcomes


def _outcomes(executor: Executor[JobT], jobs: Sequence[JobT]) -> dict[int, Outcome]:
    """Hand jobs in and wait for the outcome of each."""
    for job in jobs:
        executor.submit(job)
    known = {job.index for job in jobs}
    found: dict[int, Outcome] = {}
    deadline = time.monotonic() + _PATIENCE
    messages = executor.collect(0)  # returns, whatever has come
    while True:
        for message in messages:
            index = message.index
            assert index in known, f"{message} must be about a job that was handed in, {sorted(known)}"
            assert index not in found, f"{message} must not come after the outcome {found.get(index)}"
            if not isinstance(message, Progress):
                found[index] = message
        wrong = [job for job in executor.jobs if job.index in found or job.index not in known]
        assert not wrong, f"jobs must list what is being done alone, not {wrong}"
        if len(found) == len(known):
            return found
        missing = sorted(known - found.keys())
        assert time.monotonic() < deadline, f"every job must have an outcome, those of {missing} do not come"
        messages = executor.collect(1.0)


def _check_refusal(make_executor: ExecutorFactory, device: str) -> None:
    """A setup that raises is said at the latest where messages are waited for; it must not be waited out."""
    executor: Executor[Any] | None = None
    said: Exception | None = None
    messages: list[Message] = []
    try:
        executor = make_executor(refuse, [device])
        executor.submit(COUNTS[0])
        deadline = time.monotonic() + _PATIENCE
        while not messages and time.monotonic() < deadline:
            messages = executor.collect(1.0)
    except Exception as error:  # whatever kind it is, the cause has to be in it
        said = error
    finally:
        if executor is not None:
            executor.close()
    assert not messages, f"a job must not be done where the setup raised, got {messages}"
    assert said is not None, "an executor whose setup raises must raise too, at the latest in collect"
    cause = "there is nothing to count on"
    assert cause in str(said), f"an error of the setup must be said, {said!r} does not"
