"""ExecuTorch programs answer as their networks do; where the extra is not installed, one line says so."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.devices.executorch_file import write_executorch
from cheapsearch.models.layers import Tile, conv_bn
from cheapsearch.space import UserError

INSTALLED = importlib.util.find_spec("executorch") is not None


class Small(nn.Module):
    """What XNNPACK knows, and a tile, which it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_bn(3, 4, kernel_size=3, act="hardswish"), Tile(4, 10), nn.Hardsigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


@pytest.mark.skipif(INSTALLED, reason="executorch is installed")
def test_write_executorch_names_the_extra_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"executorch: needs the package executorch, .*cheapsearch\[executorch\]"
    ):
        write_executorch(Small(), tmp_path / "small.pte", shape=(3, 8, 8), metadata={})


@pytest.mark.skipif(not INSTALLED, reason="executorch is not installed")
@pytest.mark.filterwarnings("default")
def test_write_executorch_answers_as_the_network_and_says_what_it_is(tmp_path: Path) -> None:
    from executorch.runtime import Runtime

    path = tmp_path / "small.pte"
    assert write_executorch(Small(), path, shape=(3, 8, 8), metadata={"classes": '["grün"]'}) < 1e-5
    program = Runtime.get().load_program(path)
    (said,) = program.load_method("metadata").execute([])
    assert json.loads(said) == {"classes": '["grün"]'}
    (answer,) = program.load_method("forward").execute([torch.zeros(1, 3, 8, 8)])
    assert answer.shape == (1, 10)
