"""LiteRT files answer as their networks do; where the extra is not installed, one line says so."""

import importlib.util
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from torch import Tensor, nn

from cheapsearch.devices.litert_file import write_litert
from cheapsearch.models.layers import GroupSum, Tile, conv_bn
from cheapsearch.space import UserError

INSTALLED = importlib.util.find_spec("litert_torch") is not None


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_bn(3, 4, kernel_size=3, act="hardswish"),
            Tile(4, 10),
            nn.Hardsigmoid(),
            GroupSum(10, 4),
            GroupSum(4, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


@pytest.mark.skipif(INSTALLED, reason="litert is installed")
def test_write_litert_names_the_extra_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"litert: needs the package litert_torch, .*cheapsearch\[litert\]"):
        write_litert(Small(), tmp_path / "small.tflite", shape=(3, 8, 8), metadata={})


@pytest.mark.skipif(not INSTALLED, reason="litert is not installed")
@pytest.mark.filterwarnings("default")
def test_write_litert_answers_as_the_network_and_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.tflite"
    assert write_litert(Small(), path, shape=(3, 8, 8), metadata={"classes": '["grün"]'}) < 1e-5
    assert json.loads(ZipFile(path).read("metadata.json")) == {"classes": '["grün"]'}
    assert capsys.readouterr().out == ""
