"""A full training ends the same however often it was stopped, and its files say what it was."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import cheapsearch
from cheapsearch.models import build
from cheapsearch.search.data import channel_statistics, load_images, load_test, normalise
from cheapsearch.search.training import full as full_training
from cheapsearch.search.training.full import FullTrainer, TrainingJob, trained_architecture
from cheapsearch.search.training.images import DataSource
from cheapsearch.search.training.loop import DivergedError, score
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.workers.jobs import Failed, Measured, Progress, Trained
from cheapsearch.space import METRICS, Architecture, TrainingResult, UserError
from cheapsearch.space.training_folder import TrainingFolder

POLICY = Policy(epochs=4, batch_size=8, warmup_epochs=1, learning_rate=0.1, width=0.25, dropout=0.2)
EMA = replace(POLICY, ema_decay=0.9)
DIGITS = DataSource("few.npz", None, 8, 0)
V3 = Architecture("mobilenet_v3_small")
# What a stop may leave different.
TIMES = ("seconds", "created")

pytestmark = pytest.mark.usefixtures("beside_few_digits")


def trainer(policy: Policy = POLICY, source: DataSource = DIGITS, **settings: Any) -> FullTrainer:
    return FullTrainer(source, policy, "cpu", **settings)


def job(folder: Path, **changes: Any) -> TrainingJob:
    return replace(TrainingJob(0, V3, seed=0, folder=folder), **changes)


def train_to(epochs: int, folder: Path, policy: Policy = POLICY, **settings: Any) -> list[int]:
    """Train as a new process would until so many epochs have ended, then stop it there."""
    torch.manual_seed(99)  # whatever the random state of the process is
    ended: list[int] = []
    epochs_of = trainer(policy, **settings).train(job(folder))
    while len(ended) < epochs:
        epoch = next(epochs_of, None)
        if epoch is None:
            break
        ended.append(epoch.epoch)
    epochs_of.close()  # type: ignore[attr-defined]
    return ended


def finish(folder: Path, policy: Policy = POLICY, **settings: Any) -> list[int]:
    torch.manual_seed(98)
    return [epoch.epoch for epoch in trainer(policy, **settings).train(job(folder))]


def outcome_of(folder: Path) -> dict[str, Any]:
    """All that must not depend on stops: rows, the bytes of the weights, and the result but its times."""
    data = json.loads((folder / "result.json").read_text("utf-8"))
    for name in TIMES:
        data.pop(name, None)
        data["settings"].pop(name, None)
    weights = (folder / "best.safetensors").read_bytes()
    return {"metrics": (folder / "metrics.csv").read_bytes(), "weights": weights, "result": data}


def rows_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Policy], Path]:
    """The folder of a training under a policy that nothing disturbed; read only."""

    @cache
    def of(policy: Policy) -> Path:
        folder = tmp_path_factory.mktemp("undisturbed") / "training"
        assert finish(folder, policy) == [1, 2, 3, 4]
        return folder

    return of


Undisturbed = Callable[[Policy], Path]


# --- stops ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [POLICY, EMA], ids=["plain", "average"])
def test_train_ends_the_same_after_stops(policy: Policy, undisturbed: Undisturbed, tmp_path: Path) -> None:
    assert train_to(1, tmp_path, policy) == [1]
    assert train_to(2, tmp_path, policy) == [2, 3]
    assert not (tmp_path / "result.json").exists()
    assert finish(tmp_path, policy) == [4]

    assert outcome_of(tmp_path) == outcome_of(undisturbed(policy))


def test_train_is_another_with_another_seed(undisturbed: Undisturbed, tmp_path: Path) -> None:
    next(trainer().train(job(tmp_path, seed=1)))

    assert rows_of(tmp_path)[0]["train_loss"] != rows_of(undisturbed(POLICY))[0]["train_loss"]


def test_train_scores_the_average_where_there_is_one(undisturbed: Undisturbed) -> None:
    plain, average = (rows_of(undisturbed(policy)) for policy in (POLICY, EMA))
    for mine, theirs in zip(plain, average, strict=True):
        assert mine["train_loss"] == theirs["train_loss"]
        assert mine["val_loss"] != theirs["val_loss"]


def test_train_goes_on_from_the_checkpoint_before_a_damaged_one(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    train_to(3, tmp_path, EMA)
    last = tmp_path / "last.pt"
    last.write_bytes(last.read_bytes()[:-1000])
    said: list[str] = []

    assert finish(tmp_path, EMA, say=said.append) == [3, 4]

    assert [line for line in said if line.startswith(f"{last} is damaged")]
    assert outcome_of(tmp_path) == outcome_of(undisturbed(EMA))


def test_train_starts_over_when_both_checkpoints_are_damaged(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    train_to(3, tmp_path, EMA)
    for name in ("last.pt", "previous.pt"):
        (tmp_path / name).write_bytes(b"")
    said: list[str] = []

    assert finish(tmp_path, EMA, say=said.append) == [1, 2, 3, 4]

    assert any(line.endswith("starting over") for line in said)
    assert outcome_of(tmp_path) == outcome_of(undisturbed(EMA))


@pytest.mark.parametrize("function", ["save_checkpoint", "plot"])
def test_train_ends_the_same_after_a_kill_around_the_checkpoint(
    function: str, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_to(1, tmp_path)

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(full_training, function, die)
        with pytest.raises(KeyboardInterrupt):
            finish(tmp_path)
    # With the weights written but no checkpoint, the second epoch is trained again.
    assert finish(tmp_path) == ([2, 3, 4] if function == "save_checkpoint" else [3, 4])

    assert outcome_of(tmp_path) == outcome_of(undisturbed(POLICY))


def test_train_writes_the_result_after_a_kill_during_the_test(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    assert train_to(4, tmp_path) == [1, 2, 3, 4]
    assert not (tmp_path / "result.json").exists()

    assert finish(tmp_path) == []

    assert outcome_of(tmp_path) == outcome_of(undisturbed(POLICY))


def test_train_goes_on_with_what_was_begun_before_metrics_and_class_weights(tmp_path: Path) -> None:
    train_to(1, tmp_path)
    path = tmp_path / "training.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    del data["policy"]["class_weights"], data["policy"]["metric"]
    path.write_text(yaml.safe_dump(data), "utf-8")
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    for row in state["metrics"]:
        del row["val_score"]
    torch.save(state, tmp_path / "last.pt")

    with pytest.raises(UserError, match="class_weights: must stay none"):
        finish(tmp_path, replace(POLICY, class_weights="balanced"))
    assert finish(tmp_path) == [2, 3, 4]


def test_train_adds_up_the_seconds_of_all_its_parts(tmp_path: Path) -> None:
    train_to(2, tmp_path)
    before = torch.load(tmp_path / "last.pt", weights_only=True)["metrics"]
    train_to(1, tmp_path)
    seconds = [row["seconds"] for row in torch.load(tmp_path / "last.pt", weights_only=True)["metrics"]]

    assert seconds[:2] == [row["seconds"] for row in before]
    assert seconds[2] > seconds[1] > seconds[0] > 0


def test_train_does_not_touch_a_finished_training(tmp_path: Path) -> None:
    short = replace(POLICY, epochs=1, warmup_epochs=0)
    finish(tmp_path, short)
    files = sorted(path for path in tmp_path.rglob("*"))
    before = [(path, path.stat().st_mtime_ns) for path in files]

    assert finish(tmp_path, short) == []

    assert [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))] == before


# --- files ------------------------------------------------------------------------------------------


def test_train_writes_these_files(undisturbed: Undisturbed) -> None:
    folder = undisturbed(POLICY)

    assert sorted(path.name for path in folder.iterdir()) == [
        "architecture.yaml",
        "best.safetensors",
        "last.pt",
        "metrics.csv",
        "previous.pt",
        "result.json",
        "tensorboard",
        "training.yaml",
    ]
    (events,) = (folder / "tensorboard").iterdir()
    assert events.name.startswith("events.out.tfevents")
    data = events.read_bytes()
    assert all(name.encode() in data for name in METRICS if name != "epoch")


def test_train_writes_a_row_of_metrics_per_epoch(undisturbed: Undisturbed) -> None:
    rows = rows_of(undisturbed(POLICY))

    assert [tuple(row) for row in rows] == 4 * [METRICS]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    # 80 images make 10 steps of 8, and those of the first epoch warm up; 0 at the last.
    assert rows[0]["learning_rate"] == pytest.approx(0.1 * 9 / 10)
    assert rows[3]["learning_rate"] == 0.0
    assert 0 < rows[3]["val_top1"] < rows[3]["val_top5"] < 100
    assert TrainingFolder(undisturbed(POLICY)).read_metrics() == rows


BALANCED = replace(POLICY, metric="macro_f1", class_weights="balanced")


@pytest.mark.parametrize("policy", [POLICY, EMA, BALANCED], ids=["plain", "average", "balanced"])
def test_train_result_is_the_best_row(policy: Policy, undisturbed: Undisturbed) -> None:
    rows = rows_of(undisturbed(policy))
    top = max(row["val_score"] for row in rows)
    best = next(row for row in rows if row["val_score"] == top)  # the first of equals
    same = [row["val_score"] == row["val_top1"] for row in rows]
    assert all(same) is (policy.metric == "accuracy")

    result = TrainingFolder(undisturbed(policy)).read_result()

    assert result is not None
    assert (result.epochs, result.best_epoch) == (4, best["epoch"])
    names = ("val_loss", "val_top1", "val_top5", "val_score")
    assert [getattr(result, name) for name in names] == [best[name] for name in names]
    assert result.final_top1 == rows[-1]["val_top1"]
    assert result.seconds > 0


def test_train_result_is_the_first_of_equal_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = full_training.train  # type: ignore[attr-defined]
    scores = score(
        build(Architecture("mobilenet_v3_small", 0.25), num_classes=10, input_size=8), trainer().val_split
    )
    monkeypatch.setattr(
        full_training,
        "train",
        lambda *given, **settings: (replace(epoch, val=scores) for epoch in real(*given, **settings)),
    )
    finish(tmp_path, replace(POLICY, epochs=2))
    result = TrainingFolder(tmp_path).read_result()

    assert result is not None
    assert result.best_epoch == 1


@pytest.mark.parametrize("policy", [POLICY, EMA], ids=["plain", "average"])
def test_train_best_weights_give_the_scores_of_the_result(policy: Policy, undisturbed: Undisturbed) -> None:
    folder = undisturbed(policy)
    result = TrainingFolder(folder).read_result()
    assert result is not None
    network = cheapsearch.load(folder / "architecture.yaml", weights=folder / "best.safetensors").eval()
    data = load_images("few.npz", seed=0, input_size=8)
    mean, std = channel_statistics(data.train_images)
    images, labels = load_test("few.npz", size=8)
    parts = {"test": (images, labels), "val": (data.val_images, data.val_labels)}

    for name, (pixels, right) in parts.items():
        with torch.no_grad():
            answers = network(normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2), mean, std)).numpy()
        top1 = 100 * np.mean(answers.argmax(1) == right)
        top5 = 100 * np.mean((np.argsort(-answers)[:, :5] == right[:, None]).any(1))
        loss = np.mean(np.logaddexp.reduce(answers, axis=1) - answers[np.arange(len(right)), right])
        assert getattr(result, f"{name}_top1") == pytest.approx(top1)
        assert getattr(result, f"{name}_top5") == pytest.approx(top5)
        assert getattr(result, f"{name}_loss") == pytest.approx(loss, rel=1e-4)


def test_train_record_says_what_was_trained(undisturbed: Undisturbed) -> None:
    folder = undisturbed(POLICY)
    record = TrainingFolder(folder).read_record()
    config = yaml.safe_load((folder / "architecture.yaml").read_text("utf-8"))

    assert record is not None
    assert record.architecture == Architecture("mobilenet_v3_small", 0.25)
    network = build(record.architecture, num_classes=10, input_size=8)
    assert record.costs["params"] == config["params"] == sum(p.numel() for p in network.parameters())
    assert record.costs["flops"] == config["flops"]
    assert (record.dataset, record.data_dir, record.data_seed, record.seed) == ("few.npz", "", 0, 0)
    assert (record.train_images, record.val_images) == (80, 60)
    assert (record.num_classes, record.input_size) == (10, 8)
    assert (record.device, record.processes, record.threads, record.trial) == ("cpu", 1, 1, None)
    assert Policy.from_dict(record.policy) == POLICY
    assert config["origin"] == {"trained_on": "few.npz", "seed": 0, "trial": None}
    assert TrainingResult.from_dict(json.loads((folder / "result.json").read_text())).settings == record


def test_trained_architecture_multiplies_the_widths() -> None:
    wide = replace(V3, width=0.5, expand="reuse")

    assert trained_architecture(wide, replace(POLICY, width=0.5)) == replace(wide, width=0.25)


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": replace(POLICY, learning_rate=0.2)}, "learning_rate: must stay 0.1"),
        ({"policy": replace(POLICY, epochs=5)}, "epochs: must stay 4"),
        ({"policy": replace(POLICY, class_weights="balanced")}, "class_weights: must stay none"),
        ({"policy": replace(POLICY, ema_decay=0.5)}, "ema_decay: must stay 0.0"),
        ({"policy": replace(POLICY, width=0.5)}, "architecture: must stay"),
        ({"source": replace(DIGITS, seed=1)}, "data_seed: must stay 0"),
        ({"source": replace(DIGITS, input_size=16)}, "must stay"),
        ({"threads": 2}, "threads: must stay 1"),
    ],
)
def test_train_refuses_another_training_in_its_folder(
    changes: dict[str, Any], message: str, undisturbed: Undisturbed
) -> None:
    folder = undisturbed(POLICY)
    before = outcome_of(folder)

    with pytest.raises(UserError, match=message) as caught:
        next(trainer(**changes).train(job(folder)), None)

    assert str(folder) in str(caught.value)
    assert outcome_of(folder) == before


def test_train_refuses_another_seed_in_its_folder(undisturbed: Undisturbed) -> None:
    with pytest.raises(UserError, match="seed: must stay 0"):
        next(trainer().train(job(undisturbed(POLICY), seed=1)), None)


def test_train_allows_another_trial_number(undisturbed: Undisturbed) -> None:
    assert list(trainer().train(job(undisturbed(POLICY), trial=3))) == []


def test_train_refuses_a_damaged_record(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text("version: [1\n")

    with pytest.raises(UserError, match=r"training\.yaml: must be what a training wrote"):
        next(trainer().train(job(tmp_path)))


def test_train_leaves_the_checkpoint_when_the_next_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_to(1, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left on device"):
        finish(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


# --- one job of a worker ----------------------------------------------------------------------------


def test_perform_gives_progress_and_the_accuracy_of_the_result(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    short = replace(POLICY, epochs=2)

    *progress, outcome = trainer(short).perform(job(tmp_path, index=7))

    result = TrainingFolder(tmp_path).read_result()
    assert result is not None
    assert outcome == Trained(7, result.val_top1, seconds=result.seconds)
    assert progress == [Progress(7, int(row["epoch"]), row["val_top1"]) for row in rows_of(tmp_path)]
    # One that is finished has no epochs to tell of.
    assert list(trainer(short).perform(job(tmp_path, index=7))) == [outcome]


def test_perform_tells_an_error_in_its_outcome(undisturbed: Undisturbed) -> None:
    (outcome,) = trainer(replace(POLICY, epochs=9)).perform(job(undisturbed(POLICY), index=7))

    assert isinstance(outcome, Failed)
    assert outcome.index == 7
    assert outcome.reason.startswith("UserError: epochs: must stay 4")
    assert outcome.trace.startswith("Traceback (most recent call last):\n")


def test_train_that_diverges_says_so(tmp_path: Path) -> None:
    wild = replace(POLICY, epochs=2, learning_rate=1e30, warmup_epochs=0)

    with pytest.raises(DivergedError, match="the training loss is"):
        finish(tmp_path / "raised", wild)
    *_, outcome = trainer(wild).perform(job(tmp_path / "told"))

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("DivergedError: the training loss is")
    assert not (tmp_path / "told" / "result.json").exists()


def test_measure_gives_seconds_and_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "training"

    seconds = trainer().measure(job(folder))
    (outcome,) = trainer().perform(job(folder, index=2, measure=True))

    assert 0 < seconds < 60
    assert isinstance(outcome, Measured)
    assert outcome.index == 2
    assert 0 < outcome.seconds < 60
    assert list(tmp_path.iterdir()) == []


# --- images of their own sizes ----------------------------------------------------------------------


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 20 PNG images, no two of one size next to each other."""
    root = tmp_path_factory.mktemp("photos") / "train"
    random = np.random.RandomState(0)
    for label, name in enumerate(("dark", "light")):
        (root / name).mkdir(parents=True)
        for index in range(20):
            pixels = random.randint(0, 100, (10 + index, 12 + index % 5, 3)) + 120 * label
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{index:02}.png")
    return root


