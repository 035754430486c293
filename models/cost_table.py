"""The exact cost of any architecture of a backbone, by adding up its sites.

An operation costs the same whatever stands at the other sites, in the deploy form too: no weights fold into
those of another site. So a handful of counted networks, which together hold every operation of every site,
give the cost of every architecture, per-stage choices included. A cost that does not add up is measured on
the whole network instead, once for all architectures that are the same.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from ..space import (
    COSTS,
    SITE_NAMES,
    STAGED_SITES,
    Architecture,
    Cost,
    SearchSpace,
    UserError,
    additive_costs,
    architecture_hash,
)
from ..space.device_table import DeviceTable, Predictor
from ..space.operation_file import loaded_files
from ..space.part_costs import DEPTHWISE, PartCosts, SiteStage
from .cost import COUNTERS, Counter, count_each
from .network import Network, build


@dataclass(frozen=True)
class CostTable:
    """What each operation costs at each site and stage of a backbone.

    The classifier counts to the last stage, whose operation decides how many features it reads.

    Attributes:
        depthwise: The additive costs of what every architecture has, by stage: the depthwise convolutions.
        parts: Those of each operation, by (site, stage) and operation.
        measured: The other costs, by name and hash of an architecture, as far as they were asked for.
        on_device: What predicts those that a table of a device says, by name.
    """

    backbone: str
    width: float
    num_classes: int
    input_size: int
    depthwise: Mapping[int, Cost] = field(repr=False)
    parts: Mapping[SiteStage, Mapping[str, Cost]] = field(repr=False)
    measured: dict[tuple[str, str], float] = field(default_factory=dict, repr=False, compare=False)
    on_device: Mapping[str, Predictor] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def fixed(self) -> Cost:
        """The additive costs of what every architecture has."""
        return Cost.total(self.depthwise.values())

    @property
    def part_costs(self) -> PartCosts:
        """Its additive costs as plain data."""
        depthwise = {(DEPTHWISE, stage): {DEPTHWISE: cost} for stage, cost in self.depthwise.items()}
        known = (self.backbone, self.width, self.num_classes, self.input_size)
        return PartCosts(*known, {**self.parts, **depthwise})

    def with_tables(self, tables: Iterable[DeviceTable]) -> "CostTable":
        """The same with costs on a device; without a table of them, they are left out."""
        known = (self.backbone, self.width, self.num_classes, self.input_size)
        predictors = {table.cost: Predictor(table, *known) for table in tables}
        return replace(self, measured={}, on_device=predictors)

    def cost(self, architecture: Architecture, names: Collection[str] | None = None) -> Cost:
        """What an architecture of this backbone and width costs.

        Args:
            names: The costs that are wanted, None for all; whole networks are measured for no others.
        """
        known = [name for name, kind in COSTS.items() if not kind.device or name in self.on_device]
        wanted = [name for name in known if names is None or name in names]
        parts = [self.fixed, *self.by_part(architecture).values()]
        added = Cost.total(parts, [name for name in wanted if name in self.fixed])
        return Cost(
            {name: added[name] if name in added else self._whole(name, architecture) for name in wanted}
        )

    def by_part(self, architecture: Architecture) -> dict[SiteStage, Cost]:
        """Additive costs of the chosen operation at every site and stage.

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
        """Additive costs of every site, and of the depthwise convolutions, which no site replaces."""
        found = dict.fromkeys(SITE_NAMES, self._nothing) | {DEPTHWISE: self.fixed}
        for (site, _), cost in self.by_part(architecture).items():
            found[site] = found[site] + cost
        return found

    @property
    def _nothing(self) -> Cost:
        return Cost(dict.fromkeys(self.fixed, 0))

    def _whole(self, name: str, architecture: Architecture) -> float:
        key = (name, architecture_hash(architecture))
        if key not in self.measured and name in self.on_device:
            self.measured[key] = self.on_device[name](architecture)
        elif key not in self.measured:
            network = build(architecture, num_classes=self.num_classes, input_size=self.input_size)
            self.measured[key] = COUNTERS[name](network)[""]
        return self.measured[key]


def cost_table(
    backbone: str, *, width: float = 1.0, num_classes: int = 10, input_size: int = 32
) -> CostTable:
    """Count every operation of a backbone; takes about two seconds.

    Raises:
        UserError: If a name is unknown or a number is out of range.
    """
    counters = tuple((name, COUNTERS[name]) for name in additive_costs())
    return _counted(
        SearchSpace(backbone, width, own=tuple(file.hash for file in loaded_files())),
        num_classes,
        input_size,
        counters,
    )


@lru_cache(maxsize=16)
def _counted(
    space: SearchSpace, num_classes: int, input_size: int, counters: tuple[tuple[str, Counter], ...]
) -> CostTable:
    backbone, width, operations = space.backbone, space.width, space.operations
    parts: dict[SiteStage, dict[str, Cost]] = {}
    for index in range(max(map(len, operations.values()))):
        chosen = {site: names[min(index, len(names) - 1)] for site, names in operations.items()}
        network = build(
            Architecture(backbone, width, **chosen), num_classes=num_classes, input_size=input_size
        )
        counted = _count_parts(network, dict(counters))
        depthwise = {stage: counted.pop((site, stage)) for site, stage in [*counted] if site == DEPTHWISE}
        for (site, stage), cost in counted.items():
            parts.setdefault((site, stage), {})[chosen[site]] = cost
    return CostTable(backbone, width, num_classes, input_size, depthwise, parts)


def _count_parts(network: Network, counters: Mapping[str, Counter]) -> dict[SiteStage, Cost]:
    counted = count_each(network, counters)
    nothing = Cost(dict.fromkeys(counters, 0))

    def cost(module: str) -> Cost:
        return Cost({name: by_module.get(module, 0) for name, by_module in counted.items()})

    found = {
        ("first_conv", 0): cost("first_conv"),
        ("last_stage", 0): cost("last_stage") + cost("classifier"),
    }
    for index, block in enumerate(network.layout.blocks):
        for site in STAGED_SITES:
            built = getattr(network.blocks[index], site) is not None
            part = (site, block.stage)
            there = cost(f"blocks.{index}.{site}") if built else nothing
            found[part] = found.get(part, nothing) + there
        part = (DEPTHWISE, block.stage)
        found[part] = found.get(part, nothing) + cost(f"blocks.{index}.{DEPTHWISE}")
    return found
