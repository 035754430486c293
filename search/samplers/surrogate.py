"""A Gaussian process over categorical choices and known costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from .warp import Warp

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_FIT_POINTS = 200  # observations the hyperparameters are fitted to at most
_JITTER = 1e-8
_ROUNDING = 1e-14  # of squared lengths, in a distance between them
_OPTION_SPREAD = 2.0  # of the logarithm of an option's weight
_ALIKE = 0.8  # correlation of the logarithms of an option's weights at choices of the same options
_ROUGHNESS = 9.0  # squared ratio of the smooth to the rough length scale
_FLATTEST = 0.1  # slope of the warp


@dataclass(frozen=True)
class Features:
    """Points as the kernel sees them.

    Attributes:
        columns: For every option of every choice whether a point takes it, then the logarithms of the
            costs, scaled to 0..1 (N, P).
        options: The options of each choice.
    """

    columns: Floats
    options: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, choices: Integers, options: Sequence[Sequence[str]], costs: Floats) -> "Features":
        """From option numbers (N, M), the options of each choice, and scaled costs (N, K)."""
        taken = [choices[:, [choice]] == np.arange(len(names)) for choice, names in enumerate(options)]
        columns = np.concatenate([*taken, costs], axis=1).astype(np.float64)
        return cls(columns, tuple(tuple(names) for names in options))

    @property
    def choices(self) -> int:
        return len(self.options)

    @property
    def taken(self) -> int:
        """How many columns say which options a point takes; the costs follow."""
        return sum(map(len, self.options))

    @property
    def costs(self) -> int:
        return int(self.columns.shape[1]) - self.taken

    def __getitem__(self, chosen: Integers | slice) -> "Features":
        return Features(self.columns[chosen], self.options)


@dataclass(frozen=True, eq=False)  # a kernel equals itself alone: arrays have no one truth
class Kernel:
    """A smooth and a rough function of the options that differ and the distance in cost, plus noise.

    Every option has a weight of its own, so that two options may be alike where a third is not: two
    points that differ in a choice are as far apart as the weights of their two options say. The smooth
    part is a squared exponential. The rough part, an exponential of the same distance, keeps the model
    from being sure of combinations of choices it has not seen.

    Attributes:
        weights: Inverse squared length scale of each column of the features.
        smooth: Variance of the smooth part.
        rough: Variance of the rough part.
        noise: Variance of an observation about the function.
    """

    weights: Floats
    smooth: float
    rough: float
    noise: float

    @property
    def variance(self) -> float:
        """Variance of the function before anything is observed."""
        return self.smooth + self.rough

    def prior(self, points: Features) -> Floats:
        """Variance at each before anything is observed (N,)."""
        return np.full(len(points.columns), self.variance)

    def covariance(self, a: Features, b: Features) -> Floats:
        """(len(a), len(b)), without the noise."""
        smooth, rough = self.correlations(a, b)
        smooth *= self.smooth
        rough *= self.rough
        smooth += rough
        return smooth

    def correlations(self, a: Features, b: Features) -> tuple[Floats, Floats]:
        """Of the smooth and of the rough part (len(a), len(b))."""
        return _correlations(_squared_distance(a.columns, b.columns, self.weights))


def _squared_distance(a: Floats, b: Floats, weights: Floats) -> Floats:
    """Weighted, between the rows of two matrices (len(a), len(b)); 0 where it is one of rounding.

    The root of that would be large enough for a matrix of repeated rows to be no covariance.
    """
    weighted = a * weights
    distance: Floats = (-2.0 * weighted) @ b.T
    own, others = (weighted * a).sum(axis=1), (b * b) @ weights
    distance += own[:, None]
    distance += others
    rounded = _ROUNDING * (own.max(initial=0.0) + others.max(initial=0.0))
    distance *= distance > rounded
    return distance


def _correlations(distance: Floats) -> tuple[Floats, Floats]:
    """The smooth and the rough correlation at a squared distance."""
    smooth, rough = -0.5 * distance, np.sqrt(distance)
    rough *= -np.sqrt(_ROUGHNESS)
    return np.exp(smooth, out=smooth), np.exp(rough, out=rough)


def _slopes(distance: Floats, smooth: Floats, rough: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the two correlations by the squared distance."""
    return -0.5 * smooth, -0.5 * _ROUGHNESS * rough / np.maximum(np.sqrt(_ROUGHNESS * distance), 1e-6)


