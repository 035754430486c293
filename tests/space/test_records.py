"""trials.csv and run.yaml: what is written is read back, and nothing unknown gets in."""

import csv
import io
import shlex
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    COSTS,
    PRESETS,
    SITE_NAMES,
    Architecture,
    Cost,
    RunRecord,
    TrialRecord,
    UserError,
    architecture_hash,
    join_choice,
)
from cheapsearch.space.records import STATES, split_choice

MIXED = Architecture(
    "mobilenet_v2", 0.5, expand=("conv", "reuse", "ghost", "conv", "reuse", "reuse", "conv"), project="reduce"
)
COMPLETE = TrialRecord(
    *(7, MIXED, "complete", "cost_aware", Cost(params=1_234_567, flops=91_272_192), 61.25, 12.5),
    predicted=60.5,
    deviation=1.75,
    gain=0.0625,
)
FEW = Cost(params=5, flops=6)
FAILED = TrialRecord(8, MIXED, "failed", "preset cheap_v2", FEW, None, 0.25, 'loss is NaN, "again",\nstep 3')
REFUSED = TrialRecord(0, MIXED, "refused", "unmodified", FEW, reason="params 5 above --max-params 4")
DUPLICATE = TrialRecord(12, MIXED, "duplicate", "random", FEW, reason="same network as trial 7")
TRIALS = [COMPLETE, FAILED, REFUSED, DUPLICATE]
WHY = ("predicted", "deviation", "gain")
OPTIONAL = ("accuracy", "seconds", *WHY, "reason")

RUN = RunRecord(
    version="0.1.0",
    created="2025-01-02T03:04:05+00:00",
    backbone="mobilenet_v2",
    width=0.5,
    per_stage=("expand", "se"),
    dataset="cifar10",
    fingerprint="0123abcd",
    num_classes=10,
    input_size=32,
    train_images=45_000,
    val_images=5_000,
    objectives=("accuracy", "params"),
    limits={"flops": 50_000_000},
    sampler="tpe",
    seed=3,
    in_flight=2,
    budget=100,
    workers=2,
    device="cpu",
    data_dir="my images",
    proxy={"epochs": 3, "width": 0.5, "lr": 0.1},
    versions={"torch": "2.6.0"},
    stopping=True,
    reference_accuracy=62.5,
)


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
        *("number", "hash", "state", "origin", "accuracy", "params", "flops"),
        *SITE_NAMES,
        *("seconds", *WHY, "reason"),
    ]
    assert row["hash"] == architecture_hash(MIXED) == COMPLETE.hash
    assert row["expand"] == "conv|reuse|ghost|conv|reuse|reuse|conv"
    assert row["project"] == "reduce"
    assert (row["accuracy"], row["params"], row["flops"]) == (61.25, 1_234_567, 91_272_192)


def test_trial_row_has_every_field_but_the_architecture() -> None:
    names = {field.name for field in fields(TrialRecord)} - {"architecture", "costs"}
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
            assert replace(FAILED, state=state).accuracy is None  # type: ignore[arg-type]


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
    assert str(caught.value) == f"{cost}: must be a whole number from 0, got -1"


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


# --- the run ----------------------------------------------------------------------------------------


def test_run_round_trips_through_yaml() -> None:
    text = yaml.safe_dump(RUN.to_dict(), sort_keys=False)
    assert RunRecord.from_dict(yaml.safe_load(text)) == RUN


def test_run_round_trips_without_optional_values() -> None:
    run = replace(RUN, per_stage=(), limits={"params": 1}, proxy={}, versions={})
    assert RunRecord.from_dict(yaml.safe_load(yaml.safe_dump(run.to_dict()))) == run


def test_run_to_dict_is_plain_data_in_the_order_of_the_fields() -> None:
    data = RUN.to_dict()
    names = [field.name for field in fields(RunRecord)]
    limits = names.index("limits")
    assert list(data) == [*names[:limits], "max_params", "max_flops", *names[limits + 1 :]]
    assert (data["max_params"], data["max_flops"]) == (None, 50_000_000)
    assert data["per_stage"] == ["expand", "se"]
    assert data["objectives"] == ["accuracy", "params"]
    assert yaml.safe_load(yaml.safe_dump(data)) == data


def test_run_from_dict_refuses_an_unknown_key_and_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^run.yaml: key: .*'bugdet'; did you mean 'budget'\?"):
        RunRecord.from_dict(RUN.to_dict() | {"bugdet": 3})


NEWER = (
    "repeats",
    "confirm",
    "stopping",
    "reference_accuracy",
)  # off in runs that were begun before there were any


@pytest.mark.parametrize("key", [key for key in RUN.to_dict() if key not in NEWER])
def test_run_from_dict_names_a_missing_key(key: str) -> None:
    data = RUN.to_dict()
    del data[key]
    with pytest.raises(UserError, match=f"^run.yaml: the key '{key}' is missing"):
        RunRecord.from_dict(data)


