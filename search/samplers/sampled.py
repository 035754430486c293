"""Candidates of a space too large to list."""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import TYPE_CHECKING

import moocore
import numpy as np

from ...space import DEFAULT_OBJECTIVES, SearchSpace, additive_costs
from .cost_aware import CostAware, Kernels, Suggestion
from .decision import decide
from .history import History, encode, trainings_of
from .limits import Limits, cheapest_architecture, choice_costs
from .modelled import modelled

if TYPE_CHECKING:
    from ...models import CostTable

_SAMPLED = 2_000  # random architectures of a space too large to list
_NEIGHBOURS = 500  # architectures near the front, drawn anew for each proposal
_KEPT = 32_768  # architectures whose canonical form and costs are remembered, the last asked for
_STRONGEST = 4.0  # preference for cheap or dear operations that random ones are drawn with at most


class SampledCandidates:
    """Candidates of a space too large to list: random ones and the front's neighbours.

    The random ones cover the range of cost and are drawn once. Every proposal adds architectures that
    differ from a member of the current front in one or two choices.
    """

    def __init__(
        self,
        space: SearchSpace,
        table: "CostTable",
        limits: Limits,
        cost_names: Sequence[str],
        *,
        seed: int,
        reference: float | None = None,
    ) -> None:
        self.parameters = space.parameters
        self._space, self._table, self._limits, self._cost_names = space, table, limits, cost_names
        self._reference = reference
        self._kernels: Kernels = {}
        # A search of thousands asks for millions of neighbours, few of them again.
        self._form = lru_cache(_KEPT)(self._canonical)
        self._cost = lru_cache(_KEPT)(self._known_cost)
        # Those that no search is asked for are left out, so that a further row of COSTS changes none.
        self._added = [n for n in additive_costs() if n in cost_names or n in DEFAULT_OBJECTIVES]
        ends = [cheapest_architecture(space, table, {n: sign}) for n in self._added for sign in (1.0, -1.0)]
        self._pool = self._normal([*map(space.choices, ends), *self._random(random.Random(seed))])
        known = [table.cost(architecture, cost_names) for architecture in ends]
        self._scale = np.array([[float(cost[name]) for name in cost_names] for cost in known])

    def propose(self, history: History, *, seed: int) -> tuple[dict[str, str], Suggestion] | None:
        rng = random.Random(seed)
        observed = self._normal(history.observed)
        pending = self._normal(history.pending)
        closed = self._normal(history.closed)
        near = self._neighbours(self._front(observed, history.accuracies), rng)
        history, others = modelled(history, observed, [self._cost(point) for point in observed])
        if len(history.observed) < len(observed):
            observed = self._normal(history.observed)
        points = self._affordable([*observed, *pending, *closed, *self._pool, *near], others)
        if not points:
            return None
        numbers = {point: number for number, point in enumerate(points)}
        core = self._core(points)
        results = zip(observed, history.accuracies, history.doubts, strict=True)
        known = [(numbers[point], accuracy, doubt) for point, accuracy, doubt in results if point in numbers]
        choice = core.propose(
            [number for number, _, _ in known],
            [accuracy for _, accuracy, _ in known],
            doubts=[doubt for _, _, doubt in known],
            pending=[numbers[point] for point in pending if point in numbers],
            closed=[numbers[point] for point in closed if point in numbers],
            seed=seed,
            noise=history.noise,
        )
        return None if choice is None else (self._as_choices(points[choice.index]), choice)

    def decide(
        self, history: History, *, rungs: tuple[int, ...], left: float, seed: int
    ) -> tuple[dict[str, str], Suggestion] | None:
        observed = self._normal(history.observed)
        lengths = history.rungs or [1] * len(observed)
        # Accuracies of one length alone can be compared.
        fronts = [
            self._front(*zip(*some, strict=True))
            for rung in rungs
            if (
                some := [
                    (p, a) for p, a, r in zip(observed, history.accuracies, lengths, strict=True) if r == rung
                ]
            )
        ]
        near = self._neighbours([point for front in fronts for point in front], random.Random(seed))
        history, others = modelled(history, observed, [self._cost(point) for point in observed])
        others -= set(pending := self._normal(history.pending))
        closed = self._normal(history.closed)
        points = self._affordable(
            [*self._normal(history.observed), *pending, *closed, *self._pool, *near], others
        )
        if not points:
            return None
        numbers = {point: number for number, point in enumerate(points)}

        def find(some: Iterable[Mapping[str, str]]) -> list[int]:
            return [numbers[point] for point in self._normal(some) if point in numbers]

        known = trainings_of(history, rungs, find)
        choice = decide(self._core(points), known, rungs=rungs, left=left, seed=seed, noise=history.noise)
        return None if choice is None else (self._as_choices(points[choice.index]), choice)

    def _affordable(
        self, points: Iterable[tuple[str, ...]], others: Set[tuple[str, ...]]
    ) -> list[tuple[str, ...]]:
        """Each once, without those over a limit and these others."""
        once = dict.fromkeys(points)
        return [point for point in once if point not in others and self._cost(point) is not None]

    def _core(self, points: Sequence[tuple[str, ...]]) -> CostAware:
        return CostAware(
            encode(self.parameters, [self._as_choices(point) for point in points]),
            list(self.parameters.values()),
            np.array([self._cost(point) for point in points]),
            scale=self._scale,
            reference=self._reference,
            kernels=self._kernels,
        )

    def _random(self, rng: random.Random) -> Iterator[dict[str, str]]:
        """Random choices; each draw prefers cheap or dear operations by a strength of its own."""
        unmodified = self._table.cost(self._space.unmodified, self._added)
        weights = {name: 1.0 / unmodified[name] for name in self._added if unmodified[name]}
        by_choice = choice_costs(self._space, self._table, weights)
        for _ in range(_SAMPLED):
            strength = rng.uniform(-_STRONGEST, _STRONGEST)
            drawn = {}
            for name, costs in by_choice.items():
                most = max(costs.values()) or 1.0
                odds = [math.exp(-strength * cost / most) for cost in costs.values()]
                drawn[name] = rng.choices(list(costs), odds)[0]
            yield drawn

    def _front(
        self, observed: Sequence[tuple[str, ...]], accuracies: Sequence[float]
    ) -> list[tuple[str, ...]]:
        known = [(p, a, c) for p, a in zip(observed, accuracies, strict=True) if (c := self._cost(p))]
        if not known:
            return []
        worth = np.array([[-accuracy, *cost] for _, accuracy, cost in known])
        return [known[i][0] for i in np.flatnonzero(moocore.is_nondominated(worth))]

    def _neighbours(self, front: Sequence[tuple[str, ...]], rng: random.Random) -> list[tuple[str, ...]]:
        if not front:
            return []
        names = list(self.parameters)
        drawn = []
        for _ in range(_NEIGHBOURS):
            choices = self._as_choices(rng.choice(front))
            for name in rng.sample(names, min(rng.choice((1, 1, 2)), len(names))):
                choices[name] = rng.choice(self.parameters[name])
            drawn.append(choices)
        return self._normal(drawn)

    def _normal(self, points: Iterable[Mapping[str, str]]) -> list[tuple[str, ...]]:
        # Of every result at every proposal: `map` is twice as fast as a generator.
        names = tuple(self.parameters)
        return [self._form(tuple(map(point.__getitem__, names))) for point in points]

    def _canonical(self, point: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._space.canonical_choices(self._as_choices(point)).values())

    def _as_choices(self, point: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(self.parameters, point, strict=True))

    def _known_cost(self, point: tuple[str, ...]) -> tuple[float, ...] | None:
        """Costs of an architecture, None where it is over a limit."""
        architecture = self._space.architecture(self._as_choices(point))
        cost = self._table.cost(architecture, {*self._cost_names, *self._limits})
        known = tuple(float(cost[name]) for name in self._cost_names)
        return None if self._limits.refusal(cost) else known