RESIZED = Policy(
    epochs=3,
    batch_size=8,
    learning_rate=0.05,
    warmup_epochs=0,
    width=0.25,
    crop="resized",
    test_crop=0.875,
    data_workers=0,
    rotation=5.0,
)


def test_train_resized_ends_the_same_after_stops(photos: Path, tmp_path: Path) -> None:
    source = DataSource(str(photos), None, 8, 0)

    assert finish(tmp_path / "whole", RESIZED, source=source) == [1, 2, 3]
    assert train_to(1, tmp_path / "parts", RESIZED, source=source) == [1]
    elsewhere = replace(RESIZED, data_workers=1)  # on a machine with another number of cores
    assert finish(tmp_path / "parts", elsewhere, source=source) == [2, 3]

    assert outcome_of(tmp_path / "parts") == outcome_of(tmp_path / "whole")
    result = TrainingFolder(tmp_path / "whole").read_result()
    assert result is not None
    # A fifth of the 40 is for the test and a fifth of the rest for validation, rounded by class.
    assert (result.settings.train_images, result.settings.val_images) == (26, 6)
    assert (result.test_top1 is not None, result.test_images) == (True, 40 - 26 - 6)


def test_train_whose_images_vanish_names_one_and_goes_on_once_they_are_back(
    photos: Path, tmp_path: Path
) -> None:
    lent, away = tmp_path / "lent" / "train", tmp_path / "away"
    shutil.copytree(photos, lent)
    source = DataSource(str(lent), None, 8, 0)
    assert finish(tmp_path / "whole", RESIZED, source=source) == [1, 2, 3]

    epochs = trainer(RESIZED, source).train(job(tmp_path / "parts"))
    assert next(epochs).epoch == 1
    lent.rename(away)
    with pytest.raises(UserError, match=r"lent/train/(dark|light)/\d\d\.png"):
        next(epochs)
    away.rename(lent)
    assert finish(tmp_path / "parts", RESIZED, source=source) == [2, 3]
    assert outcome_of(tmp_path / "parts") == outcome_of(tmp_path / "whole")


def test_train_without_a_test_split_says_so_and_ends(photos: Path, tmp_path: Path) -> None:
    said: list[str] = []
    # ROOT/train/CLASS with no ROOT/test beside it
    source = DataSource(str(photos.parent), None, 8, 0)

    assert finish(tmp_path, replace(RESIZED, epochs=1), source=source, say=said.append) == [1]

    result = TrainingFolder(tmp_path).read_result()
    assert result is not None
    assert (result.test_loss, result.test_top1, result.test_top5) == (None, None, None)
    assert result.test_images is None
    assert any(line.startswith("no test accuracy: ") for line in said)


def test_measure_counts_streamed_images_too(photos: Path, tmp_path: Path) -> None:
    source = DataSource(str(photos), None, 8, 0)

    assert 0 < trainer(RESIZED, source).measure(job(tmp_path / "training")) < 60
    assert list(tmp_path.iterdir()) == []
