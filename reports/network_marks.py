"""What the two arrangements of a drawn network have in common: cells, shares, and what they mean."""

from ..space import COSTS, Cost, text
from ..space.known_operations import MARK
from .network_stages import Cell, Stage
from .svg import CARD, LINE, MUTED, rect, titled, words
from .theme import BLUE, ORANGE, VERMILLION

SHOWN = {"flops": BLUE, "params": ORANGE}  # the costs that are drawn, and their colours
_LONGEST = 13  # letters that fit into a box
DIFFERS = "\N{NOT EQUAL TO}"

# How a cell is drawn that differs from the unmodified network, one that does not, and one with nothing in it;
# and what the unmodified network costs.
_CHANGED: dict[str, object] = {"fill": BLUE, "fill_opacity": 0.2, "stroke": BLUE, "stroke_width": 1.5}
PLAIN: dict[str, object] = {"fill": CARD, "stroke": LINE}
_NOTHING: dict[str, object] = {"fill": "none", "stroke": LINE, "stroke_dasharray": "2 3"}
GHOST: dict[str, object] = {"fill": "none", "stroke": VERMILLION, "stroke_dasharray": "3 2"}


def operation_of(cell: Cell) -> str:
    return cell.operation + (f" instead of {cell.instead_of}" if cell.instead_of else "")


def whole_of(stages: list[Stage]) -> tuple[Cost, Cost]:
    """Of the network, and of the unmodified one."""
    return Cost.total(s.cost for s in stages), Cost.total(s.unmodified for s in stages)


def most_of(stages: list[Stage]) -> Cost:
    """The most that one cell costs, at least 1."""
    cells = [cell for stage in stages for cell in stage.cells.values()]
    return Cost({cost: max(1, *(cell.cost[cost] for cell in cells)) for cost in SHOWN})


def share_of(value: float, whole: float) -> str:
    percent = 100.0 * value / whole if whole else 0.0
    return "< 1 %" if 0.0 < percent < 0.95 else f"{percent:.0f} %"


def change_of(value: float, before: float) -> str:
    return f"{text.signed(100.0 * (value / before - 1.0), 0)} %" if before else text.MISSING


def _told(stage: Stage, cell: Cell, whole: Cost) -> str:
    """What is said of a cell when it is pointed at."""
    where = f" in {cell.blocks} of {stage.blocks} blocks" if stage.blocks > 1 else ""
    costs = ", ".join(
        f"{cell.cost[cost]:,} {COSTS[cost].title} ({share_of(cell.cost[cost], whole[cost])} of all)"
        for cost in SHOWN
    )
    return (
        f"{stage.name}, {cell.site}: {operation_of(cell)}{where}; {costs}" if cell.there else "nothing here"
    )


def box_of(stage: Stage, cell: Cell, whole: Cost, x: float, y: float, width: float, height: float) -> str:
    """The outline of a cell, by what sits there."""
    style = _CHANGED if cell.instead_of else PLAIN if cell.there else _NOTHING
    return titled(rect(x, y, width, height, rx=5, **style), _told(stage, cell, whole))


def label_of(cell: Cell) -> str:
    """The operation as it fits into the box, which says all of it when it is pointed at."""
    if not cell.there and not cell.instead_of:
        return text.MISSING
    name = cell.operation.partition(MARK)[0]  # of an own operation without the hash of its file
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def key(y: float, *, across: bool) -> list[str]:
    """What colours and marks mean, beside or below each other; below, the unmodified network has no cost."""
    parts, step = [], 0.0
    marks: list[tuple[str, dict[str, object]]] = [
        (f"{DIFFERS} differs from the unmodified network", _CHANGED),
        ("as there", PLAIN),
    ]
    for cost, colour in SHOWN.items():
        marks.append((COSTS[cost].title, {"fill": colour}))
    if across:
        marks.append(("the unmodified network's cost", GHOST))
    for said, mark in marks:
        left, line = (step, y) if across else (0.0, y + step)
        parts.append(rect(left, line - 10, 14, 11, rx=2, **mark))
        parts.append(words(left + 20, line, said, 12, fill=MUTED))
        step += 40 + 6.4 * len(said) if across else 18
    return parts
