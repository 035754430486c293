"""What trainings of several lengths, rungs, say about every network at every rung."""

from dataclasses import dataclass, field

import numpy as np

from .posterior import Posterior
from .rung_kernel import RungFeatures, fit_rungs
from .surrogate import Features, Floats, Integers, Kernel, standardised
from .warp import LEAST_ERROR, Warp


@dataclass(frozen=True)
class Trainings:
    """Those of a search, by numbers of the networks and of the rungs, 0 for the shortest.

    There may be longer ones than the search's own, under a full policy: the number after its longest.

    Attributes:
        networks: What was trained, in the order it became known; may repeat (n,).
        rungs: The rung of each (n,).
        accuracies: Of each in percent (n,).
        pending: What is being trained (p,).
        pending_rungs: The rung of each (p,).
        closed: What is never to be trained again.
        others: The rungs of further trainings, too many to model.
        doubts: Standard deviation of each accuracy beyond the noise of a training, in points: that of a
            forecast; none where all went to their end (n,).
    """

    networks: Integers
    rungs: Integers
    accuracies: Floats
    pending: Integers
    pending_rungs: Integers
    closed: Integers
    others: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    doubts: Floats = field(default_factory=lambda: np.empty(0))

    def at(self, rung: int) -> Integers:
        """What was trained at a rung or is being trained there, each once."""
        return np.union1d(self.networks[self.rungs == rung], self.pending[self.pending_rungs == rung])

    @property
    def sure(self) -> np.ndarray:
        """Which went to their end (n,)."""
        return self.doubts == 0.0 if len(self.doubts) else np.ones(len(self.networks), dtype=bool)

    @property
    def tried(self) -> Integers:
        return np.union1d(self.networks, self.pending)

    def begun(self, count: int) -> Integers:
        """Trainings at each of so many rungs (R,)."""
        rungs = np.concatenate([self.rungs, self.pending_rungs, self.others])
        return np.bincount(rungs, minlength=count)[:count]


class RungModel:
    """The posterior of the warped logarithm of the error of every network at every rung.

    Args:
        features: Of the networks (N,).
        kernel: Of the shortest rung.
        warp: Of the shortest rung.
        known: The trainings, two of the shortest at least.
        noise: Standard deviation of an accuracy between seeds in points, None where it is to be inferred.
        count: How many rungs the search has; with full trainings R is one more.

    Attributes:
        warps: The scale of each rung.
        mean: (R, N).
        deviation: Before the pending trainings are known, less by what they will tell (R, N).
    """

    def __init__(
        self,
        features: Features,
        kernel: Kernel,
        warp: Warp,
        known: Trainings,
        *,
        noise: float | None,
        count: int,
    ) -> None:
        self._size, self._top, rungs = len(features.columns), count - 1, known.rungs
        count = max(count, int(rungs.max()) + 1)
        errors = 100.0 - known.accuracies + LEAST_ERROR
        logarithms = np.log(errors)
        # All rungs have warps of one slope; the knot of each is where the shortest's moves.
        knots = warp.knot + _moves(logarithms, known, count)
        self.warps = [Warp(float(knot), warp.slope) for knot in knots]
        above = warp(logarithms - knots[rungs] + warp.knot) - warp.knot
        centre, (_, spread) = above[rungs == 0].mean(), standardised(above[rungs == 0])
        values = (above - centre) / spread

        def chance(logarithms: Floats, knots: Floats) -> Floats:
            """Variance of an observation of such an error, were its rung as noisy as the shortest."""
            if noise is None:
                return np.full(logarithms.shape, kernel.noise)
            steepness = warp.steepness(logarithms - knots + warp.knot)
            return (noise * steepness / np.exp(logarithms) / spread) ** 2

        noisy = chance(logarithms, knots[rungs])
        doubtful = np.zeros(len(errors))
        if len(known.doubts):
            steepness = warp.steepness(logarithms - knots[rungs] + warp.knot)
            doubtful = (known.doubts * steepness / errors / spread) ** 2
        self._kernel = fit_rungs(kernel, features[known.networks], rungs, values, noisy, count)
        each = RungFeatures(
            Features(np.tile(features.columns, (count, 1)), features.options),
            np.repeat(np.arange(count), self._size),
        )
        posterior = Posterior(each, self._kernel).extended(
            self._number(known.networks, rungs), noisy * self._kernel.noise[rungs] + doubtful
        )
        predicted = posterior.mean(values / self._kernel.scale[rungs]).reshape(count, self._size)
        self._unit = spread * self._kernel.scale
        self.mean: Floats = (knots + centre)[:, None] + self._unit[:, None] * predicted
        expected = np.array([own.inverse(mean) for own, mean in zip(self.warps, self.mean, strict=True)])
        self._noise: Floats = chance(expected, knots[:, None]) * self._kernel.noise[:, None]
        pending = self._number(known.pending, known.pending_rungs)
        self._posterior = posterior.extended(pending, self._noise.ravel()[pending])
        self._variance = self._posterior.variance.reshape(count, self._size)
        self.deviation: Floats = self._unit[:, None] * np.sqrt(self._variance)

    def joint(self, rung: int) -> Floats:
        """Covariance of all networks at a rung, about `mean` (N, N)."""
        numbers = self._number(np.arange(self._size), np.full(self._size, rung))
        return np.asarray(self._unit[rung] ** 2 * self._posterior.covariance(numbers))

    def noise(self, rung: int) -> Floats:
        """Standard deviation of a training of each network at a rung about the network's own value (N,)."""
        return np.asarray(self._unit[rung] * np.sqrt(self._noise[rung]))

    def learnt(self, rung: int) -> Floats:
        """Standard deviation by which a training of each network at a rung moves its mean at the top (N,)."""
        networks, top = np.arange(self._size), self._top
        here, there = np.full(self._size, rung), np.full(self._size, top)
        shared = self._kernel.between(here, there) - self._posterior.explained(
            self._number(networks, here), self._number(networks, there)
        )
        moved = np.abs(shared) / np.sqrt(self._variance[rung] + self._noise[rung])
        return np.asarray(self._unit[top] * np.minimum(moved, np.sqrt(self._variance[top])))

    def _number(self, networks: Integers, rungs: Integers) -> Integers:
        return np.asarray(rungs * self._size + networks)


def _moves(logarithms: Floats, known: Trainings, count: int) -> Floats:
    """By how much networks trained at the shortest rung as well moved from it to each, the median (R,)."""
    at: list[dict[int, float]] = []
    for rung in range(count):
        here = known.rungs == rung
        networks = known.networks[here]
        at.append({int(x): float(logarithms[here][networks == x].mean()) for x in np.unique(networks)})
    moves = [0.0]
    for rung in range(1, count):
        moved = [value - at[0][x] for x, value in at[rung].items() if x in at[0]]
        moves.append(float(np.median(moved)) if moved else moves[-1])
    return np.array(moves)
