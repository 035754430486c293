"""What observations of a Gaussian process say about a fixed set of candidates."""

from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.linalg.blas import dtrsm

from .surrogate import Floats, Integers

_JITTER = 1e-8
_CHUNK = 128  # candidates a posterior is worked out for at a time, so that their part stays in the cache


class Points(Protocol):
    def __getitem__(self, chosen: Integers | slice) -> Any: ...


P = TypeVar("P", bound=Points)
Q = TypeVar("Q", contravariant=True)


class Covariance(Protocol[Q]):
    def prior(self, points: Q) -> Floats: ...
    def covariance(self, a: Q, b: Q) -> Floats: ...


class Posterior(Generic[P]):
    """What observations say about every candidate; it can take in further ones at little cost.

    Args:
        candidates: All points that will be asked about.
        kernel: Of such points.

    Attributes:
        variance: Of the function at every candidate (N,).
    """

    def __init__(self, candidates: P, kernel: Covariance[P]) -> None:
        self.variance: Floats = kernel.prior(candidates)
        self._kernel = kernel
        self._candidates = candidates
        self._factor: Floats = np.empty((0, 0))
        # The factor's inverse times the covariance of the observations with each candidate, in parts of some
        # of the observations each (N, n), which later posteriors share.
        self._solved: tuple[Floats, ...] = ()

    def extended(self, observed: Integers, noise: Floats) -> "Posterior[P]":
        """The posterior with further observations.

        Args:
            observed: Numbers of the candidates observed, may repeat (n,).
            noise: Variance of each observation (n,).
        """
        if not len(observed):
            return self
        points = self._candidates[observed]
        inner = [solved[observed] for solved in self._solved]
        matrix = self._kernel.covariance(points, points) - sum(known @ known.T for known in inner)
        corner = cholesky(matrix + np.diag(noise + _JITTER), lower=True)
        grown = Posterior(self._candidates, self._kernel)
        before, count = len(self._factor), len(observed)
        grown._factor = np.block([[self._factor, np.zeros((before, count))], [*inner, corner]])
        added = np.empty((len(self.variance), count))
        for start in range(0, len(self.variance), _CHUNK):
            part = slice(start, start + _CHUNK)
            across = self._kernel.covariance(self._candidates[part], points)
            for solved, known in zip(self._solved, inner, strict=True):
                across -= solved[part] @ known.T
            added[part] = dtrsm(1.0, corner, across.T, lower=True, overwrite_b=True).T
            grown.variance[part] = np.maximum(self.variance[part] - (added[part] ** 2).sum(axis=1), 1e-12)
        grown._solved = (*self._solved, added)
        return grown

    def explained(self, a: Integers, b: Integers) -> Floats:
        """By how much the observations lessen the covariance of candidates with others, pair by pair (n,)."""
        found = np.zeros(len(a))
        for solved in self._solved:
            found += np.einsum("ij,ij->i", solved[a], solved[b])
        return found

    def covariance(self, points: Integers) -> Floats:
        """Of the function between some candidates (n, n)."""
        chosen = self._candidates[points]
        found = self._kernel.covariance(chosen, chosen)
        for solved in self._solved:
            found -= solved[points] @ solved[points].T
        return found

    def mean(self, values: Floats) -> Floats:
        """The mean at every candidate, given the value of each observation, of mean zero (n,)."""
        mean = np.zeros(len(self.variance))
        if not len(values):
            return mean
        weights = solve_triangular(self._factor, values, lower=True)
        for solved in self._solved:
            mean += solved @ weights[: solved.shape[1]]
            weights = weights[solved.shape[1] :]
        return mean
