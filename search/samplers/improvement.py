"""Expected hypervolume improvement where only accuracy is uncertain and every cost is known.

The logarithm of the error is what is taken to be normal, so no accuracy is above 100 percent.
"""

import numpy as np
from scipy.special import ndtr

from .surrogate import Floats

LEAST_ERROR = 0.25  # percent, added to every error: near perfection accuracies are hardly told apart
_SAMPLES = 512  # points of the cost box, where there are three costs or more
_LARGEST = 300.0  # exponent: what is larger is of no account, and its exponential no number
_CHUNK = 256  # candidates that are worked out at a time


def expected_error(mean: Floats, deviation: Floats) -> Floats:
    """The mean of an error whose logarithm is normal with this mean and deviation (N,)."""
    return np.asarray(np.exp(np.minimum(mean + 0.5 * deviation**2, _LARGEST)))


def expected_improvement(mean: Floats, deviation: Floats, levels: Floats) -> Floats:
    """E[max(0, A - t)] for accuracies A of a normal log(100 - A + LEAST_ERROR).

    An improvement is the amount by which the error falls short of a level's, as the worth of a put option
    (Black and Scholes, 1973) is that by which a price does.

    Args:
        mean: Mean of the logarithm of each candidate's error in percent (N,).
        deviation: Its standard deviation (N,).
        levels: Accuracies t in percent, the same of all candidates (L,) or each candidate's own (N, L).

    Returns:
        Points of accuracy (N, L).
    """
    error = 100.0 + LEAST_ERROR - levels
    below = (np.log(error) - mean[:, None]) / deviation[:, None]
    expected = expected_error(mean, deviation)
    short = error * ndtr(below) - expected[:, None] * ndtr(below - deviation[:, None])
    return np.asarray(np.maximum(short, 0.0))


class Front:
    """The best accuracy reached at every cost, as a step function over the box of costs.

    Args:
        accuracy: Accuracies of the front in percent (F,).
        costs: Their costs, scaled so that the box is 0..1 in each (F, K).
        worthless: The accuracy that counts as none, in percent.
    """

    def __init__(self, accuracy: Floats, costs: Floats, worthless: float) -> None:
        # The most accurate first, so that the first within given costs is the best there; the last always is.
        order = np.argsort(-accuracy, kind="stable")
        self._accuracy = np.append(np.maximum(accuracy[order], worthless), worthless)
        self._costs = np.vstack([costs[order], np.full(costs.shape[1], -np.inf)])
        dimensions = costs.shape[1]
        self.edges = [np.unique(np.clip([0.0, *costs[:, axis], 1.0], 0.0, 1.0)) for axis in range(dimensions)]
        if dimensions > 2:
            self.points = _sobol(dimensions)
        else:
            corners = np.meshgrid(*(edge[:-1] for edge in self.edges), indexing="ij")
            self.points = np.stack(corners, axis=-1)
        # The step at every cell, as a number into the levels that occur.
        step = self.at(self.points)
        self.levels, which = np.unique(step, return_inverse=True)
        self.which = which.reshape(step.shape)

    def at(self, costs: Floats) -> Floats:
        """The best accuracy within these costs (..., K), `worthless` where the front has none."""
        within = np.ones((*costs.shape[:-1], len(self._accuracy)), dtype=bool)
        for axis, most in enumerate(self._costs.T):
            within &= most <= costs[..., axis, None]
        return np.asarray(self._accuracy[within.argmax(axis=-1)])


def largest_improvement(mean: Floats, deviation: Floats, costs: Floats, front: Front) -> tuple[int, float]:
    """The candidate with the largest expected hypervolume improvement, and that improvement.

    A candidate cannot gain more than its improvement at its own cost, over the whole box above it.
    Going through the candidates by this bound, most are never worked out.

    Args:
        mean: Mean of the logarithm of each candidate's error in percent (N,).
        deviation: Its standard deviation (N,).
        costs: Scaled as the front's (N, K).
    """
    own = front.at(costs)
    at_own_cost = expected_improvement(mean, deviation, own[:, None])[:, 0]
    bound = at_own_cost * np.prod(np.clip(1.0 - costs, 0.0, None), axis=1)
    # Where nothing is expected to gain, the one that falls least short goes first.
    short = (mean - np.log(100.0 + LEAST_ERROR - own)) / deviation
    order = np.lexsort((short, -bound))
    best, gain = int(order[0]), -1.0
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        if bound[chunk[0]] <= gain:
            break
        gains = expected_hypervolume_improvement(mean[chunk], deviation[chunk], costs[chunk], front)
        if gains.max() > gain:
            best, gain = int(chunk[np.argmax(gains)]), float(gains.max())
    return best, gain


def expected_hypervolume_improvement(mean: Floats, deviation: Floats, costs: Floats, front: Front) -> Floats:
    """How much hypervolume each candidate is expected to add to a front.

    A candidate improves on the front wherever the cost is at least its own. So the expectation is the
    integral, over these costs, of the expected improvement over the front's step function: cell by
    cell for one and two costs, over quasi-random costs for more.

    Args:
        mean: Mean of the logarithm of each candidate's error in percent (N,).
        deviation: Its standard deviation (N,).
        costs: Scaled as the front's (N, K).

    Returns:
        Points of accuracy times the share of the box of costs (N,).
    """
    gain = expected_improvement(mean, deviation, front.levels)
    if costs.shape[1] > 2:
        above = (costs[:, None, :] <= front.points[None, :, :]).all(axis=2)
        shares = above @ np.eye(len(front.levels))[front.which] / len(front.points)
        return np.asarray((shares * gain).sum(axis=1))
    # The part of each side of each cell that lies at or above the candidate's cost.
    overlap = [
        np.clip(edge[None, 1:] - np.maximum(edge[None, :-1], costs[:, axis, None]), 0.0, None)
        for axis, edge in enumerate(front.edges)
    ]
    if costs.shape[1] == 1:
        return np.asarray((overlap[0] * gain[:, front.which]).sum(axis=1))
    total = np.zeros(len(mean))
    for column, row in enumerate(front.which):
        total += overlap[0][:, column] * (overlap[1] * gain[:, row]).sum(axis=1)
    return total


def _sobol(dimensions: int) -> Floats:
    from scipy.stats import qmc

    return np.asarray(qmc.Sobol(dimensions, scramble=False).random(_SAMPLES))
