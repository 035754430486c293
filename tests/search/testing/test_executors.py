"""The executors of the package keep to the contract, and the contract notices one that does not."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cheapsearch.search.rehearsal.result_table import DIGITS_TABLE, load_table
from cheapsearch.search.rehearsal.table_domain import TableDomain, TableExecutor
from cheapsearch.search.testing import executors
from cheapsearch.search.testing.executors import COUNTS, Counter, check_executor, check_executor_factory
from cheapsearch.search.workers.executor import Setup
from cheapsearch.search.workers.jobs import Job, Message, Progress
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.search.workers.pool import WorkerPool


@pytest.mark.parametrize("make_executor", [LocalExecutor, WorkerPool])
def test_executors_of_a_setup_keep_to_the_contract(make_executor: Callable[..., Any]) -> None:
    check_executor_factory(make_executor)


@pytest.mark.parametrize("stopping", [False, True])
def test_table_executor_keeps_to_the_contract(stopping: bool) -> None:
    domain = TableDomain(load_table(DIGITS_TABLE))
    points = list(domain.numbers)
    # The floor of the last stops it, where the run with the curve is taken.
    jobs = [Job(5, points[3], 0), Job(2, points[0], 0), Job(9, points[8], 0, (100.0,))]
    check_executor(lambda: TableExecutor(domain, seed=0, stopping=stopping), jobs)


class Faulty(LocalExecutor):
    """An executor of one's own with a fault."""

    def __init__(self, setup: Setup, devices: Sequence[str], *, fault: str) -> None:
        self.fault = fault
        if fault == "swallows":
            setup = Counter
        super().__init__(setup, devices)

    @property
    def jobs(self) -> Sequence[Any]:
        return COUNTS[:1] if self.fault == "lists" else super().jobs

    def collect(self, timeout: float | None = None) -> list[Message]:
        messages = super().collect(timeout)
        if self.fault == "loses" and messages and messages[-1].index == 11:
            return messages[:-1]
        if self.fault == "repeats":
            return messages + messages[-1:]
        if self.fault == "reverses":
            return messages[::-1]
        if self.fault == "invents" and messages:
            return [*messages, Progress(99, 1, None)]
        return messages

    def close(self) -> None:
        if self.fault != "goes on":
            super().close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("loses", r"every job must have an outcome, those of \[11\] do not come"),
        ("repeats", "must not come after the outcome"),
        ("reverses", "must not come after the outcome"),
        ("invents", "must be about a job that was handed in"),
        ("lists", "jobs must list nothing before a job is handed in"),
        ("goes on", "jobs must list nothing after close"),
        ("swallows", "a job must not be done where the setup raised"),
    ],
)
def test_check_executor_names_the_fault(monkeypatch: pytest.MonkeyPatch, fault: str, said: str) -> None:
    monkeypatch.setattr(executors, "_PATIENCE", 0.3)
    with pytest.raises(AssertionError, match=said):
        check_executor_factory(lambda setup, devices: Faulty(setup, devices, fault=fault))
