"""Expected hypervolume improvement where only accuracy is uncertain and every cost is known.

The logarithm of the error, or its warp, is what is taken to be normal, so no accuracy is above 100 percent.
"""

import numpy as np
from scipy.special import log_ndtr, ndtr

from .surrogate import Floats, Integers
from .warp import MOST_ERROR, Warp

_MOST_STEPS = 30_000  # of a front that are listed: as many as 100 networks have at four costs
_SAMPLES = 512  # points above each candidate's cost, where the front has more steps
_AT_ONCE = 4_000_000  # numbers that are worked out together
_LARGEST = 300.0  # exponent: what is larger is of no account, and its exponential no number
_CHUNK = 256  # candidates that are worked out at a time
_PLAIN = Warp()


def expected_improvement(mean: Floats, deviation: Floats, levels: Floats, warp: Warp = _PLAIN) -> Floats:
    """E[max(0, A - t)] for accuracies A of a normal warp(log(100 - A + LEAST_ERROR)).

    An improvement is the amount by which the error falls short of a level's, as the worth of a put option
    (Black and Scholes, 1973) is that by which a price does. The error is lognormal on either side of a knot.

    Args:
        mean: Mean of the scale's value of each candidate's error (N,).
        deviation: Its standard deviation (N,).
        levels: Accuracies t in percent, the same of all candidates (L,) or each candidate's own (N, L).
        warp: The scale.

    Returns:
        Points of accuracy (N, L).
    """
    error = MOST_ERROR - levels
    centre, spread = mean[:, None], deviation[:, None]
    below = (warp(np.log(error)) - centre) / spread
    to_knot = (warp.knot - centre) / spread if warp.slope < 1.0 else np.inf
    expected = np.exp(np.minimum(centre + 0.5 * spread**2, _LARGEST))
    short = error * ndtr(below) - expected * ndtr(np.minimum(below, to_knot) - spread)
    if warp.slope < 1.0:
        steep = spread / warp.slope
        # The logarithm of the mean error that the line above the knot would have, without the one below it.
        # Its exponential may be past all bounds, but not that part of it which lies within the level.
        mean_above = warp.knot + (centre - warp.knot) / warp.slope + 0.5 * steep**2
        within = [np.exp(mean_above + log_ndtr(end - steep)) for end in (np.maximum(below, to_knot), to_knot)]
        short -= within[0] - within[1]
    return np.asarray(np.maximum(short, 0.0))


class Front:
    """The best accuracy reached at every cost, as a step function over the box of costs.

    Args:
        accuracy: Accuracies of the front in percent (F,).
        costs: Their costs, scaled so that the box is 0..1 in each (F, K).
        worthless: The accuracy that counts as none, in percent.
        warp: The scale on which candidates are predicted.

    Attributes:
        levels: The accuracies that occur, in percent (L,).
        steps: Where which of them is the best, None where the steps are too many to be listed.
    """

    def __init__(self, accuracy: Floats, costs: Floats, worthless: float, warp: Warp = _PLAIN) -> None:
        self.warp = warp
        # The most accurate first, so that the first within given costs is the best there; the last always is.
        order = np.argsort(-accuracy, kind="stable")
        order = order[accuracy[order] > worthless]
        self.levels = np.append(accuracy[order], worthless)
        self._costs = np.vstack([costs[order], np.full(costs.shape[1], -np.inf)])
        self.steps = _steps(self._costs)

    def at(self, costs: Floats) -> Floats:
        """The best accuracy within these costs (..., K), `worthless` where the front has none."""
        within = np.ones((*costs.shape[:-1], len(self.levels)), dtype=bool)
        for axis, most in enumerate(self._costs.T):
            within &= most <= costs[..., axis, None]
        return np.asarray(self.levels[within.argmax(axis=-1)])


