"""Limits on the cost of an architecture, checked before anything is trained."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...space import COSTS, Architecture, SearchSpace, UserError, join_choice
from ...space.sites import SITE_NAMES

if TYPE_CHECKING:
    from ...models import Cost, CostTable


@dataclass(frozen=True)
class Limits:
    """The largest cost an architecture may have; None is no limit."""

    max_params: int | None = None
    max_flops: int | None = None

    def refusal(self, cost: "Cost") -> str:
        """Why an architecture of this cost is refused, empty if it is not."""
        for name in COSTS:
            limit = getattr(self, f"max_{name}")
            if limit is not None and getattr(cost, name) > limit:
                return f"{name} {getattr(cost, name):,} are over --max-{name} {limit:,}"
        return ""

    def check_reachable(self, space: SearchSpace, table: "CostTable") -> None:
        """Make sure that some architecture of the space keeps the limits.

        Raises:
            UserError: If none does; the message names the cheapest there is.
        """
        cheapest = {name: cheapest_architecture(space, table, {name: 1.0}) for name in COSTS}
        for name in COSTS:
            limit = getattr(self, f"max_{name}")
            least = getattr(table.cost(cheapest[name]), name)
            if limit is not None and limit < least:
                raise UserError(
                    f"--max-{name}: must be at least {least:,}, that of the cheapest {space.backbone} "
                    f"at width {space.width:g} ({_describe(cheapest[name])}), got {limit:,}; "
                    "raise it or lower --width"
                )
        if None in (self.max_params, self.max_flops):
            return
        # Between the two extremes the cheapest of every mixture of the two costs is tried.
        mixtures = ({"params": 1 - share / 32, "flops": share / 32} for share in range(33))
        if all(self.refusal(table.cost(a)) for a in self._candidates(space, table, mixtures)):
            both = table.cost(cheapest["params"])
            raise UserError(
                f"--max-params, --max-flops: no architecture of {space.backbone} keeps both "
                f"{self.max_params:,} and {self.max_flops:,}; the smallest one "
                f"({_describe(cheapest['params'])}) has params {both.params:,} and flops {both.flops:,}; "
                "raise one of them or lower --width"
            )

    def _candidates(
        self, space: SearchSpace, table: "CostTable", mixtures: Iterable[dict[str, float]]
    ) -> Iterable[Architecture]:
        if space.size <= LISTABLE:
            return space
        scale = {"params": 1 / (self.max_params or 1), "flops": 1 / (self.max_flops or 1)}
        return (
            cheapest_architecture(
                space, table, {name: share * scale[name] for name, share in mixture.items()}
            )
            for mixture in mixtures
        )


LISTABLE = 20_000  # architectures that are cheap to enumerate


def cheapest_architecture(space: SearchSpace, table: "CostTable", weights: dict[str, float]) -> Architecture:
    """The architecture with the least weighted cost: the cheapest operation at every choice."""
    by_choice = choice_costs(space, table, weights)
    return space.architecture(
        {choice: min(costs, key=costs.__getitem__) for choice, costs in by_choice.items()}
    )


def choice_costs(
    space: SearchSpace, table: "CostTable", weights: dict[str, float]
) -> dict[str, dict[str, float]]:
    """What each option of each choice adds to the weighted cost."""
    totals: dict[str, dict[str, float]] = {
        name: dict.fromkeys(operations, 0.0) for name, operations in space.parameters.items()
    }
    for (site, stage), costs in table.parts.items():
        choice = site if site in totals else f"{site}.{stage}"
        for operation in totals.get(choice, {}):
            totals[choice][operation] += sum(
                weight * getattr(costs[operation], name) for name, weight in weights.items()
            )
    return totals


def _describe(architecture: Architecture) -> str:
    return ", ".join(f"{site} {join_choice(getattr(architecture, site))}" for site in SITE_NAMES)
