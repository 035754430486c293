"""When a training is stopped: its learning curve says that it cannot reach the front.

The costs are known, so a candidate matters only if its accuracy beats that of every finished one that costs
no more in any cost. The best of these is one number, and the finished learning curves say which accuracy
after an epoch still lets a training get there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import stdtrit

from ..samplers.surrogate import Floats

FEWEST_CURVES = 8  # finished ones, before any training is stopped
_SURE = 0.94  # probability of falling short of the threshold that is beyond doubt


@dataclass(frozen=True)
class Forecast:
    """The final accuracy as a straight line of the accuracy after an epoch, by least squares.

    Attributes:
        slope: Points of final accuracy for one point after the epoch, never negative.
        centre: Mean accuracy after the epoch of the finished trainings, and `final_centre` at their end.
        final_centre: Where the line is at the centre.
        residual: Standard deviation of the finished trainings about the line, in points.
        count: How many there are.
        squares: Sum of their squared distances from the centre.
    """

    slope: float
    centre: float
    final_centre: float
    residual: float
    count: int
    squares: float

    def final(self, accuracy: float) -> float:
        """The final accuracy to expect, from 0 to 100 percent."""
        return float(np.clip(self.final_centre + self.slope * (accuracy - self.centre), 0.0, 100.0))

    def deviation(self, accuracy: float) -> float:
        """Standard deviation of a new training's end, in points: about the line, and of the line itself."""
        from_centre = (accuracy - self.centre) ** 2 / self.squares if self.squares else 0.0
        return self.residual * sqrt(1 + 1 / self.count + from_centre)

    def floor(self, wanted: float, noise: float) -> float:
        """The accuracy after the epoch below which a training surely ends below `wanted`; 0 for none.

        Where `deviation` times Student's t is what the line lacks; Fieller's way to invert a line.

        Args:
            noise: Standard deviation of `wanted` in points.
        """
        t = float(stdtrit(self.count - 2, _SURE))
        constant = self.residual**2 * (1 + 1 / self.count) + noise**2
        curvature = self.residual**2 / self.squares if self.squares else 0.0
        steepness = self.slope**2 - t**2 * curvature
        if steepness <= 0:  # the epoch may say nothing
            return 0.0
        lacking = wanted - self.final_centre
        root = t * sqrt(curvature * lacking**2 + constant * steepness)
        return max(0.0, self.centre + (self.slope * lacking - root) / steepness)


def forecasts(curves: Sequence[Sequence[float]]) -> list[Forecast]:
    """A forecast for each epoch but the last; none where too few curves are finished.

    Args:
        curves: Accuracy after every epoch of finished trainings.
    """
    if len(curves) < FEWEST_CURVES:
        return []
    values = np.array(curves, dtype=np.float64)
    final = values[:, -1]
    found = []
    for after in values[:, :-1].T:
        about = after - after.mean()
        squares = float(about @ about)
        slope = max(0.0, float(about @ final) / squares) if squares else 0.0
        left = final - final.mean() - slope * about
        residual = sqrt(float(left @ left) / (len(values) - 2))
        found.append(
            Forecast(slope, float(after.mean()), float(final.mean()), residual, len(values), squares)
        )
    return found


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


def floors(wanted: float, curves: Sequence[Sequence[float]], *, noise: float) -> tuple[float, ...]:
    """The accuracy after each epoch but the last below which a training is stopped; empty for none.

    A training is stopped where its forecast falls short of the threshold with a probability of 94 percent;
    in doubt are the forecast and, since the threshold is a training too, its seed.

    Args:
        wanted: The threshold.
        curves: Of the finished trainings.
        noise: Standard deviation between seeds in points.
    """
    return tuple(forecast.floor(wanted, noise) for forecast in forecasts(curves))
