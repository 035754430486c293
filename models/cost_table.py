"""The exact cost of any architecture of a backbone, by adding up its sites.

An operation costs the same whatever stands at the other sites, so a handful of counted networks, which
together hold every operation of every site, give the cost of every architecture, per-stage choices
included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ..space import SITE_NAMES, STAGED_SITES, Architecture, UserError, get_backbone
from .cost import Cost, count_flops, count_params
from .network import Network, build

Part = tuple[str, int]  # site and stage, 0 where the site does not occur per stage


@dataclass(frozen=True)
class CostTable:
    """What each operation costs at each site and stage of a backbone.

    The classifier counts to the last stage, whose operation decides how many features it reads.

    Attributes:
        fixed: What every architecture has: the depthwise convolutions.
        parts: Cost by (site, stage) and operation.
    """

    backbone: str
    width: float
    num_classes: int
    input_size: int
    fixed: Cost
    parts: Mapping[Part, Mapping[str, Cost]] = field(repr=False)

    def cost(self, architecture: Architecture) -> Cost:
        """Parameters and multiply-adds of an architecture of this backbone and width."""
        return sum(self.by_part(architecture).values(), self.fixed)

    def by_part(self, architecture: Architecture) -> dict[Part, Cost]:
        """Cost of the chosen operation at every site and stage.

        Raises:
            UserError: If the architecture has another backbone or width.
        """
        if (architecture.backbone, architecture.width) != (self.backbone, self.width):
            raise UserError(
                f"architecture: must be a {self.backbone} of width {self.width}, "
                f"got {architecture.backbone} of width {architecture.width}"
            )
        return {part: costs[architecture.operation(*part)] for part, costs in self.parts.items()}

    def by_site(self, architecture: Architecture) -> dict[str, Cost]:
        """Cost of every site, and of the depthwise convolutions, which no site replaces."""
        found = dict.fromkeys(SITE_NAMES, Cost(0, 0)) | {"depthwise": self.fixed}
        for (site, _), cost in self.by_part(architecture).items():
            found[site] = found[site] + cost
        return found


@lru_cache(maxsize=16)
def cost_table(
    backbone: str, *, width: float = 1.0, num_classes: int = 10, input_size: int = 32
) -> CostTable:
    """Count every operation of a backbone; takes about a second.

    Raises:
        UserError: If a name is unknown or a number is out of range.
    """
    operations = get_backbone(backbone).operations
    parts: dict[Part, dict[str, Cost]] = {}
    for index in range(max(map(len, operations.values()))):
        chosen = {site: names[min(index, len(names) - 1)] for site, names in operations.items()}
        network = build(
            Architecture(backbone, width, **chosen), num_classes=num_classes, input_size=input_size
        )
        counted = _count_parts(network)
        fixed = counted.pop(("depthwise", 0))
        for (site, stage), cost in counted.items():
            parts.setdefault((site, stage), {})[chosen[site]] = cost
    return CostTable(backbone, width, num_classes, input_size, fixed, parts)


def _count_parts(network: Network) -> dict[Part, Cost]:
    size = network.input_size
    flops = count_flops(network, (1, 3, size, size))

    def cost(name: str) -> Cost:
        return Cost(count_params(network.get_submodule(name)), flops[name])

    found = {
        ("first_conv", 0): cost("first_conv"),
        ("last_stage", 0): cost("last_stage") + cost("classifier"),
        ("depthwise", 0): Cost(0, 0),
    }
    blocks = get_backbone(network.architecture.backbone).layout(network.architecture.width, size).blocks
    for index, block in enumerate(blocks):
        for site in STAGED_SITES:
            built = getattr(network.blocks[index], site) is not None
            part = (site, block.stage)
            there = cost(f"blocks.{index}.{site}") if built else Cost(0, 0)
            found[part] = found.get(part, Cost(0, 0)) + there
        found["depthwise", 0] = found["depthwise", 0] + cost(f"blocks.{index}.depthwise")
    return found
