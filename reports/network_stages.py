"""A network as it is drawn: its stem, its stages and its last stage, with what sits where and its cost."""

from dataclasses import dataclass

from ..space import STAGED_SITES, Architecture, Cost, get_backbone
from ..space.backbones import Backbone
from ..space.effects import ABSENT
from ..space.known_operations import get_operation
from ..space.layout import Block, Layout
from ..space.part_costs import DEPTHWISE, PartCosts

# In the order in which an image meets them; a shortcut goes round all of it.
LANES = ("expand", DEPTHWISE, "se", "project", "shortcut")


@dataclass(frozen=True)
class Cell:
    """What sits at a site of a stage.

    Attributes:
        site: Or `depthwise`, which is no site.
        operation: Its name; of the depthwise convolutions their kernel, `3x3`.
        instead_of: The unmodified network's operation there, empty where it is the same.
        blocks: In how many blocks of the stage something is built.
        cost: Of all of them.
    """

    site: str
    operation: str
    instead_of: str
    blocks: int
    cost: Cost

    @property
    def there(self) -> bool:
        return self.blocks > 0


@dataclass(frozen=True)
class Stage:
    """The stem, a stage, or the last stage with the classifier.

    Attributes:
        name: `stem`, `stage 3`, `last stage`.
        blocks: 0 for the stem and the last stage.
        channels: Of its output; of the last stage, the classes.
        side: Of its output, in pixels; 0 for the last stage.
        cells: By site.
        cost: Of all of it.
        unmodified: Of the same stage of the unmodified network.
    """

    name: str
    blocks: int
    channels: int
    side: int
    cells: dict[str, Cell]
    cost: Cost
    unmodified: Cost

    @property
    def shape(self) -> str:
        return shape(self.side, self.channels) if self.side else f"{self.channels} classes"

    @property
    def blocks_said(self) -> str:
        return f"{self.blocks} block{'s' if self.blocks > 1 else ''}" if self.blocks else ""


def shape(side: int, channels: int) -> str:
    """Of images or of what a stage gives on: the side squared, a cross, and the channels."""
    return f"{side}² \N{MULTIPLICATION SIGN} {channels}"


def network_stages(architecture: Architecture, parts: PartCosts) -> list[Stage]:
    """From the image to the classes.

    Args:
        parts: Of the network's backbone and width.
    """
    backbone = get_backbone(architecture.backbone)
    layout = backbone.layout(architecture.width, parts.input_size)
    plain = Architecture(architecture.backbone, architecture.width)
    costs, before = parts.of(architecture), parts.of(plain)
    side = -(-parts.input_size // layout.stem_stride)

    def end(site: str, name: str, channels: int, side: int) -> Stage:
        cell = _cell(backbone, architecture, site, 0, [layout], costs[site, 0])
        return Stage(name, 0, channels, side, {site: cell}, costs[site, 0], before[site, 0])

    stages = [end("first_conv", "stem", layout.stem_channels, side)]
    for number in range(1, backbone.stages + 1):
        blocks = [block for block in layout.blocks if block.stage == number]
        for block in blocks:
            side = -(-side // block.stride)
        kernels = "/".join(sorted({f"{block.kernel_size}x{block.kernel_size}" for block in blocks}))
        cells = {
            site: _cell(backbone, architecture, site, number, blocks, costs[site, number])
            for site in STAGED_SITES
            if backbone.operations[site] != ("none",)
        } | {DEPTHWISE: Cell(DEPTHWISE, kernels, "", len(blocks), costs[DEPTHWISE, number])}
        own = [(site, stage) for site, stage in costs if stage == number]
        stages.append(
            Stage(
                f"stage {number}",
                len(blocks),
                blocks[-1].out_channels,
                side,
                {lane: cells[lane] for lane in LANES if lane in cells},
                Cost.total(costs[part] for part in own),
                Cost.total(before[part] for part in own),
            )
        )
    return [*stages, end("last_stage", "last stage", parts.num_classes, 0)]


def _cell(
    backbone: Backbone,
    architecture: Architecture,
    site: str,
    stage: int,
    places: list[Block] | list[Layout],
    cost: Cost,
) -> Cell:
    plain = backbone.operations[site][0]
    chosen = architecture.operation(site, stage)
    own, usual = get_operation(site, chosen), get_operation(site, plain)
    built = sum(own.effect(place) != ABSENT for place in places)
    # Where it does nothing else than the unmodified network's, it is no change.
    differs = any(
        own.effect(place) != usual.effect(place)
        or (isinstance(place, Block) and own.order_at(place) != usual.order_at(place))
        for place in places
    )
    return Cell(site, chosen, plain if differs else "", built, cost)
