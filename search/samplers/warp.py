"""The scale on which an error is modelled: its logarithm, of which what lies above a knot counts less."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Floats = npt.NDArray[np.float64]

LEAST_ERROR = 0.25  # percent, added to every error: near perfection accuracies are hardly told apart
MOST_ERROR = 100.0 + LEAST_ERROR
_EQUALLY_LIKELY = ndtri((np.arange(200) + 0.5) / 200)  # outcomes of a standard normal variable


@dataclass(frozen=True)
class Warp:
    """An increasing function of the logarithm of an error: with slope 1 up to a knot, and flatter above it.

    A few hopeless networks would else stretch the scale so that those which matter look alike.

    Attributes:
        knot: Logarithm of an error in percent.
        slope: Above the knot, in 0..1; 1 for the plain logarithm.
    """

    knot: float = 0.0
    slope: float = 1.0

    def __call__(self, logarithms: Floats) -> Floats:
        above = np.maximum(logarithms - self.knot, 0.0)
        return np.asarray(logarithms - (1.0 - self.slope) * above)

    def inverse(self, warped: Floats) -> Floats:
        """The logarithms that this function turns into those given."""
        above = np.maximum(warped - self.knot, 0.0)
        return np.asarray(warped + (1.0 / self.slope - 1.0) * above)

    def steepness(self, logarithms: Floats) -> Floats:
        """The derivative."""
        return np.where(logarithms > self.knot, self.slope, 1.0)

    def spread(self, mean: float, deviation: float) -> float:
        """Standard deviation in points of an accuracy, from 0 up, of which the scale's value is normal."""
        likely = self.inverse(mean + deviation * _EQUALLY_LIKELY)
        return float(np.exp(np.minimum(likely, np.log(MOST_ERROR))).std())
