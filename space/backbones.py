"""The backbones as block tables, and their layout at a width and an input size."""

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from .errors import UserError, check_name
from .known_operations import MARK, offered
from .layout import Activation, Block, Layout
from .operation import Family

Stride = Literal[1, 2, "s"]

MIN_WIDTH, MAX_WIDTH = 0.25, 2.0
CHANNEL_MULTIPLE = 8  # and the fewest channels
SMALL_INPUT = 64  # pixels; up to here the stride "s" is 1, above it 2
MIN_INPUT = 8  # pixels; the smallest input that keeps one pixel through three strides of 2


@dataclass(frozen=True)
class BlockRow:
    """One inverted residual block of a backbone table, at width 1."""

    stage: int
    kernel_size: int
    hidden: int
    out_channels: int
    squeeze_excitation: bool
    activation: Activation
    stride: Stride


@dataclass(frozen=True)
class Conventions:
    """What implementations of one published network differ in.

    Attributes:
        biases: Whether the layers of squeeze-and-excitation and V3's 1x1 conv after the pooling have them.
        rounds_squeeze: Whether the channels between the two layers of `se` are rounded as a width does it.
        gate_last: Whether squeeze-and-excitation comes behind the activation, not before it.
        norm_eps: Added to the variance in every batch norm.
        norm_momentum: Share of a batch in the statistics that a batch norm keeps.
    """

    biases: bool = False
    rounds_squeeze: bool = False
    gate_last: bool = False
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def squeezed(self, channels: int, reduction: int) -> int:
        """Channels between the two layers of `se`."""
        squeezed = channels // reduction
        return scale_channels(squeezed, 1.0) if self.rounds_squeeze else squeezed


@dataclass(frozen=True)
class Backbone:
    """A published network as data.

    Attributes:
        family: Whose operations it offers.
        rows: The blocks, in order.
        stem_channels: Output channels of the first convolution.
        activation: Activation of the stem and of the last stage.
        last_hidden: Channels of the 1x1 conv before the pooling, None where the last stage has one
            1x1 conv only (V2).
        last_channels: Input channels of the classifier in the unmodified network.
        last_shrinks: Whether a width below 1 also narrows `last_channels`.
        keeps_ratio: Whether H / C is the same at every width (else H is rounded on its own).
        expands_equal: Whether a block with H == C has a 1x1 expand conv all the same (V2).
        activation_after_reuse: Whether `reuse` at the expand site is followed by an activation.
        last_tiles: Tile factors of `reuse` at the last stage, before and after the pooling.
        operations: The operations each site offers; the first is the unmodified network's.
        conventions: What of its implementation the table does not say.
    """

    name: str
    family: Family
    source: str
    rows: tuple[BlockRow, ...]
    stem_channels: int
    activation: Activation
    last_hidden: int | None
    last_channels: int
    last_shrinks: bool
    keeps_ratio: bool
    expands_equal: bool
    activation_after_reuse: bool
    last_tiles: tuple[int, int]
    operations: MappingProxyType[str, tuple[str, ...]]
    conventions: Conventions = Conventions()

    @property
    def stages(self) -> int:
        return self.rows[-1].stage

    def layout(
        self, width: float = 1.0, input_size: int = 32, channel_multiple: int = CHANNEL_MULTIPLE
    ) -> Layout:
        """Give the backbone's channels and strides at a width and an input size.

        Args:
            width: Width multiplier, 0.25 to 2.
            input_size: Side of the square input in pixels, 8 or more.
            channel_multiple: What a width other than 1 rounds channels to multiples of.

        Raises:
            UserError: If the width or the size is out of range.
        """
        check_width(width)
        if input_size < MIN_INPUT:
            raise UserError(f"--input-size: must be at least {MIN_INPUT} pixels, got {input_size}")
        return _layout(self.name, float(width), input_size > SMALL_INPUT, channel_multiple)


