"""When a training is stopped: its learning curve says that it cannot reach the front.

The costs are known, so a candidate matters only if its accuracy beats that of every finished one that costs
no more in any cost. The best of these is one number, and the finished learning curves say which accuracy
after an epoch still lets a training get there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from .surrogate import Floats

FEWEST_CURVES = 8  # finished ones, before any training is stopped
_DOUBT = 3.0  # standard deviations short of the threshold that are beyond doubt
_FLATTEST = 0.05  # points of final accuracy for one point after an epoch, below which nothing follows


@dataclass(frozen=True)
class Forecast:
    """The final accuracy as a straight line of the accuracy after an epoch, by least squares.

    Attributes:
        deviation: Standard deviation of the finished trainings about the line, in points.
    """

    slope: float
    intercept: float
    deviation: float

    def final(self, accuracy: float) -> float:
        """The final accuracy to expect, from 0 to 100 percent."""
        return float(np.clip(self.slope * accuracy + self.intercept, 0.0, 100.0))


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
        spread = float(about @ about)
        slope = max(0.0, float(about @ final) / spread) if spread else 0.0
        intercept = float(final.mean() - slope * after.mean())
        residual = final - slope * after - intercept
        found.append(Forecast(slope, intercept, sqrt(float(residual @ residual) / (len(values) - 2))))
    return found


def threshold(accuracies: Sequence[float], costs: Floats, cost: Sequence[float]) -> float | None:
    """The best accuracy of the finished trainings that cost no more in any cost; None where there is none.

    Args:
        accuracies: Of the finished ones (N,).
        costs: Theirs (N, K).
        cost: The candidate's (K,).
    """
    within = (costs.reshape(len(accuracies), len(cost)) <= np.asarray(cost)).all(axis=1)
    return max(np.asarray(accuracies)[within].tolist(), default=None)


def floors(wanted: float, curves: Sequence[Sequence[float]], *, noise: float) -> tuple[float, ...]:
    """The accuracy after each epoch but the last below which a training is stopped; empty for none.

    A training is stopped where its forecast is three standard deviations short of the threshold, these
    being of the forecast and, since the threshold is a training too, between seeds.

    Args:
        wanted: The threshold.
        curves: Of the finished trainings.
        noise: Standard deviation between seeds in points.
    """
    found = []
    for forecast in forecasts(curves):
        if forecast.slope < _FLATTEST:
            found.append(0.0)
            continue
        short = _DOUBT * sqrt(forecast.deviation**2 + noise**2)
        found.append(max(0.0, (wanted - short - forecast.intercept) / forecast.slope))
    return tuple(found)


def is_stopped(curve: Sequence[float], at: Sequence[float]) -> bool:
    """Whether a training with this curve so far is to be stopped after its last epoch, by its floors."""
    return 0 < len(curve) <= len(at) and curve[-1] < at[len(curve) - 1]
