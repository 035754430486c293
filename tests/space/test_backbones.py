"""The block tables against design.md ("Backbones"), and the rules for widths and strides."""

from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from itertools import pairwise

import pytest

from cheapsearch.space import BACKBONES, SITE_NAMES, UserError, check_width, get_backbone
from cheapsearch.space.backbones import BlockRow, Stride, scale_channels
from cheapsearch.space.layout import Activation

# design.md, "Backbones", word for word; rows are kernel, H, O, SE, act, stride.
V2 = "(1,16,1,1) (6,24,2,s) (6,32,3,2) (6,64,4,2) (6,96,3,1) (6,160,3,2) (6,320,1,1)"
FULL = {
    "mobilenet_v3_large": """
        3,16,16,-,RE,1 | 3,64,24,-,RE,s | 3,72,24,-,RE,1 | 5,72,40,SE,RE,2 |
        5,120,40,SE,RE,1 x2 | 3,240,80,-,HS,2 | 3,200,80,-,HS,1 | 3,184,80,-,HS,1 x2 | 3,480,112,SE,HS,1 |
        3,672,112,SE,HS,1 | 5,672,160,SE,HS,2 | 5,960,160,SE,HS,1 x2""",
    "mobilenet_v3_small": """
        3,16,16,SE,RE,s | 3,72,24,-,RE,2 | 3,88,24,-,RE,1 | 5,96,40,SE,HS,2 |
        5,240,40,SE,HS,1 x2 | 5,120,48,SE,HS,1 | 5,144,48,SE,HS,1 | 5,288,96,SE,HS,2 | 5,576,96,SE,HS,1 x2""",
}
# "SE, act, stride as above": kernel, H, O only.
SHORT = {
    "mobilenet_v3_large_e6": """
        3,16,16 | 3,96,24 | 3,144,24 | 5,144,40 | 5,240,40 x2 | 3,240,80 | 3,480,80 x3 | 3,480,112 |
        3,672,112 | 5,672,160 | 5,960,160 x2""",
    "mobilenet_v3_large_d6": """
        3,24,24 | 3,144,24 x2 | 5,144,48 | 5,288,48 x2 | 3,288,96 | 3,576,96 x3 | 3,576,120 | 3,720,120 |
        5,720,180 | 5,1080,180 x2""",
    "mobilenet_v3_large_k": """
        3,24,24 | 3,72,24 x2 | 5,144,48 x3 | 3,288,72 | 3,216,72 x3 |
        3,432,108 | 3,648,108 | 5,648,162 | 5,972,162 x2""",
}
# stem, last stage's hidden channels (V3), classifier inputs, and those after a `reuse` last stage
ENDS = {
    "mobilenet_v2": (32, None, 1280, 1280),
    "mobilenet_v3_large": (16, 960, 1280, 1920),
    "mobilenet_v3_large_e6": (16, 960, 1280, 1920),
    "mobilenet_v3_large_d6": (24, 1080, 1280, 2160),
    "mobilenet_v3_large_k": (24, 972, 1280, 1944),
    "mobilenet_v3_small": (16, 576, 1024, 1152),
}
# Rows and ends like those published, whatever else differs.
TORCHVISION = {
    f"{name}_torchvision": name for name in ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")
}
ENDS |= {name: ENDS[like] for name, like in TORCHVISION.items()}
STRIDES: dict[str, Stride] = {"1": 1, "2": 2, "s": "s"}
ACTIVATIONS: dict[str, Activation] = {"RE": "relu", "HS": "hardswish"}
WIDTHS = [step / 100 for step in range(25, 201)]


def repeated(text: str) -> list[list[str]]:
    rows = []
    for item in text.split("|"):
        cells, _, times = item.strip().partition(" x")
        rows += [cells.split(",")] * int(times or 1)
    return rows


def v2_rows() -> list[BlockRow]:
    """Expansion, O, blocks, stride; only the first block of a stage has the stride."""
    rows, channels = [], 32
    for stage, group in enumerate(V2.split(), 1):
        expansion, out, blocks, stride = group.strip("()").split(",")
        for index in range(int(blocks)):
            first = STRIDES[stride] if index == 0 else 1
            rows.append(BlockRow(stage, 3, int(expansion) * channels, int(out), False, "relu", first))
            channels = int(out)
    return rows


def full_rows(text: str) -> list[BlockRow]:
    """A new stage begins wherever the output channels change."""
    rows, stage, previous = [], 0, None
    for kernel, hidden, out, se, act, stride in repeated(text):
        stage += out != previous
        previous = out
        rows.append(
            BlockRow(stage, int(kernel), int(hidden), int(out), se == "SE", ACTIVATIONS[act], STRIDES[stride])
        )
    return rows


