"""Orders of the channels between blocks, which a network can absorb though no stage can on its own.

A stream is what the blocks of a stage hand on: the stage's later blocks and the first of the next stage read
it. A shuffle before a tile is none if the stream comes in the order that the shuffle undoes. So an operation
turns into its plain one (`Operation.plain`) in all that reads a stream, if what writes it can write it in any
order (`sorts`) and what else reads it follows (`follows`). A block that absorbs the order among its hidden
channels binds nothing; a shortcut that is the identity holds both its ends in one order.

Streams that a stage or a shortcut binds turn together or not at all. They are neighbours, so a walk from the
stem to the last stage finds them.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from .backbones import get_backbone
from .channels import Order
from .effects import ABSENT, IDENTITY
from .known_operations import get_operation
from .layout import Block
from .operation import READERS
from .sites import STAGED_SITES

INPUT_SIZES = (32, 224)  # one on each side of the input size where the strides change

Form = tuple[str, ...]  # operations of the staged sites


class Links(NamedTuple):
    """What a stage does to the stream before it and to its own.

    Attributes:
        expand: Its operation before the depthwise convs.
        reads: Whether its first block reads the stream before in the order it has.
        keeps: Whether it needs the stream before as it is.
        reads_own: As `reads`, of the later blocks and the stage's own stream.
        keeps_own: As `keeps`, of the stage's own stream.
        tied: Whether a shortcut holds both streams in one order.
    """

    expand: str
    reads: bool
    keeps: bool
    reads_own: bool
    keeps_own: bool
    tied: bool


class Bound(NamedTuple):
    """Streams that turn together: the operation that reads them, if any, and whether they have to stay."""

    expand: str | None = None
    stays: bool = False

    def read(self, reads: bool, expand: str, keeps: bool) -> "Bound":
        other = reads and self.expand not in (None, expand)
        return Bound(expand if reads else self.expand, self.stays or keeps or other)


def step(bound: Bound, links: Links) -> tuple[Bound | None, Bound]:
    """Go on by a stage: the streams that end with it, if they do, and those that are bound to its own."""
    bound = bound.read(links.reads, links.expand, links.keeps)
    ended = None if links.tied or (links.reads and links.reads_own) else bound
    own = bound if ended is None else Bound()
    return ended, own.read(links.reads_own, links.expand, links.keeps_own)


def start(first_conv: str) -> Bound:
    """What is bound to the stem's channels before the first stage."""
    return Bound(stays=not get_operation("first_conv", first_conv).sorts)


def end(name: str, width: float, last_stage: str, bound: Bound) -> Bound:
    """What is bound to the last stage's channels once they are read."""
    operation = get_operation("last_stage", last_stage)
    layouts = [get_backbone(name).layout(width, size) for size in INPUT_SIZES]
    follows = all(
        operation.follows_order(layout, order)
        for layout in layouts
        for order in _orders(name, layout.blocks[-1].out_channels)
    )
    return bound.read(False, "", not follows)


def turns(name: str, bound: Bound) -> bool:
    """Whether an operation that reads these streams is its plain one."""
    return not bound.stays and bound.expand in shuffles(name)


def turned(name: str, width: float, first_conv: str, last_stage: str, forms: Sequence[Form]) -> list[Form]:
    """The canonical forms of the stages with every operation that can turn into its plain one turned."""
    plain = shuffles(name)
    if not any(form[0] in plain for form in forms):
        return list(forms)
    bound, members, turning = start(first_conv), set[int](), set[int]()
    for index, form in enumerate(forms):
        links = links_of(name, width, index + 1, form)
        if links.reads:
            members.add(index)
        ended, bound = step(bound, links)
        if ended is not None:
            turning |= members if turns(name, ended) else set()
            members = set()
        if links.reads_own:
            members.add(index)
    turning |= members if turns(name, end(name, width, last_stage, bound)) else set()
    return [(plain[form[0]], *form[1:]) if index in turning else form for index, form in enumerate(forms)]


@cache
def links_of(name: str, width: float, stage: int, form: Form) -> Links:
    """What a stage with these operations does to the streams at its ends, at any input size."""
    expand, project, shortcut, _ = (
        get_operation(site, chosen) for site, chosen in zip(STAGED_SITES, form, strict=True)
    )
    reads, keeps, tied = [False, False], [False, False], False  # of the stream before, of its own
    for size in INPUT_SIZES:
        blocks = [block for block in get_backbone(name).layout(width, size).blocks if block.stage == stage]
        for index, block in enumerate(blocks):
            source = min(index, 1)
            orders = _orders(name, block.in_channels)
            if expand.effect(block) == ABSENT:
                keeps[source] |= not all(absorbs(form, block, order) for order in orders)
            elif expand.name in {*shuffles(name), *shuffles(name).values()}:
                reads[source] |= not _tile_absorbed(name, form, block)
            else:
                keeps[source] |= not all(expand.follows_order(block, order) for order in orders)
            keeps[1] |= not project.sorts
            around = shortcut.effect(block)
            if around == IDENTITY:
                tied |= source == 0
            elif around != ABSENT:
                keeps[source] |= not all(shortcut.follows_order(block, order) for order in orders)
                keeps[1] |= not shortcut.sorts
    return Links(expand.name, reads[0], keeps[0], reads[1], keeps[1], tied)


def absorbs(form: Form, block: Block, order: Order) -> bool:
    """Whether what reads a block's hidden channels follows them in another order."""
    return all(
        get_operation(site, form[STAGED_SITES.index(site)]).follows_order(block, order) for site in READERS
    )


def _tile_absorbed(name: str, form: Form, block: Block) -> bool:
    """Whether a block with a tile computes the same from its input channels in another order."""
    rows = [
        (get_operation("expand", row), get_operation("expand", plain))
        for row, plain in shuffles(name).items()
        if form[0] in (row, plain)
    ]
    return all(
        row.effect(block) == plain.effect(block) and absorbs(form, block, row.order_at(block))
        for row, plain in rows
    )


@cache
def shuffles(name: str) -> Mapping[str, str]:
    """The operations that a backbone offers before its depthwise convs that are another, reordered."""
    offered = get_backbone(name).operations["expand"]
    rows = [get_operation("expand", operation) for operation in offered]
    return MappingProxyType({row.name: row.plain for row in rows if row.plain in offered})


@cache
def _orders(name: str, channels: int) -> tuple[Order, ...]:
    """The orders in which operations of a backbone read as many channels."""
    rows = [get_operation("expand", operation) for operation in shuffles(name)]
    return tuple(tuple(row.reads(channels)) for row in rows if row.reads is not None)