def test_run_from_dict_takes_an_older_run() -> None:
    data = {key: value for key, value in RUN.to_dict().items() if key not in NEWER}
    assert RunRecord.from_dict(data) == replace(
        RUN, repeats=0, confirm=0, stopping=False, reference_accuracy=None
    )


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_run_from_dict_refuses_what_is_no_mapping(data: object) -> None:
    with pytest.raises(UserError, match=f"^run.yaml: must be a mapping, got {type(data).__name__}"):
        RunRecord.from_dict(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["per_stage", "objectives"])
@pytest.mark.parametrize("value", ["expand", None, 3, {"expand": 1}])
def test_run_from_dict_refuses_what_is_no_list(key: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        RunRecord.from_dict(RUN.to_dict() | {key: value})
    assert str(caught.value) == f"run.yaml: {key} must be a list, got {value!r}"


TEXTS = (
    "version",
    "created",
    "backbone",
    "dataset",
    "fingerprint",
    "sampler",
    "device",
    "storage",
    "data_dir",
)
COUNTS = ("num_classes", "input_size", "train_images", "val_images", "seed", "in_flight", "budget", "workers")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [None, 3, True, ["cpu"]])
def test_run_refuses_what_is_no_text(name: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        replace(RUN, **{name: value})
    assert str(caught.value) == f"{name}: must be text, got {value!r}"


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", ["many", 3.0, True, [3]])
def test_run_refuses_what_is_no_whole_number(name: str, value: object) -> None:
    for wrong in (value, None):
        with pytest.raises(UserError) as caught:
            replace(RUN, **{name: wrong})
        assert str(caught.value) == f"{name}: must be a whole number, got {wrong!r}"


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("value", ["many", 3.0, True, [3], -1])
def test_run_refuses_a_limit_that_is_no_whole_number(name: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        RunRecord.from_dict(RUN.to_dict() | {f"max_{name}": value})
    assert str(caught.value) == f"max_{name}: must be a whole number from 0, got {value!r}"


@pytest.mark.parametrize("value", ["high", True, [70.0]])
def test_run_refuses_a_reference_that_is_no_number(value: object) -> None:
    with pytest.raises(UserError) as caught:
        replace(RUN, reference_accuracy=value)  # type: ignore[arg-type]
    assert str(caught.value) == f"reference_accuracy: must be a number, got {value!r}"
    for accuracy in (None, 70, 62.5):
        assert replace(RUN, reference_accuracy=accuracy).reference_accuracy == accuracy


@pytest.mark.parametrize("name", ["proxy", "versions"])
@pytest.mark.parametrize("value", [None, "epochs=3", ["epochs"]])
def test_run_refuses_what_is_no_mapping(name: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        replace(RUN, **{name: value})
    assert str(caught.value) == f"{name}: must be a mapping, got {value!r}"


def options_of(run: RunRecord) -> dict[str, str]:
    """The options of the command that repeats a run, as a shell takes it apart."""
    program, command, *rest = shlex.split(run.command)
    assert (program, command) == ("cheapsearch", "run")
    return {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}


def test_run_command_repeats_what_was_asked() -> None:
    options = options_of(RUN)
    assert (options["backbone"], float(options["width"])) == (RUN.backbone, RUN.width)
    assert options["per-stage"].split(",") == list(RUN.per_stage)
    assert options["objectives"].split(",") == list(RUN.objectives)
    assert (options["dataset"], options["data-dir"]) == (RUN.dataset, "my images")
    assert int(options["max-flops"]) == RUN.limits["flops"]
    assert float(options["reference-accuracy"]) == RUN.reference_accuracy
    for name in ("budget", "seed", "in-flight", "input-size"):
        assert int(options[name]) == getattr(RUN, name.replace("-", "_"))
    assert (options["sampler"], options["device"]) == (RUN.sampler, RUN.device)
    assert dict(item.split("=") for item in options["proxy"].split(",")) == {
        name: str(value) for name, value in RUN.proxy.items()
    }


def test_run_command_says_where_nothing_was_stopped() -> None:
    assert replace(RUN, stopping=False).command == f"{RUN.command} --no-stopping"


def test_run_command_leaves_out_what_was_not_given_but_keeps_a_zero() -> None:
    options = options_of(replace(RUN, per_stage=(), limits={}, data_dir="", seed=0, proxy={}))
    assert not {"per-stage", "max-params", "max-flops", "data-dir", "proxy"} & set(options)
    assert options["seed"] == "0"


@pytest.mark.parametrize("width", [1.0, 0.35, 1 / 3, 0.1 + 0.2, 1.0000000000000002])
def test_run_command_gives_the_width_to_the_last_digit(width: float) -> None:
    assert float(options_of(replace(RUN, width=width))["width"]) == width


def test_run_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        RUN.seed = 4  # type: ignore[misc]
