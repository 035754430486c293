"""trials.csv: what is written is read back, and nothing unknown gets in."""

import csv
import io
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from cheapsearch.space import (
    COSTS,
    PRESETS,
    SITE_NAMES,
    Architecture,
    Cost,
    TrialRecord,
    UserError,
    architecture_hash,
    join_choice,
    table_costs,
)
from cheapsearch.space.records import STATES, split_choice

MIXED = Architecture(
    "mobilenet_v2", 0.5, expand=("conv", "reuse", "ghost", "conv", "reuse", "reuse", "conv"), project="reduce"
)
COST = Cost(params=1_234_567, flops=91_272_192, deploy_params=1_200_000, deploy_flops=90_000_000)
COMPLETE = TrialRecord(
    *(7, MIXED, "complete", "cost_aware", COST, 61.25, 12.5),
    predicted=60.5,
    deviation=1.75,
    gain=0.0625,
)
FEW = Cost(params=5, flops=6)
FAILED = TrialRecord(8, MIXED, "failed", "preset cheap_v2", FEW, None, 0.25, 'loss is NaN, "again",\nstep 3')
REFUSED = TrialRecord(0, MIXED, "refused", "unmodified", FEW, reason="params 5 above max_params 4")
DUPLICATE = TrialRecord(12, MIXED, "duplicate", "random", FEW, reason="same network as trial 7")
TRIALS = [COMPLETE, FAILED, REFUSED, DUPLICATE]
WHY = ("predicted", "deviation", "gain")
OPTIONAL = ("accuracy", "seconds", *WHY, "reason", "rung", "deploy_params", "deploy_flops", *table_costs())


def through_csv(records: list[TrialRecord]) -> list[dict[str, Any]]:
    """The rows as csv.DictReader gives them: every value a string."""
    file = io.StringIO()
    rows = [record.to_row() for record in records]
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


# --- trials -----------------------------------------------------------------------------------------


def test_trial_round_trips_through_csv_text() -> None:
    rows = through_csv(TRIALS)
    assert all(isinstance(value, str) for row in rows for value in row.values())
    assert [TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.5) for row in rows] == TRIALS


def test_trial_round_trips_through_its_own_row() -> None:
    for trial in TRIALS:
        assert TrialRecord.from_row(trial.to_row(), backbone="mobilenet_v2", width=0.5) == trial


@pytest.mark.parametrize("name", PRESETS)
def test_trial_round_trips_for_every_preset(name: str) -> None:
    preset = PRESETS[name]
    trial = TrialRecord(1, preset, "complete", f"preset {name}", FEW, 1 / 3, 1e-9)
    (row,) = through_csv([trial])
    assert TrialRecord.from_row(row, backbone=preset.backbone, width=preset.width) == trial


def test_trial_row_has_the_columns_of_the_design() -> None:
    # design.md, "What a run leaves", the origin, and why the sampler chose it
    row = COMPLETE.to_row()
    assert list(row) == TrialRecord.columns()
    assert list(row) == [
        *("number", "hash", "state", "origin", "rung", "accuracy", "params", "flops"),
        *("deploy_params", "deploy_flops", "latency_ms", "energy_mj", "own_cost"),
        *SITE_NAMES,
        *("seconds", *WHY, "reason"),
    ]
    assert row["hash"] == architecture_hash(MIXED) == COMPLETE.hash
    assert row["expand"] == "conv|reuse|ghost|conv|reuse|reuse|conv"
    assert row["project"] == "reduce"
    assert (row["accuracy"], row["params"], row["flops"]) == (61.25, 1_234_567, 91_272_192)


def test_trial_row_has_every_field_but_the_architecture() -> None:
    names = {field.name for field in fields(TrialRecord)} - {"architecture", "costs", "right"}
    assert set(COMPLETE.to_row()) == names | {"hash", *COSTS, *SITE_NAMES}


@pytest.mark.parametrize("column", [name for name in COMPLETE.to_row() if name not in OPTIONAL])
def test_trial_from_row_names_a_missing_column(column: str) -> None:
    for trial in TRIALS:
        row = trial.to_row()
        for without in ({k: v for k, v in row.items() if k != column}, row | {column: None}):
            with pytest.raises(UserError, match=f"^trials.csv: the column '{column}' is missing"):
                TrialRecord.from_row(without, backbone="mobilenet_v2", width=0.5)


