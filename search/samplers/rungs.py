"""Accuracies after trainings of several lengths, modelled together.

A rung is a length of training. What a network reaches at two rungs is related: the kernel of the shortest
rung times a correlation of the rungs, which is the product of those of the neighbours between them, as in
an autoregression from rung to rung (Kennedy and O'Hagan, 2000).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from .surrogate import Features, Floats, Integers, Kernel, Posterior
from .warp import LEAST_ERROR, Warp

_SHIFT = 1.0  # variance of the shift of all networks from a rung to the next, beyond that of the knots
_FIT_POINTS = 120  # observations of each rung that its parameters are fitted to at most
# Priors, normal: of log(1 - correlation) of neighbours, of the logarithms of a rung's scale and noise over
# those of the shortest.
_PRIOR = {"apart": (np.log(0.1), 1.0), "scale": (0.0, 0.4), "noise": (0.0, 1.0)}
_JITTER = 1e-8


@dataclass(frozen=True)
class RungFeatures:
    """Points at rungs.

    Attributes:
        points: Of the networks (N,).
        rungs: Number of the rung of each, 0 for the shortest (N,).
    """

    points: Features
    rungs: Integers

    def __len__(self) -> int:
        return len(self.rungs)

    def __getitem__(self, chosen: Integers | slice) -> "RungFeatures":
        return RungFeatures(self.points[chosen], self.rungs[chosen])


@dataclass(frozen=True, eq=False)
class RungKernel:
    """A kernel of networks, the correlations of rungs, and each rung's scale and noise.

    Attributes:
        network: Of the shortest rung.
        correlation: Of a network's values at two rungs (R, R).
        scale: Of each rung's values, 1 for the shortest (R,).
        noise: Variance of an observation at each rung, as a multiple of that at the shortest (R,).
    """

    network: Kernel
    correlation: Floats
    scale: Floats
    noise: Floats

    def covariance(self, a: RungFeatures, b: RungFeatures) -> Floats:
        """(len(a), len(b)), of values over their rung's scale."""
        found = self.network.covariance(a.points, b.points)
        found *= self.correlation[np.ix_(a.rungs, b.rungs)]
        found += _shifts(len(self.scale))[np.ix_(a.rungs, b.rungs)]
        return found

    def prior(self, points: RungFeatures) -> Floats:
        """Variance before anything is observed (N,)."""
        return self.between(points.rungs, points.rungs)

    def between(self, a: Integers, b: Integers) -> Floats:
        """Covariance of the same networks at two rungs (N,)."""
        found = self.network.variance * self.correlation[a, b] + _shifts(len(self.scale))[a, b]
        return np.asarray(found)


def _shifts(rungs: int) -> Floats:
    """Covariance of the rungs' shifts, a random walk from the shortest (R, R)."""
    numbers = np.arange(rungs)
    return _SHIFT * np.minimum.outer(numbers, numbers).astype(np.float64)


def _correlation(neighbours: Floats) -> Floats:
    """Of all pairs of rungs, from those of neighbours (R - 1,)."""
    logarithms = np.append(0.0, np.cumsum(np.log(neighbours)))
    return np.exp(-np.abs(np.subtract.outer(logarithms, logarithms)))


def fit_rungs(
    kernel: Kernel, features: Features, rungs: Integers, values: Floats, noise: Floats, count: int
) -> RungKernel:
    """Choose what relates the rungs by its posterior, the kernel of the networks being given.

    Args:
        features: Of the observed networks (n,).
        rungs: Number of the rung of each observation (n,).
        values: On the kernel's scale, about 0 (n,).
        noise: Variance of each observation, were its rung as noisy as the shortest (n,).
        count: How many rungs there are.
    """
    gaps = count - 1
    members = [np.flatnonzero(rungs == rung) for rung in range(count)]
    spread = [np.linspace(0, len(some) - 1, min(len(some), _FIT_POINTS)).astype(np.int64) for some in members]
    chosen = np.concatenate([some[kept] for some, kept in zip(members, spread, strict=True)])
    features, rungs, values, noise = features[chosen], rungs[chosen], values[chosen], noise[chosen]
    alike = kernel.covariance(features, features)
    shifts = _shifts(count)[np.ix_(rungs, rungs)]
    eye, counts = np.eye(len(chosen)), np.bincount(rungs, minlength=count)
    low, high = np.minimum.outer(rungs, rungs), np.maximum.outer(rungs, rungs)
    across = [(low <= gap) & (high > gap) for gap in range(gaps)]
    centre = np.repeat([mean for mean, _ in _PRIOR.values()], gaps)
    spread_of = np.repeat([deviation for _, deviation in _PRIOR.values()], gaps)

    def unpack(theta: Floats) -> tuple[Floats, Floats, Floats]:
        apart, scale, noisy = np.exp(theta).reshape(3, gaps)
        return 1.0 - apart, np.append(1.0, scale), np.append(1.0, noisy)

    def objective(theta: Floats) -> tuple[float, Floats]:
        neighbours, scale, noisy = unpack(theta)
        related = alike * _correlation(neighbours)[np.ix_(rungs, rungs)]
        own = noise * noisy[rungs]
        factor = cholesky(related + shifts + np.diag(own + _JITTER), lower=True)
        scaled = values / scale[rungs]
        alpha = cho_solve((factor, True), scaled)
        loss = 0.5 * scaled @ alpha + np.log(np.diag(factor)).sum() + counts @ np.log(scale)
        slope = 0.5 * (cho_solve((factor, True), eye) - np.outer(alpha, alpha))
        change = slope * related
        by_noise = np.bincount(rungs, np.diag(slope) * own, minlength=count)
        by_scale = counts - np.bincount(rungs, scaled * alpha, minlength=count)
        # A neighbours' correlation c = 1 - apart is a factor of every pair across it.
        by_gap = [change[pairs].sum() for pairs in across] * (neighbours - 1.0) / neighbours
        gradient = np.concatenate([by_gap, by_scale[1:], by_noise[1:]])
        away = (theta - centre) / spread_of
        return loss + 0.5 * away @ away, gradient + away / spread_of

    bounds = [(np.log(1e-3), np.log(0.95))] * gaps + [(-2.0, 2.0)] * gaps + [(-4.0, 4.0)] * gaps
    found = minimize(objective, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40})
    neighbours, scale, noisy = unpack(found.x)
    return RungKernel(kernel, _correlation(neighbours), scale, noisy)


