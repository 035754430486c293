"""Jobs done in this process, with one thread, as a worker would do them."""

from collections.abc import Iterator

import pytest
import torch

from cheapsearch.search.testing.executors import COUNTS, Counter
from cheapsearch.search.workers.jobs import Job, Message, Progress, Trained
from cheapsearch.search.workers.local import LocalExecutor


class Threads:
    """Tells how many threads compute while it performs."""

    def __init__(self, device: str) -> None:
        self.device = device

    def perform(self, job: Job[None]) -> Iterator[Message]:
        yield Trained(job.index, float(torch.get_num_threads()))


def test_local_executor_computes_with_one_thread_and_leaves_the_others_as_they_were() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        executor = LocalExecutor(Threads, ["cpu"])
        executor.submit(Job(0, None, 0))
        assert executor.collect() == [Trained(0, 1.0)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_local_executor_does_one_job_when_it_is_asked_and_in_order() -> None:
    executor = LocalExecutor(Counter, ["cpu", "cpu"])
    for job in COUNTS[:2]:
        executor.submit(job)
    assert executor.jobs == [COUNTS[0]]  # the others wait
    assert executor.collect() == [Progress(7, 1, 1.0), Progress(7, 2, 2.0), Trained(7, 2.0)]
    assert executor.jobs == [COUNTS[1]]


def test_local_executor_interrupted_in_a_job_still_has_it() -> None:
    class Interrupted(Counter):
        def perform(self, job: Job[int]) -> Iterator[Message]:
            raise KeyboardInterrupt

    executor = LocalExecutor(Interrupted, ["cpu"])
    executor.submit(COUNTS[0])
    with pytest.raises(KeyboardInterrupt):
        executor.collect()
    assert executor.jobs == [COUNTS[0]]


def test_local_executor_without_a_device_sets_nothing_up() -> None:
    def no_setup(device: str) -> Counter:
        raise AssertionError("something was set up")

    assert LocalExecutor(no_setup, []).collect() == []
