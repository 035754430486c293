"""A network drawn from top to bottom, for a phone: a card for each stage, a row for each site."""

from ..space import COSTS, Cost
from ..space.pieces import IMAGE_CHANNELS
from .network_marks import (
    DIFFERS,
    PLAIN,
    SHOWN,
    box_of,
    change_of,
    key,
    label_of,
    most_of,
    share_of,
    whole_of,
)
from .network_stages import Cell, Stage, shape
from .svg import MUTED, drawing, rect, words

_WIDTH, _NAME, _BAR = 330, 74, 196  # the whole; where the operation and its bars begin
_HEAD, _ROW = 41, 21  # heights


def narrow(stages: list[Stage], side: int, said: str) -> str:
    """The drawing of stages of a network for images of a side in pixels; `said` is it in words."""
    (whole, before), most = whole_of(stages), most_of(stages)
    parts, y = [], 14.0
    for cost in SHOWN:
        total = f"{COSTS[cost].format(whole[cost])} {COSTS[cost].title}"
        parts.append(words(0, y, total, 14, font_weight=650))
        change = f"{change_of(whole[cost], before[cost])} to unmodified"
        parts.append(words(_WIDTH, y, change, 12, text_anchor="end", fill=MUTED))
        y += 19
    parts.append(words(0, y + 6, f"image, {shape(side, IMAGE_CHANNELS)}", 12, fill=MUTED))
    y += 14
    for stage in stages:
        height = _HEAD + 2 + _ROW * len(stage.cells)
        parts.append(rect(0.5, y, _WIDTH - 1, height, rx=6, **PLAIN))
        name = f"{stage.name} · {stage.blocks_said}" if stage.blocks else stage.name
        parts.append(words(8, y + 17, name, 12.5, font_weight=600))
        parts.append(words(_WIDTH - 8, y + 17, stage.shape, 12, text_anchor="end"))
        shares = [f"{share_of(stage.cost[c], whole[c])} of the {COSTS[c].title}" for c in SHOWN]
        parts.append(words(8, y + 33, ", ".join(shares), 12, fill=MUTED))
        for number, cell in enumerate(stage.cells.values()):
            parts += _row(stage, cell, whole, most, y + _HEAD + _ROW * number)
        y += height + 8
    parts += key(y + 12, across=False)
    y += 12 + 18 * 4
    parts.append(words(0, y, "Beside an operation: its share of the FLOPs.", 12, fill=MUTED))
    return drawing(_WIDTH, y + 12, parts, name="narrow", said=said)


def _row(stage: Stage, cell: Cell, whole: Cost, most: Cost, y: float) -> list[str]:
    style: dict[str, object] = {} if cell.there else {"fill": MUTED}
    style |= {"font_weight": 600} if cell.instead_of else {}
    label = f"{DIFFERS} {label_of(cell)}" if cell.instead_of else label_of(cell)
    room = _WIDTH - 44 - _BAR
    share = share_of(cell.cost["flops"], whole["flops"])
    return [
        words(8, y + 13, cell.site, 12, fill=MUTED),
        box_of(stage, cell, whole, _NAME, y, _BAR - _NAME - 6, _ROW - 4),
        words(_NAME + 6, y + 12.5, label, 12, **style),
        *(
            rect(_BAR, y + 2.5 + 6.5 * row, room * cell.cost[cost] / most[cost], 5, fill=colour)
            for row, (cost, colour) in enumerate(SHOWN.items())
        ),
        words(_WIDTH - 6, y + 13, share, 12, text_anchor="end", fill=MUTED),
    ]
