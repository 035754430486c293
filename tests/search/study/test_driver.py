"""The search against a pool that trains nothing: which trials come, in which order, whatever happens."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from cheapsearch.models import CostTable
from cheapsearch.search.samplers.limits import Limits, cheapest_architecture
from cheapsearch.search.samplers.registry import SAMPLERS, SamplerFactory
from cheapsearch.search.study.decision import MAX_BARREN
from cheapsearch.search.study.domain import first_architectures
from cheapsearch.search.study.driver import (
    MAX_FAILURES,
    Search,
    SearchFailedError,
    run_search,
)
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.stopping import FEWEST_CURVES
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.search.workers.jobs import Trained
from cheapsearch.space import (
    PRESETS,
    Architecture,
    SearchSpace,
    TrialRecord,
    UserError,
    architecture_hash,
)
from cheapsearch.space.claims import Claims
from cheapsearch.space.rungs import is_copy

MakePlan = Callable[..., Plan]
Store = TrialStore[Architecture, TrialRecord]
MakeStore = Callable[..., Store]
MakePool = Callable[..., Any]
Accuracy = Callable[[Architecture], float]

V2 = "mobilenet_v2"

# Optuna's begin at random, with ten trials or more; the searches here are shorter than most users'.
EARLY: Mapping[str, SamplerFactory] = {
    **SAMPLERS,
    "tpe": lambda candidates, seed: optuna.samplers.TPESampler(
        seed=seed, multivariate=True, constant_liar=True, n_startup_trials=2
    ),
    "gp": lambda candidates, seed: optuna.samplers.GPSampler(seed=seed, n_startup_trials=4),
    "nsga2": lambda candidates, seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=4),
}
# One that knows the costs, one that learns and one that does not.
THREE = ("cost_aware", "tpe", "random")


def search(plan: Plan, store: Store, pool: Any) -> Iterator[TrialRecord]:
    return run_search(Search(plan, store, samplers=EARLY), pool)


def hashes(records: list[TrialRecord], state: str = "complete") -> list[str]:
    return [record.hash for record in records if record.state == state]


def told(records: list[TrialRecord]) -> list[tuple[object, ...]]:
    """What must not depend on the pool or on interruptions: all but numbers and times."""
    return [(r.hash, r.architecture, r.state, r.origin, r.accuracy, r.costs, r.rung) for r in records]


@pytest.fixture(scope="module")
def handful(table: CostTable, networks: list[Architecture]) -> tuple[Limits, dict[str, int]]:
    """Limits that leave a few networks of V2, and the parameters of these by hash."""
    forms = {architecture_hash(form): table.cost(form).params for form in networks}
    limit = sorted(forms.values())[2]
    left = {name: params for name, params in forms.items() if params <= limit}
    assert 3 <= len(left) < 8  # some may cost the same
    return Limits({"params": limit}), left


# --- the trials -------------------------------------------------------------------------------------


def test_search_begins_with_the_unmodified_network_and_the_presets(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    records = list(search(make_plan(budget=4), make_store(), fake_pool("last")))
    cheap = PRESETS["cheap_v2"]
    assert [(record.origin, record.architecture) for record in records[:2]] == [
        ("unmodified", Architecture(V2, 0.25)),
        ("preset cheap_v2", replace(cheap, width=0.25)),
    ]
    assert {record.origin for record in records[2:]} == {"random"}


@pytest.mark.parametrize(("sampler", "seed"), [("cost_aware", 0), ("tpe", 1), ("random", 1)])
def test_search_trains_as_many_distinct_networks_as_the_budget(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, sampler: str, seed: int
) -> None:
    store, pool = make_store(), fake_pool()
    records = list(search(make_plan(sampler=sampler, seed=seed, budget=13), store, pool))
    assert len(hashes(records)) == len(set(hashes(records))) == 13
    assert pool.hashes == list(dict.fromkeys(pool.hashes))  # nothing is trained twice
    assert sorted(pool.hashes) == sorted(hashes(records))
    assert records == store.records()
    assert [record.number for record in records] == list(range(len(records)))
    assert [record.origin for record in records[:2]] == ["unmodified", "preset cheap_v2"]
    assert {record.origin for record in records[2:]} <= {sampler, "random untried"}
    assert {job.seed for job in pool.jobs} == {seed}


def test_search_gives_other_trials_for_another_seed(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    found = [list(search(make_plan(seed=seed), make_store(), fake_pool())) for seed in (0, 1)]
    assert set(hashes(found[0])) != set(hashes(found[1]))


@pytest.mark.parametrize("sampler", THREE)
@pytest.mark.parametrize("order", ["last", "all"])
def test_search_gives_the_same_trials_in_whatever_order_results_come(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, sampler: str, order: str
) -> None:
    settings = {"sampler": sampler, "budget": 12, "in_flight": 4}
    expected = list(search(make_plan(**settings), make_store(), fake_pool("first")))
    assert list(search(make_plan(**settings), make_store(), fake_pool(order))) == expected


def test_search_gives_values_that_belong_to_the_architecture(
    make_plan: MakePlan,
    make_store: MakeStore,
    fake_pool: MakePool,
    expected_accuracy: Accuracy,
    table: CostTable,
) -> None:
    for record in search(make_plan(), make_store(), fake_pool("all")):
        cost = table.cost(record.architecture)
        assert record.accuracy == expected_accuracy(record.architecture)
        assert (record.costs["params"], record.costs["flops"]) == (cost.params, cost.flops)


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_search_has_no_more_in_flight_than_planned(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, in_flight: int
) -> None:
    pool = fake_pool()
    list(search(make_plan(in_flight=in_flight, budget=9), make_store(), pool))
    assert pool.most_waiting == in_flight


@pytest.mark.parametrize("budget", [1, 2, 4])
def test_search_hands_in_no_more_than_the_budget(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, budget: int
) -> None:
    pool = fake_pool()
    records = list(search(make_plan(budget=budget, in_flight=8), make_store(), pool))
    assert len(pool.jobs) == len(hashes(records)) == budget


def test_search_by_gaussian_processes_is_the_same_in_whatever_order_and_goes_on(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    # A second for every proposal after the start of four.
    trains_the_same(make_plan(sampler="gp", budget=7), make_store, fake_pool)


def test_search_by_generations_is_the_same_in_whatever_order_and_goes_on(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    # Three generations of four.
    trains_the_same(make_plan(sampler="nsga2", budget=12), make_store, fake_pool)


def trains_the_same(plan: Plan, make_store: MakeStore, fake_pool: MakePool) -> None:
    """Check that a search is the same after an interruption and with results in another order."""
    storage = optuna.storages.InMemoryStorage()
    expected = list(search(plan, make_store(), fake_pool()))
    assert len(set(hashes(expected))) == plan.budget
    assert {record.origin for record in expected[2:]} <= {plan.sampler, "random untried"}
    interrupted(search(plan, make_store(storage), fake_pool()), plan.budget - 2)
    list(search(plan, make_store(storage), fake_pool("last")))
    assert told(make_store(storage).records()) == told(expected)


# --- duplicates and limits --------------------------------------------------------------------------


def test_search_gives_a_duplicate_the_accuracy_of_the_original_and_trains_it_once(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    store, pool = make_store(), fake_pool("last")
    records = list(search(make_plan(budget=120, in_flight=4), store, pool))
    duplicates = [record for record in records if record.state == "duplicate"]
    # Random draws meet again, and a shuffle after the projection makes no other network.
    assert len(duplicates) > 5
    assert len(pool.hashes) == len(set(pool.hashes)) == 120
    for record in duplicates:
        original = next(one for one in records if one.hash == record.hash)
        assert original.state == "complete"
        assert original.number < record.number
        assert (record.accuracy, record.seconds) == (original.accuracy, None)
        assert record.reason == f"the same network as trial {original.number}"
        assert store.study.trials[record.number].values[0] == original.accuracy


def test_search_gives_a_duplicate_of_a_failed_network_no_accuracy(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    def fails(architecture: Architecture) -> bool:
        return int(architecture_hash(architecture), 16) % 2 == 0

    pool = fake_pool(fails=fails)
    records = list(search(make_plan(budget=40), make_store(), pool))
    duplicates = [record for record in records if record.state == "duplicate" and record.accuracy is None]
    assert duplicates
    for record in duplicates:
        original = next(one for one in records if one.hash == record.hash)
        assert (original.state, fails(record.architecture)) == ("failed", True)
        assert record.reason == f"the same network as trial {original.number}, which failed"
    assert len(pool.hashes) == len(set(pool.hashes))


@pytest.mark.parametrize("sampler", THREE)
def test_search_ends_when_everything_within_the_limits_is_trained(
    make_plan: MakePlan,
    make_store: MakeStore,
    fake_pool: MakePool,
    handful: tuple[Limits, dict[str, int]],
    sampler: str,
) -> None:
    limits, left = handful
    records = list(search(make_plan(sampler=sampler, budget=1000), make_store(limits=limits), fake_pool()))
    assert sorted(hashes(records)) == sorted(left)


def test_search_trains_nothing_that_is_refused(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, handful: tuple[Limits, dict[str, int]]
) -> None:
    limits, _ = handful
    pool = fake_pool()
    records = list(search(make_plan(budget=1000), make_store(limits=limits), pool))
    refused = [record for record in records if record.state == "refused"]
    assert refused[0].origin == "unmodified"
    assert not set(pool.hashes) & set(hashes(records, "refused"))
    assert "params" in limits
    for record in records:
        assert (record.state == "refused") is (record.costs["params"] > limits["params"])
    for record in refused:
        assert (
            record.reason == f"params {record.costs['params']:,} are over --max-params {limits['params']:,}"
        )
        assert record.accuracy is None


def test_search_draws_an_untried_network_after_repeats_in_a_row(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, handful: tuple[Limits, dict[str, int]]
) -> None:
    limits, _ = handful
    records = list(search(make_plan(budget=1000, in_flight=1), make_store(limits=limits), fake_pool()))
    in_a_row = 0
    for record in records:
        untried = record.origin == "random untried"
        assert untried is (in_a_row == MAX_BARREN)
        if untried:
            assert record.state == "complete"
        in_a_row = 0 if record.state == "complete" else in_a_row + 1
    assert "random untried" in {record.origin for record in records}


def test_search_stage_by_stage_draws_from_a_space_too_large_to_list(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, table: CostTable
) -> None:
    """Limits that about one in fifty keeps: most proposals are refused, the rest are drawn."""
    space = SearchSpace(V2, 0.25, ("expand", "project"))
    assert space.size > 10**9
    rng = random.Random(0)
    drawn = [
        table.cost(space.architecture({name: rng.choice(ops) for name, ops in space.parameters.items()}))
        for _ in range(500)
    ]
    limit = sorted(cost.params for cost in drawn)[10]
    store, pool = make_store(space=space, limits=Limits({"params": limit})), fake_pool()
    records = list(search(make_plan(budget=5), store, pool))
    assert len(set(hashes(records))) == len(hashes(records)) == 5
    assert "random untried" in {record.origin for record in records}
    assert all((record.state == "refused") is (record.costs["params"] > limit) for record in records)


def test_search_that_knows_the_costs_keeps_tight_limits_in_a_space_too_large_to_list(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, table: CostTable
) -> None:
    """Within a fifth of the cheapest; no random draw in thousands is."""
    space = SearchSpace(V2, 0.25, ("expand", "project"))
    least = table.cost(cheapest_architecture(space, table, {"params": 1.0})).params
    limits = Limits({"params": least * 6 // 5})
    plan = make_plan(sampler="cost_aware", budget=5)
    records = list(search(plan, make_store(space=space, limits=limits), fake_pool()))
    assert len(set(hashes(records))) == 5
    # Only those that always come first are refused.
    refused = {record.origin for record in records if record.state == "refused"}
    assert refused <= {origin for origin, _ in first_architectures(space)}


# --- failures ---------------------------------------------------------------------------------------


def test_search_records_failures_and_does_not_count_them(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    def fails(architecture: Architecture) -> bool:
        return int(architecture_hash(architecture), 16) % 3 == 0

    store, pool = make_store(), fake_pool(fails=fails)
    records = list(search(make_plan(budget=12), store, pool))
    failed = [record for record in records if record.state == "failed"]
    assert len(hashes(records)) == 12
    assert failed
    assert all(fails(record.architecture) for record in failed)
    assert {(record.accuracy, record.reason, record.seconds) for record in failed} == {
        (None, "DivergedError: the training loss is nan", 0.5)
    }
    assert len(pool.hashes) == len(set(pool.hashes)) == 12 + len(failed)
    assert records == store.records()


def test_search_gives_up_after_failures_in_a_row(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    store = make_store()
    trials = search(make_plan(budget=100, in_flight=1), store, fake_pool(fails=lambda architecture: True))
    records: list[TrialRecord] = []
    with pytest.raises(SearchFailedError) as caught:
        records.extend(trials)
    assert str(caught.value) == (
        f"{MAX_FAILURES} trainings in a row failed, the last one: DivergedError: the training loss is nan"
    )
    assert len(hashes(store.records(), "failed")) == MAX_FAILURES


def test_search_goes_on_where_failures_are_not_in_a_row(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    seen: list[str] = []

    def fails(architecture: Architecture) -> bool:
        seen.append(architecture_hash(architecture))
        return len(seen) % MAX_FAILURES != 0

    records = list(search(make_plan(budget=3), make_store(), fake_pool(fails=fails)))
    assert len(hashes(records, "failed")) == 3 * (MAX_FAILURES - 1)


# --- going on ---------------------------------------------------------------------------------------


def interrupted(trials: Iterator[TrialRecord], after: int) -> None:
    """Take some trials, then leave as a killed process does: what is running stays running."""
    for _ in range(after):
        next(trials)


@pytest.mark.parametrize("sampler", THREE)
def test_search_goes_on_as_if_nothing_had_happened_after_any_trial(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, sampler: str
) -> None:
    settings = {"sampler": sampler, "budget": 12, "in_flight": 4}
    expected = list(search(make_plan(**settings), make_store(), fake_pool()))
    for after in range(1, len(expected), 1 if sampler == "random" else 5):
        storage = optuna.storages.InMemoryStorage()
        interrupted(search(make_plan(**settings), make_store(storage), fake_pool()), after)
        store, pool = make_store(storage), fake_pool("last")
        rest = list(search(make_plan(**settings), store, pool))
        assert told(store.records()) == told(expected)
        assert rest == store.records()[after:]
        assert not set(pool.hashes) & set(hashes(expected[:after]))


def test_search_goes_on_while_results_are_awaited(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    plan = make_plan(budget=9, in_flight=4)
    expected = list(search(plan, make_store(), fake_pool("last")))
    for collects in range(9):
        storage = optuna.storages.InMemoryStorage()
        with pytest.raises(KeyboardInterrupt):
            list(search(plan, make_store(storage), fake_pool("last", collects=collects)))
        store = make_store(storage)
        assert store.running()
        list(search(plan, store, fake_pool()))
        assert told(store.records()) == told(expected)


def test_search_goes_on_again_and_again_from_a_file(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, tmp_path: Path
) -> None:
    plan = make_plan(budget=7, in_flight=3)
    expected = list(search(plan, make_store(), fake_pool()))
    trained: list[str] = []
    for after in (1, 3, 99):
        store, pool = make_store(tmp_path / "study.db"), fake_pool("all")
        for count, record in enumerate(search(plan, store, pool), 1):
            trained += [record.hash] if record.state == "complete" else []
            if count == after:
                break
    assert trained == hashes(expected)
    assert told(store.records()) == told(expected)


def break_proposal(store: TrialStore, index: int, *, choices: int | None) -> None:
    """Make the proposal of this index end after so many choices, as when the process is killed there.

    Args:
        choices: None for all, but it is not kept what they are of.
    """
    ask, keep = store.study.ask, store.keep

    def unkept(proposal: Any, reasons: Mapping[str, Any]) -> None:
        if store.proposed == index:
            raise KeyboardInterrupt
        keep(proposal, reasons)

    if choices is None:
        store.keep = unkept  # type: ignore[method-assign]
        return

    def broken() -> optuna.Trial:
        trial = ask()
        if store.proposed == index:
            for name, operations in list(store.domain.parameters.items())[:choices]:
                trial.suggest_categorical(name, operations)
            raise KeyboardInterrupt
        return trial

    store.study.ask = broken  # type: ignore[method-assign, assignment]


LENGTHS = {"sampler": "cost_aware", "rungs": (1, 3), "budget": 30, "in_flight": 4}


@pytest.mark.parametrize("choices", [1, None])
@pytest.mark.parametrize(
    "settings", [*({"sampler": sampler, "budget": 12, "in_flight": 3} for sampler in THREE), LENGTHS], ids=str
)
def test_search_goes_on_after_a_kill_in_the_middle_of_a_proposal(
    make_plan: MakePlan,
    make_store: MakeStore,
    fake_pool: MakePool,
    settings: dict[str, Any],
    choices: int | None,
) -> None:
    expected = list(search(make_plan(**settings), make_store(), fake_pool()))
    for index in (0, 5, 11):
        storage = optuna.storages.InMemoryStorage()
        left = make_store(storage)
        break_proposal(left, index, choices=choices)
        with pytest.raises(KeyboardInterrupt):
            list(search(make_plan(**settings), left, fake_pool()))
        assert len(left.study.trials) == index + 1
        store = make_store(storage)
        list(search(make_plan(**settings), store, fake_pool("last")))
        assert told(store.records()) == told(expected)
        # The number of the broken proposal is the only thing lost.
        numbers = sorted(record.number for record in store.records())
        assert numbers == [number for number in range(len(expected) + 1) if number != index]


def test_search_goes_on_within_limits_as_if_nothing_had_happened(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, handful: tuple[Limits, dict[str, int]]
) -> None:
    limits, _ = handful
    plan = make_plan(budget=2)
    expected = list(search(plan, make_store(limits=limits), fake_pool()))
    for after in (1, len(expected) // 2, len(expected) - 3):
        storage = optuna.storages.InMemoryStorage()
        interrupted(search(plan, make_store(storage, limits=limits), fake_pool()), after)
        store = make_store(storage, limits=limits)
        list(search(plan, store, fake_pool("last")))
        assert [record.hash for record in store.records()] == [record.hash for record in expected]
        assert hashes(store.records()) == hashes(expected)


def test_search_refuses_again_what_it_refused_before_an_interruption(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, handful: tuple[Limits, dict[str, int]]
) -> None:
    limits, _ = handful
    plan = make_plan(budget=1000)
    expected = list(search(plan, make_store(limits=limits), fake_pool()))
    seen: set[str] = set()
    for again in expected:  # up to the first network that is proposed a second time
        if again.hash in seen:
            break
        seen.add(again.hash)
    assert again.state == "refused"
    storage = optuna.storages.InMemoryStorage()
    interrupted(search(plan, make_store(storage, limits=limits), fake_pool()), again.number)
    record = next(search(plan, make_store(storage, limits=limits), fake_pool()))
    assert record == again


def test_search_trains_on_with_a_larger_budget(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    storage = optuna.storages.InMemoryStorage()
    plan = make_plan(budget=4)
    first = list(search(plan, make_store(storage), fake_pool()))
    pool = fake_pool()
    more = list(search(replace(plan, budget=7), make_store(storage), pool))
    assert make_store(storage).records() == first + more
    assert len(set(hashes(first + more))) == 7
    assert not set(pool.hashes) & set(hashes(first))


def test_search_with_nothing_left_to_do_does_nothing(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    storage = optuna.storages.InMemoryStorage()
    list(search(make_plan(budget=3), make_store(storage), fake_pool()))
    pool = fake_pool()
    assert list(search(make_plan(budget=3), make_store(storage), pool)) == []
    assert pool.jobs == []


# --- networks that are one to the proxy -------------------------------------------------------------


def by_expand(architecture: Architecture) -> str:
    return str(architecture.expand)


@pytest.mark.parametrize("order", ["first", "last"])
def test_search_trains_once_what_is_one_network_to_the_proxy(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, order: str
) -> None:
    plan, pool = make_plan(budget=5, sampler="random"), fake_pool(order)
    storage = optuna.storages.InMemoryStorage()
    records = list(search(plan, make_store(storage, narrow=by_expand), pool))
    trained = [by_expand(job.subject) for job in pool.jobs]
    assert len(trained) == len(set(trained)) == 5
    copies = [record for record in records if is_copy(record)]
    assert copies
    by_name = {by_expand(record.architecture): record for record in reversed(records) if not record.reason}
    for copy in copies:
        original = by_name[by_expand(copy.architecture)]
        assert copy.reason == f"the same network to the proxy as trial {original.number}"
        assert (copy.accuracy, copy.hash == original.hash) == (original.accuracy, False)
        assert copy.costs == make_store().domain.costs(copy.architecture)
    assert list(search(plan, make_store(storage, narrow=by_expand), fake_pool())) == []
    again = make_store(optuna.storages.InMemoryStorage(), narrow=by_expand)
    interrupted(search(plan, again, fake_pool()), 4)
    list(search(plan, again, fake_pool()))
    assert told(again.records()) == told(records)


def test_search_leaves_alone_what_is_one_network_to_the_proxy_with_a_failure(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    """A copy of a training without an accuracy is known from then on, and does not come for ever."""

    def all_one(architecture: Architecture) -> str:
        return "one"

    pool = fake_pool(fails=lambda architecture: True)
    found = search(make_plan(budget=2, sampler="random"), make_store(narrow=all_one), pool)
    records = [record for _, record in zip(range(60), found, strict=False)]
    assert len(pool.jobs) == 1
    assert [record.state for record in records] == ["failed"] + ["duplicate"] * 59
    assert records[1].reason == "the same network to the proxy as trial 0, which failed"
    again = [record for record in records[1:] if record.reason != records[1].reason]
    assert again  # the sampler came to a known one, and that is a plain duplicate
    assert {record.reason for record in again} <= {
        reason for other in records for reason in (f"the same network as trial {other.number}, which failed",)
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_search_repeats_what_is_one_network_to_the_proxy_with_a_seed_once(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, seed: int
) -> None:
    pool, plan = fake_pool(), make_plan(budget=9, repeats=4, seed=seed)
    records = list(search(plan, make_store(narrow=by_expand), pool))
    trained = [(by_expand(job.subject), job.seed) for job in pool.jobs]
    assert len(set(trained)) == len(trained) == 9
    assert sum(record.state == "repeat" for record in records) == 4
    copies = {record.hash for record in records if is_copy(record)}
    assert copies
    assert not copies & set(hashes(records, "repeat"))


# --- repeats ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["first", "last", "all"])
def test_search_ends_its_budget_with_repeats(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, order: str
) -> None:
    store, pool = make_store(), fake_pool(order)
    records = list(search(make_plan(budget=13, repeats=3, seed=5), store, pool))
    assert records == store.records()
    assert len(hashes(records)) == len(set(hashes(records))) == 10
    repeats = [record for record in records if record.state == "repeat"]
    assert len(repeats) == 3
    assert records[-1].state == "repeat"
    # The first two that were trained come again early, so that the noise is known.
    assert {record.hash for record in repeats[:2]} == {record.hash for record in records[:2]}
    assert repeats[1].number < 10
    assert {record.origin for record in repeats} == {"repeat"}
    assert {record.hash for record in repeats} <= set(hashes(records))
    seeds: dict[str, list[int]] = {}
    for job in pool.jobs:
        seeds.setdefault(architecture_hash(job.subject), []).append(job.seed)
    assert all(found == [5 + 10_007 * k for k in range(len(found))] for found in seeds.values())
    again = search(make_plan(budget=13, repeats=3, seed=5), make_store(), fake_pool())
    assert told(records) == told(list(again))


def test_search_repeats_what_may_be_on_the_front(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    records = list(search(make_plan(budget=30, repeats=6), make_store(), fake_pool()))
    chances = Claims.of([record for record in records if record.state == "complete"]).front
    repeated = {record.hash for record in [r for r in records if r.state == "repeat"][2:]}
    sure = [record for record in records if chances.get(record.number, 0.5) in (0.0, 1.0)]
    assert repeated
    assert not repeated & {record.hash for record in sure}


def test_search_goes_on_among_its_repeats(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    plan = make_plan(budget=13, repeats=3, sampler="cost_aware")
    expected = told(list(search(plan, make_store(), fake_pool())))
    for after in (9, 11, 12):
        storage = optuna.storages.InMemoryStorage()
        interrupted(search(plan, make_store(storage), fake_pool()), after)
        list(search(plan, make_store(storage), fake_pool()))
        assert told(make_store(storage).records()) == expected


def test_search_confirms_beyond_the_budget_and_once_only(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    storage = optuna.storages.InMemoryStorage()
    plan = make_plan(budget=6)
    first = list(search(plan, make_store(storage), fake_pool()))
    more = list(search(replace(plan, confirm=3), make_store(storage), fake_pool()))
    assert [record.state for record in more] == ["repeat"] * 3
    assert make_store(storage).records() == first + more
    assert list(search(replace(plan, confirm=3), make_store(storage), fake_pool())) == []
    assert len(list(search(replace(plan, confirm=5), make_store(storage), fake_pool()))) == 2


def test_search_repeats_a_space_that_is_exhausted(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool, handful: tuple[Limits, dict[str, int]]
) -> None:
    limits, left = handful
    records = list(search(make_plan(budget=50, repeats=2), make_store(limits=limits), fake_pool()))
    assert set(hashes(records)) == set(left)
    assert len(hashes(records, "repeat")) == 2


def test_search_does_not_try_a_failed_repeat_for_ever(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    storage = optuna.storages.InMemoryStorage()
    plan = make_plan(budget=5)
    list(search(plan, make_store(storage), fake_pool()))
    failing = fake_pool(fails=lambda architecture: True)
    records = list(search(replace(plan, confirm=2), make_store(storage), failing))
    assert [(record.state, record.origin) for record in records] == [("failed", "repeat")] * 2


# --- stopping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", THREE)
def test_search_stops_what_cannot_reach_the_front(
    make_plan: MakePlan,
    make_store: MakeStore,
    fake_pool: MakePool,
    expected_accuracy: Accuracy,
    sampler: str,
) -> None:
    store, pool = make_store(), fake_pool("all")
    records = list(search(make_plan(budget=40, sampler=sampler, stopping=True), store, pool))
    stopped = [record for record in records if record.state == "pruned"]
    assert stopped
    assert len(hashes(records)) + len(stopped) == 40  # a stopped training counts
    assert records == store.records()
    complete = [record for record in records if record.state == "complete"]
    for record in stopped:
        rivals = [
            other
            for other in complete
            if other.costs["params"] <= record.costs["params"]
            and other.costs["flops"] <= record.costs["flops"]
        ]
        truth = expected_accuracy(record.architecture)
        assert truth < max(other.accuracy or 0.0 for other in rivals)
        assert record.accuracy is None
        # The fake curve is half of the end, so the forecast is exact but for its rounding.
        said = re.fullmatch(
            r"stopped after epoch 1 at ([\d.]+) %: expected to end at ([\d.]+) % with a deviation of 0\.0, "
            "too low for its cost",
            record.reason,
        )
        assert said
        assert [float(number) for number in said.groups()] == pytest.approx([truth / 2, truth], abs=0.051)
        assert record.forecast is not None
        assert list(record.forecast) == pytest.approx([truth, 0.0], abs=0.051)


def test_search_stops_what_cannot_reach_the_reference(
    make_plan: MakePlan,
    make_store: MakeStore,
    fake_pool: MakePool,
    expected_accuracy: Accuracy,
    networks: list[Architecture],
) -> None:
    reference = 1.001 * max(map(expected_accuracy, networks))
    plan = make_plan(budget=30, sampler="random", stopping=True, reference_accuracy=reference)
    trials = list(search(plan, make_store(), fake_pool()))
    states = [record.state for record in trials if record.state in ("complete", "pruned")]
    # Nothing reaches it, so that most are stopped once enough curves tell; a few are too near to be sure.
    late = states[FEWEST_CURVES + plan.in_flight :]
    assert late.count("pruned") > 0.7 * len(late)


def test_search_stops_the_same_on_one_worker_or_many_and_after_an_interruption(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    settings = {"budget": 30, "sampler": "cost_aware", "stopping": True, "repeats": 2}
    expected = told(list(search(make_plan(**settings), make_store(), fake_pool())))
    assert "pruned" in {state for _, _, state, *_ in expected}
    assert told(list(search(make_plan(**settings), make_store(), fake_pool("last")))) == expected
    for after in (12, 20, 29):
        storage = optuna.storages.InMemoryStorage()
        interrupted(search(make_plan(**settings), make_store(storage), fake_pool()), after)
        list(search(make_plan(**settings), make_store(storage), fake_pool()))
        assert told(make_store(storage).records()) == expected


# --- step by step -----------------------------------------------------------------------------------


def test_search_settles_in_the_order_of_the_proposals_and_not_before(
    make_plan: MakePlan, make_store: MakeStore
) -> None:
    asked = Search(make_plan(budget=4, in_flight=2), make_store())
    assert asked.idle
    first, second = asked.next(), asked.next()
    assert first is not None
    assert second is not None
    assert (first.index, second.index, asked.next()) == (0, 1, None)  # enough are under way
    assert asked.settle() is None
    asked.tell(Trained(second.index, 60.0))
    assert asked.settle() is None  # the first one is awaited
    asked.tell(Trained(first.index, 50.0))
    settled = [asked.settle(), asked.settle()]
    assert [record and (record.number, record.accuracy) for record in settled] == [(0, 50.0), (1, 60.0)]
    assert asked.idle
    assert asked.told == settled == asked.store.records()


def test_search_counts_its_choices_and_the_seconds_they_take(
    make_plan: MakePlan, make_store: MakeStore, fake_pool: MakePool
) -> None:
    asked = Search(make_plan(budget=4), make_store())
    records = list(run_search(asked, fake_pool()))
    assert asked.choices == len(records)
    assert 0.0 < asked.proposing < 60.0


def test_search_asks_the_sampler_of_that_name_among_those_given(
    make_plan: MakePlan, make_store: MakeStore
) -> None:
    asked = Search(make_plan(sampler="mine"), make_store(), samplers={"mine": SAMPLERS["random"]})
    assert all(job is not None for job in (asked.next(), asked.next(), asked.next()))
    assert asked.store.study.trials[2].user_attrs["proposal"]["origin"] == "mine"
    unknown = Search(make_plan(sampler="mine"), make_store())
    unknown.next()
    unknown.next()
    with pytest.raises(UserError, match="sampler: must be one of cost_aware, "):
        unknown.next()
