"""Prediction gives the accuracy that training measured, to the last image, from the file of weights alone."""

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
from PIL import Image

import cheapsearch
from cheapsearch.models import Network, load, weights_bytes
from cheapsearch.models.config import describe
from cheapsearch.search.data import channel_statistics, load_images, load_test, open_images
from cheapsearch.search.training import predict as predict_module
from cheapsearch.search.training import splits, streaming
from cheapsearch.search.training.full import FullTrainer, TrainingJob
from cheapsearch.search.training.images import DataSource
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.predict import load_trained, predict
from cheapsearch.space import Architecture, Preprocessing, UserError, read_config
from cheapsearch.space.training_folder import TrainingFolder

V3 = Architecture("mobilenet_v3_small")
CLASSES = ("grün", "猫 2")
CROPS = ("padded", "resized")
POLICY = Policy(
    epochs=6,
    batch_size=8,
    warmup_epochs=0,
    learning_rate=0.1,
    width=0.25,
    flip=False,
    rotation=0,
    padding=1,
    test_crop=0.9,
    data_workers=0,
)


def write_photos(root: Path) -> Path:
    """120 files of several sizes, kinds and modes; one class is brighter, though not always."""
    draw = np.random.RandomState(7)
    for split, count in (("train", 40), ("test", 20)):
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                size = (int(draw.randint(16, 41)), int(draw.randint(16, 41)))
                pixels = draw.normal(90 + 70 * label + draw.normal(0, 30), 50, (*size, 3)).clip(0, 255)
                image = Image.fromarray(pixels.astype(np.uint8))
                kind = index % 4
                if kind == 0:
                    image.save(folder / f"{index}.png")
                elif kind == 1:
                    exif = Image.Exif()
                    exif[0x0112] = 6
                    image.save(folder / f"{index}.jpg", quality=90, exif=exif)
                elif kind == 2:
                    image.convert("L").save(folder / f"{index}.png")
                else:
                    image.putalpha(Image.fromarray(pixels[..., 0].astype(np.uint8)))
                    image.save(folder / f"{index}.webp", lossless=True)
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = np.random.RandomState(8)
    path = tmp_path_factory.mktemp("npz") / "small.npz"
    arrays: dict[str, Any] = {}
    for split, count in (("train", 60), ("val", 30), ("test", 30)):
        labels = np.arange(count) % 3
        pixels = draw.normal(100 + 12 * labels[:, None, None], 60, (count, 14, 20)).clip(0, 255)
        arrays |= {f"{split}_images": pixels.astype(np.uint8), f"{split}_labels": labels}
    np.savez(path, **arrays)
    return path


