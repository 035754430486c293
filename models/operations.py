"""The layers of every operation: the functions that the rows of `space.operations` name as builders.

A builder gets the backbone and its block, or the layout where its site occurs once in a network, and returns
the module. It is not asked where the operation is absent or the identity. H, C and O are as in
`space.operations`.
"""

from collections.abc import Callable

from torch import nn

from ..space import Backbone, Block, Layout, Operation, UserError, conv_groups, largest_divisor
from ..space.effects import ABSENT, IDENTITY, SHUFFLE_GROUPS
from .layers import ChannelConv, Gate, Ghost, GroupSum, ResidualGroupConv, Shuffle, Tile, activation, conv_bn

STEM_TILE = 48  # channels that the tiled stems hand to their 1x1 conv
PRE_TILE = 12  # channels that pre_reuse hands to its 3x3 conv


Builder = Callable[..., nn.Module]


def build_operation(
    operation: Operation, backbone: Backbone, place: Block | Layout, builder: Builder | None = None
) -> nn.Module | None:
    """Build an operation at a block, or at a layout where its site occurs once; None where it is absent.

    Args:
        builder: The function that builds it, if it is not the one of this module that the row names.

    Raises:
        UserError: If this module has no function of that name.
    """
    effect = operation.effect(place)
    if effect == ABSENT:
        return None
    if effect == IDENTITY:
        return nn.Identity()
    builder = builder or (
        operation.builder if callable(operation.builder) else globals().get(str(operation.builder))
    )
    if builder is None:
        raise UserError(
            f"{operation.site} {operation.name}: builder must name a function of models/operations.py, "
            f"got {operation.builder!r}; write it there"
        )
    return builder(backbone, place, **operation.settings)


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


def shortcut_conv(backbone: Backbone, block: Block) -> nn.Module:
    return conv_bn(block.in_channels, block.out_channels)


def shortcut_reuse(backbone: Backbone, block: Block) -> nn.Module:
    return Tile(block.in_channels, block.out_channels)


def shortcut_pool_reuse(backbone: Backbone, block: Block) -> nn.Module:
    tile = shortcut_reuse(backbone, block)
    if block.stride == 1:
        return tile
    # An odd side keeps its last row and column, as the strided conv beside it does.
    return nn.Sequential(nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False), tile)


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
        nn.Conv2d(
            hidden,
            out_channels,
            1,
            groups=groups(hidden, out_channels),
            bias=backbone.conventions.biases,
        ),
        activation(act),
    )


def se(backbone: Backbone, block: Block, *, reduction: int) -> nn.Module:
    squeezed, bias = backbone.conventions.squeezed(block.hidden, reduction), backbone.conventions.biases
    return _gate(
        nn.Conv2d(block.hidden, squeezed, 1, bias=bias),
        nn.ReLU(inplace=True),
        nn.Conv2d(squeezed, block.hidden, 1, bias=bias),
    )


def se_reuse(backbone: Backbone, block: Block, *, reduction: int) -> nn.Module:
    squeezed = block.hidden // reduction
    squeeze = nn.Conv2d(block.hidden, squeezed, 1, bias=backbone.conventions.biases)
    return _gate(squeeze, nn.ReLU(inplace=True), Tile(squeezed, block.hidden))


def se_eca(backbone: Backbone, block: Block) -> nn.Module:
    return _gate(ChannelConv(block.hidden))


def _gate(*layers: nn.Module) -> nn.Module:
    return Gate(nn.Sequential(*layers, nn.Hardsigmoid()))
