"""Run folders for the tests of the reports layer."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    COSTS,
    METRICS,
    Architecture,
    Cost,
    RunRecord,
    TrainingResult,
    TrialRecord,
)
from cheapsearch.space.insight import (
    Effect,
    Insight,
    Interaction,
    Knowledge,
    Prediction,
    Progress,
    trials_hash,
)
from cheapsearch.space.saved_run import load_run

RECORD: dict[str, Any] = {
    "version": "0.1.0",
    "created": "2026-03-14T10:22:31+00:00",
    "backbone": "mobilenet_v2",
    "width": 1.0,
    "per_stage": (),
    "dataset": "cifar10",
    "fingerprint": "9c2f0b1d",
    "num_classes": 10,
    "input_size": 32,
    "train_images": 45000,
    "val_images": 5000,
    "objectives": ("accuracy", "params", "flops"),
    "limits": {},
    "sampler": "tpe",
    "seed": 7,
    "in_flight": 4,
    "budget": 40,
    "repeats": 0,
    "data_dir": "",
    "storage": "",
    "study": "cheapsearch",
    "workers": 1,
    "device": "cpu",
    "proxy": {"epochs": 3, "width": 0.5},
    "versions": {"torch": "2.6.0"},
}


def trial(number: int, accuracy: float | None, params: int, flops: int, **rest: Any) -> TrialRecord:
    """A trial of MobileNetV2; without an accuracy it has failed, unless `state` says another thing."""
    settings: dict[str, Any] = {
        "backbone": "mobilenet_v2",
        "width": 1.0,
        "state": "failed" if accuracy is None else "complete",
        "origin": "tpe",
        "seconds": None if accuracy is None else 10.0,
        "reason": "",
    } | rest
    record = {name: settings.pop(name) for name in ("state", "origin", "seconds", "reason")}
    optional = ("predicted", "deviation", "gain", "rung")
    record |= {name: settings.pop(name) for name in optional if name in settings}
    return TrialRecord(
        number=number,
        architecture=Architecture(**settings),
        accuracy=accuracy,
        costs=Cost(params=params, flops=flops),
        **record,
    )


# The unmodified network, cheap_v2, and three others; 4 and 5 were not trained.
SEARCH = (
    trial(0, 72.0, 2_000_000, 90_000_000, origin="unmodified"),
    trial(1, 71.0, 1_000_000, 45_000_000, expand="reuse", shortcut="reuse", last_stage="reuse"),
    trial(2, 68.0, 1_500_000, 60_000_000, expand="ghost"),
    trial(3, 73.0, 1_800_000, 80_000_000, shortcut="pool_reuse"),
    trial(4, None, 900_000, 40_000_000, expand="group_conv", reason="loss was not a number"),
    trial(5, None, 2_000_000, 90_000_000, state="refused", reason="over the limit", first_conv="reuse"),
    trial(6, 66.0, 1_200_000, 70_000_000, project="reduce"),
)

CHEAP_V2: dict[str, Any] = {"expand": "reuse", "shortcut": "reuse", "last_stage": "reuse"}
# Five networks after the shortest training; three of them four times as long, the second of these twice.
LENGTHS = (
    trial(0, 50.0, 2_000_000, 90_000_000, origin="unmodified"),
    trial(1, 49.0, 1_000_000, 45_000_000, **CHEAP_V2),
    trial(2, 75.0, 900_000, 40_000_000, expand="ghost"),
    trial(3, 51.0, 1_800_000, 80_000_000, shortcut="pool_reuse"),
    trial(4, 46.0, 1_200_000, 70_000_000, project="reduce"),
    trial(5, 60.0, 2_000_000, 90_000_000, origin="longer", rung=4),
    trial(6, 58.0, 1_000_000, 45_000_000, origin="longer", rung=4, **CHEAP_V2),
    trial(7, 63.0, 1_800_000, 80_000_000, origin="longer", rung=4, shortcut="pool_reuse"),
    trial(8, 60.0, 1_000_000, 45_000_000, origin="repeat", rung=4, state="repeat", **CHEAP_V2),
)

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run folder of the given trials; keywords change the record."""

    def make(trials: Sequence[TrialRecord] = SEARCH, **changes: Any) -> Path:
        folder = tmp_path / "run"
        folder.mkdir()
        data = RECORD | changes
        limits = data.pop("limits")
        record = RunRecord.from_dict(data | {f"max_{name}": limits.get(name) for name in COSTS})
        (folder / "run.yaml").write_text(yaml.safe_dump(record.to_dict()), encoding="utf-8")
        with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, TrialRecord.columns())
            writer.writeheader()
            writer.writerows(one.to_row() for one in trials)
        return folder

    return make


