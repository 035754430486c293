"""Files in int8 answer about as those in float."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cheapsearch.devices.onnx_file import open_session, read_metadata, write_onnx
from cheapsearch.devices.quantise import Images, quantise
from cheapsearch.models.layers import Gate, Tile, conv_bn
from cheapsearch.space import UserError

onnx: Any = pytest.importorskip("onnx")


class Small(nn.Module):
    """Convolutions, a tile, a gate, a sum and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv_bn(3, 8, kernel_size=3, act="relu")
        self.gate = Gate(nn.Sequential(nn.Conv2d(8, 8, 1), nn.Hardsigmoid()))
        self.last = nn.Sequential(Tile(8, 32), conv_bn(32, 8, act="hardswish"))
        self.classifier = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.gate(self.first(x))
        return self.classifier((x + self.last(x)).mean((2, 3)))


@pytest.fixture(scope="module", params=[True, False], ids=["any batch", "one image"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("float") / "small.onnx"
    facts = {"classes": '["grün"]'}
    write_onnx(Small(), path, shape=(3, 12, 12), metadata=facts, dynamic_batch=request.param)
    return path


@pytest.fixture
def images() -> Images:
    # Each with a brightness of its own, or pooled features would all be alike.
    draw = np.random.RandomState(0)
    return (draw.randn(60, 3, 12, 12) * 0.3 + draw.randn(60, 3, 1, 1)).astype(np.float32)


def answers(path: Path, images: Images) -> Images:
    session = open_session(path)
    return np.concatenate([session.run(None, {"images": image[None]})[0] for image in images])


def test_quantise_answers_about_as_float_in_a_quarter_of_the_weights(
    written: Path, images: Images, tmp_path: Path
) -> None:
    out = tmp_path / "int8.onnx"
    quantise(written, out, images[:40])
    exact, small = answers(written, images[40:]), answers(out, images[40:])
    assert 0 < np.abs(small - exact).mean() < 0.1 * exact.std()
    assert read_metadata(out) == {"classes": '["grün"]', "precision": '"int8"'}

    graph = onnx.load(out).graph
    kinds = {one.name: one.data_type for one in graph.initializer}
    weights = [node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"]
    for name, size in (("first", 8 * 3 * 9), ("classifier", 8 * 5)):
        (found,) = [one for one in weights if one in kinds and name in one and "weight" in one]
        (values,) = [onnx.numpy_helper.to_array(one) for one in graph.initializer if one.name == found]
        assert (values.dtype, values.size) == (np.int8, size)
        assert np.abs(values).max() <= 64  # 7 bits
    # A product of the gate takes what comes in as float, and a sum what went through int8.
    made = {output: node.op_type for node in graph.node for output in node.output}
    taken = Counter((node.op_type, made.get(name)) for node in graph.node for name in node.input)
    assert taken["Mul", "HardSigmoid"] == 1
    assert taken["Add", "DequantizeLinear"] == 2
    assert taken["Concat", "DequantizeLinear"] == 4


@pytest.mark.parametrize("written", [True], ids=["any batch"], indirect=True)
def test_quantise_is_not_led_astray_by_one_image(written: Path, images: Images, tmp_path: Path) -> None:
    strange = images.copy()
    strange[7] *= 100
    exact = answers(written, images[40:])
    errors = []
    for name, some in (("usual", images), ("strange", strange)):
        quantise(written, tmp_path / f"{name}.onnx", some[:40])
        errors.append(np.abs(answers(tmp_path / f"{name}.onnx", images[40:]) - exact).mean())
    # The range of all images would be 100 times as wide, and of 256 levels two or three left.
    assert errors[1] < 30 * errors[0]
    assert errors[1] < exact.std()


def test_quantise_needs_images(written: Path, images: Images, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="images: must be one or more to calibrate int8 with, got none"):
        quantise(written, tmp_path / "int8.onnx", images[:0])


@pytest.mark.parametrize("written", [True], ids=["any batch"], indirect=True)
def test_quantise_leaves_nothing_half_written(
    written: Path, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(path: Path, metadata: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cheapsearch.devices.quantise.write_metadata", stopped)
    with pytest.raises(KeyboardInterrupt):
        quantise(written, tmp_path / "int8.onnx", images[:10])
    assert not (tmp_path / "int8.onnx").exists()
