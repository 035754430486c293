"""Trials told of as they end: nobody waits, and everything is told of all the same."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest

from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.space import Architecture, TrialRecord

Store = TrialStore[Architecture, TrialRecord]
ARRIVAL: dict[str, Any] = {"order": "arrival", "budget": 24, "in_flight": 4}


def trials_of(plan: Plan, store: Store, pool: Any) -> list[TrialRecord]:
    return list(run_search(Search(plan, store), pool))


@pytest.mark.parametrize("rungs", [(1,), (1, 2)])
def test_arrival_tells_of_the_trial_that_ends_first(
    make_plan: Callable[..., Plan],
    make_store: Callable[..., Store],
    fake_pool: Callable[..., Any],
    rungs: Any,
) -> None:
    """The last of those under way ends first: by the order of proposals it would be told of last."""
    sampler = "random" if rungs == (1,) else "cost_aware"
    plan, pool = make_plan(**ARRIVAL, rungs=rungs, sampler=sampler), fake_pool("last")
    trials = trials_of(plan, make_store(), pool)
    trained = [trial.number for trial in trials if trial.state in ("complete", "repeat") and trial.seconds]
    assert trained[0] == pool.jobs[3].index  # of the four that were handed in at once
    # Every one of them is told of once, and the budget is spent.
    assert sorted(trained) == sorted(job.index for job in pool.jobs)
    assert len({trial.number for trial in trials}) == len(trials)
    spent = sum(trial.rung for trial in trials if trial.number in set(trained))
    assert plan.budget - rungs[-1] < spent <= plan.budget
    # A duplicate or copy comes after what it is told by.
    told: dict[tuple[str, int], int] = {}
    for place, trial in enumerate(trials):
        told.setdefault((trial.hash, trial.rung), place)
        if trial.state == "duplicate":
            assert told[trial.hash, trial.rung] < place


def test_arrival_keeps_every_worker_at_work(
    make_plan: Callable[..., Plan], make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    """While the first trial goes on for ever, the others are proposed and trained."""

    for order, done in (("arrival", 24), ("proposal", 4)):
        pool = FakeCounting(fake_pool("last"))
        plan = make_plan(**ARRIVAL | {"order": order})
        trials_of(plan, make_store(), pool)
        assert pool.handed_in_before_the_first_ended == done


class FakeCounting:
    """Notes how many jobs had been handed in when the first of them ended."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.handed_in_before_the_first_ended = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def collect(self, timeout: float | None = None) -> list[Any]:
        messages: list[Any] = self._pool.collect(timeout)
        if any(message.index == self._pool.jobs[0].index for message in messages):
            self.handed_in_before_the_first_ended = len(self._pool.jobs)
        return messages


def test_arrival_goes_on_after_an_interruption(
    make_plan: Callable[..., Plan], make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    storage, plan = optuna.storages.InMemoryStorage(), make_plan(**ARRIVAL)
    with pytest.raises(KeyboardInterrupt):
        trials_of(plan, make_store(storage), fake_pool("last", collects=9))
    under_way = {proposal.number for proposal in make_store(storage).running()}
    assert under_way
    again = fake_pool("last")
    trials_of(plan, make_store(storage), again)
    records = make_store(storage).records()
    assert len({record.hash for record in records if record.state == "complete"}) == 24
    assert under_way <= {record.number for record in records}
    assert {job.index for job in again.jobs[: len(under_way)]} <= under_way