def fit_kernel(features: Features, logarithms: Floats, *, noise: Floats | None = None) -> tuple[Kernel, Warp]:
    """Choose the kernel's parameters and the warp by their posterior: marginal likelihood and a mild prior.

    The kernel is that of the logarithms warped and then standardised. The likelihood is of the logarithms
    themselves, with the derivative of both steps, so that scales of different warps can be compared (Snelson,
    Rasmussen and Ghahramani, Warped Gaussian processes, 2003). The knot is the median.

    Args:
        features: Observed points.
        logarithms: Of the errors observed (N,).
        noise: Variance of each logarithm where it is known (N,).
    """
    count = len(logarithms)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _FIT_POINTS)).astype(np.int64))
    features, logarithms = features[chosen], logarithms[chosen]
    noise = None if noise is None else noise[chosen]
    columns, count, knot = features.columns, len(chosen), float(np.median(logarithms))
    above = logarithms > knot
    number = columns.shape[1]
    # Priors on the logarithms. The choices share a fifth of the variance, a choice's distance being the sum
    # of two weights, and every cost counts as four choices. Most of an observation is smooth.
    share = 0.2 / (features.choices + features.costs)
    centre = np.log([share / 2] * features.taken + [4 * share] * features.costs + [2.0, 0.02, 0.01, 1.0])
    precision = _precision(features)
    noisy = np.eye(count)

    def objective(theta: Floats) -> tuple[float, Floats]:
        weights = np.exp(theta[:number])
        smooth, rough, variance, flat = np.exp(theta[number:])
        warp = Warp(knot, float(flat))
        values, scale = standardised(warp(logarithms))
        # By the logarithm of the slope: derivatives of the warped logarithms and of the one of their scale.
        shift = flat * np.where(above, logarithms - knot, 0.0)
        shift = (shift - shift.mean()) / scale
        widening = float((values * shift).mean())
        if noise is not None:
            each = noise * warp.steepness(logarithms) ** 2 / scale**2
            variance = each.mean()
        distance = _squared_distance(columns, columns, weights)
        of_smooth, of_rough = _correlations(distance)
        by_smooth, by_rough = _slopes(distance, of_smooth, of_rough)
        matrix = smooth * of_smooth + rough * of_rough + (variance + _JITTER) * noisy
        factor = cholesky(matrix, lower=True)
        alpha = cho_solve((factor, True), values)
        inverse = cho_solve((factor, True), noisy)
        loss = 0.5 * values @ alpha + np.log(np.diag(factor)).sum()
        loss += count * np.log(scale) - above.sum() * theta[-1]
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        change = slope * (smooth * by_smooth + rough * by_rough)
        # The sum over pairs of change times (x - y) squared, without a matrix for every column.
        pairs = (columns**2).T @ change.sum(axis=1) - np.einsum("ip,ip->p", columns, change @ columns)
        gradient = np.empty_like(theta)
        gradient[:number] = 2.0 * weights * pairs
        gradient[number] = smooth * (slope * of_smooth).sum()
        gradient[number + 1] = rough * (slope * of_rough).sum()
        gradient[number + 2] = 0.0 if noise is not None else variance * np.trace(slope)
        gradient[-1] = alpha @ (shift - widening * values) + count * widening - above.sum()
        if noise is not None:
            gradient[-1] += 2.0 * (each[above].sum() / count - widening * variance) * np.trace(slope)
        away = theta - centre
        pull = precision @ away
        return loss + 0.5 * away @ pull, gradient + pull

    bounds = [(-9.0, 5.0)] * (len(centre) - 1) + [(np.log(_FLATTEST), 0.0)]
    found = minimize(objective, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    smooth, rough, variance, flat = np.exp(found.x[number:])
    warp = Warp(knot, float(flat))
    if noise is not None:
        _, scale = standardised(warp(logarithms))
        variance = (noise * warp.steepness(logarithms) ** 2).mean() / scale**2
    kernel = Kernel(np.exp(found.x[:number]), smooth=float(smooth), rough=float(rough), noise=float(variance))
    return kernel, warp


def standardised(values: Floats) -> tuple[Floats, float]:
    """Values of mean 0 and deviation 1, and the deviation they had; equal ones are left as far apart."""
    scale = float(values.std()) or 1.0
    return (values - values.mean()) / scale, scale


def _precision(features: Features) -> Floats:
    """Of the prior on the logarithms of the kernel's parameters and of the warp's slope (P + 4, P + 4).

    Choices of the same options are one choice made in several places, such as stage by stage: what an
    option counts for at one of them it is expected to count for at the others.
    """
    taken = features.taken
    names = [(options, name) for options in features.options for name in options]
    alike = np.array([[a == b for b in names] for a in names]).reshape(taken, taken)
    covariance = np.diag([_OPTION_SPREAD**2] * taken + [1.5**2] * features.costs + [1.0, 1.0, 2.0**2, 1.0])
    covariance[:taken, :taken] += _ALIKE * _OPTION_SPREAD**2 * (alike & ~np.eye(taken, dtype=bool))
    return np.asarray(np.linalg.inv(covariance))
