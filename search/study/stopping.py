"""When a training is stopped: its learning curve says that it cannot reach the front.

The costs are known, so a candidate matters only if its accuracy beats that of every finished one that costs
no more in any cost. The best of these is one number, its threshold, and the finished learning curves say what
a training that ends there has reached after an epoch. One that would beat its threshold is stopped with a
probability of 6 percent at most, over all looks at it together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ...space.claims import Claims
from ...space.trial import Trial
from ..samplers.cost_aware import fitted_count
from ..samplers.surrogate import Floats

_EVERY = 100  # trials up to which the noise is worked out anew for each; later when a tenth is new
FEWEST_CURVES = 8  # finished ones, before any training is stopped
MISJUDGED = 0.06  # probability of being stopped, over a whole training, of what would beat its threshold
_LOOKS = (0.25, 0.5, 0.75)  # shares of a training after which it is looked at: every look costs certainty


@dataclass(frozen=True)
class Line:
    """One accuracy of a training as a straight line of another, by least squares over the finished ones.

    Attributes:
        slope: Points for one point of the other, never negative.
        centre: Mean of the other, and `height` of the one.
        height: Where the line is at the centre.
        residual: Standard deviation of the finished trainings about the line, in points.
        count: How many there are.
        squares: Sum of their squared distances from the centre.
    """

    slope: float
    centre: float
    height: float
    residual: float
    count: int
    squares: float

    @classmethod
    def through(cls, x: Floats, y: Floats) -> "Line":
        """Of y (N,) by x (N,)."""
        about = x - x.mean()
        squares = float(about @ about)
        slope = max(0.0, float(about @ y) / squares) if squares else 0.0
        left = y - y.mean() - slope * about
        residual = sqrt(float(left @ left) / (len(x) - 2))
        return cls(slope, float(x.mean()), float(y.mean()), residual, len(x), squares)

    def at(self, accuracy: float) -> float:
        """The accuracy to expect, from 0 to 100 percent."""
        return float(np.clip(self.height + self.slope * (accuracy - self.centre), 0.0, 100.0))

    def deviation(self, accuracy: float) -> float:
        """Standard deviation of a new training from it, in points: about the line, and of the line itself."""
        from_centre = (accuracy - self.centre) ** 2 / self.squares if self.squares else 0.0
        return self.residual * sqrt(1 + 1 / self.count + from_centre)

    def least(self, accuracy: float, *, noise: float, missed: float) -> float:
        """What a new training reaches but for the probability `missed`; 0 where the line may be level.

        Args:
            noise: Standard deviation of the accuracy given, in points.
        """
        t = float(stdtrit(self.count - 2, 1.0 - missed))
        if self.slope * sqrt(self.squares) <= t * self.residual:
            return 0.0
        return max(0.0, self.at(accuracy) - t * hypot(self.deviation(accuracy), self.slope * noise))


def forecasts(curves: Sequence[Sequence[float]]) -> list[Line]:
    """The final accuracy by that after each epoch but the last; none where too few curves are finished.

    Args:
        curves: Accuracy after every epoch of finished trainings.
    """
    if len(curves) < FEWEST_CURVES:
        return []
    values = np.array(curves, dtype=np.float64)
    return [Line.through(after, values[:, -1]) for after in values[:, :-1].T]


def threshold(
    accuracies: Sequence[float], costs: Floats, cost: Sequence[float], *, reference: float | None = None
) -> float | None:
    """The best accuracy of the finished trainings that cost no more in any cost; None where there is none.

    Args:
        accuracies: Of the finished ones (N,).
        costs: Theirs (N, K).
        cost: The candidate's (K,).
        reference: Accuracy below which a candidate is worth nothing whatever it costs, where it is known.
    """
    within = (costs.reshape(len(accuracies), len(cost)) <= np.asarray(cost)).all(axis=1)
    least = [] if reference is None else [reference]
    return max([*np.asarray(accuracies)[within].tolist(), *least], default=None)


def looks(epochs: int) -> dict[int, float]:
    """After which epochs a training is looked at, never the last, and how probably each look may misjudge it.

    However the looks hang together, none of them misjudges a training but with the sum of the probabilities
    (Bonferroni). The sum is divided as the epochs are that a look may save.
    """
    at = sorted({max(1, round(share * epochs)) for share in _LOOKS} & set(range(1, epochs)))
    left = sum(epochs - epoch for epoch in at)
    return {epoch: MISJUDGED * (epochs - epoch) / left for epoch in at}


def floors(wanted: float, curves: Sequence[Sequence[float]], *, noise: float) -> tuple[float, ...]:
    """The accuracy after each epoch but the last below which a training is stopped; empty for none.

    It is 0 where nobody looks. Else it is what a training that ends at the threshold reaches by then, but for
    the probability of the look; in doubt are its curve and, since the threshold is a training too, its seed.

    Args:
        wanted: The threshold.
        curves: Of the finished trainings.
        noise: Standard deviation between seeds in points.
    """
    if len(curves) < FEWEST_CURVES:
        return ()
    values = np.array(curves, dtype=np.float64)
    missed = looks(values.shape[1])
    return tuple(
        Line.through(values[:, -1], after).least(wanted, noise=noise, missed=missed[epoch])
        if epoch in missed
        else 0.0
        for epoch, after in enumerate(values[:, :-1].T, 1)
    )


class SeedNoise:
    """The standard deviation between seeds in points, by what was told; of many trials not anew for each.

    Args:
        objectives: Of the search.
        scoring: How accuracies are measured, as `Claims.of` takes it, where that is known.
    """

    def __init__(self, objectives: Sequence[str], scoring: Mapping[str, Any]) -> None:
        self._objectives, self._scoring = objectives, scoring
        self._known = (-1, 0.0)

    def of(self, told: Sequence[Trial]) -> float:
        """Of the first trials told of: all, or so many that a tenth may be missing."""
        count = len(told) if len(told) <= _EVERY else fitted_count(len(told))
        if count != self._known[0]:
            claims = Claims.of(told[:count], self._objectives, **self._scoring)
            self._known = count, claims.deviation
        return self._known[1]
