"""Where an operation can stand: blocks and layouts of the backbones that offer it, and the shapes there."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from ..space import BACKBONES, SITES, Backbone, Block, Layout, Operation

WIDTHS = (0.28, 1.0)  # at the first, gates of some blocks are tiled such that a shuffle passes
SIDE = 5  # of the images, odd
_INPUT_SIZES = (32, 224)


class Place(NamedTuple):
    """Where an operation is built, and the shapes it has to have there."""

    backbone: Backbone
    at: Block | Layout
    given: tuple[int, ...]
    wanted: tuple[int, ...]


def places(operation: Operation) -> Iterator[Place]:
    offering = [backbone for backbone in BACKBONES.values() if backbone.family in operation.families]
    for backbone, width, size in product(offering, WIDTHS, _INPUT_SIZES):
        layout = backbone.layout(width, size)
        if not SITES[operation.site].staged:
            yield Place(backbone, layout, *_layout_shapes(operation, layout))
            continue
        for block in layout.blocks:
            yield Place(backbone, block, *_block_shapes(operation, block))


def shape(at: Block | Layout) -> Block | Layout:
    """What tells one place from another: an operation of a block depends on channels and strides."""
    return replace(at, stage=1, kernel_size=3, activation="relu") if isinstance(at, Block) else at


def is_cut(at: Block | Layout) -> bool:
    """Whether a tile does not fit, which takes other operators."""
    return isinstance(at, Block) and (at.hidden % at.in_channels > 0 or at.out_channels % at.in_channels > 0)


def _layout_shapes(operation: Operation, layout: Layout) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if operation.features is None:
        side = -(-SIDE // layout.stem_stride)
        return (2, 3, SIDE, SIDE), (2, layout.stem_channels, side, side)
    return (2, layout.blocks[-1].out_channels, SIDE, SIDE), (2, operation.features(layout), 1, 1)


def _block_shapes(operation: Operation, block: Block) -> tuple[tuple[int, ...], tuple[int, ...]]:
    inputs = {"expand": block.in_channels, "shortcut": block.in_channels}
    outputs = {"expand": block.hidden, "se": block.hidden}
    side = -(-SIDE // block.stride) if operation.site == "shortcut" else SIDE
    return (
        (2, inputs.get(operation.site, block.hidden), SIDE, SIDE),
        (2, outputs.get(operation.site, block.out_channels), side, side),
    )