Trained = Callable[[Path | str, str], Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The folder of a training on a data set with a crop; read only."""

    @cache
    def of(dataset: Path | str, crop: str) -> Path:
        folder = tmp_path_factory.mktemp("trained") / "training"
        source = DataSource(str(dataset), None, 16 if dataset != "digits" else 8, 0)
        policy = Policy.from_dict(POLICY.to_dict() | {"crop": crop})
        if dataset == "digits":
            policy = replace(policy, epochs=1, batch_size=48)
        for _ in FullTrainer(source, policy, "cpu").train(TrainingJob(0, V3, seed=0, folder=folder)):
            pass
        return folder

    return of


def result_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    return found


def with_preprocessing(folder: Path, where: Path, **changes: Any) -> Path:
    """The weights of a training, saying another preprocessing."""
    config = read_config(TrainingFolder(folder).config_path)
    assert config.preprocessing is not None
    config = replace(config, preprocessing=replace(config.preprocessing, **changes))
    path = where / "changed.safetensors"
    path.write_bytes(weights_bytes(load_trained(folder).state_dict(), config))
    return path


# --- the accuracy that was claimed --------------------------------------------------------------------


@pytest.mark.parametrize("crop", CROPS)
def test_predict_over_the_test_folder_gives_the_accuracy_of_the_result(
    crop: str, photos: Path, trained: Trained, tmp_path: Path
) -> None:
    # The weights file alone, elsewhere, under another name.
    weights = tmp_path / "weights.safetensors"
    shutil.copy(trained(photos, crop) / "best.safetensors", weights)
    result = result_of(trained(photos, crop))

    found = cheapsearch.predict(weights, photos / "test")

    assert found.accuracy is not None
    assert (found.accuracy.images, found.accuracy.top1) == (40, result["test_top1"])
    assert found.accuracy.top5 == result["test_top5"]
    assert 50 < found.accuracy.top1 < 100  # neither a constant nor what any preprocessing would give
    assert found.classes == CLASSES
    for split in ("test", "val"):
        accuracy = predict(weights, photos, split=split).accuracy
        assert accuracy is not None
        assert (accuracy.top1, accuracy.top5) == (result[f"{split}_top1"], result[f"{split}_top5"])


@pytest.mark.parametrize("crop", CROPS)
def test_predict_over_arrays_gives_the_accuracy_of_the_result(crop: str, npz: Path, trained: Trained) -> None:
    result = result_of(trained(npz, crop))
    for split in (None, "test", "val"):
        found = predict(trained(npz, crop), npz, split=split)
        assert found.accuracy is not None
        assert found.accuracy.images == 30
        assert found.accuracy.top1 == result[f"{split or 'test'}_top1"]
    assert [image.image for image in found.images] == [str(index) for index in range(30)]


def test_predict_over_digits_gives_the_accuracy_of_the_result(trained: Trained) -> None:
    result = result_of(trained("digits", "padded"))
    for split in (None, "val"):
        accuracy = predict(trained("digits", "padded"), "digits", split=split).accuracy
        assert accuracy is not None
        assert accuracy.top1 == result[f"{split or 'test'}_top1"]
        assert accuracy.top5 == result[f"{split or 'test'}_top5"]
        assert len(accuracy.by_class) == 10


@pytest.mark.parametrize("crop", CROPS)
def test_predict_with_another_normalisation_would_show(
    crop: str, photos: Path, trained: Trained, tmp_path: Path
) -> None:
    folder = trained(photos, crop)
    assert load_trained(folder).preprocessing is not None
    right = predict(folder, photos / "test")
    imagenet = with_preprocessing(folder, tmp_path, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    wrong = predict(imagenet, photos / "test")

    shares = [[image.probability for image in found.images] for found in (right, wrong)]
    assert max(abs(mine - theirs) for mine, theirs in zip(*shares, strict=True)) > 0.01
    same = with_preprocessing(folder, tmp_path)
    assert predict(same, photos / "test") == right


def test_predict_with_another_resize_rule_would_show(photos: Path, trained: Trained, tmp_path: Path) -> None:
    folder = trained(photos, "resized")
    other = with_preprocessing(folder, tmp_path, resize_to=26)

    assert predict(other, photos / "test").images != predict(folder, photos / "test").images


@pytest.mark.parametrize("crop", CROPS)
def test_training_writes_down_what_it_scored_with(crop: str, photos: Path, trained: Trained) -> None:
    folder = trained(photos, crop)
    data = load_images(str(photos), seed=0, input_size=16)
    if crop == "padded":
        mean, std = channel_statistics(data.train_images)
    else:  # a sample, which here is all of them
        mean, std = channel_statistics(open_images(str(photos), seed=0).train.read(16))
    rule = ("square", 16) if crop == "padded" else ("shorter_side", round(16 / 0.9))
    expected = Preprocessing(16, *rule, tuple(mean.tolist()), tuple(std.tolist()))

    config = read_config(folder / "architecture.yaml")
    assert (config.classes, config.preprocessing) == (CLASSES, expected)
    network = cheapsearch.load(folder / "best.safetensors")
    assert (network.classes, network.preprocessing) == (CLASSES, expected)
    assert torch.equal(torch.tensor(expected.mean), mean)


def test_training_writes_down_how_deep_grey_values_are(tmp_path: Path, trained: Trained) -> None:
    """Files of 16 bits that hold 12: predicted by anything else every image would be nearly black."""
    draw = np.random.RandomState(9)
    for split, count in (("train", 40), ("test", 20)):
        for label, name in enumerate(CLASSES):
            folder = tmp_path / "deep" / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = draw.normal(1200 + 1400 * label, 700, (20, 20)).clip(0, 4095).astype(np.uint16)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    folder = trained(tmp_path / "deep", "padded")

    network = cheapsearch.load(folder / "best.safetensors")
    assert network.preprocessing is not None
    assert network.preprocessing.grey_bits == {"16-bit grey": 12}
    result = TrainingFolder(folder).read_result()
    assert result is not None
    found = predict(network, tmp_path / "deep" / "test")
    assert found.accuracy is not None
    assert found.accuracy.top1 == result.test_top1


# --- batches and single files -------------------------------------------------------------------------


@pytest.mark.parametrize("crop", CROPS)
def test_predict_does_not_depend_on_batches(
    crop: str, photos: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = load_trained(trained(photos, crop))
    whole = predict(network, photos / "test")
    files = sorted((photos / "test").rglob("*.*"))
    singly = [predict(network, file).images[0] for file in files]
    for module in (predict_module, splits, streaming):
        monkeypatch.setattr(module, "EVALUATION_BATCH", 7)
    sevens = predict(network, photos / "test")

    by_name = {image.image: image for image in whole.images}
    assert len(by_name) == 40
    for image in (*singly, *sevens.images):
        other = by_name[image.image]
        assert image.class_name == other.class_name
        assert image.probability == pytest.approx(other.probability, abs=1e-5)
    assert sevens.accuracy == whole.accuracy


def test_predict_streams_many_images_through_data_workers(
    photos: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos / "test", folder)
    (folder / CLASSES[0] / "0.png").write_bytes(b"no image")
    here = predict(trained(photos, "resized"), folder)
    monkeypatch.setattr(predict_module, "EVALUATION_BATCH", 10)  # so that 40 are many
    elsewhere = predict(trained(photos, "resized"), folder)

    assert elsewhere.images == here.images
    assert [image.image for image in elsewhere.failed] == [f"{folder.as_posix()}/{CLASSES[0]}/0.png"]


def test_predict_gives_the_most_probable_classes_first(trained: Trained) -> None:
    for image in predict(trained("digits", "padded"), "digits").images:
        shares = [share for _, share in image.top]
        assert shares == sorted(shares, reverse=True)
        assert len({name for name, _ in image.top}) == 5
        assert (image.class_name, image.probability) == image.top[0]
        assert shares[0] >= 0.1
        assert sum(shares) <= 1.0001


def test_predict_leaves_the_callers_network_as_it_is(photos: Path, trained: Trained) -> None:
    network = load(trained(photos, "padded") / "best.safetensors").train()
    predict(network, photos / "test" / CLASSES[0])
    assert network.training


# --- files that are no images, folders that are no classes ----------------------------------------------


@pytest.mark.parametrize("crop", CROPS)
def test_predict_says_which_files_cannot_be_read(
    crop: str, photos: Path, trained: Trained, tmp_path: Path
) -> None:
    good = photos / "test" / CLASSES[1] / "0.png"
    broken, empty = tmp_path / "broken.jpg", tmp_path / "empty.png"
    broken.write_bytes((photos / "test" / CLASSES[1] / "1.jpg").read_bytes()[:200])
    empty.write_bytes(b"")
    found = predict(trained(photos, crop), [broken, good, empty])

    assert [image.image for image in found.images] == [str(broken), str(good), str(empty)]
    assert [image.image for image in found.failed] == [str(broken), str(empty)]
    for image in found.failed:
        assert image.error
        assert "\n" not in image.error
        assert (image.class_name, image.probability, image.top) == (None, None, ())
    alone = predict(trained(photos, crop), good).images[0]
    assert found.images[1].class_name == alone.class_name
    assert found.images[1].probability == pytest.approx(alone.probability, abs=1e-5)
    assert found.accuracy is None


@pytest.mark.parametrize("split", ["test", "val"])
def test_predict_leaves_out_of_a_split_what_training_left_out(
    split: str, photos: Path, trained: Trained, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    for folder in (path for path in (tmp_path / "photos").rglob(CLASSES[0]) if path.is_dir()):
        (folder / "0.png").write_bytes(b"no image")
    network = load_trained(trained(photos, "padded"))
    with pytest.raises(UserError, match="leave it out with skip_corrupt"):
        predict(network, tmp_path / "photos", split=split)
    kept = predict(network, tmp_path / "photos", split=split, skip_corrupt=True)

    where: dict[str, Any] = {"size": 8, "skip_corrupt": True}
    data = load_images(str(tmp_path / "photos"), seed=0, **where)
    labels = data.val_labels if split == "val" else load_test(str(tmp_path / "photos"), **where)[1]
    assert [CLASSES.index(str(image.label)) for image in kept.images] == labels.tolist()
    assert kept.failed == ()


def test_predict_counts_the_readable_files_alone(photos: Path, trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(photos / "test", tmp_path / "test")
    before = predict(trained(photos, "padded"), tmp_path / "test")
    (tmp_path / "test" / CLASSES[0] / "0.png").write_bytes(b"no image")
    after = predict(trained(photos, "padded"), tmp_path / "test")

    assert before.accuracy is not None
    assert after.accuracy is not None
    assert (before.accuracy.images, after.accuracy.images) == (40, 39)
    lost = before.images[0]
    assert after.accuracy.right == before.accuracy.right - (lost.class_name == lost.label)


def test_predict_has_no_accuracy_where_a_folder_is_no_class(
    photos: Path, trained: Trained, tmp_path: Path
) -> None:
    shutil.copytree(photos / "test", tmp_path / "test")
    shutil.copytree(photos / "test" / CLASSES[0], tmp_path / "test" / "dog")
    found = predict(trained(photos, "padded"), tmp_path / "test")

    assert len(found.images) == 60
    assert found.accuracy is None


def test_accuracy_by_class_adds_up(photos: Path, trained: Trained) -> None:
    accuracy = predict(trained(photos, "padded"), photos / "test").accuracy
    assert accuracy is not None
    assert set(accuracy.by_class) == set(CLASSES)
    assert sum(count for count, _ in accuracy.by_class.values()) == accuracy.images
    right = sum(count * share / 100 for count, share in accuracy.by_class.values())
    assert right == pytest.approx(accuracy.right)


# --- refusals -----------------------------------------------------------------------------------------


def test_predict_refuses_a_network_that_does_not_know(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "fresh.yaml"
    config = describe(V3, num_classes=2, input_size=16, version="0.1.0", origin={}, classes=CLASSES)
    path.write_text(config.to_yaml(), encoding="utf-8")
    with pytest.raises(UserError, match=r"^weights: must know their classes and preprocessing"):
        predict(load(path), photos)


def test_predict_refuses_a_file_that_is_no_weights(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^weights: must be a .safetensors file .* got '.*0.png'$"):
        predict(photos / "test" / CLASSES[0] / "0.png", photos)
    with pytest.raises(UserError, match=r"^weights: must be a readable safetensors file"):
        predict(tmp_path, photos)


def test_predict_refuses_weights_whose_answers_are_no_numbers(
    photos: Path, trained: Trained, tmp_path: Path
) -> None:
    folder = trained(photos, "padded")
    weights = load_trained(folder).state_dict()
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], float("nan"))
    path = tmp_path / "nan.safetensors"
    path.write_bytes(weights_bytes(weights, read_config(folder / "architecture.yaml")))
    with pytest.raises(UserError, match=r"^weights: must answer with finite numbers"):
        predict(path, photos / "test")


def test_load_trained_says_that_a_run_keeps_no_weights(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").touch()
    with pytest.raises(UserError, match=rf"is a run, .*; `cheapsearch retrain {tmp_path}` trains its front"):
        load_trained(tmp_path)


def test_predict_refuses_what_it_cannot_look_up(photos: Path, npz: Path, trained: Trained) -> None:
    network: Network = load_trained(trained(photos, "padded"))
    cases: list[tuple[Any, str | None, str]] = [
        ("nowhere.png", None, r"^images: must be a file or a folder, 'nowhere.png' is none"),
        (photos, "tset", r"^split: must be one of test, val, got 'tset'; did you mean 'test'"),
        (
            "digits",
            None,
            r"^images: must have the classes of .* grün, 猫 2, got 0, 1, 2, 3, 4 and 5 more",
        ),
        (npz, "val", r"^images: must have the classes of the network, grün, 猫 2, got 0, 1, 2;"),
        ([photos / "test", "digits"], None, r"^images: must be files and folders, or one data set, got 2"),
        ([photos, photos], "val", r"^images: must be files and folders, or one data set, got 2"),
        (torch.zeros(2, 3, 8, 8), None, r"^images: must be paths of files and folders, .* got Tensor"),
        (([torch.zeros(3, 8, 8)], [0]), None, r"^images: must be paths of files and folders, .* got list"),
        ([(Image.new("L", (8, 8)), 0)], None, r"^images: must be paths of files and folders, .* got tuple"),
    ]
    for images, split, message in cases:
        with pytest.raises(UserError, match=message):
            predict(network, images, split=split)