def largest_improvement(mean: Floats, deviation: Floats, costs: Floats, front: Front) -> tuple[int, float]:
    """The candidate with the largest expected hypervolume improvement, and that improvement.

    A candidate cannot gain more than its improvement at its own cost, over the whole box above it.
    Going through the candidates by this bound, most are never worked out.

    Args:
        mean: Mean of each candidate's error on the front's scale (N,).
        deviation: Its standard deviation (N,).
        costs: Scaled as the front's (N, K).
    """
    own = front.at(costs)
    at_own_cost = expected_improvement(mean, deviation, own[:, None], front.warp)[:, 0]
    bound = at_own_cost * np.prod(np.clip(1.0 - costs, 0.0, None), axis=1)
    # Where nothing is expected to gain, the one that falls least short goes first.
    short = (mean - front.warp(np.log(MOST_ERROR - own))) / deviation
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
    integral, over these costs, of the expected improvement over the front's step function: step by step,
    or where there are too many over quasi-random costs above the candidate's own.

    Args:
        mean: Mean of each candidate's error on the front's scale (N,).
        deviation: Its standard deviation (N,).
        costs: Scaled as the front's (N, K).

    Returns:
        Points of accuracy times the share of the box of costs (N,).
    """
    if front.steps is None:
        return _sampled_improvement(mean, deviation, costs, front)
    low, high, level = front.steps
    gain = expected_improvement(mean, deviation, front.levels, front.warp)
    found = np.empty(len(mean))
    some = max(1, _AT_ONCE // len(level))
    for start in range(0, len(mean), some):
        part = slice(start, start + some)
        improved = gain[part][:, level]
        # The part of each side of each step that lies at or above the candidate's cost.
        for axis in range(costs.shape[1]):
            improved *= np.maximum(high[:, axis] - np.maximum(low[:, axis], costs[part, axis, None]), 0.0)
        found[part] = improved.sum(axis=1)
    return found


def _steps(costs: Floats) -> tuple[Floats, Floats, Integers] | None:
    """Boxes that fill the box of costs, each with the first of the front within all of its costs.

    Every member takes what is left of the costs at or above its own, and leaves of each box it reaches into
    one piece at most for every axis.

    Args:
        costs: Of the front, the most accurate first; the last is below the whole box (F, K).

    Returns:
        Lower corners and upper corners (B, K), and numbers of the members (B,); None for too many boxes.
    """
    dimensions = costs.shape[1]
    low, high = np.zeros((1, dimensions)), np.ones((1, dimensions))
    taken: list[tuple[Floats, Floats, Integers]] = []
    count = 0
    for number, own in enumerate(costs):
        reached = (high > own).all(axis=1)
        inner_low, inner_high = np.maximum(low[reached], own), high[reached]
        taken.append((inner_low, inner_high, np.full(len(inner_low), number)))
        left = [(low[~reached], high[~reached])]
        rest_low, rest_high = low[reached], high[reached]
        for axis in range(dimensions):
            below = rest_low[:, axis] < own[axis]
            piece = rest_high[below].copy()
            piece[:, axis] = own[axis]
            left.append((rest_low[below], piece))
            rest_low = rest_low.copy()
            rest_low[:, axis] = np.maximum(rest_low[:, axis], own[axis])
        low, high = (np.concatenate(corners) for corners in zip(*left, strict=True))
        count += len(inner_low)
        if count + len(low) > _MOST_STEPS:
            return None
    lows, highs, numbers = zip(*taken, strict=True)
    return np.concatenate(lows), np.concatenate(highs), np.concatenate(numbers)


def _sampled_improvement(mean: Floats, deviation: Floats, costs: Floats, front: Front) -> Floats:
    """The same from costs above each candidate's own, so that what improves at its own cost never gains 0."""
    from scipy.stats import qmc

    # The first of these points is the origin, here the candidate itself.
    points = qmc.Sobol(costs.shape[1], scramble=False).random(_SAMPLES)
    room = np.clip(1.0 - np.maximum(costs, 0.0), 0.0, 1.0)
    found = np.empty(len(mean))
    some = max(1, _AT_ONCE // (_SAMPLES * len(front.levels)))
    for start in range(0, len(mean), some):
        part = slice(start, start + some)
        above = np.maximum(costs[part], 0.0)[:, None, :] + room[part, None, :] * points
        gain = expected_improvement(mean[part], deviation[part], front.at(above), front.warp)
        found[part] = gain.mean(axis=1)
    return np.asarray(found * room.prod(axis=1))
