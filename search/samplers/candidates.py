"""The architectures a sampler that knows the costs may choose from."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import moocore
import numpy as np

from ...space import DEFAULT_OBJECTIVES, SearchSpace, additive_costs
from .cost_aware import CostAware, Kernels, Suggestion
from .decision import decide
from .history import History, trainings_of
from .limits import LISTABLE, Limits, cheapest_architecture, choice_costs
from .surrogate import Floats, Integers

if TYPE_CHECKING:
    from ...models import CostTable

_SAMPLED = 2_000  # random architectures of a space too large to list
_NEIGHBOURS = 500  # architectures near the front, drawn anew for each proposal
_STRONGEST = 4.0  # preference for cheap or dear operations that random ones are drawn with at most


class Candidates(Protocol):
    """Where proposals come from; made once for a search, so that it can keep what it worked out."""

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The options of each choice."""

    def propose(self, history: History, *, seed: int) -> tuple[dict[str, str], Suggestion] | None:
        """The choices to try next and why, None where nothing is left."""

    def decide(
        self, history: History, *, rungs: tuple[int, ...], left: float, seed: int
    ) -> tuple[dict[str, str], Suggestion] | None:
        """The choices to train next, for how long, and why; None where nothing affordable is worth anything.

        Choices trained at the suggested rung, or pending there, are to be trained with another seed.

        Args:
            rungs: Lengths of training, as multiples of the shortest, rising; the front is of the last.
            left: How many of the shortest trainings may be spent beyond the pending ones.
        """


class ListedCandidates:
    """All candidates of a space that can be listed.

    Args:
        parameters: The options of each choice.
        points: Choices of every candidate.
        costs: Costs of every candidate (N, K).
        normal: Gives the candidate's choices for any that mean the same.
        reference: Accuracy in percent below which a candidate is worth nothing, where it is known.
    """

    def __init__(
        self,
        parameters: Mapping[str, tuple[str, ...]],
        points: Sequence[Mapping[str, str]],
        costs: Floats,
        normal: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda choices: choices,
        *,
        reference: float | None = None,
    ) -> None:
        self.parameters = parameters
        self._points = [dict(point) for point in points]
        self._numbers = {self._key(point): number for number, point in enumerate(self._points)}
        self._normal = normal
        numbers = encode(parameters, self._points)
        self._core = CostAware(numbers, list(parameters.values()), costs, reference=reference)

    def decide(
        self, history: History, *, rungs: tuple[int, ...], left: float, seed: int
    ) -> tuple[dict[str, str], Suggestion] | None:
        known = trainings_of(history, rungs, self._find)
        choice = decide(self._core, known, rungs=rungs, left=left, seed=seed, noise=history.noise)
        return None if choice is None else (self._points[choice.index], choice)

    def propose(self, history: History, *, seed: int) -> tuple[dict[str, str], Suggestion] | None:
        known = [
            (number, accuracy, doubt)
            for point, accuracy, doubt in zip(
                history.observed, history.accuracies, history.doubts, strict=True
            )
            for number in self._find([point])
        ]
        choice = self._core.propose(
            [number for number, _, _ in known],
            [accuracy for _, accuracy, _ in known],
            doubts=[doubt for _, _, doubt in known],
            pending=self._find(history.pending),
            closed=self._find(history.closed),
            seed=seed,
            noise=history.noise,
        )
        return None if choice is None else (self._points[choice.index], choice)

    def _key(self, point: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(point[name] for name in self.parameters)

    def _find(self, points: Iterable[Mapping[str, str]]) -> list[int]:
        """Numbers of the candidates; what is over a limit is none of them."""
        keys = (self._key(self._normal(point)) for point in points)
        return [self._numbers[key] for key in keys if key in self._numbers]


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
        self._costs: dict[tuple[str, ...], tuple[float, ...] | None] = {}
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
        points = self._affordable([*observed, *pending, *closed, *self._pool, *near])
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
        others = self._normal([*history.pending, *history.closed])
        points = self._affordable([*observed, *others, *self._pool, *near])
        if not points:
            return None
        numbers = {point: number for number, point in enumerate(points)}

        def find(some: Iterable[Mapping[str, str]]) -> list[int]:
            return [numbers[point] for point in self._normal(some) if point in numbers]

        known = trainings_of(history, rungs, find)
        choice = decide(self._core(points), known, rungs=rungs, left=left, seed=seed, noise=history.noise)
        return None if choice is None else (self._as_choices(points[choice.index]), choice)

    def _affordable(self, points: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Each once, without those over a limit."""
        return [point for point in dict.fromkeys(points) if self._cost(point) is not None]

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
        return [tuple(self._space.canonical_choices(point).values()) for point in points]

    def _as_choices(self, point: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(self.parameters, point, strict=True))

    def _cost(self, point: tuple[str, ...]) -> tuple[float, ...] | None:
        """Costs of an architecture, None where it is over a limit."""
        if point not in self._costs:
            architecture = self._space.architecture(self._as_choices(point))
            cost = self._table.cost(architecture, {*self._cost_names, *self._limits})
            known = tuple(float(cost[name]) for name in self._cost_names)
            self._costs[point] = None if self._limits.refusal(cost) else known
        return self._costs[point]


def make_candidates(
    space: SearchSpace,
    table: "CostTable",
    limits: Limits,
    cost_names: Sequence[str],
    *,
    seed: int,
    reference: float | None = None,
) -> Candidates:
    """The candidates of a space within the limits: all of them, or samples where they are too many.

    Args:
        reference: Accuracy in percent below which a candidate is worth nothing, where it is known.
    """
    if space.size > LISTABLE:
        return SampledCandidates(space, table, limits, cost_names, seed=seed, reference=reference)
    wanted = {*cost_names, *limits}
    members = [(a, cost) for a in space.distinct() if not limits.refusal(cost := table.cost(a, wanted))]
    costs = np.array([[cost[name] for name in cost_names] for _, cost in members], dtype=np.float64)
    points = [space.choices(architecture) for architecture, _ in members]
    return ListedCandidates(space.parameters, points, costs, space.canonical_choices, reference=reference)


def encode(parameters: Mapping[str, tuple[str, ...]], points: Sequence[Mapping[str, str]]) -> Integers:
    """Option numbers (N, M)."""
    numbers = {name: {option: i for i, option in enumerate(options)} for name, options in parameters.items()}
    rows = [[numbers[name][point[name]] for name in parameters] for point in points]
    return np.array(rows, dtype=np.int64).reshape(len(points), len(parameters))
