"""What each operation costs at each place of a backbone, as plain data that needs no network to be built.

Only costs that add up are there; those on a device depend on what stands beside a part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .architecture import Architecture
from .backbones import check_width, get_backbone
from .costs import Cost, check_cost
from .errors import UserError, check_complete
from .sites import SITES

SiteStage = tuple[str, int]  # site and stage, 0 where the site does not occur per stage

DEPTHWISE = "depthwise"  # the convolutions that no site replaces; as a site, and as its only operation

_KEYS = ("backbone", "width", "num_classes", "input_size", "parts")
_PART_KEYS = ("site", "stage", "operation", "costs")


@dataclass(frozen=True)
class PartCosts:
    """The parts of a backbone's networks and their additive costs.

    The classifier counts to the last stage, whose operation decides how many features it reads.

    Attributes:
        costs: By (site, stage) and operation; the depthwise convolutions of each stage among them.
    """

    backbone: str
    width: float
    num_classes: int
    input_size: int
    costs: Mapping[SiteStage, Mapping[str, Cost]] = field(repr=False)

    def __post_init__(self) -> None:
        check_width(self.width)
        backbone = get_backbone(self.backbone)
        for site, operations in backbone.operations.items():
            for stage in range(1, backbone.stages + 1) if SITES[site].staged else [0]:
                # A user's own operations may be known here that the file is older than.
                if operations[0] not in self.costs.get((site, stage), {}):
                    plain = operations[0]
                    raise UserError(f"parts: must have {plain} of {site}, stage {stage}; it is missing")

    def of(self, architecture: Architecture) -> dict[SiteStage, Cost]:
        """The costs of every part of a network, which add up to the network's own."""
        return {
            (site, stage): costs[DEPTHWISE if site == DEPTHWISE else architecture.operation(site, stage)]
            for (site, stage), costs in self.costs.items()
        }

    def total(self, architecture: Architecture) -> Cost:
        return Cost.total(self.of(architecture).values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, a row for each operation of each part."""
        rows = [
            {"site": site, "stage": stage, "operation": operation, "costs": dict(cost)}
            for (site, stage), by_operation in self.costs.items()
            for operation, cost in by_operation.items()
        ]
        known = {name: getattr(self, name) for name in _KEYS[:-1]}
        return {**known, "parts": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PartCosts":
        """Inverse of `to_dict`.

        Raises:
            UserError: If a key is missing or unknown, a part is missing, or a cost is no number from 0.
        """
        check_complete("parts", data, _KEYS)
        known = {name: data[name] for name in _KEYS[:-1]}
        if not isinstance(data["parts"], list) or not all(isinstance(row, Mapping) for row in data["parts"]):
            raise UserError(f"parts: must be a list of rows, got {data['parts']!r:.100}")
        costs: dict[SiteStage, dict[str, Cost]] = {}
        for row in data["parts"]:
            check_complete("parts", row, _PART_KEYS)
            check_cost(row["costs"], "parts: ")
            costs.setdefault((row["site"], row["stage"]), {})[row["operation"]] = Cost(row["costs"])
        return cls(**known, costs=costs)
