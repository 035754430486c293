"""Files say the version of their keys: older ones are read, newer ones refused in one line."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    ArchitectureConfig,
    RunRecord,
    RunSettings,
    TrainingRecord,
    TrainingResult,
    UserError,
    architecture_hash,
    read_config,
)
from cheapsearch.space.insight import Effect, Insight, Interaction, Knowledge, Prediction, Progress
from cheapsearch.space.part_costs import PartCosts
from cheapsearch.space.pilot_record import PilotRecord
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.schema import SCHEMAS, stamped, unstamped
from cheapsearch.space.training_folder import TrainingFolder

# A folder for each schema there was, with whole files as the version of that time wrote them.
FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("schema_*"))
OLDEST = FIXTURES[0]
KINDS: dict[str, tuple[str, Any]] = {
    "architecture": ("staged.yaml", ArchitectureConfig.from_dict),
    "run": ("run/run.yaml", RunRecord.from_dict),
    "training": ("training/training.yaml", TrainingRecord.from_dict),
    "result": ("training/result.json", TrainingResult.from_dict),
    "insight": ("run/insight.json", Insight.from_dict),
}


def read(name: str) -> dict[str, Any]:
    data = yaml.safe_load((OLDEST / name).read_text("utf-8"))
    assert isinstance(data, dict)
    return data


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_kind_has_a_fixture_of_before_there_were_numbers() -> None:
    assert set(KINDS) == set(SCHEMAS)
    assert not any("schema" in read(name) for name, _ in KINDS.values())


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_files_of_older_versions_are_read_whole(folder: Path) -> None:
    run = load_run(folder / "run")
    assert (run.record.num_classes, run.record.settings.per_stage) == (10, ("expand",))
    assert run.record.pilot is not None
    assert run.record.pilot.trainings == 3
    assert [trial.state for trial in run.trials] == ["complete"] * 3
    # 288 validation images, eight to a byte.
    assert run.validation is not None
    assert run.insight is not None
    assert all(len(trial.right) == 288 / 8 for trial in run.trials)
    assert read_config(folder / "run" / "best.yaml").hash == run.trials[1].hash
    staged = read_config(folder / "staged.yaml")
    assert staged.hash == architecture_hash(run.trials[2].architecture)
    assert staged.architecture.expand == ("reuse", *["conv"] * 6)

    training = TrainingFolder(folder / "training")
    record, result = training.read_record(), training.read_result()
    assert record is not None
    assert result is not None
    assert result.settings == record
    assert len(training.read_metrics()) == result.epochs == 2
    config = read_config(training.config_path)
    assert (config.architecture, config.costs) == (record.architecture, record.costs)
    assert config.preprocessing is not None


def test_what_is_read_is_written_with_the_number_of_today(kind: str) -> None:
    name, from_dict = KINDS[kind]
    written = from_dict(read(name)).to_dict()
    assert next(iter(written.items())) == ("schema", SCHEMAS[kind])
    assert from_dict(yaml.safe_load(yaml.safe_dump(written))) == from_dict(read(name))


def test_a_file_of_a_newer_version_is_refused_with_what_to_do(kind: str) -> None:
    name, from_dict = KINDS[kind]
    # A newer file may have keys of which this version knows nothing; the version comes before them.
    newer = read(name) | {"schema": SCHEMAS[kind] + 1, "colour": "red"}
    with pytest.raises(UserError) as caught:
        from_dict(newer)
    message = str(caught.value)
    assert f"schema must be {SCHEMAS[kind]} or less for this cheapsearch, got {SCHEMAS[kind] + 1}" in message
    assert message.endswith("update cheapsearch")
    assert "\n" not in message


@pytest.mark.parametrize("number", [None, "1", 1.0, True, -1, [1]])
def test_a_number_that_is_none_is_refused(kind: str, number: object) -> None:
    name, from_dict = KINDS[kind]
    with pytest.raises(UserError, match=r"schema must be a whole number from 0 to \d, got "):
        from_dict(read(name) | {"schema": number})


def test_an_unknown_key_is_refused_with_the_nearest(kind: str) -> None:
    name, from_dict = KINDS[kind]
    with pytest.raises(UserError, match=r"'verison'; did you mean 'version'\?"):
        from_dict(read(name) | {"verison": "0.1.0"} if kind != "result" else _nested(read(name)))


def _nested(result: dict[str, Any]) -> dict[str, Any]:
    return result | {"settings": result["settings"] | {"verison": "0.1.0"}}


def test_a_stamp_comes_off_again() -> None:
    assert unstamped("run", stamped("run", {"a": 1}), "run.yaml") == {"a": 1}


# The keys of each kind at the number that SCHEMAS has for it.
KEYS: dict[str, tuple[Callable[[], list[str]], set[str]]] = {
    "architecture": (
        lambda: [f.name for f in fields(ArchitectureConfig)],
        {
            *("architecture", "num_classes", "input_size", "costs", "version", "hash", "origin", "classes"),
            "preprocessing",
        },
    ),
    "run": (
        lambda: [
            *(f.name for f in fields(RunRecord)),
            *(f.name for f in fields(RunSettings)),
            *(f.name for f in fields(PilotRecord)),
        ],
        {
            *("version", "created", "settings", "fingerprint", "num_classes", "train_images", "val_images"),
            *("study", "skipped", "versions", "classes", "pilot", "published"),
            *("budget", "hours", "rungs", "repeats", "confirm", "stopping", "backbone", "width", "per_stage"),
            *("dataset", "data_dir", "skip_corrupt", "input_size", "objectives", "limits", "sampler", "seed"),
            *("reference_accuracy", "metric", "class_weights", "workers", "in_flight", "device", "storage"),
            *("proxy", "trainings", "seconds", "images_per_second", "accuracies", "largest_class", "learnt"),
            *("images_needed", "timed", "latency_table", "latency_batch", "latency_threads", "cost_table"),
            *("order", "pretrained", "weights", "began_with", "ops", "spent_trials", "spent_seconds"),
            *("doublings", "took"),
        },
    ),
    "training": (
        lambda: [f.name for f in fields(TrainingRecord)],
        {
            *("version", "created", "architecture", "trial", "costs", "num_classes", "input_size", "dataset"),
            *("data_dir", "data_seed", "fingerprint", "train_images", "val_images", "policy", "seed"),
            *("device", "processes", "threads", "versions", "began_with"),
        },
    ),
    "result": (
        lambda: [f.name for f in fields(TrainingResult)],
        {
            *("settings", "epochs", "best_epoch", "val_loss", "val_top1", "val_top5", "final_top1"),
            *("test_loss", "test_top1", "test_top5", "seconds", "val_score", "test_score", "test_images"),
        },
    ),
    "insight": (
        lambda: [
            f.name
            for kind in (Insight, PartCosts, Knowledge, Effect, Interaction, Progress, Prediction)
            for f in fields(kind)
        ],
        {
            *("version", "trials", "parts", "missing", "knowledge", "backbone", "width", "num_classes"),
            *("input_size", "costs", "rung", "networks", "effects", "interactions", "whole_space"),
            *("importance", "importance_rung", "progress", "reference_accuracy", "predictions", "site"),
            *("operation", "accuracy", "low", "high", "trained", "other_site", "other_operation", "spent"),
            *("found", "random", "trial", "predicted", "deviation", "observed"),
        },
    ),
}


def test_other_keys_have_another_number(kind: str) -> None:
    """Once a version with these numbers is out, other keys need a number more, and fixtures of before."""
    names, known = KEYS[kind]
    assert set(names()) == known, f"the keys of {kind} have changed: raise its number in space/schema.py"