def knots(logarithms: Floats, networks: Integers, rungs: Integers, first: float, count: int) -> Floats:
    """The warp's knot at each rung: the shortest's, moved as networks known at both moved (R,).

    Args:
        logarithms: Of the errors observed (n,).
        networks: Number of each observation's network (n,).
        rungs: Number of each observation's rung (n,).
        first: The knot of the shortest rung.
    """
    at: list[dict[int, float]] = []
    for rung in range(count):
        here = rungs == rung
        at.append({int(x): float(logarithms[here & (networks == x)].mean()) for x in set(networks[here])})
    moved = [0.0]
    for rung in range(1, count):
        changes = [value - at[0][x] for x, value in at[rung].items() if x in at[0]]
        moved.append(float(np.median(changes)) if changes else moved[-1])
    return first + np.array(moved)


class RungModel:
    """What trainings of all rungs say about every network at every rung.

    Args:
        features: Of all networks (N,).
        kernel: Of the shortest rung, with its warp.
        networks: Number of each observation's network, and its rung's number and accuracy in percent (n,).
        noise: Standard deviation of an accuracy between seeds in points, None where it is to be inferred.
        count: How many rungs there are, R.

    Attributes:
        mean: Of the warped logarithm of the error (R, N).
        deviation: Its standard deviation (R, N).
        warps: The scale of each rung.
    """

    def __init__(
        self,
        features: Features,
        kernel: tuple[Kernel, Warp],
        networks: Integers,
        rungs: Integers,
        accuracies: Floats,
        *,
        pending: Integers,
        pending_rungs: Integers,
        noise: float | None,
        count: int,
    ) -> None:
        number = len(features.columns)
        errors = 100.0 - accuracies + LEAST_ERROR
        logarithms = np.log(errors)
        network, warp = kernel
        ends = knots(logarithms, networks, rungs, warp.knot, count)
        self.warps = [Warp(float(knot), warp.slope) for knot in ends]
        warped, steep = np.empty_like(logarithms), np.empty_like(logarithms)
        for rung, own in enumerate(self.warps):
            at = rungs == rung
            warped[at] = own(logarithms[at]) - own.knot
            steep[at] = own.steepness(logarithms[at])
        shortest = warped[rungs == 0]
        centre, spread = shortest.mean(), float(shortest.std()) or 1.0
        values = (warped - centre) / spread
        each = (
            np.full(len(values), network.noise) if noise is None else (noise * steep / errors / spread) ** 2
        )
        self.kernel = fit_rungs(network, features[networks], rungs, values, each, count)
        everything = RungFeatures(
            Features(np.tile(features.columns, (count, 1)), features.options),
            np.repeat(np.arange(count), number),
        )
        posterior = Posterior(everything, self.kernel).extended(
            rungs * number + networks, each * self.kernel.noise[rungs]
        )
        predicted = posterior.mean(values / self.kernel.scale[rungs]).reshape(count, number)
        self._unit = spread * self.kernel.scale[:, None]
        self.mean = ends[:, None] + centre + self._unit * predicted
        # The noise of a further training of each network at each rung.
        at_mean = np.array([np.exp(w.inverse(m)) for w, m in zip(self.warps, self.mean, strict=True)])
        if noise is None:
            self._noise = np.full(self.mean.shape, network.noise) * self.kernel.noise[:, None]
        else:
            slope = np.array([w.steepness(np.log(e)) for w, e in zip(self.warps, at_mean, strict=True)])
            self._noise = (noise * slope / at_mean / spread) ** 2 * self.kernel.noise[:, None]
        known = pending_rungs * number + pending
        self._posterior = posterior.extended(known, self._noise.ravel()[known])
        self._variance = self._posterior.variance.reshape(count, number)
        self.deviation = self._unit * np.sqrt(self._variance)

    def learnt(self, rung: int) -> Floats:
        """Deviation by which a training of each network at a rung moves its mean at the top (N,)."""
        count, number = self.mean.shape
        numbers = np.arange(number)
        top = count - 1
        shared = self.kernel.between(np.full(number, top), np.full(number, rung))
        shared = shared - self._posterior.explained(top * number + numbers, rung * number + numbers)
        moves = np.abs(shared) / np.sqrt(self._variance[rung] + self._noise[rung])
        return np.asarray(self._unit[top] * np.minimum(moves, np.sqrt(self._variance[top])))