@pytest.fixture
def lengths_run(make_run: MakeRun) -> Path:
    """A run with trainings of two lengths: `LENGTHS`."""
    return make_run(LENGTHS, rungs=(1, 4))


@pytest.fixture
def make_trial() -> Callable[..., TrialRecord]:
    return trial


@pytest.fixture(scope="session")
def write_training(make_result: Callable[..., TrainingResult]) -> Callable[..., Path]:
    """Writes a finished training of a trial into a run folder, as `cheapsearch retrain` leaves it."""

    def write(
        run: Path,
        number: int,
        seed: int,
        val: float,
        test: float | None,
        curve: tuple[float, ...] = (10.0, 20.0),
    ) -> Path:
        trial = load_run(run).trials[number]
        settings = {"trial": number, "costs": trial.costs, "seed": seed}
        result = make_result(trial.architecture, val, test, epochs=len(curve), **settings)
        folder = run / "retrain" / f"{trial.hash}-seed{seed}"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps(result.to_dict()))
        rows = [f"{epoch},0.1,2.0,2.0,{top1},90.0,{top1}" for epoch, top1 in enumerate(curve, start=1)]
        (folder / "metrics.csv").write_text("\n".join([",".join(METRICS), *rows]) + "\n")
        return folder

    return write


@pytest.fixture
def retrained(make_run: MakeRun, write_training: Callable[..., Path]) -> Path:
    """Trials 0 (two seeds), 1 and 2 of a run, trained in full."""
    run = make_run()
    write_training(run, 1, 7, 91.0, 90.0)
    write_training(run, 0, 7, 94.0, 93.0, (10.0, 30.0))
    write_training(run, 0, 8, 96.0, 94.0, (20.0, 60.0))
    write_training(run, 2, 7, 92.0, 90.5)
    return run


KNOWLEDGE = Knowledge(
    rung=1,
    networks=5,
    effects=(
        Effect("expand", "reuse", -0.5, -2.0, 1.0, {"params": -40.0, "flops": -45.0}, 1),
        Effect("shortcut", "pool_reuse", 1.0, 0.2, 1.8, {"params": -3.0, "flops": -4.0}, 1),
    ),
    interactions=(Interaction("expand", "reuse", "shortcut", "reuse", -2.0, -3.0, -1.0),),
    whole_space=True,
    importance={"expand": 0.6, "shortcut": 0.3},
    importance_rung=1,
    progress=(Progress(1, 0.0, 1.0, 0.0, 3.0), Progress(5, 4.0, 2.5, 1.0, 3.5)),
    reference_accuracy=66.0,
    predictions=(Prediction(2, 69.0, 1.0, 68.0), Prediction(3, 70.0, 1.0, 73.0)),
)


@pytest.fixture
def write_insight(part_costs: Callable[..., Any]) -> Callable[..., None]:
    """Writes insight.json into the folder of a run, of its trials; or why there is no knowledge of them."""

    def write(folder: Path, missing: str = "") -> None:
        parts = part_costs("mobilenet_v2", input_size=32)
        known = None if missing else KNOWLEDGE
        trials = trials_hash(folder / "trials.csv")
        (folder / "insight.json").write_text(Insight("0.1.0", trials, parts, missing, known).to_json())

    return write