@pytest.mark.parametrize("trial", [FAILED, REFUSED, DUPLICATE])
def test_trial_from_row_takes_optional_columns_as_nothing(trial: TrialRecord) -> None:
    bare = replace(trial, accuracy=None, seconds=None, reason="")
    row = bare.to_row()
    absent = {name: value for name, value in row.items() if name not in OPTIONAL}
    for given in (absent, absent | dict.fromkeys(OPTIONAL), absent | dict.fromkeys(OPTIONAL, "")):
        assert TrialRecord.from_row(given, backbone="mobilenet_v2", width=0.5) == bare


def test_trial_from_row_of_a_complete_trial_needs_its_accuracy() -> None:
    row = COMPLETE.to_row()
    absent = {name: value for name, value in row.items() if name != "accuracy"}
    for given in (absent, row | {"accuracy": None}, row | {"accuracy": ""}):
        with pytest.raises(UserError, match=r"^accuracy: a complete trial needs one, trial 7 has none"):
            TrialRecord.from_row(given, backbone="mobilenet_v2", width=0.5)


@pytest.mark.parametrize("column", ["number", "params", "flops", "accuracy", "seconds"])
@pytest.mark.parametrize("value", ["many", "1,000", [3]])
def test_trial_from_row_names_what_is_no_number(column: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        TrialRecord.from_row(COMPLETE.to_row() | {column: value}, backbone="mobilenet_v2", width=0.5)
    assert str(caught.value) == f"trials.csv: {column} must be a number, got {value!r}"


@pytest.mark.parametrize("column", ["number", "params", "flops"])
def test_trial_from_row_refuses_a_count_with_a_fraction(column: str) -> None:
    row = through_csv([COMPLETE])[0] | {column: "7.5"}
    with pytest.raises(UserError, match=f"^trials.csv: {column} must be a number, got '7.5'"):
        TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.5)


def test_trial_from_row_compares_the_hash_with_the_architecture() -> None:
    other = architecture_hash(Architecture("mobilenet_v2", 0.5))
    for row in (COMPLETE.to_row(), *through_csv([COMPLETE])):
        for change in ({"hash": other}, {"hash": ""}, {"project": "conv"}):
            shown = row | change
            actual = architecture_hash(replace(MIXED, project=shown["project"]))
            with pytest.raises(UserError) as caught:
                TrialRecord.from_row(shown, backbone="mobilenet_v2", width=0.5)
            assert str(caught.value) == (
                f"trials.csv: hash of trial 7 must be {actual}, got {shown['hash']!r}"
            )
    # The same function class has the same hash, so its name may stand for it.
    shuffled = replace(COMPLETE, architecture=replace(MIXED, project="conv_shuffle")).to_row()
    plain = TrialRecord.from_row(shuffled | {"project": "conv"}, backbone="mobilenet_v2", width=0.5)
    assert plain.architecture.project == "conv"


def test_trial_from_row_takes_the_hash_of_before_orders_were_followed_between_blocks() -> None:
    architecture = PRESETS["cheap_v3_shuffle6"]
    row = replace(COMPLETE, architecture=architecture).to_row() | {
        "hash": "56c04233e6c6"
    }  # as it was written
    record = TrialRecord.from_row(row, backbone=architecture.backbone, width=1.0)
    assert record.hash == architecture_hash(replace(architecture, expand="reuse"))
    assert record.to_row()["hash"] == record.hash != row["hash"]
    with pytest.raises(UserError, match=r"^trials.csv: hash of trial 7 must be .*, got '56c04233e6c6'"):
        TrialRecord.from_row(row | {"expand": "reuse"}, backbone=architecture.backbone, width=1.0)


@pytest.mark.parametrize("site", SITE_NAMES)
def test_trial_from_row_refuses_a_site_without_an_operation(site: str) -> None:
    row = through_csv([COMPLETE])[0] | {site: ""}
    with pytest.raises(UserError, match=f"^trials.csv: {site} must name an operation, got nothing"):
        TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.5)


