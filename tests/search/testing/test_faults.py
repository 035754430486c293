"""Worker processes outlive what befalls them, and the check notices an executor that does not."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.search.testing.faults import Troubled, check_faults
from cheapsearch.search.workers.executor import Setup
from cheapsearch.search.workers.jobs import Failed, Message, Trained
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.search.workers.time_limit import TimeLimit


def test_workers_that_hang_or_have_no_memory_are_outlived(tmp_path: Path) -> None:
    """Those that die are test_pool's; a worker takes seconds to start."""
    make = partial(WorkerPool, devices=["cpu"])
    check_faults(lambda setup, limit: make(setup, limit=limit), tmp_path, ("hangs", "no memory"))


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Trained(0, 0.0), "none: must be the performer's own"),
        (Failed(0, "lost"), "none: must be trained"),
    ],
)
def test_check_faults_names_what_went_wrong(tmp_path: Path, outcome: Any, said: str) -> None:
    class Wrong(Troubled):
        def perform(self, job: Any) -> Iterator[Message]:
            (self.folder / str(job.index)).write_text("0\n" * (2 if "killed" in job.subject.kind else 1))
            yield type(outcome)(job.index, *list(vars(outcome).values())[1:])

    def make(setup: Setup, limit: TimeLimit) -> LocalExecutor:
        return LocalExecutor(lambda device: Wrong(tmp_path, device), ["cpu"])

    with pytest.raises(AssertionError, match=said):
        check_faults(make, tmp_path)
