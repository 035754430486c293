"""`cheapsearch predict`: what it prints, and how it ends."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cheapsearch.models import build, describe, weights_bytes
from cheapsearch.search.cli import predict as command
from cheapsearch.search.cli.command_line import Parser
from cheapsearch.search.training.predict import predict
from cheapsearch.search.training.predictions import Prediction, measure
from cheapsearch.space import Architecture, Preprocessing, UserError

TINY = Architecture("mobilenet_v3_small", 0.25)
CLASSES = ("grün", "rot", "=1+1")
PREPROCESSING = Preprocessing(8, "square", 8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """A command takes all cores; other tests go on as they began."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network that nobody has trained, but that is sure of what it says."""
    torch.manual_seed(0)
    network = build(TINY, num_classes=3, input_size=8)
    with torch.no_grad():
        network.classifier.weight.mul_(1e6)
    config = describe(
        TINY,
        num_classes=3,
        input_size=8,
        version="0",
        origin={},
        classes=CLASSES,
        preprocessing=PREPROCESSING,
    )
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    path.write_bytes(weights_bytes(network.state_dict(), config))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images of each of two classes."""
    draw = np.random.RandomState(0)
    for name in CLASSES[:2]:
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(2):
            pixels = draw.randint(0, 256, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"[{index}].png")
    return tmp_path / "photos"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Parse and perform the command: its exit code, and what it printed to stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        parser = Parser()
        command.add(parser.add_subparsers())
        capsys.readouterr()
        code = command.perform(parser.parse_args(["predict", *map(str, arguments), "--device", "cpu"]))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_predict_prints_a_line_for_each_image_and_the_accuracy(
    call: Call, weights: Path, photos: Path
) -> None:
    code, out, error = call(weights, photos)
    found = predict(weights, photos)

    assert (code, error) == (0, "")
    *lines, last = out.splitlines()
    assert len(lines) == 4
    for line, image in zip(lines, found.images, strict=True):
        share, sign, name, path, *rest = line.split()
        assert (float(share), sign) == (pytest.approx(100 * image.probability, abs=0.05), "%")  # type: ignore[operator]
        assert (name, path) == (image.class_name, f"{photos}/{image.label}/{Path(image.image).name}")
        assert " ".join(rest) == ("" if image.label == image.class_name else f"(is {image.label})")
    assert found.accuracy is not None
    right = sum(image.label == image.class_name for image in found.images)
    assert last == f"accuracy {100 * right / 4:.2f} %, {right} of 4 images right; top-5 100.00 %"


def test_predict_prints_no_accuracy_of_images_without_labels(call: Call, weights: Path, photos: Path) -> None:
    code, out, _ = call(weights, photos / CLASSES[0], photos / CLASSES[1] / "[0].png")

    assert code == 0
    assert len(out.splitlines()) == 3
    assert "accuracy" not in out
    assert json.loads(call(weights, photos / CLASSES[0], "--json")[1])["accuracy"] is None


def test_predict_prints_json(call: Call, weights: Path, photos: Path) -> None:
    code, out, error = call(weights, photos, "--json")
    found = json.loads(out)

    assert (code, error) == (0, "")
    assert found == json.loads(json.dumps(predict(weights, photos).to_dict()))
    assert (found["classes"], found["images"], found["failed"]) == ([*CLASSES], 4, 0)
    assert found["accuracy"]["images"] == 4
    assert {name: part["images"] for name, part in found["accuracy"]["by_class"].items()} == {
        "grün": 2,
        "rot": 2,
    }
    for image in found["predictions"]:
        assert list(image) == ["image", "class", "probability", "top", "label", "error"]
        assert image["top"][0] == {"class": image["class"], "probability": image["probability"]}
        assert len(image["top"]) == 3


def test_predict_prints_csv(call: Call, weights: Path, photos: Path) -> None:
    (photos / CLASSES[0] / "[2].png").write_bytes(b"no image")
    code, out, error = call(weights, photos, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))

    assert code == 1
    assert error == "cheapsearch: 1 of 5 images cannot be read\n"
    pairs = [f"{name}_{place}" for place in (2, 3) for name in ("class", "probability")]
    assert list(rows[0]) == ["image", "class", "probability", "label", "error", *pairs]
    for row, image in zip(rows, predict(weights, photos).images, strict=True):
        assert (row["image"], row["label"], row["error"]) == (image.image, image.label, image.error or "")
        assert row["class"] == (image.class_name or "")
        if image.error is None:
            shares = [float(row[name]) for name in ("probability", "probability_2", "probability_3")]
            assert sum(shares) == pytest.approx(1, abs=1e-5)
            assert shares == pytest.approx([share for _, share in image.top], abs=1e-6)
        else:
            assert {row[name] for name in pairs} == {""}


def test_predict_names_files_that_cannot_be_read_and_ends_with_1(
    call: Call, weights: Path, photos: Path
) -> None:
    broken = photos / CLASSES[0] / "[1].png"
    broken.write_bytes(broken.read_bytes()[:60])
    code, out, error = call(weights, photos)

    assert code == 1
    assert error == "cheapsearch: 1 of 4 images cannot be read\n"
    failed = [line for line in out.splitlines() if line.startswith(" failed ")]
    assert len(failed) == 1
    assert failed[0].startswith(f" failed  {broken}: ")
    assert out.splitlines()[-1].endswith("of 3 images right; top-5 100.00 %")


def test_predict_takes_the_folder_of_a_training(call: Call, weights: Path, photos: Path) -> None:
    assert call(weights.parent, photos) == call(weights, photos)


def test_predict_refuses_before_it_prints(
    call: Call, weights: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        ((photos / CLASSES[0] / "[0].png", photos), "WEIGHTS: must be a .safetensors file"),
        ((weights.with_name("none.safetensors"), photos), "WEIGHTS: must be a readable safetensors file"),
        ((weights, photos / "none"), "IMAGES: must be a file or a folder"),
        ((weights, photos, "--split", "train"), "--split: must be one of test, val, got 'train'"),
        ((weights, "digits"), "IMAGES: must have the classes of the network"),
    ):
        with pytest.raises(UserError) as caught:
            call(*arguments)
        assert caught.value.at_terminal.startswith(message)
        assert capsys.readouterr().out == ""


def test_predict_prints_no_control_characters_of_a_file_name(call: Call, weights: Path, photos: Path) -> None:
    odd = photos / "a\x1b[2J\nb.png"
    (photos / CLASSES[0] / "[0].png").rename(odd)

    for form in ((), ("--csv",)):
        code, out, _ = call(weights, odd, *form)
        assert code == 0
        assert "a\ufffd[2J\ufffdb.png" in out
        assert "\x1b" not in out
    assert json.loads(call(weights, odd, "--json")[1])["predictions"][0]["image"] == str(odd)


def test_prediction_line_and_measure_of_a_wrong_class() -> None:
    right = Prediction("a.png", "rot", 0.75, (("rot", 0.75), ("grün", 0.25)), "rot")
    wrong = replace(right, label="grün")
    unknown, failed = replace(right, label=None), Prediction("b.png", None, None, (), "grün", "no image")

    assert command.prediction_line(right, 5) == " 75.0 %  rot    a.png"
    assert command.prediction_line(wrong, 5) == " 75.0 %  rot    a.png  (is grün)"
    assert command.prediction_line(unknown, 5) == " 75.0 %  rot    a.png"
    assert command.prediction_line(failed, 5) == " failed  b.png: no image"
    accuracy = measure([right, right, wrong, unknown, failed], CLASSES)
    assert accuracy is not None
    assert accuracy.by_class == {"grün": (1, 0.0), "rot": (2, 100.0)}
    assert command.accuracy_line(accuracy) == "accuracy 66.67 %, 2 of 3 images right; top-5 100.00 %"
    assert measure([unknown, failed], CLASSES) is None
