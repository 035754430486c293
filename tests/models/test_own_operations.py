"""An operation of a file is checked when it is loaded, and then built, counted and deployed as any other."""

from pathlib import Path

import pytest
import torch

from cheapsearch import build, count, deploy, load, load_operations
from cheapsearch.devices.piece_models import piece_module
from cheapsearch.models import cost_table, describe
from cheapsearch.models.own_operations import load_files
from cheapsearch.space import Architecture, SearchSpace, UserError, get_backbone
from cheapsearch.space.operation_file import loaded_files
from cheapsearch.space.pieces import pieces_of, pieces_of_space

pytestmark = pytest.mark.usefixtures("forget_own")

V2 = "mobilenet_v2"
EXAMPLE = Path(__file__).parents[2] / "examples" / "partial_conv.py"
CONV = """
import torch
from torch import nn
from cheapsearch import Operation
from cheapsearch.models.layers import conv_bn
from cheapsearch.space.effects import expanding


class Mine(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.conv = conv_bn(channels, hidden)
        self.spare = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.conv(x) * self.spare


def mine(backbone, block):
    return Mine(block.in_channels, block.hidden)


OPERATIONS = [Operation("expand", "mine", "?", families=("v2",), builder=mine, effect=expanding("mine"))]
"""


def test_the_example_is_a_partial_convolution() -> None:
    (row,) = load_operations(EXAMPLE)
    block = get_backbone(V2).layout().blocks[3]
    assert (block.in_channels, block.hidden) == (32, 144) or block.hidden % block.in_channels == 0
    assert callable(row.builder)
    module = row.builder(get_backbone(V2), block).eval()
    x = torch.randn(2, block.in_channels, 5, 5)
    y = module(x)
    copies = y.view(2, -1, block.in_channels, 5, 5)
    assert torch.equal(copies, copies[:, :1].expand_as(copies))
    quarter = block.in_channels // 4
    assert torch.equal(copies[:, 0, quarter:], x[:, quarter:])
    assert not torch.equal(copies[:, 0, :quarter], x[:, :quarter])


def test_costs_of_the_example_are_those_of_its_convolutions() -> None:
    load_operations(EXAMPLE)
    own, reuse = (Architecture(V2, expand=name) for name in ("partial_conv", "reuse"))
    # A 3x3 conv of C/4 to C/4 channels with its batch norm, where `reuse` has nothing.
    layout = get_backbone(V2).layout(1.0, 32)
    params = flops = 0
    side = 32 // layout.stem_stride
    for block in layout.blocks:
        part = block.in_channels // 4
        params += 9 * part * part + 2 * part
        flops += 9 * part * part * side * side
        side = -(-side // block.stride)
    counted, plain = count(build(own)), count(build(reuse))
    assert (counted["params"] - plain["params"], counted["flops"] - plain["flops"]) == (params, flops)
    assert cost_table(V2).cost(own) == counted
    deployed = deploy(build(own))
    assert (
        sum(value.numel() for value in deployed.parameters()) == counted["deploy_params"] < counted["params"]
    )


def test_an_exported_config_is_refused_without_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = load_operations(EXAMPLE)
    architecture = Architecture(V2, expand=("conv", *["partial_conv"] * 6))
    config = describe(architecture, num_classes=10, input_size=32, version="0.1.0", origin={})
    (tmp_path / "best.yaml").write_text(config.to_yaml())
    assert config.origin["ops"] == {row.name.partition("@")[2]: "partial_conv.py"}
    assert load(tmp_path / "best.yaml").architecture == architecture

    monkeypatch.setattr("cheapsearch.space.known_operations._OWN", {})
    monkeypatch.setattr("cheapsearch.space.operation_file._LOADED", {})
    with pytest.raises(UserError, match="partial_conv must be of a file with the hash"):
        load(tmp_path / "best.yaml")
    changed = tmp_path / "partial_conv.py"
    changed.write_text(EXAMPLE.read_text().replace("channels // 4", "channels // 2"))
    load_operations(changed)
    with pytest.raises(UserError, match="got only with"):
        load(tmp_path / "best.yaml")
    load_operations(EXAMPLE)
    assert load(tmp_path / "best.yaml").architecture == architecture


def test_pieces_of_a_deployed_network_have_own_operations() -> None:
    (row,) = load_operations(EXAMPLE)
    own = Architecture(V2, expand="partial_conv")
    pieces = pieces_of(own, num_classes=10, input_size=32)
    named = [piece for piece in pieces if f"expand={row.name}" in piece.name[0]]
    assert len(named) == 17  # blocks
    space = pieces_of_space(SearchSpace(V2, own=own.own), num_classes=10, input_size=32)
    assert {piece.name for piece in pieces} <= {piece.name for piece in space}
    piece = named[5]
    x = torch.randn(1, piece.read_channels, piece.side, piece.side)
    assert piece_module(piece)(x).shape[1] == piece.place.out_channels  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (
            "(channels, hidden)\n        self.spare",
            "(channels, 8)\n        self.spare",
            r"must make \(2, 16, 5, 5\) of",
        ),
        (" * self.spare", "", "its weight spare must have a gradient"),
        (
            "self.conv(x) *",
            "torch.erf(self.conv(x)) *",
            "its costs must be countable, got no FLOP handle for aten::erf",
        ),
        (
            "return self",
            "if x.sum() > 0:\n            x = -x\n        return self",
            "must be one that torch.fx can trace",
        ),
        ('expanding("mine")', 'expanding("conv")', "has the effect 'conv' of conv but other weights"),
        (
            "def mine(backbone, block)",
            "def mine(block)",
            "must be built and run, and ends with TypeError: mine",
        ),
        ("self.conv(x)", "self.conv(x.mul_(2))", "must not write into its input"),
    ],
)
def test_an_operation_that_breaks_the_contract_is_refused_in_a_line(
    tmp_path: Path, before: str, after: str, rule: str
) -> None:
    assert before in CONV
    path = tmp_path / "mine.py"
    path.write_text(CONV.replace(before, after))
    with pytest.raises(UserError, match=rule) as caught:
        load_operations(path)
    assert str(caught.value).startswith(f"ops: {path}: expand mine@")
    assert "\n" not in str(caught.value)
    assert loaded_files() == ()


def test_one_that_keeps_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CONV)
    assert [row.name.partition("@")[0] for row in load_operations(tmp_path / "mine.py")] == ["mine"]


def test_files_of_one_name_are_told_apart_by_their_hashes(tmp_path: Path) -> None:
    (tmp_path / "partial_conv.py").write_text(CONV)
    found = load_files([EXAMPLE, tmp_path / "partial_conv.py"])
    assert list(found) == [str(EXAMPLE.resolve()), str(tmp_path / "partial_conv.py")]
    assert list(found.values()) == [file.hash for file in loaded_files()]
    architecture = Architecture(V2, expand=("conv", "partial_conv", *["mine"] * 5))
    config = describe(architecture, num_classes=10, input_size=32, version="0.1.0", origin={})
    assert config.origin["ops"] == dict.fromkeys(found.values(), "partial_conv.py")


def test_a_file_is_run_once(tmp_path: Path) -> None:
    path, log = tmp_path / "mine.py", tmp_path / "log"
    path.write_text(f"with open({str(log)!r}, 'a') as log:\n    log.write('run ')\n{CONV}")
    load_operations(path)
    load_operations(path)
    assert log.read_text() == "run "
