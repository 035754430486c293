"""What a training wrote is read again, and what it did not write is refused."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    METRICS,
    Architecture,
    Cost,
    TrainingRecord,
    TrainingResult,
    UserError,
    architecture_hash,
)

RECORD = TrainingRecord(
    version="0.1.0",
    created="2026-01-02T03:04:05+00:00",
    architecture=Architecture("mobilenet_v3_small", 0.5, expand=("conv", "reuse", "ghost", "conv", "reuse")),
    trial=7,
    costs=Cost(params=123_456, flops=7_654_321),
    num_classes=10,
    input_size=32,
    dataset="cifar10",
    data_dir="/data",
    data_seed=3,
    fingerprint="0123456789abcdef",
    train_images=45_000,
    val_images=5_000,
    policy={"epochs": 400, "learning_rate": 0.35, "flip": True, "crop": "padded"},
    seed=5,
    device="cpu",
    processes=2,
    threads=1,
    versions={"torch": "2.0"},
)
RESULT = TrainingResult(
    settings=RECORD,
    epochs=400,
    best_epoch=380,
    val_loss=0.25,
    val_top1=93.1,
    val_top5=99.7,
    final_top1=93.0,
    test_loss=0.3,
    test_top1=92.5,
    test_top5=99.6,
    seconds=3600.5,
    val_score=90.1,
    test_score=89.5,
    test_images=10_000,
)


@pytest.mark.parametrize("record", [RECORD, replace(RECORD, trial=None, data_dir="")])
def test_training_record_survives_yaml(record: TrainingRecord) -> None:
    text = yaml.safe_dump(record.to_dict(), sort_keys=False)

    assert TrainingRecord.from_dict(yaml.safe_load(text)) == record


def test_training_record_writes_every_field() -> None:
    names = [f.name for f in fields(TrainingRecord)]
    costs = names.index("costs")
    assert list(RECORD.to_dict()) == ["schema", *names[:costs], "params", "flops", *names[costs + 1 :]]
    assert RECORD.to_dict()["architecture"] == RECORD.architecture.to_dict()
    assert RECORD.hash == architecture_hash(RECORD.architecture)


@pytest.mark.parametrize(
    "result",
    [
        RESULT,
        replace(RESULT, test_loss=None, test_top1=None, test_top5=None, test_score=None, val_top1=0.1 + 0.2),
    ],
)
def test_training_result_survives_json(result: TrainingResult) -> None:
    data = json.loads(json.dumps(result.to_dict()))

    assert TrainingResult.from_dict(data) == result
    assert data["hash"] == architecture_hash(RECORD.architecture)


@pytest.mark.parametrize(
    ("kind", "written", "where"),
    [
        (TrainingRecord, RECORD.to_dict(), "training.yaml"),
        (TrainingResult, RESULT.to_dict(), "result.json"),
    ],
)
def test_training_records_refuse_other_keys(kind: Any, written: dict[str, Any], where: str) -> None:
    newer = {"schema", "hash", "val_score", "test_score", "test_images", "began_with"}
    for name in written.keys() - newer:
        rest = {key: value for key, value in written.items() if key != name}
        with pytest.raises(UserError, match=f"^{where}: the key '{name}' is missing"):
            kind.from_dict(rest)
        with pytest.raises(UserError, match=rf"^{where}: key: .*did you mean '{name}'"):
            kind.from_dict({**written, f"{name}_": 1})
    for wrong in (None, [1], "text"):
        with pytest.raises(UserError, match=f"^{where}: must be a mapping, got {type(wrong).__name__}"):
            kind.from_dict(wrong)


def test_training_result_refuses_damaged_settings() -> None:
    settings = {**RECORD.to_dict(), "sede": 1}

    with pytest.raises(UserError, match="did you mean 'seed'"):
        TrainingResult.from_dict({**RESULT.to_dict(), "settings": settings})


def test_training_result_of_before_there_were_metrics_has_accuracies_as_scores() -> None:
    newer = ("val_score", "test_score", "test_images")
    older = {name: value for name, value in RESULT.to_dict().items() if name not in newer}
    found = TrainingResult.from_dict(older)
    assert (found.val_score, found.test_score, found.metric) == (93.1, 92.5, "accuracy")
    assert found.test_images is None


def test_metrics_are_the_columns_that_stops_do_not_change() -> None:
    assert METRICS == (
        "epoch",
        "learning_rate",
        "train_loss",
        "val_loss",
        "val_top1",
        "val_top5",
        "val_score",
    )
