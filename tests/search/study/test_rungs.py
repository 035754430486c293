"""The search with trainings of several lengths, against a pool that trains nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest

from cheapsearch.search.study.decision import LONGER
from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.pace import Pace
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.space import Architecture, TrialRecord, pareto_front
from cheapsearch.space.rungs import compared_rung, units

MakePlan = Callable[..., Plan]
Store = TrialStore[Architecture, TrialRecord]
RUNGS: dict[str, Any] = {"sampler": "cost_aware", "rungs": (1, 3), "budget": 30, "in_flight": 4}


def searched(plan: Plan, store: Store, pool: Any, *, until: int | None = None) -> list[TrialRecord]:
    """The trials; with `until` it leaves after so many as a killed process does."""
    found = []
    for record in run_search(Search(plan, store), pool):
        found.append(record)
        if len(found) == until:
            break
    return found


def known(records: list[TrialRecord]) -> list[tuple[object, ...]]:
    return [(r.number, r.hash, r.rung, r.state, r.origin, r.accuracy, r.predicted, r.gain) for r in records]


def test_search_with_rungs_spends_its_budget_by_length(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    store, pool = make_store(), fake_pool("all")
    records = searched(make_plan(**RUNGS), store, pool)
    lengths = Counter(record.rung for record in records)
    assert set(lengths) == {1, 3}
    assert lengths[1] + 3 * lengths[3] == units(records)
    assert 30 - 3 < units(records) <= 30  # what is left has no room for a longest one
    assert [job.rung for job in pool.jobs] == [r.rung for r in sorted(records, key=lambda r: r.number)]
    assert max(lengths[1], 1) > lengths[3] >= 3
    # The unmodified network is what all others are compared with, so it is trained longest at once.
    first = min((record for record in records if record.rung == 3), key=lambda record: record.number)
    assert (first.origin, first.architecture) == (LONGER, Architecture("mobilenet_v2", 0.25))
    assert first.number == len([r for r in records if r.origin == "unmodified" or "preset" in r.origin])
    assert records == store.records()


@pytest.mark.parametrize("workers", [1, 4])
def test_search_begins_nothing_that_would_end_after_its_time(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any], workers: int
) -> None:
    """On workers that do as many jobs at a time; each unit takes a second."""
    clock = [0.0]
    pools: Any = fake_pool

    class Pool(pools):  # type: ignore[misc]
        free = [0.0] * workers

        def submit(self, job: Any) -> None:
            worker = self.free.index(min(self.free))
            self.free[worker] = max(self.free[worker], clock[0]) + job.rung
            ends[job.index] = self.free[worker]
            super().submit(job)

        def collect(self, timeout: float | None = None) -> list[Any]:
            # The job that ends first, at its time.
            first = min(self._waiting, key=lambda job: ends[job.index])
            self._waiting.remove(first)
            clock[0] = ends[first.index]
            return [replace(self._outcome(first), seconds=float(first.rung))]

    ends: dict[int, float] = {}
    seconds = 16.0 * 3
    plan = make_plan(**RUNGS | {"budget": 16 * workers, "in_flight": workers, "timed": True})
    pace = Pace(seconds, workers=workers, expected=1.0, clock=partial(clock.__getitem__, 0))
    records = list(run_search(Search(plan, make_store(), pace=pace), Pool()))
    assert clock[0] <= seconds
    assert units(records) > 0.6 * seconds * workers
    assert sum(record.rung == 3 for record in records) >= 3


@pytest.mark.parametrize("rungs", [(1, 3), (1,)])
def test_search_of_a_time_alone_goes_on_until_it_is_up(
    make_plan: MakePlan,
    make_store: Callable[..., Store],
    fake_pool: Callable[..., Any],
    rungs: tuple[int, ...],
) -> None:
    spent, left = {}, {}
    for timed in (False, True):
        now, plan = [0.0], make_plan(**RUNGS | {"budget": 12, "in_flight": 1, "rungs": rungs, "timed": timed})
        # A training takes a quarter of a second, a fifth of what was expected.
        pace = Pace(15.0, workers=1, expected=1.25, clock=partial(now.__getitem__, 0))
        records = []
        for record in run_search(Search(plan, make_store(), pace=pace), fake_pool()):
            now[0] += record.seconds or 0.0
            records.append(record)
        spent[timed], left[timed] = units(records), 15.0 - now[0]
    assert spent[False] <= 12
    assert left[False] > 10.0
    assert spent[True] > 3 * 12
    assert 0.0 <= left[True] <= 0.25


def test_front_of_a_search_with_rungs_is_of_the_longest(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    records = searched(make_plan(**RUNGS), make_store(), fake_pool())
    assert compared_rung(records) == 3
    assert {record.rung for record in pareto_front(records)} == {3}
    trained = [(record.hash, record.rung) for record in records if record.state == "complete"]
    assert len(trained) == len(set(trained))  # again only as a repeat, with another seed


@pytest.mark.parametrize("order", ["last", "all"])
def test_search_with_rungs_is_the_same_in_whatever_order_results_come(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any], order: str
) -> None:
    expected = known(searched(make_plan(**RUNGS), make_store(), fake_pool("first")))
    assert known(searched(make_plan(**RUNGS), make_store(), fake_pool(order))) == expected


def test_search_with_rungs_that_is_killed_again_and_again_ends_as_one_that_is_not(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any], tmp_path: Path
) -> None:
    expected = known(searched(make_plan(**RUNGS), make_store(), fake_pool()))
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    for after in (3, 5, 2):
        searched(make_plan(**RUNGS), make_store(storage), fake_pool("last"), until=after)
    searched(make_plan(**RUNGS), make_store(storage), fake_pool("all"))
    assert known(make_store(storage).records()) == expected


def test_search_with_rungs_fills_all_workers_while_a_long_training_runs(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    """Trials are told in the order in which they would end, so a long one does not hold others up."""
    records = searched(make_plan(**RUNGS), make_store(), fake_pool())
    long = next(record for record in sorted(records, key=lambda r: r.number) if record.rung == 3)
    before = records[: records.index(long)]
    # While it lasts three units, each of the three other slots ends one training after one and one after two.
    assert len(before) == 2 * 3


def test_trials_say_their_rung_to_whoever_reads_the_study(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any], tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    records = searched(make_plan(**RUNGS), make_store(storage), fake_pool())
    (summary,) = optuna.get_all_study_summaries(storage)
    trials = optuna.load_study(study_name=summary.study_name, storage=storage).trials
    rungs = {trial.number: trial.user_attrs["rung"] for trial in trials}
    assert rungs == {record.number: record.rung for record in records}
    assert set(rungs.values()) == {1, 3}


def test_search_with_rungs_does_not_go_on_with_what_failed(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    pool = fake_pool(fails=lambda architecture: architecture.last_stage == "group_conv")
    records = searched(make_plan(**RUNGS), make_store(), pool)
    tried = Counter(record.hash for record in records)
    failed = [record.hash for record in records if record.state == "failed"]
    assert failed
    assert {tried[name] for name in failed} == {1}
    assert units(records) > 30 - 3


def test_search_with_rungs_learns_from_full_trainings(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any], tmp_path: Path
) -> None:
    """A search that goes on with more budget, after networks with ghost expansions came out far better."""
    found = []
    for number, best in enumerate(("none", "ghost")):
        storage = f"sqlite:///{tmp_path / f'{number}.db'}"
        before = searched(make_plan(**RUNGS), make_store(storage), fake_pool())
        tried = list({record.hash: record.architecture for record in before}.values())
        full = [(network, 99.0 if network.expand == best else 60.0) for network in tried]
        assert any(accuracy == 99.0 for _, accuracy in full) == (best == "ghost")
        plan = make_plan(**RUNGS | {"budget": 42})
        search = Search(plan, make_store(storage), full=full)
        more = list(run_search(search, fake_pool()))
        assert 42 - 3 < units([*before, *more]) <= 42
        found.append(known(more))
    assert found[0] != found[1]


def with_twins(store: Store) -> Store:
    """Networks that differ in nothing but their first convolution are one to the proxy."""
    domain = store.domain
    domain.alike = lambda subject: domain.key(  # type: ignore[method-assign]
        replace(subject, first_conv="conv")
    )
    return store


@pytest.mark.parametrize("after", [6, 10, 14])
def test_search_with_rungs_and_copies_goes_on_as_it_would_have(
    make_plan: MakePlan,
    make_store: Callable[..., Store],
    fake_pool: Callable[..., Any],
    tmp_path: Path,
    after: int,
) -> None:
    plan, storage = make_plan(**RUNGS | {"seed": 2}), f"sqlite:///{tmp_path / 'study.db'}"
    whole = searched(plan, with_twins(make_store()), fake_pool())
    assert any(record.reason.startswith("the same network to the proxy") for record in whole)
    assert not any(record.state == "duplicate" for record in whole)
    assert 30 - 3 < units(whole) <= 30
    searched(plan, with_twins(make_store(storage)), fake_pool("last"), until=after)
    searched(plan, with_twins(make_store(storage)), fake_pool("all"))
    assert known(make_store(storage).records()) == known(whole)


def test_search_with_rungs_ends_where_a_network_fails_and_its_copies_with_it(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    pool = fake_pool(fails=lambda architecture: architecture.last_stage == "group_conv")
    records = searched(make_plan(**RUNGS | {"seed": 1}), with_twins(make_store()), pool)
    failed = [record for record in records if record.state in ("failed", "duplicate")]
    assert failed
    # What was under way when it was chosen again is trained twice; then nothing of it is left to choose.
    assert max(Counter(record.hash for record in failed).values()) <= 2
    assert units(records) > 30 - 3


def test_search_with_rungs_trains_what_is_one_network_to_the_proxy_with_a_seed_once(
    make_plan: MakePlan, make_store: Callable[..., Store], fake_pool: Callable[..., Any]
) -> None:
    def name(architecture: Architecture) -> str:
        return f"{architecture.expand} {architecture.last_stage} {architecture.shortcut}"

    pool, store = fake_pool(), make_store(narrow=name)
    records = searched(make_plan(**RUNGS | {"seed": 2}), store, pool)
    repeated = Counter((name(r.architecture), r.rung) for r in records if r.state == "repeat")
    assert max(repeated.values()) > 1
    trained = [(name(job.subject), job.rung, job.seed) for job in pool.jobs]
    assert len(set(trained)) == len(trained)
    storage = optuna.storages.InMemoryStorage()
    searched(make_plan(**RUNGS | {"seed": 2}), make_store(storage, narrow=name), fake_pool(), until=12)
    searched(make_plan(**RUNGS | {"seed": 2}), make_store(storage, narrow=name), fake_pool("last"))
    assert known(make_store(storage).records()) == known(records)
