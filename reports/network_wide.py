"""A network drawn from left to right: a column for each stage, a lane for each site."""

from ..space import COSTS, Cost
from ..space.pieces import IMAGE_CHANNELS
from .network_marks import (
    DIFFERS,
    GHOST,
    SHOWN,
    box_of,
    change_of,
    key,
    label_of,
    most_of,
    share_of,
    whole_of,
)
from .network_stages import LANES, Cell, Stage, shape
from .svg import LINE, MUTED, drawing, path, rect, titled, words
from .theme import GREY

_WIDTH, _LEFT, _RIGHT, _GAP = 1100, 94, 118, 6
_SLABS, _TOP = 112, 140  # baseline of the slabs, and where the lanes begin
_LANE, _BARS = 48, 88  # heights of a lane, and of the bars of a cost
_BESIDE = _WIDTH - _RIGHT + 8


def wide(stages: list[Stage], side: int, said: str) -> str:
    """The drawing of stages of a network for images of a side in pixels; `said` is it in words."""
    whole, most = whole_of(stages)[0], most_of(stages)
    lanes = [lane for lane in LANES if any(lane in stage.cells for stage in stages)]
    pitch = (_WIDTH - _LEFT - _RIGHT) / len(stages)
    box = pitch - _GAP
    parts = [*_slab(side, IMAGE_CHANNELS, side, 24), words(0, 14, "image", 13, font_weight=600)]
    parts.append(words(0, _SLABS + 17, shape(side, IMAGE_CHANNELS), 12))
    for index, stage in enumerate(stages):
        x = _LEFT + index * pitch
        middle = x + box / 2
        parts += _slab(stage.side, stage.channels, side, middle)
        parts.append(path(f"M{x - 9:.1f} {_SLABS - 5}h10m-3 -3l3 3l-3 3", stroke=GREY))
        parts.append(words(middle, 14, stage.name, 13, text_anchor="middle", font_weight=600))
        parts.append(words(middle, 30, stage.blocks_said, 12, text_anchor="middle", fill=MUTED))
        parts.append(words(middle, _SLABS + 17, stage.shape, 12, text_anchor="middle"))
        for site, cell in stage.cells.items():
            first, tall = (lanes.index(site), 1) if stage.blocks else (0, len(lanes))
            place = (x, _TOP + _LANE * first, box, tall * _LANE - _GAP)
            parts += _cell(stage, cell, whole, most, place)
    for number, lane in enumerate(lanes):
        parts += _lane(stages, lane, whole, _TOP + number * _LANE)
    y = _TOP + len(lanes) * _LANE + 8.0
    for cost in SHOWN:
        parts += _bars(stages, cost, y + _BARS - 20, pitch)
        y += _BARS + 4
    parts += key(y + 18, across=True)
    return drawing(_WIDTH, y + 26, parts, name="wide", said=said)


def _cell(
    stage: Stage, cell: Cell, whole: Cost, most: Cost, place: tuple[float, float, float, float]
) -> list[str]:
    x, y, width, height = place
    middle, centre = x + width / 2, y + height / 2
    parts = [box_of(stage, cell, whole, *place)]
    if not stage.blocks:
        parts.append(words(middle, centre - 20, cell.site, 12, text_anchor="middle", fill=MUTED))
    if cell.instead_of:
        parts.append(words(x + 5, y + 14, DIFFERS, 13, font_weight=700))
    shade: dict[str, object] = {} if cell.there else {"fill": MUTED}
    parts.append(words(middle, centre + 3, label_of(cell), 12, text_anchor="middle", **shade))
    for number, (cost, colour) in enumerate(SHOWN.items()):
        long = (width - 14) * cell.cost[cost] / most[cost]
        parts.append(rect(x + 7, y + height - 12 + 5 * number, long, 3.5, fill=colour))
    return parts


def _slab(side: int, channels: int, image: int, middle: float) -> list[str]:
    """What a stage gives on: as tall as its side, as wide as its channels, both by their roots."""
    tall = 72 * (side / image) ** 0.5 if side else 3
    wide = 3.4 * min(channels, 400) ** 0.5
    style: dict[str, object] = {"fill": GREY, "fill_opacity": 0.3, "stroke": GREY, "rx": 1.5}
    return [rect(middle - wide / 2, _SLABS - tall, wide, tall, **style)]


def _lane(stages: list[Stage], lane: str, whole: Cost, y: float) -> list[str]:
    """The name of a lane, and how much of the cost it is."""
    cost = Cost.total(stage.cells[lane].cost for stage in stages if lane in stage.cells)
    parts = [words(0, y + 24, lane, 12.5, font_weight=600)]
    for number, name in enumerate(SHOWN):
        said = f"{share_of(cost[name], whole[name])} {COSTS[name].title}"
        parts.append(words(_BESIDE, y + 16 + 15 * number, said, 12, fill=MUTED))
    return parts


def _bars(stages: list[Stage], cost: str, base: float, pitch: float) -> list[str]:
    """A cost by stage, and that of the unmodified network about it."""
    whole, before = (network[cost] for network in whole_of(stages))
    most = max(max(stage.cost[cost], stage.unmodified[cost]) for stage in stages)
    title, scale = COSTS[cost].title, (_BARS - 26) / most
    parts = [
        words(0, base - 20, title, 13, font_weight=600),
        words(0, base - 4, "by stage", 12, fill=MUTED),
        path(f"M{_LEFT} {base}H{_WIDTH - _RIGHT}", stroke=LINE),
        words(_BESIDE, base - 22, COSTS[cost].format(whole), 16, font_weight=650),
        words(_BESIDE, base - 5, f"{change_of(whole, before)} in all", 12, fill=MUTED),
    ]
    for index, stage in enumerate(stages):
        x, width = _LEFT + index * pitch + 14, pitch - _GAP - 28
        own, usual = stage.cost[cost], stage.unmodified[cost]
        told = f"{stage.name}: {own:,} {title}; {usual:,} in the unmodified network"
        high, ghost = own * scale, usual * scale
        parts.append(titled(rect(x, base - high, width, high, fill=SHOWN[cost]), told))
        parts.append(rect(x, base - ghost, width, ghost, **GHOST))
        parts.append(words(x + width / 2, base + 15, share_of(own, whole), 12, text_anchor="middle"))
    return parts