def short_rows(text: str) -> list[BlockRow]:
    rows = []
    like = full_rows(FULL["mobilenet_v3_large"])
    for (kernel, hidden, out), large in zip(repeated(text), like, strict=True):
        rows.append(
            BlockRow(
                large.stage,
                int(kernel),
                int(hidden),
                int(out),
                large.squeeze_excitation,
                large.activation,
                large.stride,
            )
        )
    return rows


DESIGN = (
    {"mobilenet_v2": v2_rows()}
    | {name: full_rows(text) for name, text in FULL.items()}
    | {name: short_rows(text) for name, text in SHORT.items()}
)
DESIGN |= {
    name: [replace(row, activation="relu6") if like == "mobilenet_v2" else row for row in DESIGN[like]]
    for name, like in TORCHVISION.items()
}


def test_backbones_are_those_of_the_design() -> None:
    assert list(BACKBONES) == list(ENDS)
    assert [backbone.name for backbone in BACKBONES.values()] == list(BACKBONES)


def test_rows_are_those_of_the_design(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    for index, (row, expected) in enumerate(zip(backbone.rows, DESIGN[backbone_name], strict=True)):
        assert row == expected, index


def test_rows_number_their_stages_from_one_on(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    assert [row.stage for row in backbone.rows] == sorted(row.stage for row in backbone.rows)
    assert {row.stage for row in backbone.rows} == set(range(1, backbone.stages + 1))


def test_e6_expands_six_times_from_the_second_block_on() -> None:
    rows = BACKBONES["mobilenet_v3_large_e6"].rows
    large = BACKBONES["mobilenet_v3_large"].rows
    assert [row.out_channels for row in rows] == [row.out_channels for row in large]
    assert [row.hidden for row in rows[1:]] == [6 * row.out_channels for row in rows[:-1]]


def test_d6_channels_are_divisible_by_six() -> None:
    backbone = BACKBONES["mobilenet_v3_large_d6"]
    channels = [backbone.stem_channels, *(row.out_channels for row in backbone.rows)]
    assert all(channel % 6 == 0 for channel in channels)


def test_k_expands_three_or_six_times() -> None:
    rows = BACKBONES["mobilenet_v3_large_k"].rows
    ratios = [Fraction(row.hidden, before.out_channels) for before, row in pairwise(rows)]
    assert set(ratios) == {Fraction(3), Fraction(6)}


def test_ends_are_those_of_the_design(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    stem, last_hidden, last_channels, reused = ENDS[backbone_name]
    layout = backbone.layout()
    assert (layout.stem_channels, layout.last_hidden, layout.last_channels) == (
        stem,
        last_hidden,
        last_channels,
    )
    before, after = backbone.last_tiles
    assert layout.last_tiles == (before, after)
    assert (before, after) == ((4, 1) if backbone.family == "v2" else (6, 2))
    assert layout.blocks[-1].out_channels * before * after == reused


def test_v2_and_v3_differ_as_the_design_says(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    v2 = TORCHVISION.get(backbone_name, backbone_name) == "mobilenet_v2"
    relu = "relu6" if backbone_name in TORCHVISION else "relu"
    assert backbone.activation == (relu if v2 else "hardswish")
    assert backbone.family == ("v2" if v2 else "v3")
    assert backbone.expands_equal is (backbone_name == "mobilenet_v2")
    assert backbone.activation_after_reuse is not v2
    assert backbone.source


def test_operations_start_with_those_of_the_unmodified_network(backbone_name: str) -> None:
    # design.md, "Presets": the rows mobilenet_v2 and mobilenet_v3_large; torchvision's V2 adds no convolution
    shortcut = "conv" if backbone_name == "mobilenet_v2" else "identity"
    se = "none" if BACKBONES[backbone_name].family == "v2" else "se"
    unmodified = ("conv", "conv", "conv", shortcut, "conv", se)
    operations = BACKBONES[backbone_name].operations
    assert tuple(operations) == SITE_NAMES
    assert tuple(operations[site][0] for site in SITE_NAMES) == unmodified


def test_backbones_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        BACKBONES["mine"] = BACKBONES["mobilenet_v2"]  # type: ignore[index]
    with pytest.raises(TypeError):
        BACKBONES["mobilenet_v2"].operations["se"] = ("se",)  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        BACKBONES["mobilenet_v2"].rows[0].hidden = 1  # type: ignore[misc]


def test_get_backbone_finds_by_name_and_names_the_nearest(backbone_name: str) -> None:
    assert get_backbone(backbone_name) is BACKBONES[backbone_name]
    with pytest.raises(UserError, match=f"backbone: must be one of .*did you mean '{backbone_name}'"):
        get_backbone(backbone_name[1:])


@pytest.mark.parametrize("width", [0.25, 1, 1.0, 2, 0.3333])
def test_check_width_returns_a_float(width: float) -> None:
    assert type(check_width(width)) is float
    assert check_width(width) == width


@pytest.mark.parametrize(
    "width", [0.2499, 2.0001, 0, -1, float("nan"), float("inf"), True, "1.0", None, [1.0], 1 + 0j, 10**400]
)
def test_check_width_refuses(width: object) -> None:
    with pytest.raises(UserError, match=r"width: must be a number from 0.25 to 2"):
        check_width(width)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [step / 100 for step in range(25, 201, 5)])
def test_scale_channels_is_the_nearest_multiple_of_8_but_never_below_90_percent(width: float) -> None:
    for channels in (*range(8, 200), *range(200, 1300, 7)):
        wanted = Fraction(channels * width)
        scaled = scale_channels(channels, width)
        below = wanted // 8 * 8
        nearest = below if wanted - below < below + 8 - wanted else below + 8
        if nearest < wanted * 9 / 10:
            nearest += 8
        assert scaled == max(8, nearest), (channels, width)
        assert scaled % 8 == 0
        assert scaled >= wanted * 9 / 10


def test_scale_channels_keeps_multiples_of_8_at_width_1() -> None:
    assert [scale_channels(channels, 1.0) for channels in range(8, 1288, 8)] == list(range(8, 1288, 8))


def test_layout_at_width_1_is_the_table(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    blocks = backbone.layout().blocks
    assert [
        (b.stage, b.kernel_size, b.hidden, b.out_channels, b.squeeze_excitation, b.activation) for b in blocks
    ] == [
        (r.stage, r.kernel_size, r.hidden, r.out_channels, r.squeeze_excitation, r.activation)
        for r in backbone.rows
    ]
    assert blocks[0].in_channels == backbone.stem_channels
    assert all(b.in_channels == a.out_channels for a, b in pairwise(blocks))


@pytest.mark.parametrize(("size", "small"), [(8, 1), (32, 1), (64, 1), (65, 2), (224, 2)])
def test_layout_strides_follow_the_input_size(backbone_name: str, size: int, small: int) -> None:
    # "`s` is 1 for inputs up to 64 pixels, else 2, and is also the stem's stride"
    backbone = BACKBONES[backbone_name]
    layout = backbone.layout(input_size=size)
    assert layout.stem_stride == small
    assert [block.stride for block in layout.blocks] == [
        small if row.stride == "s" else row.stride for row in backbone.rows
    ]


@pytest.mark.parametrize(("size", "reduction"), [(32, 8), (224, 32)])
def test_layout_reduces_the_image_as_published(backbone_name: str, size: int, reduction: int) -> None:
    layout = BACKBONES[backbone_name].layout(input_size=size)
    product = layout.stem_stride
    for block in layout.blocks:
        product *= block.stride
    assert product == reduction


def test_layout_channels_do_not_depend_on_the_input_size(backbone_name: str) -> None:
    small, large = (BACKBONES[backbone_name].layout(0.75, size).blocks for size in (32, 224))
    assert [(b.in_channels, b.hidden, b.out_channels, b.expands) for b in small] == [
        (b.in_channels, b.hidden, b.out_channels, b.expands) for b in large
    ]


def test_layout_scales_outputs_and_chains_blocks_at_every_width(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    for width in WIDTHS:
        if width == 1.0:
            continue
        layout = backbone.layout(width)
        assert layout.stem_channels == scale_channels(backbone.stem_channels, width)
        expected_in = layout.stem_channels
        for row, block in zip(backbone.rows, layout.blocks, strict=True):
            assert block.in_channels == expected_in
            assert block.out_channels == scale_channels(row.out_channels, width)
            expected_in = block.out_channels
        if backbone.last_hidden is not None:
            assert layout.last_hidden == scale_channels(backbone.last_hidden, width)


def test_layout_hidden_channels_keep_their_ratio_or_their_own_scale(backbone_name: str) -> None:
    backbone = BACKBONES[backbone_name]
    large_or_small = ("mobilenet_v3_large", "mobilenet_v3_small")
    assert backbone.keeps_ratio is (TORCHVISION.get(backbone_name, backbone_name) not in large_or_small)
    for width in WIDTHS:
        if width == 1.0:
            continue
        in_table = backbone.stem_channels
        for row, block in zip(backbone.rows, backbone.layout(width).blocks, strict=True):
            ratio = Fraction(row.hidden, in_table)
            if ratio == 1 or backbone.keeps_ratio:
                assert block.hidden == ratio * block.in_channels
            else:
                assert block.hidden == scale_channels(row.hidden, width)
            assert block.hidden % 8 == 0
            assert block.hidden >= Fraction(9, 10) * row.hidden * Fraction(width)
            in_table = row.out_channels


def test_layout_expands_wherever_the_table_does(backbone_name: str) -> None:
    # "In a V3 block without expansion (H == C) the `expand` site is empty; V2's first block (expansion 1)
    # keeps its 1x1 conv 32 -> 32 as published"
    backbone = BACKBONES[backbone_name]
    for width in (0.25, 0.5, 1.0, 1.4, 2.0):
        blocks = backbone.layout(width).blocks
        assert [block.expands for block in blocks] == [
            backbone_name == "mobilenet_v2" or index > 0 for index in range(len(blocks))
        ]
        assert blocks[0].hidden == blocks[0].in_channels


@pytest.mark.parametrize(("width", "expected"), [(0.25, 1280), (0.75, 1280), (1.0, 1280), (1.4, 1792)])
def test_layout_last_channels_of_v2_do_not_shrink(width: float, expected: int) -> None:
    # MobileNetV2 (arXiv 1801.04381), section 4: below 1 the width is not applied to the last layer;
    # 1.4 * 1280 = 1792
    assert BACKBONES["mobilenet_v2"].layout(width).last_channels == expected


@pytest.mark.parametrize("name", [name for name in ENDS if "v3" in name])
@pytest.mark.parametrize("width", [0.25, 0.5, 0.75, 1.25, 2.0])
def test_layout_last_channels_of_v3_scale(name: str, width: float) -> None:
    # 1280 and 1024 times a quarter are multiples of 8
    assert BACKBONES[name].layout(width).last_channels == ENDS[name][2] * width


def test_layout_refuses_width_and_input_size_out_of_range() -> None:
    backbone = BACKBONES["mobilenet_v2"]
    with pytest.raises(UserError, match=r"width: must be a number from 0.25 to 2.0, got 0.1"):
        backbone.layout(0.1)
    with pytest.raises(UserError, match="input_size: must be at least 8 pixels, got 7"):
        backbone.layout(input_size=7)


def published_parameters(name: str, *, expand: str, shortcut: str, last_stage: str, se: str) -> int:
    """Parameters with 100 classes, by hand: a conv has in * out * k * k, a BN two per channel."""
    layout = BACKBONES[name].layout()
    total = 3 * layout.stem_channels * 9 + 2 * layout.stem_channels
    for b in layout.blocks:
        if b.expands and expand == "conv":
            total += b.in_channels * b.hidden + 2 * b.hidden
        total += b.hidden * b.kernel_size**2 + 2 * b.hidden
        total += b.hidden * b.out_channels + 2 * b.out_channels
        if b.squeeze_excitation:  # FC H -> H/4, and for `se` another one back; no biases
            total += b.hidden * (b.hidden // 4) * (2 if se == "se" else 1)
        if shortcut == "conv" and b.stride == 1 and b.in_channels != b.out_channels:
            total += b.in_channels * b.out_channels + 2 * b.out_channels
    last = layout.blocks[-1].out_channels
    if last_stage == "reuse":
        before, after = BACKBONES[name].last_tiles
        return total + last * before * after * 100 + 100
    hidden = layout.last_hidden or layout.last_channels
    total += last * hidden + 2 * hidden
    if layout.last_hidden:
        total += hidden * layout.last_channels  # neither BN nor bias
    return total + layout.last_channels * 100 + 100


@pytest.mark.parametrize(
    ("name", "operations", "published"),
    [
        ("mobilenet_v2", ("conv", "conv", "conv", "none"), 2_412_212),
        ("mobilenet_v2", ("reuse", "reuse", "reuse", "none"), 1_173_732),
        ("mobilenet_v3_large", ("conv", "identity", "conv", "se"), 4_321_948),
        ("mobilenet_v3_large_e6", ("reuse", "identity", "reuse", "reuse_r4"), 1_803_076),
    ],
)
def test_layout_gives_the_published_parameters(
    name: str, operations: tuple[str, ...], published: int
) -> None:
    # design.md: "Parameters the published code gives, to build against (100 classes, 32x32)"
    sites = dict(zip(("expand", "shortcut", "last_stage", "se"), operations, strict=True))
    assert published_parameters(name, **sites) == published