def check_width(width: float) -> float:
    """Return `width` as a float.

    Raises:
        UserError: If it is no number from 0.25 to 2.
    """
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not MIN_WIDTH <= width <= MAX_WIDTH:
        raise UserError(f"--width: must be a number from {MIN_WIDTH} to {MAX_WIDTH}, got {width!r}")
    return float(width)


def scale_channels(channels: float, width: float, multiple: int = CHANNEL_MULTIPLE) -> int:
    """Scale by the width multiplier, to a multiple and never below 90 % (MobileNetV2's code)."""
    wanted = channels * width
    rounded = max(CHANNEL_MULTIPLE, int(wanted + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < 0.9 * wanted else rounded


@lru_cache(maxsize=256)
def _layout(name: str, width: float, large_input: bool, multiple: int) -> Layout:
    backbone = get_backbone(name)
    small_stride = 2 if large_input else 1
    scale = (
        (lambda channels: channels)
        if width == 1.0
        else (lambda channels: scale_channels(channels, width, multiple))
    )

    stem = in_channels = scale(backbone.stem_channels)
    in_table = backbone.stem_channels
    blocks = []
    for row in backbone.rows:
        ratio = row.hidden / in_table
        hidden = round(ratio * in_channels) if backbone.keeps_ratio else scale(row.hidden)
        if row.hidden == in_table:
            hidden = in_channels
        out_channels = scale(row.out_channels)
        blocks.append(
            Block(
                stage=row.stage,
                kernel_size=row.kernel_size,
                in_channels=in_channels,
                hidden=hidden,
                out_channels=out_channels,
                squeeze_excitation=row.squeeze_excitation,
                activation=row.activation,
                stride=small_stride if row.stride == "s" else row.stride,
                expands=backbone.expands_equal or row.hidden != in_table,
            )
        )
        in_channels, in_table = out_channels, row.out_channels

    return Layout(
        stem_channels=stem,
        stem_stride=small_stride,
        blocks=tuple(blocks),
        last_hidden=None if backbone.last_hidden is None else scale(backbone.last_hidden),
        last_channels=scale(backbone.last_channels)
        if backbone.last_shrinks or width > 1
        else backbone.last_channels,
        last_tiles=backbone.last_tiles,
    )


# MobileNetV2, table 2: expansion, O, blocks, stride.
_V2_TABLE: tuple[tuple[int, int, int, Stride], ...] = (
    (1, 16, 1, 1),
    (6, 24, 2, "s"),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _v2_rows(activation: Activation) -> tuple[BlockRow, ...]:
    rows = []
    in_channels = 32
    for stage, (expansion, out_channels, blocks, stride) in enumerate(_V2_TABLE, 1):
        for index in range(blocks):
            first_stride = stride if index == 0 else 1
            rows.append(
                BlockRow(stage, 3, expansion * in_channels, out_channels, False, activation, first_stride)
            )
            in_channels = out_channels
    return tuple(rows)


RE: Activation = "relu"
HS: Activation = "hardswish"


def _v3(
    name: str,
    source: str,
    stem_channels: int,
    last: tuple[int, int],
    keeps_ratio: bool,
    rows: tuple[BlockRow, ...],
) -> Backbone:
    return Backbone(
        name=name,
        family="v3",
        source=source,
        rows=rows,
        stem_channels=stem_channels,
        activation=HS,
        last_hidden=last[0],
        last_channels=last[1],
        last_shrinks=True,
        keeps_ratio=keeps_ratio,
        expands_equal=False,
        activation_after_reuse=True,
        last_tiles=(6, 2),
        operations=offered("v3"),
    )


_BACKBONES = (
    Backbone(
        name="mobilenet_v2",
        family="v2",
        source="MobileNetV2 (arXiv 1801.04381), table 2; a 1x1 conv also in the first block",
        rows=_v2_rows(RE),
        stem_channels=32,
        activation=RE,
        last_hidden=None,
        last_channels=1280,
        last_shrinks=False,
        keeps_ratio=True,
        expands_equal=True,
        activation_after_reuse=False,
        last_tiles=(4, 1),
        operations=offered("v2"),
    ),
    _v3(
        "mobilenet_v3_large",
        "MobileNetV3 (arXiv 1905.02244), table 1",
        16,
        (960, 1280),
        False,
        (
            BlockRow(1, 3, 16, 16, False, RE, 1),
            BlockRow(2, 3, 64, 24, False, RE, "s"),
            BlockRow(2, 3, 72, 24, False, RE, 1),
            BlockRow(3, 5, 72, 40, True, RE, 2),
            BlockRow(3, 5, 120, 40, True, RE, 1),
            BlockRow(3, 5, 120, 40, True, RE, 1),
            BlockRow(4, 3, 240, 80, False, HS, 2),
            BlockRow(4, 3, 200, 80, False, HS, 1),
            BlockRow(4, 3, 184, 80, False, HS, 1),
            BlockRow(4, 3, 184, 80, False, HS, 1),
            BlockRow(5, 3, 480, 112, True, HS, 1),
            BlockRow(5, 3, 672, 112, True, HS, 1),
            BlockRow(6, 5, 672, 160, True, HS, 2),
            BlockRow(6, 5, 960, 160, True, HS, 1),
            BlockRow(6, 5, 960, 160, True, HS, 1),
        ),
    ),
    _v3(
        "mobilenet_v3_large_e6",
        "mobilenet_v3_large with H = 6 C from the second block on",
        16,
        (960, 1280),
        True,
        (
            BlockRow(1, 3, 16, 16, False, RE, 1),
            BlockRow(2, 3, 96, 24, False, RE, "s"),
            BlockRow(2, 3, 144, 24, False, RE, 1),
            BlockRow(3, 5, 144, 40, True, RE, 2),
            BlockRow(3, 5, 240, 40, True, RE, 1),
            BlockRow(3, 5, 240, 40, True, RE, 1),
            BlockRow(4, 3, 240, 80, False, HS, 2),
            BlockRow(4, 3, 480, 80, False, HS, 1),
            BlockRow(4, 3, 480, 80, False, HS, 1),
            BlockRow(4, 3, 480, 80, False, HS, 1),
            BlockRow(5, 3, 480, 112, True, HS, 1),
            BlockRow(5, 3, 672, 112, True, HS, 1),
            BlockRow(6, 5, 672, 160, True, HS, 2),
            BlockRow(6, 5, 960, 160, True, HS, 1),
            BlockRow(6, 5, 960, 160, True, HS, 1),
        ),
    ),
    _v3(
        "mobilenet_v3_large_d6",
        "mobilenet_v3_large with channels divisible by six",
        24,
        (1080, 1280),
        True,
        (
            BlockRow(1, 3, 24, 24, False, RE, 1),
            BlockRow(2, 3, 144, 24, False, RE, "s"),
            BlockRow(2, 3, 144, 24, False, RE, 1),
            BlockRow(3, 5, 144, 48, True, RE, 2),
            BlockRow(3, 5, 288, 48, True, RE, 1),
            BlockRow(3, 5, 288, 48, True, RE, 1),
            BlockRow(4, 3, 288, 96, False, HS, 2),
            BlockRow(4, 3, 576, 96, False, HS, 1),
            BlockRow(4, 3, 576, 96, False, HS, 1),
            BlockRow(4, 3, 576, 96, False, HS, 1),
            BlockRow(5, 3, 576, 120, True, HS, 1),
            BlockRow(5, 3, 720, 120, True, HS, 1),
            BlockRow(6, 5, 720, 180, True, HS, 2),
            BlockRow(6, 5, 1080, 180, True, HS, 1),
            BlockRow(6, 5, 1080, 180, True, HS, 1),
        ),
    ),
    _v3(
        "mobilenet_v3_large_k",
        "mobilenet_v3_large with H = 3 C or 6 C",
        24,
        (972, 1280),
        True,
        (
            BlockRow(1, 3, 24, 24, False, RE, 1),
            BlockRow(2, 3, 72, 24, False, RE, "s"),
            BlockRow(2, 3, 72, 24, False, RE, 1),
            BlockRow(3, 5, 144, 48, True, RE, 2),
            BlockRow(3, 5, 144, 48, True, RE, 1),
            BlockRow(3, 5, 144, 48, True, RE, 1),
            BlockRow(4, 3, 288, 72, False, HS, 2),
            BlockRow(4, 3, 216, 72, False, HS, 1),
            BlockRow(4, 3, 216, 72, False, HS, 1),
            BlockRow(4, 3, 216, 72, False, HS, 1),
            BlockRow(5, 3, 432, 108, True, HS, 1),
            BlockRow(5, 3, 648, 108, True, HS, 1),
            BlockRow(6, 5, 648, 162, True, HS, 2),
            BlockRow(6, 5, 972, 162, True, HS, 1),
            BlockRow(6, 5, 972, 162, True, HS, 1),
        ),
    ),
    _v3(
        "mobilenet_v3_small",
        "MobileNetV3 (arXiv 1905.02244), table 2",
        16,
        (576, 1024),
        False,
        (
            BlockRow(1, 3, 16, 16, True, RE, "s"),
            BlockRow(2, 3, 72, 24, False, RE, 2),
            BlockRow(2, 3, 88, 24, False, RE, 1),
            BlockRow(3, 5, 96, 40, True, HS, 2),
            BlockRow(3, 5, 240, 40, True, HS, 1),
            BlockRow(3, 5, 240, 40, True, HS, 1),
            BlockRow(4, 5, 120, 48, True, HS, 1),
            BlockRow(4, 5, 144, 48, True, HS, 1),
            BlockRow(5, 5, 288, 96, True, HS, 2),
            BlockRow(5, 5, 576, 96, True, HS, 1),
            BlockRow(5, 5, 576, 96, True, HS, 1),
        ),
    ),
)

# As torchvision builds them, so that its weights fit. Its V2 has nothing before the first depthwise conv and
# adds where shapes agree; in its V3 the gate multiplies what the activation gave.
_TORCHVISION_V3 = Conventions(
    biases=True, rounds_squeeze=True, gate_last=True, norm_eps=0.001, norm_momentum=0.01
)
_TORCHVISION = (
    replace(
        _BACKBONES[0],
        name="mobilenet_v2_torchvision",
        source="torchvision.models.mobilenet_v2",
        rows=_v2_rows("relu6"),
        activation="relu6",
        expands_equal=False,
        operations=offered("v2", bare_shortcuts=True),
    ),
    *(
        replace(
            backbone,
            name=f"{backbone.name}_torchvision",
            source=f"torchvision.models.{backbone.name}",
            conventions=_TORCHVISION_V3,
        )
        for backbone in (_BACKBONES[1], _BACKBONES[-1])
    ),
)

BACKBONES: MappingProxyType[str, Backbone] = MappingProxyType(
    {b.name: b for b in (*_BACKBONES, *_TORCHVISION)}
)


_OWN: dict[str, Backbone] = {}  # of a user's own, that tables were read of


def get_backbone(name: str) -> Backbone:
    """Look a backbone up by name.

    Raises:
        UserError: If there is none of that name.
    """
    if not isinstance(name, str):
        check_name("--backbone", name, BACKBONES)
    found = BACKBONES.get(name) or _OWN.get(name)
    if found is None and MARK in name:
        raise UserError(
            f"--backbone: {name} is of a table of a user's own; give the path of its YAML, or of a "
            "run.yaml that has it"
        )
    return found or BACKBONES[check_name("--backbone", name, BACKBONES)]


def make_backbone_known(backbone: Backbone) -> None:
    """Have a backbone of a user's own found by its name."""
    _OWN[backbone.name] = backbone
