"""Trials asked of and told to an Optuna study, and read back from it."""

import io
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from cheapsearch.models import CostTable
from cheapsearch.search.samplers.cost_aware import Suggestion
from cheapsearch.search.samplers.history import History
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.samplers.registry import CostAwareSampler, fixed_sampler
from cheapsearch.search.study.domain import ArchitectureDomain
from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.proposal import Proposal, Result
from cheapsearch.search.study.trial_store import PROPOSAL, RESULT, TrialStore
from cheapsearch.space import Architecture, SearchSpace, TrialRecord, UserError, architecture_hash

Store = TrialStore[Architecture, TrialRecord]
MakeStore = Callable[..., Store]

UNMODIFIED = Architecture("mobilenet_v2", 0.25)
REUSE = Architecture("mobilenet_v2", 0.25, expand="reuse")
DONE = Result("complete", 62.5, "", 12.35, 322.0, (50.0, 62.5), (2.0, 1.5))
REFUSED = Result("refused", reason="params 5 are over")


def propose(
    store: Store,
    architecture: Architecture,
    origin: str = "random",
    *,
    why: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Proposal[Architecture]:
    domain = store.domain
    choices = SearchSpace("mobilenet_v2", 0.25, per_stage_of(store)).choices(architecture)
    number, subject, reasons = store.ask(fixed_sampler(choices, seed=0))
    assert reasons == {}
    proposal = Proposal(number, subject, domain.key(subject), origin, **fields)
    store.keep(proposal, why or {})
    return proposal


def per_stage_of(store: Store) -> tuple[str, ...]:
    return tuple({name.partition(".")[0] for name in store.domain.parameters if "." in name})


def interrupted(store: Store) -> None:
    """Propose as a process does that is killed when the first choice is made."""
    name, operations = next(iter(store.domain.parameters.items()))
    store.study.ask().suggest_categorical(name, operations)


# --- proposals --------------------------------------------------------------------------------------


def test_ask_numbers_what_the_sampler_chose(make_store: MakeStore) -> None:
    store = make_store()
    first, second = propose(store, UNMODIFIED, "unmodified"), propose(store, REUSE)
    assert first == Proposal(0, UNMODIFIED, architecture_hash(UNMODIFIED), "unmodified")
    assert (second.number, second.subject) == (1, REUSE)
    assert second.training == (architecture_hash(REUSE), 1, 0)
    assert store.proposed == 2


def test_ask_makes_a_choice_for_every_parameter(make_store: MakeStore) -> None:
    space = SearchSpace("mobilenet_v2", 0.25, ("expand",))
    mixed = Architecture(
        "mobilenet_v2", 0.25, expand=("conv", "reuse", "conv", "ghost", "conv", "conv", "conv")
    )
    store = make_store(space=space)
    assert propose(store, mixed).subject == mixed
    (trial,) = store.study.trials
    assert trial.params == space.choices(mixed)
    assert {name: tuple(d.choices) for name, d in trial.distributions.items()} == space.parameters  # type: ignore[attr-defined]


def test_running_are_the_proposals_not_told_of_in_order(make_store: MakeStore) -> None:
    store = make_store()
    first, second = propose(store, UNMODIFIED), propose(store, REUSE, floors=(10.0, 20.5))
    third = propose(store, UNMODIFIED, "repeat", repeat=2)
    assert store.running() == [first, second, third]
    store.tell(second, DONE)
    assert store.running() == [first, third]
    assert store.proposed == 3


def test_what_is_only_asked_for_is_no_proposal_until_it_is_kept(make_store: MakeStore) -> None:
    store = make_store()
    store.ask(fixed_sampler(SearchSpace("mobilenet_v2", 0.25).choices(REUSE), seed=0))
    assert (store.proposed, store.running(), store.records()) == (0, [], [])


# --- telling ----------------------------------------------------------------------------------------


def test_tell_records_accuracy_costs_and_seconds(make_store: MakeStore, table: CostTable) -> None:
    store = make_store()
    record = store.tell(propose(store, REUSE, "preset cheap"), DONE)
    cost = table.cost(REUSE)
    assert record == TrialRecord(0, REUSE, "complete", "preset cheap", cost, 62.5, 12.35, reason="")
    assert store.records() == [record]
    assert store.curves() == [(50.0, 62.5)]
    (trial,) = store.study.trials
    assert trial.values == [62.5, cost.params, cost.flops]


def test_a_trial_is_two_attributes_that_say_what_is_not_empty(make_store: MakeStore) -> None:
    store = make_store()
    store.tell(propose(store, REUSE, "tpe"), DONE)
    full = propose(
        store, UNMODIFIED, "repeat", repeat=1, floors=(10.0,), why={"accuracy": 61.5, "gain": None}
    )
    store.tell(full, Result("pruned", reason="low", curve=(5.0,), forecast=(20.0, 1.5)))
    first, second = json.loads(json.dumps([trial.user_attrs for trial in store.study.trials]))
    assert first == {
        PROPOSAL: {"origin": "tpe"},
        RESULT: {
            "about": f"network {architecture_hash(REUSE)}, proposed as tpe, complete, a training of 12.3 s",
            **{"state": "complete", "seconds": 12.35, "images_per_second": 322.0},
            **{"curve": [50.0, 62.5], "losses": [2.0, 1.5]},
        },
    }
    assert second == {
        PROPOSAL: {
            **{"origin": "repeat", "repeat": 1, "floors": [10.0]},
            "why": {"accuracy": 61.5, "gain": None},
        },
        RESULT: {
            "about": f"network {architecture_hash(UNMODIFIED)}, proposed as repeat, pruned: low",
            **{"state": "pruned", "reason": "low", "curve": [5.0], "forecast": [20.0, 1.5]},
        },
    }


def test_a_search_writes_two_attributes_and_one_state_a_trial(
    make_plan: Callable[..., Any],
    make_store: MakeStore,
    fake_pool: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a database every write is a transaction of its own."""
    storage = optuna.storages.InMemoryStorage()
    store = make_store(storage)
    written: dict[int, list[str]] = {}

    def watch(name: str) -> None:
        real = getattr(storage, name)

        def write(trial_id: int, *given: Any, **named: Any) -> Any:
            attribute = [] if name == "set_trial_state_values" else [str(given[0])]
            written.setdefault(trial_id, []).append(" ".join([name, *attribute]))
            return real(trial_id, *given, **named)

        monkeypatch.setattr(storage, name, write)

    for name in ("set_trial_user_attr", "set_trial_system_attr", "set_trial_state_values"):
        watch(name)
    fails = iter([False, True] + [False] * 100)
    plan = make_plan(budget=20, repeats=2, stopping=True)
    records = list(run_search(Search(plan, store), fake_pool(fails=lambda network: next(fails))))
    assert {record.state for record in records} >= {"complete", "failed", "pruned", "repeat"}
    once = ["set_trial_user_attr proposal", "set_trial_user_attr result", "set_trial_state_values"]
    kept = [[write for write in writes if "system" not in write] for writes in written.values()]
    assert kept == [once] * len(records)


def test_tell_gives_the_study_the_objectives_asked_for(make_store: MakeStore, table: CostTable) -> None:
    store = make_store(objectives=("accuracy", "flops"))
    record = store.tell(propose(store, REUSE), DONE)
    assert record.costs["params"] == table.cost(REUSE).params
    assert store.study.trials[0].values == [62.5, table.cost(REUSE).flops]
    assert [direction.name for direction in store.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert store.study.metric_names == ["accuracy (%)", "FLOPs (multiply-adds)"]


def test_tell_keeps_an_accuracy_of_zero(make_store: MakeStore) -> None:
    store = make_store()
    assert store.tell(propose(store, REUSE), Result("complete", 0.0)).accuracy == 0.0
    assert store.records()[0].accuracy == 0.0


def test_tell_records_the_reason_and_no_accuracy_of_what_failed_or_was_refused(make_store: MakeStore) -> None:
    store = make_store()
    trace = "Traceback (most recent call last):\n  ...\nDivergedError: nan"
    failed = store.tell(
        propose(store, REUSE), Result("failed", reason="DivergedError: nan", seconds=0.26, trace=trace)
    )
    refused = store.tell(propose(store, UNMODIFIED), REFUSED)
    assert (failed.state, failed.reason, failed.seconds, failed.accuracy) == (
        *("failed", "DivergedError: nan", 0.26, None),
    )
    assert (refused.state, refused.reason, refused.seconds) == ("refused", "params 5 are over", None)
    assert store.records() == [failed, refused]
    assert store.traces() == {0: trace}
    assert [trial.state for trial in store.study.trials] == [TrialState.FAIL] * 2


def test_tell_of_a_duplicate_gives_the_study_its_accuracy(make_store: MakeStore, table: CostTable) -> None:
    store = make_store()
    original = store.tell(propose(store, UNMODIFIED), DONE)
    shuffled = replace(UNMODIFIED, project="conv_shuffle")  # the same function class
    result = Result("duplicate", original.accuracy, "the same network as trial 0")
    record = store.tell(propose(store, shuffled), result)
    assert (record.state, record.accuracy, record.seconds) == ("duplicate", 62.5, None)
    assert record.hash == original.hash
    assert store.study.trials[1].values == [62.5, table.cost(shuffled).params, table.cost(shuffled).flops]
    assert store.records() == [original, record]
    assert store.curves() == [(50.0, 62.5)]  # of trainings


def test_records_are_in_the_order_of_the_proposals(make_store: MakeStore) -> None:
    store = make_store()
    proposals = [propose(store, architecture) for architecture in (UNMODIFIED, REUSE, UNMODIFIED)]
    for proposal in reversed(proposals):
        store.tell(proposal, REFUSED)
    assert [record.number for record in store.records()] == [0, 1, 2]


# --- interruptions ----------------------------------------------------------------------------------


def test_store_goes_on_with_what_another_one_left(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    left = make_store(path)
    done = left.tell(propose(left, UNMODIFIED), DONE)
    open_one = propose(left, REUSE, "tpe")
    store = make_store(path)
    assert store.records() == [done]
    assert store.running() == [open_one]
    assert store.proposed == 2
    assert store.tell(open_one, DONE).number == 1


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


def test_what_the_user_enqueued_is_not_lost_with_a_proposal_that_was_killed(
    make_store: MakeStore, tmp_path: Path
) -> None:
    path = tmp_path / "study.db"
    left = make_store(path)
    left.study.enqueue_trial({"expand": "reuse"})
    interrupted(left)
    store = make_store(path)
    assert store.waiting
    _, subject, _ = store.ask(fixed_sampler({}, seed=0))
    assert subject.expand == "reuse"


def test_store_opened_again_gives_nothing_up_twice(make_store: MakeStore, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    interrupted(make_store(path))
    make_store(path)
    store = make_store(path)
    assert [trial.state for trial in store.study.trials] == [TrialState.FAIL]
    assert (store.proposed, store.running(), store.records()) == (0, [], [])


# --- studies of version 0.1.0 -----------------------------------------------------------------------


def test_store_reads_a_study_whose_trials_have_an_attribute_for_each_fact(
    make_store: MakeStore, table: CostTable
) -> None:
    storage = optuna.storages.InMemoryStorage()
    flat_study(storage, table)
    store = make_store(storage)
    cost = table.cost(UNMODIFIED)
    done, failed, stopped, repeat, duplicate = store.records()
    assert done == TrialRecord(0, UNMODIFIED, "complete", "unmodified", cost, 70.0, 1.5)
    assert (failed.state, failed.reason, failed.accuracy) == ("failed", "DivergedError: nan", None)
    assert (stopped.state, stopped.origin, stopped.reason) == (
        "pruned",
        "cost_aware",
        "stopped after epoch 1",
    )
    assert (stopped.predicted, stopped.deviation, stopped.gain) == (61.5, 2.5, 0.1)
    assert (repeat.state, repeat.origin, repeat.accuracy) == ("repeat", "repeat", 71.0)
    assert (duplicate.state, duplicate.accuracy) == ("duplicate", 70.0)
    assert store.curves() == [(35.0, 70.0), (36.0, 71.0)]
    assert store.traces() == {}
    again, floored = store.running()
    assert again == Proposal(5, UNMODIFIED, architecture_hash(UNMODIFIED), "repeat", 2)
    assert (floored.number, floored.origin, floored.floors) == (6, "tpe", (12.5,))
    # The one that was killed while it was proposed is given up.
    assert store.study.trials[7].state == TrialState.FAIL
    assert store.proposed == 7
    assert store.tell(again, replace(DONE, state="repeat")).state == "repeat"


def test_search_goes_on_with_a_study_of_flat_attributes(
    make_store: MakeStore,
    table: CostTable,
    make_plan: Callable[..., Any],
    fake_pool: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the sampler that knows the costs sees of it includes the forecasts of what was stopped."""
    storage = optuna.storages.InMemoryStorage()
    flat_study(storage, table)
    store = make_store(storage)
    told = store.records()
    seen: list[History] = []
    real = type(store.domain.candidates).propose

    def recording(self: Any, history: History, *, seed: int) -> Any:
        seen.append(history)
        return real(self, history, seed=seed)

    monkeypatch.setattr(type(store.domain.candidates), "propose", recording)
    plan = make_plan(sampler="cost_aware", budget=8, repeats=2, in_flight=2)
    pool = fake_pool()
    search = Search(plan, store)
    rest = list(run_search(search, pool))
    assert store.records() == told + rest
    assert [job.index for job in pool.jobs[:2]] == [5, 6]  # what was running goes first
    assert (pool.jobs[0].seed, pool.jobs[1].floors) == (2 * 10_007, (12.5,))
    first = seen[0]
    assert dict(zip(first.accuracies, first.doubts, strict=True))[44.0] == 3.0
    assert (first.accuracies[0], first.doubts[0]) == (70.0, 0.0)
    # Six trainings of distinct networks, those of the old study included, and the repeats.
    states = [record.state for record in store.records()]
    assert states.count("complete") + states.count("pruned") == 6
    # New trials are kept as two attributes.
    assert set(store.study.trials[-1].user_attrs) == {PROPOSAL, RESULT}


def flat_study(storage: optuna.storages.BaseStorage, table: CostTable) -> None:
    """Five trials told of, two running and one that was interrupted, as version 0.1.0 kept them."""
    space = SearchSpace("mobilenet_v2", 0.25)
    study = optuna.create_study(
        storage=storage, study_name="tests", directions=["maximize", "minimize", "minimize"]
    )
    reduce, ghost = replace(UNMODIFIED, project="reduce"), replace(UNMODIFIED, expand="ghost")
    done = {
        "state": "complete",
        "reason": "",
        "seconds": 1.5,
        "images_per_second": 100.0,
        "losses": [2.0, 1.0],
    }
    rows: list[tuple[Architecture, TrialState, float | None, dict[str, Any]]] = [
        (UNMODIFIED, TrialState.COMPLETE, 70.0, {"origin": "unmodified", **done, "curve": [35.0, 70.0]}),
        (
            REUSE,
            TrialState.FAIL,
            None,
            {"origin": "tpe", "state": "failed", "reason": "DivergedError: nan", "seconds": 0.5},
        ),
        (
            reduce,
            TrialState.PRUNED,
            None,
            {
                **{"origin": "cost_aware", "state": "pruned", "reason": "stopped after epoch 1"},
                "why": {"index": 3, "accuracy": 61.5, "deviation": 2.5, "gain": 0.1},
                **{"floors": [30.0], "curve": [22.0], "losses": [2.0], "forecast": [44.0, 3.0]},
            },
        ),
        (
            UNMODIFIED,
            TrialState.COMPLETE,
            71.0,
            {"origin": "repeat", "repeat": 1, **done, "state": "repeat", "curve": [36.0, 71.0]},
        ),
        (
            replace(UNMODIFIED, project="conv_shuffle"),
            TrialState.COMPLETE,
            70.0,
            {"origin": "tpe", "state": "duplicate", "reason": "the same network as trial 0"},
        ),
        (UNMODIFIED, TrialState.RUNNING, None, {"origin": "repeat", "repeat": 2}),
        (ghost, TrialState.RUNNING, None, {"origin": "tpe", "floors": [12.5]}),
    ]
    distributions = {name: CategoricalDistribution(ops) for name, ops in space.parameters.items()}
    for architecture, state, accuracy, attributes in rows:
        cost = table.cost(architecture)
        study.add_trial(
            optuna.create_trial(
                state=state,
                values=None if accuracy is None else [accuracy, cost.params, cost.flops],
                params=space.choices(architecture),
                distributions=dict(distributions),
                user_attrs=attributes,
            )
        )
    study.add_trial(optuna.create_trial(state=TrialState.RUNNING, user_attrs={"origin": "tpe"}))


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


def test_store_does_not_advise_to_remove_what_another_program_holds(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*arguments: object, **settings: object) -> NoReturn:
        raise OperationalError("BEGIN", None, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(optuna, "create_study", locked)
    message = refusal(make_store, tmp_path / "study.db")
    assert message.endswith("is not (database is locked); wait for who holds it, or choose another out")


@pytest.mark.parametrize("url", ["what", "nosuch://host/db", "sqlite:////nowhere/at/all/study.db"])
def test_store_refuses_a_storage_it_cannot_open(table: CostTable, url: str) -> None:
    space = SearchSpace("mobilenet_v2", 0.25)
    domain = ArchitectureDomain(space, table, Limits(), ("accuracy", "params"), seed=0)
    with pytest.raises(UserError) as caught:
        TrialStore(url, study_name="tests", domain=domain)
    assert str(caught.value).startswith(f"storage: must be a readable Optuna study, {url} is not (")
    assert "\n" not in str(caught.value)


def test_store_refuses_a_study_of_other_objectives(make_store: MakeStore) -> None:
    storage = optuna.storages.InMemoryStorage()
    make_store(storage)
    message = refusal(make_store, storage, objectives=("accuracy", "params"))
    assert message.startswith("objectives: must be those of the study in ")
    assert "got accuracy,params" in message


@pytest.mark.parametrize("verbosity", [optuna.logging.INFO, optuna.logging.WARNING])
def test_store_says_nothing_and_leaves_how_much_optuna_says(
    make_store: MakeStore, tmp_path: Path, capfd: pytest.CaptureFixture[str], verbosity: int
) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(verbosity)
    # Optuna's own handler keeps the stderr of when it was imported.
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger("optuna").addHandler(handler)
    try:
        for _ in range(2):  # made, and taken up
            store = make_store(tmp_path / "study.db")
            assert optuna.logging.get_verbosity() == verbosity
        store.tell(propose(store, REUSE), DONE)
        assert (said.getvalue(), *capfd.readouterr()) == ("", "", "")
        # At other times it says what its user wants it to.
        optuna.create_study()
        assert ("A new study created" in said.getvalue()) is (verbosity == optuna.logging.INFO)
    finally:
        logging.getLogger("optuna").removeHandler(handler)
        optuna.logging.set_verbosity(before)


def test_a_record_says_why_the_sampler_chose_it(make_store: MakeStore) -> None:
    store = make_store()
    space = SearchSpace("mobilenet_v2", 0.25)

    class Sure:
        parameters = space.parameters

        def propose(self, history: History, *, seed: int) -> tuple[dict[str, str], Suggestion]:
            why = Suggestion(0, accuracy=61.23456789, deviation=2.5, gain=0.1) if seed else Suggestion(0)
            return space.choices(REUSE if seed else UNMODIFIED), why

        def decide(self, history: History, **asked: object) -> None:
            raise AssertionError("there is one rung alone")

    def told(seed: int) -> TrialRecord:
        number, subject, reasons = store.ask(CostAwareSampler(Sure(), seed=seed))
        proposal = Proposal(number, subject, store.domain.key(subject), "cost_aware")
        store.keep(proposal, reasons)
        return store.tell(proposal, DONE)

    started, asked = told(0), told(1)
    assert (started.predicted, started.deviation, started.gain) == (None, None, None)
    assert (asked.predicted, asked.deviation, asked.gain) == (61.2346, 2.5, 0.1)
    assert store.records() == [started, asked]