def test_trial_from_row_refuses_an_unknown_column_and_names_the_nearest() -> None:
    row = COMPLETE.to_row() | {"acuracy": 1.0}
    with pytest.raises(UserError, match=r"^trials.csv: key: .*'acuracy'; did you mean 'accuracy'\?"):
        TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expand": "resue"}, r"^expand: must be one of .*did you mean 'reuse'\?"),
        ({"expand": "conv|reuse"}, "^expand: a per-stage list for mobilenet_v2 needs 7 operations, got 2"),
        ({"se": "eca"}, "^se of mobilenet_v2: must be one of none, got 'eca'"),
        (
            {"state": "done"},
            f"^state: must be one of {', '.join(STATES)}, got 'done'",
        ),
        ({"accuracy": ""}, "^accuracy: a complete trial needs one, trial 7 has none"),
        ({"accuracy": "100.1"}, "^accuracy: must be from 0 to 100 percent, got 100.1"),
        ({"accuracy": "nan"}, "^accuracy: must be from 0 to 100 percent, got nan"),
        ({"params": "-1"}, "^params: must be a whole number from 0, got -1"),
    ],
)
def test_trial_from_row_refuses_wrong_values(change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrialRecord.from_row(through_csv([COMPLETE])[0] | change, backbone="mobilenet_v2", width=0.5)


def test_trial_from_row_validates_against_the_run_s_backbone_and_width() -> None:
    (row,) = through_csv([COMPLETE])
    with pytest.raises(UserError, match="mobilenet_v3_large"):
        TrialRecord.from_row(row, backbone="mobilenet_v3_large", width=0.5)
    with pytest.raises(UserError, match=r"^width: "):
        TrialRecord.from_row(row, backbone="mobilenet_v2", width=5.0)


@pytest.mark.parametrize("state", [None, "", "running", "Complete"])
def test_trial_refuses_an_unknown_state(state: object) -> None:
    with pytest.raises(UserError, match=r"^state: must be one of complete"):
        replace(FAILED, state=state)  # type: ignore[arg-type]


def test_trial_needs_an_accuracy_only_when_complete() -> None:
    for state in STATES:
        if state in ("complete", "repeat"):
            with pytest.raises(UserError, match=rf"^accuracy: a {state} trial needs one, trial 8 has none"):
                replace(FAILED, state=state)
        else:
            assert replace(FAILED, state=state).accuracy is None


def test_trial_keeps_an_accuracy_of_zero() -> None:
    trial = replace(COMPLETE, accuracy=0.0, seconds=0.0)
    for row in (trial.to_row(), *through_csv([trial])):
        assert TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.5) == trial


@pytest.mark.parametrize("accuracy", [-0.001, 100.001, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("trial", TRIALS)
def test_trial_refuses_an_accuracy_that_is_no_percentage(trial: TrialRecord, accuracy: float) -> None:
    with pytest.raises(UserError, match=r"^accuracy: must be from 0 to 100 percent, got "):
        replace(trial, accuracy=accuracy)


@pytest.mark.parametrize("accuracy", [0, 0.0, 100, 100.0])
def test_trial_takes_the_ends_of_the_percentages(accuracy: float) -> None:
    assert replace(COMPLETE, accuracy=accuracy).accuracy == accuracy


@pytest.mark.parametrize("cost", COSTS)
def test_trial_refuses_a_cost_below_nothing(cost: str) -> None:
    costs = {"params": 5, "flops": 6}
    assert replace(COMPLETE, costs=Cost(costs | {cost: 0})).costs[cost] == 0
    with pytest.raises(UserError) as caught:
        replace(COMPLETE, costs=Cost(costs | {cost: -1}))
    kind = "a whole number" if COSTS[cost].type is int else "a number"
    assert str(caught.value) == f"{cost}: must be {kind} from 0, got -1"


def test_trial_hash_is_that_of_the_canonical_form() -> None:
    shuffled = TrialRecord(1, Architecture("mobilenet_v2", project="conv_shuffle"), "failed", "tpe", FEW)
    plain = TrialRecord(2, Architecture("mobilenet_v2"), "failed", "tpe", FEW)
    assert shuffled.hash == plain.hash


def test_trial_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        COMPLETE.accuracy = 99.0  # type: ignore[misc]


@pytest.mark.parametrize("choice", ["conv", ("conv", "reuse"), ("reuse_r4", "none", "se")])
def test_join_choice_and_split_choice_are_inverse(choice: str | tuple[str, ...]) -> None:
    assert split_choice(join_choice(choice)) == choice


def test_join_choice_separates_stages_by_a_bar() -> None:
    assert join_choice("conv") == "conv"
    assert join_choice(("conv", "reuse", "conv")) == "conv|reuse|conv"
