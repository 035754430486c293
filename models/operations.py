"""The operations of every site: one function each, one row each in the two registries at the end.

A function gets what its site knows and returns the module, or None where nothing is built. H, C and
O are as in `space.sites`.
"""

from collections.abc import Callable
from types import MappingProxyType

from torch import nn

from ..space import Backbone, Block, Layout, conv_groups, largest_divisor, shortcut_effect
from ..space.canonical import SHUFFLE_GROUPS
from .layers import ChannelConv, Gate, Ghost, GroupSum, ResidualGroupConv, Shuffle, Tile, activation, conv_bn

STEM_TILE = 48  # channels that the tiled stems hand to their 1x1 conv
PRE_TILE = 12  # channels that pre_reuse hands to its 3x3 conv


def first_conv(backbone: Backbone, layout: Layout) -> nn.Module:
    return conv_bn(3, layout.stem_channels, kernel_size=3, stride=layout.stem_stride, act=backbone.activation)


def first_reuse(backbone: Backbone, layout: Layout) -> nn.Module:
    return nn.Sequential(
        conv_bn(3, 3, kernel_size=3, stride=layout.stem_stride),
        Tile(3, STEM_TILE),
        conv_bn(STEM_TILE, layout.stem_channels, act=backbone.activation),
    )


def first_pre_reuse(backbone: Backbone, layout: Layout) -> nn.Module:
    return nn.Sequential(
        Tile(3, PRE_TILE),
        conv_bn(PRE_TILE, PRE_TILE, kernel_size=3, stride=layout.stem_stride),
        Tile(PRE_TILE, STEM_TILE),
        conv_bn(STEM_TILE, layout.stem_channels, act=backbone.activation),
    )


def expand_conv(backbone: Backbone, block: Block) -> nn.Module:
    return conv_bn(block.in_channels, block.hidden, act=block.activation)


def expand_reuse(backbone: Backbone, block: Block) -> nn.Module:
    # The activation commutes with the tile and is cheaper on C channels; it must not be in place,
    # the shortcut reads the same input.
    act = [activation(block.activation, inplace=False)] if backbone.activation_after_reuse else []
    return nn.Sequential(*act, Tile(block.in_channels, block.hidden))


def expand_shuffle_reuse(backbone: Backbone, block: Block) -> nn.Module:
    return nn.Sequential(Shuffle(block.in_channels, SHUFFLE_GROUPS), expand_reuse(backbone, block))


def expand_reuse_group(backbone: Backbone, block: Block) -> nn.Module:
    groups = largest_divisor(block.hidden, 3 * block.copies)
    return nn.Sequential(
        Tile(block.in_channels, block.hidden), ResidualGroupConv(block.hidden, groups, block.activation)
    )


def expand_group_conv(backbone: Backbone, block: Block) -> nn.Module:
    groups = conv_groups(block.in_channels, block.hidden)
    conv = conv_bn(block.in_channels, block.hidden, groups=groups, act=block.activation)
    return nn.Sequential(conv, Shuffle(block.hidden, groups))


def expand_ghost(backbone: Backbone, block: Block) -> nn.Module:
    return Ghost(block.in_channels, block.hidden, block.activation)


def project_conv(backbone: Backbone, block: Block) -> nn.Module:
    return conv_bn(block.hidden, block.out_channels)


def project_conv_shuffle(backbone: Backbone, block: Block) -> nn.Module:
    return nn.Sequential(project_conv(backbone, block), Shuffle(block.out_channels, block.copies))


def project_group_conv(backbone: Backbone, block: Block) -> nn.Module:
    groups = conv_groups(block.hidden, block.out_channels)
    conv = conv_bn(block.hidden, block.out_channels, groups=groups)
    return nn.Sequential(conv, Shuffle(block.out_channels, groups))


def project_reduce(backbone: Backbone, block: Block) -> nn.Module:
    return nn.Sequential(
        GroupSum(block.hidden, block.in_channels), conv_bn(block.in_channels, block.out_channels)
    )


def shortcut(operation: str, block: Block) -> nn.Module | None:
    """The shortcut of a block, None where it has none."""
    effect = shortcut_effect(operation, block)
    if effect == "none":
        return None
    if effect == "identity":
        return nn.Identity()
    if effect == "conv":
        return conv_bn(block.in_channels, block.out_channels)
    if effect == "tile":
        return Tile(block.in_channels, block.out_channels)
    # An odd side keeps its last row and column, as the strided conv beside it does.
    pool = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, Tile(block.in_channels, block.out_channels))


def shortcut_identity(backbone: Backbone, block: Block) -> nn.Module | None:
    return shortcut("identity", block)


def shortcut_conv(backbone: Backbone, block: Block) -> nn.Module | None:
    return shortcut("conv", block)


