"""The architectures a sampler that knows the costs may choose from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...space import SearchSpace
from .cost_aware import CostAware, Suggestion
from .decision import decide
from .history import History, encode, trainings_of
from .limits import LISTABLE, Limits
from .modelled import modelled
from .sampled import SampledCandidates
from .surrogate import Floats

if TYPE_CHECKING:
    from ...models import CostTable


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
        self._costs = costs
        numbers = encode(parameters, self._points)
        self._core = CostAware(numbers, list(parameters.values()), costs, reference=reference)

    def decide(
        self, history: History, *, rungs: tuple[int, ...], left: float, seed: int
    ) -> tuple[dict[str, str], Suggestion] | None:
        history = self._modelled(history)
        known = trainings_of(history, rungs, self._find)
        choice = decide(self._core, known, rungs=rungs, left=left, seed=seed, noise=history.noise)
        return None if choice is None else (self._points[choice.index], choice)

    def propose(self, history: History, *, seed: int) -> tuple[dict[str, str], Suggestion] | None:
        history = self._modelled(history)
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

    def _modelled(self, history: History) -> History:
        """The results to model; candidates of which none is are closed."""
        numbers = [self._numbers.get(self._key(self._normal(point)), -1) for point in history.observed]
        costs = [None if number < 0 else self._costs[number].tolist() for number in numbers]
        history, others = modelled(history, numbers, costs)
        closed = [self._points[number] for number in sorted(others)]
        return replace(history, closed=[*history.closed, *closed]) if closed else history

    def _key(self, point: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(point[name] for name in self.parameters)

    def _find(self, points: Iterable[Mapping[str, str]]) -> list[int]:
        """Numbers of the candidates; what is over a limit is none of them."""
        keys = (self._key(self._normal(point)) for point in points)
        return [self._numbers[key] for key in keys if key in self._numbers]


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
