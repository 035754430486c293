"""The drawing of a network: stage by stage what sits where, and how much of the cost it is.

There are two arrangements of the same, from left to right and, where that has no room, from top to bottom.
"""

from ..space import COSTS, Architecture
from ..space.part_costs import PartCosts
from .network_marks import SHOWN, change_of, operation_of, share_of, whole_of
from .network_narrow import narrow
from .network_stages import Stage, network_stages
from .network_wide import wide

# The first is shown where there is room for it at a size that can be read.
_STYLE = (
    ".network{container-type:inline-size}.network svg{display:block;width:100%;height:auto}"
    ".network svg.narrow{display:none;max-width:460px;margin:auto}"
    "@container (max-width:940px){.network svg.wide{display:none}.network svg.narrow{display:block}}"
)


def network_svg(architecture: Architecture, parts: PartCosts, *, name: str = "Network") -> str:
    """Draw a network.

    Args:
        parts: Costs of the parts of its backbone.
        name: What the text alternative calls it.

    Returns:
        An element with both arrangements and their style, of which one is shown.
    """
    stages = network_stages(architecture, parts)
    said = describe(stages, name)
    both = wide(stages, parts.input_size, said) + narrow(stages, parts.input_size, said)
    return f'<div class="network">{both.replace(">", f"><style>{_STYLE}</style>", 1)}</div>'


def describe(stages: list[Stage], name: str) -> str:
    """The drawing in words."""
    whole, before = whole_of(stages)
    costs = ", ".join(
        f"{COSTS[cost].format(whole[cost])} {COSTS[cost].title} ({change_of(whole[cost], before[cost])})"
        for cost in SHOWN
    )
    lines = [f"{name}, stage by stage: {costs} against the unmodified network."]
    for stage in stages:
        cells = ", ".join(f"{site} {operation_of(cell)}" for site, cell in stage.cells.items() if cell.there)
        share = ", ".join(
            f"{share_of(stage.cost[cost], whole[cost])} of the {COSTS[cost].title}" for cost in SHOWN
        )
        lines.append(f"{stage.name[:1].upper()}{stage.name[1:]}, {stage.shape}: {cells}; {share}.")
    return " ".join(lines)