def shortcut_reuse(backbone: Backbone, block: Block) -> nn.Module | None:
    return shortcut("reuse", block)


def shortcut_pool_reuse(backbone: Backbone, block: Block) -> nn.Module | None:
    return shortcut("pool_reuse", block)


def last_conv(backbone: Backbone, layout: Layout) -> nn.Module:
    return _last(backbone, layout, grouped=False)


def last_group_conv(backbone: Backbone, layout: Layout) -> nn.Module:
    return _last(backbone, layout, grouped=True)


def last_pool_first(backbone: Backbone, layout: Layout) -> nn.Module:
    in_channels = layout.blocks[-1].out_channels
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), conv_bn(in_channels, layout.last_channels, act=backbone.activation)
    )


def last_reuse(backbone: Backbone, layout: Layout) -> nn.Module:
    # Pooling and activation act on each copy alike, so they come before the copies are made.
    in_channels = layout.blocks[-1].out_channels
    before, after = backbone.last_tiles
    tile = Tile(in_channels, in_channels * before * after)
    pool = nn.AdaptiveAvgPool2d(1)
    if layout.last_hidden is None:
        return nn.Sequential(pool, tile)
    return nn.Sequential(activation(backbone.activation), pool, activation(backbone.activation), tile)


def _last(backbone: Backbone, layout: Layout, *, grouped: bool) -> nn.Module:
    in_channels, hidden, out_channels = (
        layout.blocks[-1].out_channels,
        layout.last_hidden,
        layout.last_channels,
    )
    act = backbone.activation

    def groups(a: int, b: int) -> int:
        return conv_groups(a, b) if grouped else 1

    def first(out: int) -> nn.Module:
        conv = conv_bn(in_channels, out, groups=groups(in_channels, out), act=act)
        return nn.Sequential(*conv, Shuffle(out, groups(in_channels, out))) if grouped else conv

    if hidden is None:
        return nn.Sequential(first(out_channels), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(
        first(hidden),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(hidden, out_channels, 1, groups=groups(hidden, out_channels), bias=False),
        activation(act),
    )


def se(backbone: Backbone, block: Block) -> nn.Module | None:
    squeezed = block.hidden // 4
    return _gate(
        block,
        nn.Conv2d(block.hidden, squeezed, 1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(squeezed, block.hidden, 1, bias=False),
    )


def se_reuse_r4(backbone: Backbone, block: Block) -> nn.Module | None:
    return _tiled_gate(block, 4)


def se_reuse_r8(backbone: Backbone, block: Block) -> nn.Module | None:
    return _tiled_gate(block, 8)


def se_eca(backbone: Backbone, block: Block) -> nn.Module | None:
    return _gate(block, ChannelConv(block.hidden))


def se_none(backbone: Backbone, block: Block) -> nn.Module | None:
    return None


def _tiled_gate(block: Block, reduction: int) -> nn.Module | None:
    squeezed = block.hidden // reduction
    squeeze = nn.Conv2d(block.hidden, squeezed, 1, bias=False)
    return _gate(block, squeeze, nn.ReLU(inplace=True), Tile(squeezed, block.hidden))


def _gate(block: Block, *layers: nn.Module) -> nn.Module | None:
    return Gate(nn.Sequential(*layers, nn.Hardsigmoid())) if block.squeeze_excitation else None


NetworkOperation = Callable[[Backbone, Layout], nn.Module]
BlockOperation = Callable[[Backbone, Block], nn.Module | None]

NETWORK_OPERATIONS: MappingProxyType[str, dict[str, NetworkOperation]] = MappingProxyType(
    {
        "first_conv": {"conv": first_conv, "reuse": first_reuse, "pre_reuse": first_pre_reuse},
        "last_stage": {
            "conv": last_conv,
            "reuse": last_reuse,
            "pool_first": last_pool_first,
            "group_conv": last_group_conv,
        },
    }
)
BLOCK_OPERATIONS: MappingProxyType[str, dict[str, BlockOperation]] = MappingProxyType(
    {
        "expand": {
            "conv": expand_conv,
            "reuse": expand_reuse,
            "shuffle_reuse": expand_shuffle_reuse,
            "reuse_group": expand_reuse_group,
            "group_conv": expand_group_conv,
            "ghost": expand_ghost,
        },
        "project": {
            "conv": project_conv,
            "conv_shuffle": project_conv_shuffle,
            "group_conv": project_group_conv,
            "reduce": project_reduce,
        },
        "shortcut": {
            "identity": shortcut_identity,
            "conv": shortcut_conv,
            "reuse": shortcut_reuse,
            "pool_reuse": shortcut_pool_reuse,
        },
        "se": {
            "se": se,
            "reuse_r4": se_reuse_r4,
            "reuse_r8": se_reuse_r8,
            "eca": se_eca,
            "none": se_none,
        },
    }
)
