"""The proposals of the `cost_aware` sampler: all candidates and their costs known, accuracy modelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import moocore
import numpy as np
from threadpoolctl import ThreadpoolController

from .improvement import Front, expected_improvement, largest_improvement
from .posterior import Posterior
from .surrogate import Features, Floats, Integers, Kernel, fit_kernel, standardised
from .warp import LEAST_ERROR, Warp

START = 5  # points spread over the range of cost before the model is asked
_REFIT = 1.1  # the kernel is fitted anew when the observations have grown by a tenth, and by two at least
# Share of a deviation that counts. The largest next gain alone explores more than pays off later: measured on
# 34 searches of NAS-Bench-Macro.
_EXPLORING = 0.8
_WORTHLESS = 0.005  # share of the candidates below whose predicted accuracies none adds to the front
# Several threads wait for each other while the cores train, and round otherwise than one.
BLAS = ThreadpoolController().select(user_api="blas")

# By a digest of the observations they were fitted to and of the noise that was known.
Kernels = dict[bytes, tuple[Kernel, Warp]]


@dataclass(frozen=True)
class Suggestion:
    """A proposed candidate and why.

    Attributes:
        index: Number of the candidate.
        accuracy: Predicted accuracy in percent, None where the model was not asked.
        deviation: Standard deviation of the prediction in percent points.
        gain: Expected gain of hypervolume, in points times the share of the range of cost; in a search over
            rungs that of the front at the top, for each unit of the budget.
        rung: How many times as long as the shortest training this one is to be.
    """

    index: int
    accuracy: float | None = None
    deviation: float | None = None
    gain: float | None = None
    rung: int = 1


class CostAware:
    """Chooses the next of a fixed set of candidates.

    Args:
        choices: Option number of every choice of every candidate (N, M).
        options: The options of each choice.
        costs: Costs of every candidate, smaller is better (N, K).
        scale: Costs between the least and most of which distances are measured; the candidates' own
            where there are none.
        reference: Accuracy in percent below which a candidate is worth nothing; None for one that nearly all
            are predicted to exceed.
        kernels: Those fitted so far, kept by the caller.
    """

    def __init__(
        self,
        choices: Integers,
        options: Sequence[Sequence[str]],
        costs: Floats,
        *,
        scale: Floats | None = None,
        reference: float | None = None,
        kernels: Kernels | None = None,
    ) -> None:
        self.costs = costs
        span = costs if scale is None else scale
        least, most = span.min(axis=0), span.max(axis=0)
        self.box = (costs - least) / np.where(most > least, most - least, 1.0)
        low, high = np.log(np.maximum(least, 1e-12)), np.log(np.maximum(most, 1e-12))
        scaled = (np.log(np.maximum(costs, 1e-12)) - low) / np.where(high > low, high - low, 1.0)
        self._choices = choices
        self._reference = reference
        self.features = Features.of(choices, options, scaled)
        # Candidates in order of cost, all costs alike, cut into equal parts for the start.
        order = np.argsort(scaled.mean(axis=1), kind="stable")
        self._part = np.empty(len(costs), dtype=np.int64)
        self._part[order] = np.arange(len(costs)) * START // len(costs)
        self._kernels: Kernels = {} if kernels is None else kernels
        self._kept: tuple[tuple[Kernel, bytes, bytes], Posterior[Features]] | None = None

    def propose(
        self,
        observed: Sequence[int],
        accuracies: Sequence[float],
        *,
        pending: Sequence[int],
        closed: Sequence[int],
        seed: int,
        noise: float | None = None,
        doubts: Sequence[float] | None = None,
    ) -> Suggestion | None:
        """The candidate to train next, None where none is left.

        Args:
            observed: Candidates with an accuracy, in the order they became known; may repeat.
            accuracies: Their accuracies in percent.
            pending: Candidates proposed and not known yet.
            closed: Other candidates not to be proposed: failed, or over a limit.
            seed: Breaks ties and draws the start.
            noise: Standard deviation of an accuracy between seeds in percent points, where known.
            doubts: Standard deviation of each accuracy beyond that: of a forecast, 0 for a measurement.
        """
        rng = np.random.default_rng(seed)
        free = np.ones(len(self.costs), dtype=bool)
        for taken in (observed, pending, closed):
            free[np.asarray(taken, dtype=np.int64)] = False
        if not free.any():
            return None
        if len(observed) < 2 or len(observed) + len(pending) < START:
            return Suggestion(self.start([*observed, *pending], free, rng))
        with BLAS.limit(limits=1):
            return self._best(
                np.asarray(observed, dtype=np.int64),
                np.asarray(accuracies, dtype=np.float64),
                np.asarray(pending, dtype=np.int64),
                free,
                noise,
                np.zeros(len(observed)) if doubts is None else np.asarray(doubts, dtype=np.float64),
            )

    def start(self, taken: Sequence[int], free: np.ndarray, rng: np.random.Generator) -> int:
        """A candidate from the part of the range of cost with the fewest taken, unlike those taken."""
        filled = np.bincount(self._part[np.asarray(taken, dtype=np.int64)], minlength=START)
        open_parts = np.unique(self._part[free])
        least = open_parts[filled[open_parts] == filled[open_parts].min()]
        part = rng.choice(least)
        members = np.flatnonzero(free & (self._part == part))
        if not len(taken):
            return int(rng.choice(members))
        tried = rng.choice(members, size=min(len(members), 32), replace=False)
        differ = self._choices[tried][:, None, :] != self._choices[list(taken)][None, :, :]
        return int(tried[np.argmax(differ.sum(axis=2).min(axis=1))])

    def _best(
        self,
        observed: Integers,
        accuracies: Floats,
        pending: Integers,
        free: np.ndarray,
        noise: float | None,
        doubts: Floats,
    ) -> Suggestion:
        """The candidate with the largest expected gain, pending ones counted as what they promise."""
        errors = 100.0 - accuracies + LEAST_ERROR
        logarithms, fitted = np.log(errors), fitted_count(len(errors))
        kernel, warp = self.kernel(
            observed[:fitted],
            logarithms[:fitted],
            None if noise is None else (noise / errors[:fitted]) ** 2,
            doubts[:fitted] == 0,
        )
        values = warp(logarithms)
        standard, scale = standardised(values)
        # The same noise in percent is larger where the error is smaller. Its scale is that of the kernel, not
        # of all values, so that what an observation once counted for stays as it was.
        steepness = warp.steepness(logarithms) / errors / standardised(values[:fitted])[1]
        variance = np.full(len(values), kernel.noise) if noise is None else (noise * steepness) ** 2
        variance = variance + (doubts * steepness) ** 2
        posterior = self._posterior(kernel, fitted, observed, variance)
        predicted = posterior.mean(standard)
        # A pending candidate is taken to come out as predicted: it leaves less to learn near it.
        posterior = posterior.extended(pending, np.full(len(pending), kernel.noise))
        mean, deviation = values.mean() + scale * predicted, scale * np.sqrt(posterior.variance)
        accuracy = expected_improvement(mean, deviation, np.zeros(1), warp)[:, 0]  # upon none at all
        tried = np.unique(np.concatenate([observed, pending]))
        expected = accuracy[tried]
        worst = self.worst(accuracy, expected)
        on_front = moocore.is_nondominated(np.column_stack([-expected, self.costs[tried]]))
        tried, expected = tried[on_front], expected[on_front]
        front = Front(expected, self.box[tried], worst, warp)
        exploring = _EXPLORING * deviation[free]
        best, gain = largest_improvement(mean[free], exploring, self.box[free], front)
        index = int(np.flatnonzero(free)[best])
        spread = warp.spread(float(mean[index]), float(deviation[index]))
        return Suggestion(index, accuracy=float(accuracy[index]), deviation=spread, gain=gain)

    def worst(self, accuracy: Floats, tried: Floats) -> float:
        """The accuracy that counts as none, from those expected of all and of what was tried."""
        if self._reference is not None:
            return self._reference
        return max(float(tried.min()), float(np.quantile(accuracy, _WORTHLESS)))

    def _posterior(
        self, kernel: Kernel, fitted: int, observed: Integers, variance: Floats
    ) -> Posterior[Features]:
        """The posterior of all observations: those the kernel was fitted to, kept, and then the rest.

        Always in these two steps, so that a search that goes on computes the same to the last bit.
        """
        key = (kernel, observed[:fitted].tobytes(), variance[:fitted].tobytes())
        if self._kept is None or self._kept[0] != key:
            self._kept = key, Posterior(self.features, kernel).extended(observed[:fitted], variance[:fitted])
        return self._kept[1].extended(observed[fitted:], variance[fitted:])

    def kernel(
        self,
        observed: Integers,
        logarithms: Floats,
        noise: Floats | None,
        measured: np.ndarray,
    ) -> tuple[Kernel, Warp]:
        """Both fitted to the observations that are no forecasts: their doubt would pass for noise.

        Args:
            observed: The candidates (n,).
            logarithms: Of their errors (n,).
            noise: Variance of each logarithm where it is known (n,).
            measured: Which are no forecasts (n,).
        """
        sure = np.flatnonzero(measured)
        sure = sure if len(sure) > 1 else np.arange(len(logarithms))
        points, chosen = self.features[observed[sure]], logarithms[sure]
        noise = None if noise is None else noise[sure]
        # In a study of several processes a late result changes which observations are the first.
        known = b"" if noise is None else noise.tobytes()
        key = sha256(points.columns.tobytes() + chosen.tobytes() + known).digest()
        if key not in self._kernels:
            self._kernels[key] = fit_kernel(points, chosen, noise=noise)
        return self._kernels[key]


def fitted_count(observations: int) -> int:
    """How many observations, the first ones, the last fit of the kernel saw."""
    count = max(2, min(START, observations))
    while (larger := max(count + 2, int(count * _REFIT))) <= observations:
        count = larger
    return count
