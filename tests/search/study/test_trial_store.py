"""Trials asked of and told to an Optuna study, and read back from it."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from cheapsearch.models import CostTable
from cheapsearch.search.samplers.candidates import History
from cheapsearch.search.samplers.cost_aware import Choice
from cheapsearch.search.samplers.registry import CostAwareSampler, fixed_sampler
from cheapsearch.search.study.trial_store import Proposal, TrialStore
from cheapsearch.search.workers.jobs import Outcome
from cheapsearch.space import Architecture, SearchSpace, TrialRecord, UserError

MakeStore = Callable[..., TrialStore]

UNMODIFIED = Architecture("mobilenet_v2", 0.25)
REUSE = Architecture("mobilenet_v2", 0.25, expand="reuse")
DONE = Outcome(0, 62.5, (50.0, 62.5), (2.0, 1.5), 12.3456, 321.98)


def propose(store: TrialStore, architecture: Architecture, origin: str = "random") -> Proposal:
    return store.propose(fixed_sampler(store.space.choices(architecture), seed=0), origin=origin)


def interrupted(store: TrialStore) -> None:
    """Propose as a process does that is killed when the first choice is made."""
    name, operations = next(iter(store.space.parameters.items()))
    store.study.ask().suggest_categorical(name, operations)


# --- proposals --------------------------------------------------------------------------------------


def test_propose_numbers_what_the_sampler_chose(make_store: MakeStore) -> None:
    store = make_store()
    assert propose(store, UNMODIFIED, "unmodified") == Proposal(0, UNMODIFIED, "unmodified")
    assert propose(store, REUSE) == Proposal(1, REUSE, "random")
    assert store.proposed == 2


def test_propose_makes_a_choice_for_every_parameter(make_store: MakeStore) -> None:
    space = SearchSpace("mobilenet_v2", 0.25, ("expand",))
    mixed = Architecture(
        "mobilenet_v2", 0.25, expand=("conv", "reuse", "conv", "ghost", "conv", "conv", "conv")
    )
    store = make_store(space=space)
    assert propose(store, mixed).architecture == mixed
    (trial,) = store.study.trials
    assert trial.params == space.choices(mixed)
    assert {name: tuple(d.choices) for name, d in trial.distributions.items()} == space.parameters


def test_running_are_the_proposals_not_told_of_in_order(make_store: MakeStore) -> None:
    store = make_store()
    first, second, third = propose(store, UNMODIFIED), propose(store, REUSE), propose(store, UNMODIFIED)
    assert store.running() == [first, second, third]
    store.complete(second, DONE)
    assert store.running() == [first, third]
    assert store.proposed == 3


# --- telling ----------------------------------------------------------------------------------------


def test_complete_records_accuracy_costs_and_seconds(make_store: MakeStore, table: CostTable) -> None:
    store = make_store()
    record = store.complete(propose(store, REUSE, "preset cheap"), DONE)
    cost = table.cost(REUSE)
    assert record == TrialRecord(0, REUSE, "complete", "preset cheap", cost, 62.5, 12.35, reason="")
    assert store.records() == [record]
    (trial,) = store.study.trials
    assert trial.values == [62.5, cost.params, cost.flops]
    assert trial.user_attrs["curve"] == [50.0, 62.5]
    assert trial.user_attrs["losses"] == [2.0, 1.5]
    assert trial.user_attrs["images_per_second"] == 322.0


def test_complete_gives_the_study_the_objectives_asked_for(make_store: MakeStore, table: CostTable) -> None:
    store = make_store(objectives=("accuracy", "flops"))
    record = store.complete(propose(store, REUSE), DONE)
    assert record.costs["params"] == table.cost(REUSE).params
    assert store.study.trials[0].values == [62.5, table.cost(REUSE).flops]
    assert [direction.name for direction in store.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert store.study.metric_names == ["accuracy", "flops"]


def test_complete_keeps_an_accuracy_of_zero(make_store: MakeStore) -> None:
    store = make_store()
    assert store.complete(propose(store, REUSE), Outcome(0, 0.0)).accuracy == 0.0
    assert store.records()[0].accuracy == 0.0


def test_fail_records_the_reason_and_no_accuracy(make_store: MakeStore) -> None:
    store = make_store()
    failed = store.fail(propose(store, REUSE), "DivergedError: nan", seconds=0.256)
    refused = store.fail(propose(store, UNMODIFIED), "params 5 are over", state="refused")
    assert (failed.state, failed.reason, failed.seconds, failed.accuracy) == (
        *("failed", "DivergedError: nan", 0.26, None),
    )
    assert (refused.state, refused.reason, refused.seconds) == ("refused", "params 5 are over", None)
    assert store.records() == [failed, refused]
    assert [trial.state for trial in store.study.trials] == [TrialState.FAIL] * 2


def test_duplicate_learns_the_accuracy_of_the_original(make_store: MakeStore, table: CostTable) -> None:
    store = make_store()
    original = store.complete(propose(store, UNMODIFIED), DONE)
    shuffled = Architecture("mobilenet_v2", 0.25, project="conv_shuffle")  # the same function class
    record = store.duplicate(propose(store, shuffled), original)
    assert (record.state, record.accuracy, record.seconds) == ("duplicate", 62.5, None)
    assert record.reason == "the same network as trial 0"
    assert record.hash == original.hash
    assert store.study.trials[1].values == [62.5, table.cost(shuffled).params, table.cost(shuffled).flops]
    assert store.records() == [original, record]


def test_duplicate_of_a_failed_trial_has_no_accuracy(make_store: MakeStore) -> None:
    store = make_store()
    original = store.fail(propose(store, UNMODIFIED), "DivergedError: nan")
    record = store.duplicate(propose(store, UNMODIFIED), original)
    assert (record.state, record.accuracy) == ("duplicate", None)
    assert record.reason == "the same network as trial 0, which failed"
    assert store.study.trials[1].state == TrialState.FAIL


def test_records_are_in_the_order_of_the_proposals(make_store: MakeStore) -> None:
    store = make_store()
    proposals = [propose(store, architecture) for architecture in (UNMODIFIED, REUSE, UNMODIFIED)]
    for proposal in reversed(proposals):
        store.fail(proposal, "no")
    assert [record.number for record in store.records()] == [0, 1, 2]


# --- interruptions ----------------------------------------------------------------------------------


def test_store_goes_on_with_what_another_one_left(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    left = make_store(path)
    done = left.complete(propose(left, UNMODIFIED), DONE)
    open_one = propose(left, REUSE, "tpe")
    store = make_store(path)
    assert store.records() == [done]
    assert store.running() == [open_one]
    assert store.proposed == 2
    assert store.complete(open_one, DONE).number == 1


def test_store_gives_up_what_was_only_half_proposed(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    left = make_store(path)
    first = propose(left, UNMODIFIED)
    interrupted(left)
    store = make_store(path)
    assert store.running() == [first]
    assert store.records() == []
    assert store.proposed == 1
    assert propose(store, REUSE).number == 2  # the number is the only thing lost
    assert store.proposed == 2
    trial = store.study.trials[1]
    assert trial.state == TrialState.FAIL
    assert "interrupted" in trial.user_attrs["reason"]


def test_store_opened_again_gives_nothing_up_twice(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    interrupted(make_store(path))
    make_store(path)
    store = make_store(path)
    assert [trial.state for trial in store.study.trials] == [TrialState.FAIL]
    assert (store.proposed, store.running(), store.records()) == (0, [], [])


# --- storages ---------------------------------------------------------------------------------------


def refusal(make_store: MakeStore, storage: object, **settings: object) -> str:
    with pytest.raises(UserError) as caught:
        make_store(storage, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"not a database at all " * 100, b"SQLite format 3\x00" + b"\x07" * 500])
def test_store_refuses_a_damaged_file_in_one_line(
    make_store: MakeStore, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(content)
    message = refusal(make_store, path)
    assert message.startswith(f"storage: must be a readable Optuna study, sqlite:///{path} is not (")
    assert message.endswith("mend or remove it, or choose another out")
    assert path.read_bytes() == content


@pytest.mark.parametrize("url", ["what", "nosuch://host/db", "sqlite:////nowhere/at/all/study.db"])
def test_store_refuses_a_storage_it_cannot_open(
    table: CostTable, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError) as caught:
        TrialStore(
            url,
            study_name="tests",
            space=SearchSpace("mobilenet_v2", 0.25),
            table=table,
            objectives=("accuracy", "params"),
        )
    assert str(caught.value).startswith(f"storage: must be a readable Optuna study, {url} is not (")
    assert "\n" not in str(caught.value)


def test_store_refuses_a_study_of_other_objectives(make_store: MakeStore) -> None:
    storage = optuna.storages.InMemoryStorage()
    make_store(storage)
    message = refusal(make_store, storage, objectives=("accuracy", "params"))
    assert message.startswith("objectives: must be those of the study in ")
    assert "got accuracy,params" in message


def test_a_record_says_why_the_sampler_chose_it(make_store: MakeStore) -> None:
    store = make_store()

    class Sure:
        parameters = store.space.parameters

        def propose(self, history: History, *, seed: int) -> tuple[dict[str, str], Choice]:
            why = Choice(0, accuracy=61.23456789, deviation=2.5, gain=0.1) if seed else Choice(0)
            return store.space.choices(REUSE if seed else UNMODIFIED), why

    started, asked = (
        store.complete(store.propose(CostAwareSampler(Sure(), seed=seed), origin="cost_aware"), DONE)
        for seed in range(2)
    )
    assert (started.predicted, started.deviation, started.gain) == (None, None, None)
    assert (asked.predicted, asked.deviation, asked.gain) == (61.2346, 2.5, 0.1)
    assert store.records() == [started, asked]
