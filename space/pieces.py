"""The pieces that a deployed network is cut into: stem, blocks, and last stage with the classifier.

A runtime joins the layers of a block (convolution and activation, projection and shortcut) and lays out its
wide hidden channels in a way of its own, so that the parts of a block cost less together than one by one.
Between blocks there are few channels. A piece is named by its operations and its shape, and pieces of one
name are the same module, whatever network they are of.

What is run of a piece begins with a *lead*, which hands it its channels laid out as the block before would: a
small convolution, or behind a grouped one, which runtimes lay out otherwise, an activation. The lead is run
alone too, and what it costs is taken off.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

from .architecture import Architecture, Choice
from .backbones import Backbone, get_backbone
from .canonical import canonical
from .channels import conv_groups
from .effects import ABSENT
from .known_operations import get_operation, with_siblings
from .layout import Block, Layout
from .search_space import SearchSpace
from .sites import STAGED_SITES

# Those whose convolution is followed by a shuffle. Where no shortcut is added behind it, the next block reads
# the shuffle, and takes it into its weights if it can: so it belongs to the next piece.
SHUFFLED_PROJECTIONS = frozenset({"group_conv"})
LEAD_CHANNELS = 16  # that the convolution of a lead reads
IMAGE_CHANNELS = 3

Name = tuple[str, str]  # operation and shape


@dataclass(frozen=True)
class Piece:
    """A part of a deployed network.

    Attributes:
        backbone: Name of a backbone that has it; its family and activations count, not its rows.
        place: The block; the layout for the stem and the last stage.
        operations: Of the sites in it, by name; those that are not there at all are left out.
        side: Of its input, in pixels.
        lead: `conv` or `act`, empty for the stem.
        shuffled: Groups of a shuffle of its input, which the piece before left to it; 0 for none.
        num_classes: Of the classifier, 0 where it has none.
    """

    backbone: str
    place: Block | Layout
    operations: tuple[tuple[str, str], ...]
    side: int
    lead: str = ""
    shuffled: int = 0
    num_classes: int = 0

    @property
    def in_channels(self) -> int:
        if isinstance(self.place, Block):
            return self.place.in_channels
        return self.place.blocks[-1].out_channels if self.lead else IMAGE_CHANNELS

    @property
    def read_channels(self) -> int:
        """Of what is run: the lead's, or its own."""
        return LEAD_CHANNELS if self.lead == "conv" else self.in_channels

    @property
    def hands_on(self) -> bool:
        """Whether it leaves the shuffle behind its projection to the next piece."""
        chosen = dict(self.operations)
        return chosen.get("project") in SHUFFLED_PROJECTIONS and "shortcut" not in chosen

    @property
    def lead_name(self) -> Name | None:
        """Of its lead alone: `lead conv` and `24@56`; None for the stem."""
        return (f"lead {self.lead}", f"{self.in_channels}@{self.side}") if self.lead else None

    @property
    def name(self) -> Name:
        """Its operation and its shape.

        An operation is such as `v2 after=conv expand=reuse depthwise=3x3/2 act=relu project=conv`. A shape is
        channels from input to output, and the side of the input: `24-144-32@56`.
        """
        backbone, place, chosen = get_backbone(self.backbone), self.place, dict(self.operations)
        words = {"after": self.lead} if self.lead else {}
        words |= {"shuffled": str(self.shuffled)} if self.shuffled else {}
        channels = [self.in_channels]
        if isinstance(place, Block):
            chosen |= {"depthwise": f"{place.kernel_size}x{place.kernel_size}/{place.stride}"}
            chosen |= {"act": place.activation} | ({"shuffle": "left"} if self.hands_on else {})
            order = ("expand", "depthwise", "se", "act", "project", "shuffle", "shortcut")
            words |= {word: chosen[word] for word in order if word in chosen}
            channels += [place.hidden, place.out_channels]
        elif "first_conv" in chosen:
            words |= {"first_conv": f"{chosen['first_conv']}/{place.stem_stride}", "act": backbone.activation}
            channels += [place.stem_channels]
        else:
            words |= {"last_stage": chosen["last_stage"], "act": backbone.activation}
            hidden = [] if place.last_hidden is None else [place.last_hidden]
            channels += [*hidden, place.last_channels, self.num_classes]
        operation = " ".join([_kind(backbone), *(f"{word}={value}" for word, value in words.items())])
        return operation, f"{'-'.join(map(str, channels))}@{self.side}"


