"""Int8 is calibrated and measured on the images that the network was trained on."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cheapsearch
from cheapsearch.devices.onnx_file import read_metadata, write_onnx
from cheapsearch.devices.quantise import quantise
from cheapsearch.models import Network
from cheapsearch.search.data import open_images
from cheapsearch.search.training import int8
from cheapsearch.search.training.int8 import write_int8
from cheapsearch.search.training.predict import predict
from cheapsearch.space import Architecture, Preprocessing, UserError, get_backbone

pytest.importorskip("onnx")

TINY = Architecture("mobilenet_v2", 0.25, expand="reuse", shortcut="reuse", last_stage="reuse")


@pytest.fixture(scope="module")
def network(few_digits: Path) -> Network:
    """Of few blocks; nobody trained it, but the classifier leans on the images, so that classes differ."""
    torch.manual_seed(0)
    layout = get_backbone(TINY.backbone).layout(0.25, 8)
    layout = replace(layout, blocks=layout.blocks[:2])
    made = cheapsearch.build(TINY, num_classes=10, input_size=8, layout=layout).eval()
    torch.nn.init.normal_(made.classifier.weight)
    made.classes = open_images(str(few_digits), seed=0).classes
    made.preprocessing = Preprocessing(8, "square", 8, (0.3, 0.3, 0.3), (0.4, 0.4, 0.4))
    return made


@pytest.fixture(scope="module")
def written(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "network.onnx"
    write_onnx(network, path, shape=(3, 8, 8), metadata={"form": '"training"'})
    return path


def test_int8_is_measured_beside_float_on_the_validation_images(
    network: Network, written: Path, few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    real = quantise

    def watched(path: Path, out: Path, images: Any) -> None:
        taken.append(images)
        real(path, out, images)

    monkeypatch.setattr(int8, "quantise", watched)
    out = tmp_path / "int8.onnx"
    found = write_int8(written, out, network, None, dataset=str(few_digits))
    expected = predict(network, str(few_digits), split="val").accuracy
    assert expected is not None
    assert found.float_top1 == pytest.approx(expected.top1)
    assert (found.val_images, found.calibration_images) == (60, 80)
    assert 0 < found.same <= 100
    # All of them, in another order than that of the file, by which classes may lie together.
    (images,) = taken
    assert images.shape == (80, 3, 8, 8)
    assert json.loads(read_metadata(out)["int8"]) == vars(found)
    assert json.loads(read_metadata(out)["form"]) == "training"
    with np.load(few_digits) as kept:
        handed = {split: (kept[f"{split}_images"], kept[f"{split}_labels"]) for split in ("train", "val")}
    assert write_int8(written, out, network, None, dataset=handed) == found


def test_int8_refuses_images_of_another_training(
    network: Network, written: Path, few_digits: Path, tmp_path: Path, make_result: Callable[..., Any]
) -> None:
    out = tmp_path / "int8.onnx"
    with pytest.raises(UserError, match="dataset: must say where the images are"):
        write_int8(written, out, network, None)
    record = make_result(TINY, 50.0, dataset=str(few_digits), fingerprint="0" * 16).settings
    with pytest.raises(
        UserError, match=r"dataset: must be the images .* of fingerprint 0000000000000000, got"
    ):
        write_int8(written, out, network, record)
    with pytest.raises(UserError, match="dataset: must have the classes of the network, digits has others"):
        write_int8(written, out, named(network), None, dataset="digits")
    assert not out.exists()


def named(network: Network) -> Network:
    """The network with other names of its classes."""
    other = deepcopy(network)
    other.classes = tuple(f"class {name}" for name in other.classes or ())
    return other
