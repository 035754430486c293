"""The networks that a surrogate is asked about: all of a space, or some drawn from it."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np

from ...space import Architecture, SearchSpace
from ..samplers.history import encode
from ..samplers.surrogate import Floats, Integers

LISTED = 4_000  # combinations up to which all are asked about
_SWITCHED = 1_200  # networks at most that differ at one choice, where there are more
_FEWEST, _MOST = 8, 60  # networks that every operation is put into there
_DRAWN = 600  # networks for random searches there

Costs = Callable[[Architecture], Mapping[str, float]]


class Asked:
    """Networks of a space, each different one once.

    Args:
        trained: Networks that must be among them.
        costs: Says what a network costs, all costs that are asked for.
        seed: Draws networks of a space too large to list.

    Attributes:
        whole_space: Whether they are all that there are.
        switched: By choice, in the order of the space's parameters, numbers of the networks that have each
            option and are the same otherwise (options, n).
        grid: Numbers of the networks that all combinations make, the last choice varying fastest; none where
            they are too many.
        pool: Numbers of those that a random search draws from.
    """

    def __init__(
        self, space: SearchSpace, trained: Iterable[Architecture], costs: Costs, *, seed: int
    ) -> None:
        self.space, self._costs = space, costs
        self._numbers: dict[tuple[str, ...], int] = {}
        self._points: list[dict[str, str]] = []
        self._known: dict[tuple[str, ...], int] = {}
        self.grid: Integers = np.empty(0, dtype=np.int64)
        self.trained = np.array([self._add(space.choices(network)) for network in trained], dtype=np.int64)
        options = list(space.parameters.values())
        self.whole_space = space.size <= LISTED
        if self.whole_space:
            self.grid = np.array([self._add(space.choices(network)) for network in space], dtype=np.int64)
            grid = self.grid.reshape(self.grid_shape)
            self.switched = [np.moveaxis(grid, at, 0).reshape(len(o), -1) for at, o in enumerate(options)]
            self.pool = np.arange(len(self._points))
        else:
            rng = random.Random(seed)
            count = int(np.clip(_SWITCHED // sum(map(len, options)), _FEWEST, _MOST))
            drawn = [self._draw(rng) for _ in range(count)]
            self.switched = [
                np.array([[self._add(point | {name: option}) for point in drawn] for option in names])
                for name, names in space.parameters.items()
            ]
            self.pool = np.unique([self._add(self._draw(rng)) for _ in range(_DRAWN)])

    def __len__(self) -> int:
        return len(self._points)

    def number(self, architecture: Architecture) -> int:
        """Of a network that is among them."""
        return self._add(self.space.choices(architecture))

    @cached_property
    def choices(self) -> Integers:
        """Option numbers of every network (N, M)."""
        return encode(self.space.parameters, self._points)

    @cached_property
    def costs(self) -> list[Mapping[str, float]]:
        """Of every network."""
        return [self._costs(self.space.architecture(point)) for point in self._points]

    def cost(self, names: Sequence[str]) -> Floats:
        """Some of these, of every network (N, K)."""
        return np.array([[cost[name] for name in names] for cost in self.costs], dtype=np.float64)

    @cached_property
    def grid_shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.space.parameters.values()))

    def _draw(self, rng: random.Random) -> dict[str, str]:
        return {name: rng.choice(options) for name, options in self.space.parameters.items()}

    def _add(self, point: Mapping[str, str]) -> int:
        """The number of the network that choices make."""
        given = tuple(point[name] for name in self.space.parameters)
        if given not in self._known:
            normal = self.space.canonical_choices(point)
            key = tuple(normal[name] for name in self.space.parameters)
            if key not in self._numbers:
                self._numbers[key] = len(self._points)
                self._points.append(normal)
            self._known[given] = self._numbers[key]
        return self._known[given]
