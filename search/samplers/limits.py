"""Limits on the cost of an architecture, checked before anything is trained."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from math import comb
from typing import TYPE_CHECKING

from ...space import (
    COSTS,
    Architecture,
    SearchSpace,
    UserError,
    additive_costs,
    check_name,
    flag,
    join_choice,
)
from ...space.costs import exact
from ...space.sites import SITE_NAMES

if TYPE_CHECKING:
    from ...models import CostTable

LISTABLE = 20_000  # architectures that are cheap to enumerate
_MIXTURES = 1_000  # of costs, of which the cheapest architecture is looked at, at most
_SHARES = 32  # the parts of a mixture are multiples of one in so many, or of a coarser one


@dataclass(frozen=True)
class Limits(Mapping[str, float]):
    """The largest cost an architecture may have, by name of the cost; those without a limit are left out."""

    most: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.most:
            check_name("limits", name, COSTS)

    def __getitem__(self, name: str) -> float:
        return self.most[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.most)

    def __len__(self) -> int:
        return len(self.most)

    def refusal(self, cost: Mapping[str, float]) -> str:
        """Why an architecture of this cost is refused, empty if it is not."""
        for name, limit in self.most.items():
            if cost[name] > limit:
                return f"{name} {exact(name, cost[name])} are over {_flag(name)} {exact(name, limit)}"
        return ""

    def check_reachable(self, space: SearchSpace, table: "CostTable") -> str:
        """Make sure that some architecture of the space keeps the limits.

        Returns:
            A warning where the space is too large to list and neither an architecture that keeps all of them
            was found nor a proof that there is none; else nothing.

        Raises:
            UserError: If none does; the message names the cheapest there is.
        """
        added = [name for name in additive_costs() if name in self.most]
        for name in added:
            cheapest = cheapest_architecture(space, table, {name: 1.0})
            least = table.cost(cheapest, [name])[name]
            if least > self.most[name]:
                raise UserError(
                    f"{_flag(name)}: must be at least {least:,}, that of the cheapest {space.backbone} "
                    f"at width {space.width:g} ({_describe(cheapest)}), got {self.most[name]:,}; "
                    "raise it or lower --width"
                )
        if len(self.most) < 2 and len(added) == len(self.most):
            return ""
        reachable = self._listed(space, table) if space.size <= LISTABLE else self._mixed(space, table, added)
        if reachable:
            return ""
        flags = ", ".join(map(_flag, self.most))
        together = " and ".join(exact(name, limit) for name, limit in self.most.items())
        every = {1: "", 2: "both "}.get(len(self.most), "all of ")
        if reachable is None:
            return f"{flags}: no architecture is known yet that keeps {every}{together}; the search goes on"
        if added:
            smallest = cheapest_architecture(space, table, dict.fromkeys(added[:1], 1.0))
        else:
            first = next(iter(self.most))
            smallest = min(space, key=lambda network: table.cost(network, [first])[first])
        costs = " and ".join(
            f"{name} {exact(name, value)}" for name, value in table.cost(smallest, self.most).items()
        )
        raise UserError(
            f"{flags}: no architecture of {space.backbone} keeps {every}{together}; the smallest one "
            f"({_describe(smallest)}) has {costs}; raise one of them or lower --width"
        )

    def _listed(self, space: SearchSpace, table: "CostTable") -> bool:
        return any(not self.refusal(table.cost(a, self.most)) for a in space)

    def _mixed(self, space: SearchSpace, table: "CostTable", added: list[str]) -> bool | None:
        """Whether the limits are kept together, by the cheapest architectures of mixtures of the costs.

        In shares of the limits, what keeps them all costs 1 at most in every mixture. So there is no such
        architecture where the cheapest of one mixture costs more; None where neither is found.
        """
        for mixture in _mixtures(added):
            weights = {name: share / max(self.most[name], 1e-300) for name, share in mixture.items()}
            cheapest = cheapest_architecture(space, table, weights)
            cost = table.cost(cheapest, added)
            if sum(weight * cost[name] for name, weight in weights.items()) > 1.0 + 1e-9:
                return False
            if not any(cost[name] > self.most[name] for name in added) and not self.refusal(
                table.cost(cheapest, self.most)
            ):
                return True
        return None


def _mixtures(names: list[str]) -> Iterable[dict[str, float]]:
    """Shares of the names that add up to 1, evenly spread."""
    if not names:
        return []
    parts = _SHARES
    while comb(parts + len(names) - 1, parts) > _MIXTURES:
        parts -= 1
    return (
        {name: count / parts for name, count in Counter(drawn).items()}
        for drawn in combinations_with_replacement(names, parts)
    )


def cheapest_architecture(
    space: SearchSpace, table: "CostTable", weights: Mapping[str, float]
) -> Architecture:
    """The architecture with the least weighted cost: the cheapest operation at every choice.

    Args:
        weights: By name of an additive cost.
    """
    by_choice = choice_costs(space, table, weights)
    return space.architecture(
        {choice: min(costs, key=costs.__getitem__) for choice, costs in by_choice.items()}
    )


def choice_costs(
    space: SearchSpace, table: "CostTable", weights: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """What each option of each choice adds to the weighted sum of additive costs."""
    totals: dict[str, dict[str, float]] = {
        name: dict.fromkeys(operations, 0.0) for name, operations in space.parameters.items()
    }
    for (site, stage), costs in table.parts.items():
        choice = site if site in totals else f"{site}.{stage}"
        for operation in totals.get(choice, {}):
            totals[choice][operation] += sum(
                weight * costs[operation][name] for name, weight in weights.items()
            )
    return totals


def _flag(name: str) -> str:
    return flag(f"max_{name}")


def _describe(architecture: Architecture) -> str:
    return ", ".join(f"{site} {join_choice(getattr(architecture, site))}" for site in SITE_NAMES)
