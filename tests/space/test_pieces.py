"""Networks are cut into pieces; equal networks have the same ones, and a space is known to have them all."""

from dataclasses import replace

import pytest

from cheapsearch.space import BACKBONES, PRESETS, SITE_NAMES, Architecture, SearchSpace, get_backbone
from cheapsearch.space.pieces import Piece, pieces_of, pieces_of_space

V2 = Architecture("mobilenet_v2")


def pieces(architecture: Architecture, side: int = 32) -> tuple[Piece, ...]:
    return pieces_of(architecture, num_classes=10, input_size=side)


def test_a_network_is_its_stem_its_blocks_and_its_last_stage() -> None:
    layout = get_backbone("mobilenet_v2").layout(1.0, 224)
    found = pieces(V2, 224)
    assert len(found) == len(layout.blocks) + 2
    # Strides of 2 halve the side; V2 has five, the stem's among them.
    assert [piece.side for piece in found] == [224, 112, 112, *[56] * 2, *[28] * 3, *[14] * 7, *[7] * 4]
    assert found[0].name == ("v2 first_conv=conv/2 act=relu", "3-32@224")
    assert found[2].name == (
        "v2 after=conv expand=conv depthwise=3x3/2 act=relu project=conv",
        "16-96-24@112",
    )
    assert found[-1].name == ("v2 after=conv last_stage=conv act=relu", "320-1280-10@7")
    assert found[-1].lead_name == ("lead conv", "320@7")
    assert found[0].lead_name is None


def test_a_shuffle_that_no_shortcut_holds_is_left_to_the_next_piece() -> None:
    found = pieces(replace(V2, project="group_conv", shortcut="identity"))
    layout = get_backbone("mobilenet_v2").layout(1.0, 32)
    for block, piece, following in zip(layout.blocks, found[1:-1], found[2:], strict=True):
        adds = block.stride == 1 and block.in_channels == block.out_channels
        assert piece.hands_on is not adds
        assert bool(following.shuffled) is not adds
        assert following.lead == "act"  # a grouped convolution is laid out as its input is


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.shortcut != "conv"])
def test_equal_networks_have_the_same_pieces(name: str) -> None:
    architecture = PRESETS[name]
    alike = {"expand": ("reuse", "shuffle_reuse"), "project": ("conv", "conv_shuffle")}
    for site, (plain, other) in alike.items():
        if getattr(architecture, site) in (plain, other):
            both = [
                pieces(Architecture.from_dict({**architecture.to_dict(), site: choice}))
                for choice in (plain, other)
            ]
            names = [[piece.name for piece in some] for some in both]
            assert names[0] == names[1]


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "mobilenet_v3_small"])
@pytest.mark.parametrize("per_stage", [(), ("expand", "project")])
def test_a_space_knows_the_pieces_of_all_its_networks(backbone: str, per_stage: tuple[str, ...]) -> None:
    space = SearchSpace(backbone, 0.5, per_stage)
    known = pieces_of_space(space, num_classes=10, input_size=32)
    names = [piece.name for piece in known]
    assert len(names) == len(set(names))
    # Every operation with every other one's neighbour, the options counted through at different speeds.
    for number in range(40):
        choices = {
            choice: options[(number * (1 + index)) % len(options)]
            for index, (choice, options) in enumerate(space.parameters.items())
        }
        assert {piece.name for piece in pieces(space.architecture(choices))} <= set(names)


def test_implementations_that_build_other_layers_have_other_pieces() -> None:
    pairs = [(name, f"{name}_torchvision") for name in BACKBONES if f"{name}_torchvision" in BACKBONES]
    assert len(pairs) == 3
    for published, torchvision in pairs:
        own, other = (
            {piece.name for piece in pieces(Architecture(name))} for name in (published, torchvision)
        )
        assert not own & other or not published.startswith("mobilenet_v2")
        if published.startswith("mobilenet_v3"):
            assert all("+biases" in operation for operation, _ in other)
            assert not own & other


def test_a_name_says_every_operation_that_builds_something() -> None:
    architecture = replace(PRESETS["cheap_v3"], se="eca", project="reduce")
    told = " ".join(piece.name[0] for piece in pieces(architecture))
    for site in SITE_NAMES:
        assert f"{site}={getattr(architecture, site)}" in told
