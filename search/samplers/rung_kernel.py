"""How values of networks at several rungs go together; a rung is a length of training.

From a rung to the next a part of a network's value stays and the rest is new, an autoregression (Kennedy and
O'Hagan, Predicting the output from a complex computer code when fast approximations are available, 2000).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from .surrogate import Features, Floats, Integers, Kernel

_ROUGH = 0.1  # share of the variance of what is new at a rung that is of the kernel's rough part
_SHIFT = 1.0  # variance of the amount by which all networks move from a rung to the next
# Mean and deviation of the priors, normal, of the logarithms: of what neighbouring rungs lack of correlation,
# and of the scale and the noise of a rung over those of the shortest.
_APART, _SCALE, _NOISE = (np.log(0.1), 1.0), (0.0, 0.3), (0.0, 0.7)
_FIT_POINTS = 120  # observations of each rung that these are fitted to at most
_JITTER = 1e-8


@dataclass(frozen=True)
class RungFeatures:
    """Networks at rungs.

    Attributes:
        points: The networks (N,).
        rungs: Number of the rung of each, 0 for the shortest (N,).
    """

    points: Features
    rungs: Integers

    def __getitem__(self, chosen: Integers | slice) -> "RungFeatures":
        return RungFeatures(self.points[chosen], self.rungs[chosen])


@dataclass(frozen=True, eq=False)
class RungKernel:
    """Of values that are divided by the scale of their rung.

    Attributes:
        network: The kernel of the shortest rung.
        correlation: Of a network's values at two rungs (R, R).
        scale: Of each rung's values, 1 for the shortest (R,).
        noise: Variance of an observation at each rung as a multiple of that at the shortest (R,).
    """

    network: Kernel
    correlation: Floats
    scale: Floats
    noise: Floats

    def prior(self, points: RungFeatures) -> Floats:
        """Variance at each before anything is observed (N,)."""
        return self.between(points.rungs, points.rungs)

    def between(self, a: Integers, b: Integers) -> Floats:
        """Covariance of networks at a rung with themselves at another (N,)."""
        return np.asarray(self.network.variance * self.correlation[a, b] + _shifts(len(self.scale))[a, b])

    def covariance(self, a: RungFeatures, b: RungFeatures) -> Floats:
        """(len(a), len(b)), without the noise."""
        at = np.ix_(a.rungs, b.rungs)
        kept, new = _parts(self.network, a.points, b.points)
        kept_by = np.outer(self.correlation[0], self.correlation[0])
        kept *= kept_by[at]
        new *= (self.correlation - kept_by)[at]
        kept += new
        kept += _shifts(len(self.scale))[at]
        return kept


def fit_rungs(
    kernel: Kernel, features: Features, rungs: Integers, values: Floats, noise: Floats, count: int
) -> RungKernel:
    """Choose what relates the rungs by its posterior, the kernel of the shortest being given.

    Args:
        features: The network of each observation (n,).
        rungs: The number of its rung (n,).
        values: On the scale of the kernel, those of the shortest about 0 (n,).
        noise: Variance of each, were its rung as noisy as the shortest (n,).
        count: How many rungs there are, R.
    """
    if count == 1:
        return RungKernel(kernel, np.ones((1, 1)), np.ones(1), np.ones(1))
    chosen = np.concatenate([_spread(np.flatnonzero(rungs == rung)) for rung in range(count)])
    rungs, values, noise = rungs[chosen], values[chosen], noise[chosen]
    kept, new = _parts(kernel, features[chosen], features[chosen])
    at, numbers = np.ix_(rungs, rungs), np.bincount(rungs, minlength=count)
    shifts, eye = _shifts(count)[at], np.eye(len(chosen))
    # Which pairs have a gap between neighbouring rungs on the way from one to the other, and how many of a
    # pair have it on the way to the shortest.
    beyond = [rungs > gap for gap in range(count - 1)]
    across = [np.not_equal.outer(far, far) for far in beyond]
    down = [np.add.outer(far, far, dtype=np.int64) for far in beyond]
    priors = np.repeat([_APART, _SCALE, _NOISE], count - 1, axis=0)
    centre, deviation = priors.T

    def unpack(theta: Floats) -> tuple[Floats, Floats, Floats]:
        apart, scale, noisy = np.exp(theta).reshape(3, -1)
        return 1.0 - apart, np.append(1.0, scale), np.append(1.0, noisy)

    def objective(theta: Floats) -> tuple[float, Floats]:
        neighbours, scale, noisy = unpack(theta)
        correlation = _correlation(neighbours)
        of_kept = np.outer(correlation[0], correlation[0])[at] * (kept - new)
        of_new = correlation[at] * new
        own, scaled = noise * noisy[rungs], values / scale[rungs]
        factor = cholesky(of_kept + of_new + shifts + np.diag(own + _JITTER), lower=True)
        alpha = cho_solve((factor, True), scaled)
        away = (theta - centre) / deviation
        loss = 0.5 * scaled @ alpha + np.log(np.diag(factor)).sum() + numbers @ np.log(scale)
        slope = 0.5 * (cho_solve((factor, True), eye) - np.outer(alpha, alpha))
        by_kept, by_new = slope * of_kept, slope * of_new
        by_gap = [(by_kept * n).sum() + by_new[pairs].sum() for n, pairs in zip(down, across, strict=True)]
        by_scale = numbers - np.bincount(rungs, scaled * alpha, minlength=count)
        by_noise = np.bincount(rungs, np.diag(slope) * own, minlength=count)
        # By the logarithm of 1 - c, of which the logarithm of c is a function.
        by_apart = np.array(by_gap) * (neighbours - 1.0) / neighbours
        gradient = np.concatenate([by_apart, by_scale[1:], by_noise[1:]])
        return loss + 0.5 * away @ away, gradient + away / deviation

    least, most = [np.log(1e-3), -2.0, -4.0], [np.log(0.95), 2.0, 4.0]
    bounds = [pair for pair in zip(least, most, strict=True) for _ in range(count - 1)]
    found = minimize(objective, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40})
    neighbours, scale, noisy = unpack(found.x)
    return RungKernel(kernel, _correlation(neighbours), scale, noisy)


def _parts(kernel: Kernel, a: Features, b: Features) -> tuple[Floats, Floats]:
    """Covariance of the shortest rung, and of what is new at a longer one (len(a), len(b))."""
    smooth, rough = kernel.correlations(a, b)
    new = kernel.variance * ((1.0 - _ROUGH) * smooth + _ROUGH * rough)
    return kernel.smooth * smooth + kernel.rough * rough, new


def _shifts(count: int) -> Floats:
    """Covariance of the rungs' shifts, a random walk from the shortest (R, R)."""
    numbers = np.arange(count)
    return _SHIFT * np.minimum.outer(numbers, numbers).astype(np.float64)


def _correlation(neighbours: Floats) -> Floats:
    """Of all pairs of rungs (R, R): the product of those of neighbours (R - 1,) between them."""
    logarithms = np.append(0.0, np.cumsum(np.log(neighbours)))
    return np.asarray(np.exp(-np.abs(np.subtract.outer(logarithms, logarithms))))


def _spread(members: Integers) -> Integers:
    kept = np.linspace(0, len(members) - 1, min(len(members), _FIT_POINTS))
    return members[kept.astype(np.int64)]
