"""A Gaussian process over categorical choices and known costs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_FIT_POINTS = 250  # observations the hyperparameters are fitted to at most
_JITTER = 1e-8
_ROUGHNESS = 9.0  # squared ratio of the smooth to the rough length scale


@dataclass(frozen=True)
class Features:
    """Points as the kernel sees them.

    Attributes:
        choices: Option numbers (N, M).
        costs: Logarithms of the costs, scaled to 0..1 (N, K).
    """

    choices: Integers
    costs: Floats

    def __getitem__(self, chosen: Integers) -> "Features":
        return Features(self.choices[chosen], self.costs[chosen])


@dataclass(frozen=True)
class Kernel:
    """A smooth and a rough function of the choices that differ and the distance in cost, plus noise.

    The smooth part is a squared exponential. The rough part, an exponential of the same distance,
    keeps the model from being sure of combinations of choices it has not seen.

    Attributes:
        weights: Inverse squared length scale of each choice, then of each cost.
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

    def covariance(self, a: Features, b: Features) -> Floats:
        """(len(a), len(b)), without the noise."""
        number = a.choices.shape[1]
        choice_weights, cost_weights = self.weights[:number], self.weights[number:]
        # The choices that agree, weighted, are one matrix product of indicators.
        options = 1 + max(a.choices.max(initial=0), b.choices.max(initial=0))
        agree = _indicators(a.choices, options) * np.repeat(choice_weights, options)
        distance = choice_weights.sum() - agree @ _indicators(b.choices, options).T
        for column, weight in enumerate(cost_weights):
            distance += weight * (a.costs[:, column, None] - b.costs[None, :, column]) ** 2
        (smooth, _), (rough, _) = _correlations(np.maximum(distance, 0.0))
        return np.asarray(self.smooth * smooth + self.rough * rough)


def _indicators(choices: Integers, options: int) -> Floats:
    """1 where a choice takes an option (N, M * options)."""
    return np.asarray(
        (choices[:, :, None] == np.arange(options)).astype(np.float64).reshape(len(choices), -1)
    )


def _correlations(distance: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """The smooth and the rough correlation at a squared distance, each with its derivative."""
    smooth = np.exp(-0.5 * distance)
    length = np.sqrt(_ROUGHNESS * distance)
    rough = np.exp(-length)
    slope = -0.5 * _ROUGHNESS * rough / np.maximum(length, 1e-6)
    return (smooth, -0.5 * smooth), (rough, slope)


def fit_kernel(features: Features, values: Floats, *, noise: float | None = None) -> Kernel:
    """Choose the kernel's parameters by their posterior: marginal likelihood and a mild prior.

    Args:
        features: Observed points.
        values: What was observed, standardised (N,).
        noise: Variance of an observation where it is known.
    """
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), _FIT_POINTS)).astype(np.int64))
    features, values = features[chosen], values[chosen]
    distances = _distances(features)
    number = len(distances)
    # Priors on the logarithms: the choices share the variance, most of an observation is smooth.
    centre = np.concatenate([np.full(number, np.log(1.0 / number)), np.log([1.0, 0.05, 0.05])])
    spread = np.concatenate([np.full(number, 1.5), np.ones(3)])

    def objective(theta: Floats) -> tuple[float, Floats]:
        weights = np.exp(theta[:number])
        smooth, rough, variance = np.exp(theta[number:])
        if noise is not None:
            variance = noise
        of_smooth, of_rough = _correlations(np.tensordot(weights, distances, axes=1))
        matrix = smooth * of_smooth[0] + rough * of_rough[0] + (variance + _JITTER) * np.eye(len(values))
        factor = cholesky(matrix, lower=True)
        alpha = cho_solve((factor, True), values)
        inverse = cho_solve((factor, True), np.eye(len(values)))
        loss = 0.5 * values @ alpha + np.log(np.diag(factor)).sum()
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        change = slope * (smooth * of_smooth[1] + rough * of_rough[1])
        gradient = np.empty_like(theta)
        gradient[:number] = weights * np.einsum("mij,ij->m", distances, change)
        gradient[number] = smooth * (slope * of_smooth[0]).sum()
        gradient[number + 1] = rough * (slope * of_rough[0]).sum()
        gradient[number + 2] = 0.0 if noise is not None else variance * np.trace(slope)
        away = (theta - centre) / spread
        return loss + 0.5 * away @ away, gradient + away / spread

    bounds = [(-9.0, 5.0)] * len(centre)
    found = minimize(objective, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    smooth, rough, variance = np.exp(found.x[number:])
    return Kernel(
        weights=np.exp(found.x[:number]),
        smooth=float(smooth),
        rough=float(rough),
        noise=float(variance) if noise is None else noise,
    )


def _distances(features: Features) -> Floats:
    """Squared distances by choice and by cost (M + K, N, N)."""
    differ = features.choices.T[:, :, None] != features.choices.T[:, None, :]
    apart = (features.costs.T[:, :, None] - features.costs.T[:, None, :]) ** 2
    return np.concatenate([differ.astype(np.float64), apart])


class Posterior:
    """What observations say about every candidate; it can take in further ones at little cost.

    Args:
        candidates: All points that will be asked about.
        kernel: Its parameters.
    """

    def __init__(self, candidates: Features, kernel: Kernel) -> None:
        self.kernel = kernel
        self.observed: Integers = np.empty(0, dtype=np.int64)
        self.variance: Floats = np.full(len(candidates.choices), kernel.variance)
        self._candidates = candidates
        self._factor: Floats = np.empty((0, 0))
        self._solved: Floats = np.empty((0, len(candidates.choices)))

    def extended(self, observed: Integers, noise: Floats) -> "Posterior":
        """The posterior with further observations.

        Args:
            observed: Numbers of the candidates observed, may repeat (n,).
            noise: Variance of each observation (n,).
        """
        if not len(observed):
            return self
        points = self._candidates[observed]
        inner = self._solved[:, observed]
        matrix = self.kernel.covariance(points, points) - inner.T @ inner
        corner = cholesky(matrix + np.diag(noise + _JITTER), lower=True)
        across = self.kernel.covariance(points, self._candidates) - inner.T @ self._solved
        rows = solve_triangular(corner, across, lower=True)
        grown = Posterior.__new__(Posterior)
        grown.kernel = self.kernel
        grown.observed = np.concatenate([self.observed, observed])
        grown.variance = np.maximum(self.variance - np.einsum("ij,ij->j", rows, rows), 1e-12)
        grown._candidates = self._candidates
        grown._factor = np.block([[self._factor, np.zeros((len(inner), len(observed)))], [inner.T, corner]])
        grown._solved = np.concatenate([self._solved, rows])
        return grown

    def mean(self, values: Floats) -> Floats:
        """The mean at every candidate, given the value of each observation, of mean zero (n,)."""
        if not len(values):
            return np.zeros(len(self.variance))
        return np.asarray(solve_triangular(self._factor, values, lower=True) @ self._solved)
