"""What an operation amounts to at a block or layout, and which orders of its channels it follows.

These are the functions that the rows of `space.operations` name. C, H and O are a block's input, hidden and
output channels.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .channels import Order, conv_groups, keeps_groups, modulo, shuffle_order, tiled_shuffle
from .layout import Block, Layout

ABSENT = "absent"  # nothing is built
IDENTITY = "identity"  # the output is the input

SHUFFLE_GROUPS = 6  # of the shuffle before a tile

Effect = Callable[[Any], str]  # of a Block, or of a Layout where the site occurs once in a network


# Effects


def always(effect: str) -> Effect:
    """The same in every block or layout."""
    return lambda place: effect


def expanding(effect: str) -> Effect:
    """In the blocks that expand; the others have nothing before their depthwise conv."""
    return lambda block: effect if block.expands else ABSENT


def gated(effect: str) -> Effect:
    """In the blocks with squeeze-and-excitation."""
    return lambda block: effect if block.squeeze_excitation else ABSENT


def around(widening: str, halving: str) -> Effect:
    """Of a shortcut where stride 1 changes the channels only, and where the stride is 2."""

    def effect(block: Block) -> str:
        if block.stride > 1:
            return halving
        return IDENTITY if block.in_channels == block.out_channels else widening

    return effect


def grouped_expand(block: Block) -> str:
    """A grouped conv of one group is a plain one."""
    return expanding("conv" if conv_groups(block.in_channels, block.hidden) == 1 else "group_conv")(block)


def shuffled_tile(block: Block) -> str:
    """The tile in another order, but where the tile is cut: there it holds other channels."""
    return expanding("shuffled_tile" if block.hidden % block.in_channels else "tile")(block)


def grouped_project(block: Block) -> str:
    return "conv" if conv_groups(block.hidden, block.out_channels) == 1 else "group_conv"


def summed(block: Block) -> str:
    """With one copy there is nothing to sum."""
    return "conv" if block.hidden == block.in_channels else "reduce"


def grouped_last(layout: Layout) -> str:
    widths = [layout.blocks[-1].out_channels, layout.last_hidden, layout.last_channels]
    convs = [width for width in widths if width is not None]
    return "conv" if all(conv_groups(a, b) == 1 for a, b in pairwise(convs)) else "group_conv"


# Orders


def shuffled_order(block: Block) -> Order:
    """Empty where the tile is cut, which is another effect."""
    if block.hidden % block.in_channels:
        return ()
    return tiled_shuffle(block.in_channels, block.hidden, SHUFFLE_GROUPS)


def shuffled_input(channels: int) -> Order:
    return shuffle_order(channels, SHUFFLE_GROUPS)


def any_order(place: Block | Layout, order: Order, **settings: int) -> bool:
    """A dense layer: its columns are permuted along."""
    return True


def copies_alike(block: Block, order: Order) -> bool:
    """A sum over the copies of the C input channels, if all copies of a channel go the same way."""
    return modulo(order, block.in_channels) is not None


def within_groups(block: Block, order: Order) -> bool:
    """A grouped projection, if no channel leaves its group."""
    return keeps_groups(order, conv_groups(block.hidden, block.out_channels))


def gates_alike(block: Block, order: Order, *, reduction: int) -> bool:
    """A tiled gate, if channels that share a gate still do."""
    return modulo(order, block.hidden // reduction) is not None


# Features


def last_channels(layout: Layout) -> int:
    return layout.last_channels


def tiled_channels(layout: Layout) -> int:
    before, after = layout.last_tiles
    return layout.blocks[-1].out_channels * before * after