def pieces_of(architecture: Architecture, *, num_classes: int, input_size: int) -> tuple[Piece, ...]:
    """The pieces of an architecture's deploy form from the stem to the classifier.

    They are those of its canonical form: equal networks have the same pieces.
    """
    form = canonical(architecture)
    blocks, layout, last_side = _places(form.backbone, form.width, input_size)
    pieces = [_end(form.backbone, layout, input_size, "first_conv", str(form.first_conv))]
    left = ("conv", 0)
    for block, side in blocks:
        chosen = tuple(form.operation(site, block.stage) for site in STAGED_SITES)
        piece = _block(form.backbone, block, side, chosen, *left)
        left = _left(piece)
        pieces.append(piece)
    last = _end(form.backbone, layout, last_side, "last_stage", str(form.last_stage), *left, num_classes)
    return (*pieces, last)


@lru_cache(maxsize=8)
def pieces_of_space(space: SearchSpace, *, num_classes: int, input_size: int) -> tuple[Piece, ...]:
    """Every piece that an architecture of a space may have, each once."""
    found: dict[Name, Piece] = {}

    def keep(pieces: Iterable[Piece]) -> list[tuple[str, int]]:
        """What they leave to the next ones."""
        made = list(pieces)
        found.update({piece.name: piece for piece in made})
        return sorted(set(map(_left, made)))

    blocks, layout, last_side = _places(space.backbone, space.width, input_size)
    stems, lasts = space.operations["first_conv"], space.operations["last_stage"]
    every = list(product(*(space.operations[site] for site in STAGED_SITES)))
    if not space.per_stage:  # every block stands behind one of the same operations, so there are fewer
        for stem, chosen, last in product(stems, every, lasts):
            sites: dict[str, Choice] = dict(zip(STAGED_SITES, chosen, strict=True))
            network = Architecture(space.backbone, space.width, first_conv=stem, last_stage=last, **sites)
            keep(pieces_of(network, num_classes=num_classes, input_size=input_size))
        return tuple(found.values())
    keep(_end(space.backbone, layout, input_size, "first_conv", stem) for stem in stems)
    lefts = [("conv", 0)]
    for block, side in blocks:
        lefts = keep(_block(space.backbone, block, side, chosen, *left) for chosen in every for left in lefts)
    keep(
        _end(space.backbone, layout, last_side, "last_stage", last, *left, num_classes)
        for last in lasts
        for left in lefts
    )
    return tuple(found.values())


@cache
def _places(
    backbone: str, width: float, input_size: int
) -> tuple[tuple[tuple[Block, int], ...], Layout, int]:
    """The blocks with the side of the input of each, the layout, and the side of the last stage's input."""
    layout = get_backbone(backbone).layout(width, input_size)
    side, blocks = -(-input_size // layout.stem_stride), []
    for block in layout.blocks:
        blocks.append((block, side))
        side = -(-side // block.stride)
    return tuple(blocks), layout, side


@cache
def _block(backbone: str, block: Block, side: int, chosen: tuple[str, ...], lead: str, groups: int) -> Piece:
    found = get_backbone(backbone)
    sites = zip(STAGED_SITES, chosen, strict=True)
    operations = tuple(own for site, name in sites for own in _as_built(found, block, site, name))
    return Piece(backbone, block, operations, side, lead, groups)


@cache
def _end(
    backbone: str,
    layout: Layout,
    side: int,
    site: str,
    operation: str,
    lead: str = "",
    groups: int = 0,
    num_classes: int = 0,
) -> Piece:
    """The stem or the last stage."""
    chosen = _as_built(get_backbone(backbone), layout, site, operation)
    return Piece(backbone, layout, chosen, side, lead, groups, num_classes)


def _kind(backbone: Backbone) -> str:
    """The family, and in what the implementation differs from the published one that has weights to run."""
    differs = ("biases", "rounds_squeeze", "gate_last")
    return "+".join([backbone.family, *(name for name in differs if getattr(backbone.conventions, name))])


def _as_built(backbone: Backbone, place: Block | Layout, site: str, name: str) -> tuple[tuple[str, str], ...]:
    """The first operation that builds the same there, with its site; nothing where nothing is built."""
    wanted = get_operation(site, name)
    effect = wanted.effect(place)
    if effect == ABSENT:
        return ()

    def alike(other: str) -> bool:
        operation = get_operation(site, other)
        ordered = isinstance(place, Layout) or operation.order_at(place) == wanted.order_at(place)
        return operation.effect(place) == effect and ordered

    others = with_siblings(backbone.operations[site], site, backbone.family, [name])
    return ((site, next(other for other in others if alike(other))),)


def _left(piece: Piece) -> tuple[str, int]:
    """The lead of the piece behind a block, and the groups of the shuffle that is left to it."""
    if not isinstance(piece.place, Block):
        return "", 0
    shuffles = dict(piece.operations)["project"] in SHUFFLED_PROJECTIONS
    groups = conv_groups(piece.place.hidden, piece.place.out_channels) if piece.hands_on else 0
    return "act" if shuffles else "conv", groups
