"""trials.csv and run.yaml: what is written is read back, and nothing unknown gets in."""

import csv
import io
import shlex
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    PRESETS,
    SITE_NAMES,
    Architecture,
    RunRecord,
    TrialRecord,
    UserError,
    architecture_hash,
    join_choice,
)
from cheapsearch.space.records import COSTS, OBJECTIVES, STATES, split_choice

MIXED = Architecture(
    "mobilenet_v2", 0.5, expand=("conv", "reuse", "ghost", "conv", "reuse", "reuse", "conv"), project="reduce"
)
COMPLETE = TrialRecord(7, MIXED, "complete", "tpe", 1_234_567, 91_272_192, 61.25, 12.5)
FAILED = TrialRecord(8, MIXED, "failed", "preset cheap_v2", 5, 6, None, 0.25, 'loss is NaN, "again",\nstep 3')
REFUSED = TrialRecord(0, MIXED, "refused", "unmodified", 5, 6, reason="params 5 above --max-params 4")
DUPLICATE = TrialRecord(12, MIXED, "duplicate", "random", 5, 6, reason="same network as trial 7")
TRIALS = [COMPLETE, FAILED, REFUSED, DUPLICATE]

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
    max_params=None,
    max_flops=50_000_000,
    sampler="tpe",
    seed=3,
    in_flight=2,
    budget=100,
    workers=2,
    device="cpu",
    data_dir="my images",
    proxy={"epochs": 3, "width": 0.5, "lr": 0.1},
    versions={"torch": "2.6.0"},
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
    trial = TrialRecord(1, preset, "complete", f"preset {name}", 10, 20, 1 / 3, 1e-9)
    (row,) = through_csv([trial])
    assert TrialRecord.from_row(row, backbone=preset.backbone, width=preset.width) == trial


def test_trial_row_has_the_columns_of_the_design() -> None:
    # design.md, "What a run leaves", and the origin
    row = COMPLETE.to_row()
    assert list(row) == TrialRecord.columns()
    assert list(row) == [
        *("number", "hash", "state", "origin", "accuracy", "params", "flops"),
        *SITE_NAMES,
        *("seconds", "reason"),
    ]
    assert row["hash"] == architecture_hash(MIXED) == COMPLETE.hash
    assert row["expand"] == "conv|reuse|ghost|conv|reuse|reuse|conv"
    assert row["project"] == "reduce"
    assert (row["accuracy"], row["params"], row["flops"]) == (61.25, 1_234_567, 91_272_192)


def test_trial_row_has_every_field_but_the_architecture() -> None:
    names = {field.name for field in fields(TrialRecord)} - {"architecture"}
    assert set(COMPLETE.to_row()) == names | {"hash", *SITE_NAMES}


@pytest.mark.parametrize("column", list(COMPLETE.to_row()))
def test_trial_from_row_names_a_missing_column(column: str) -> None:
    row = COMPLETE.to_row()
    del row[column]
    with pytest.raises(UserError, match=f"^trials.csv: the column '{column}' is missing"):
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
        ({"state": "done"}, "^state: must be one of complete, failed, duplicate, refused, got 'done'"),
        ({"accuracy": ""}, "^accuracy: a complete trial needs one, trial 7 has none"),
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
        if state == "complete":
            with pytest.raises(UserError, match=r"^accuracy: a complete trial needs one, trial 8 has none"):
                replace(FAILED, state=state)
        else:
            assert replace(FAILED, state=state).accuracy is None  # type: ignore[arg-type]


def test_trial_keeps_an_accuracy_of_zero() -> None:
    trial = replace(COMPLETE, accuracy=0.0, seconds=0.0)
    for row in (trial.to_row(), *through_csv([trial])):
        assert TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.5) == trial


def test_trial_hash_is_that_of_the_canonical_form() -> None:
    shuffled = TrialRecord(1, Architecture("mobilenet_v2", project="conv_shuffle"), "failed", "tpe", 1, 1)
    plain = TrialRecord(2, Architecture("mobilenet_v2"), "failed", "tpe", 1, 1)
    assert shuffled.hash == plain.hash


def test_trial_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        COMPLETE.accuracy = 99.0  # type: ignore[misc]


def test_objectives_are_accuracy_and_the_costs() -> None:
    assert ("accuracy", *COSTS) == OBJECTIVES
    assert set(OBJECTIVES) <= {field.name for field in fields(TrialRecord)}


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
    run = replace(RUN, per_stage=(), max_flops=None, max_params=1, proxy={}, versions={})
    assert RunRecord.from_dict(yaml.safe_load(yaml.safe_dump(run.to_dict()))) == run


def test_run_to_dict_is_plain_data_in_the_order_of_the_fields() -> None:
    data = RUN.to_dict()
    assert list(data) == [field.name for field in fields(RunRecord)]
    assert data["per_stage"] == ["expand", "se"]
    assert data["objectives"] == ["accuracy", "params"]
    assert yaml.safe_load(yaml.safe_dump(data)) == data


def test_run_from_dict_refuses_an_unknown_key_and_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^run.yaml: key: .*'bugdet'; did you mean 'budget'\?"):
        RunRecord.from_dict(RUN.to_dict() | {"bugdet": 3})


@pytest.mark.parametrize("key", [field.name for field in fields(RunRecord)])
def test_run_from_dict_names_a_missing_key(key: str) -> None:
    data = RUN.to_dict()
    del data[key]
    with pytest.raises(UserError, match=f"^run.yaml: the key '{key}' is missing"):
        RunRecord.from_dict(data)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_run_from_dict_refuses_what_is_no_mapping(data: object) -> None:
    with pytest.raises(UserError, match=f"^run.yaml: must be a mapping, got {type(data).__name__}"):
        RunRecord.from_dict(data)  # type: ignore[arg-type]


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
    assert int(options["max-flops"]) == RUN.max_flops
    for name in ("budget", "seed", "in-flight", "input-size"):
        assert int(options[name]) == getattr(RUN, name.replace("-", "_"))
    assert (options["sampler"], options["device"]) == (RUN.sampler, RUN.device)
    assert dict(item.split("=") for item in options["proxy"].split(",")) == {
        name: str(value) for name, value in RUN.proxy.items()
    }


def test_run_command_leaves_out_what_was_not_given_but_keeps_a_zero() -> None:
    options = options_of(replace(RUN, per_stage=(), max_flops=None, data_dir="", seed=0, proxy={}))
    assert not {"per-stage", "max-params", "max-flops", "data-dir", "proxy"} & set(options)
    assert options["seed"] == "0"


def test_run_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        RUN.seed = 4  # type: ignore[misc]
