"""The true accuracies behind measured ones: draws from their posterior.

A network's true accuracy is that on new images, in the mean over seeds. The networks of a search are taken as
normal about a mean that is not known. How far apart they are, and how far apart seeds are, is found together,
by integrating over a grid of both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .measured import PAIRED, Floats, Measured

Mask = NDArray[np.bool_]
Counts = NDArray[np.integer]

# Prior of the deviation between seeds: log-normal, about as many times what is expected, with this deviation
# of its logarithm. To expect too little costs claims that are false, too much only claims that are not made.
_SHIFT_TIMES, _SHIFT_LOG_DEVIATION = 1.3, 0.75
_SPREAD = 2.0  # scale of the half-Cauchy prior of the networks' deviation, in units of the noise
_HOPELESS = 5.0  # deviations below the median; such networks say nothing of how far apart the others are
_QUARTILE = 0.6745  # of the normal distribution
_SPREADS = 120  # of the grid: with many networks each step tells
_LARGE = 200  # networks, above which a coarser grid of the seeds' deviation does
_VALUES = 200_000  # drawn at most, where that leaves a thousand draws


@dataclass(frozen=True)
class Posterior:
    """D draws.

    Attributes:
        accuracies: (N, D) true accuracies in percent.
        means: (N,) their expectations.
        deviations: (D,) between seeds, in points.
        noise: (D,) what chance adds to single trainings compared on the same images, in points: the
            difference of two of equal networks has the square root of 2 times that as its deviation.
        signal: (D,) share of the variance between single trainings that is the networks'.
    """

    accuracies: Floats
    means: Floats
    deviations: Floats
    noise: Floats
    signal: Floats


@dataclass(frozen=True)
class _Group:
    """Draws for some of the networks: (D, n), (n,), and of the grid (D,) both."""

    contrasts: Floats
    means: Floats
    shift: Floats
    spread: Floats


def posterior(of: Measured, *, seed: int = 0) -> Posterior:
    """Draw the true accuracies of one network or more."""
    rng = np.random.default_rng(seed)
    networks = len(of.error)
    draws = min(4000, max(1000, _VALUES // networks))
    shifts, log_prior = _shifts(of, 4 if networks > _LARGE else 8)
    hopeful = ~_hopeless(of)
    accuracies, means = np.empty((networks, draws)), np.empty(networks)
    for members in (~hopeful, hopeful):  # the last say how far apart networks and seeds are
        if members.any():
            group = _draw(of, members, shifts, log_prior, draws, rng)
            accuracies[members], means[members] = group.contrasts.T, group.means
    # The images' error that all share hides where the networks are, not which is better. Were it a part of
    # the fit, sampling errors that differ with the accuracies would seem to tell of it.
    common = rng.standard_normal(draws)
    accuracies += np.sqrt(of.common) * of.error[:, None] * (common - common.mean())
    noise = _noise(of, hopeful, group.shift)
    return Posterior(
        accuracies,
        means,
        deviations=np.sqrt(np.mean(of.error[hopeful] ** 2) * (group.shift**2 + of.flips)),
        noise=noise,
        signal=group.spread**2 / (group.spread**2 + noise**2),
    )


def _noise(of: Measured, members: Mask, shift: Floats) -> Floats:
    """Points that single trainings of the members stray by, relative to each other, by deviation of seeds."""
    variance = max(of.single - of.common, 0.0) + shift**2
    return np.asarray(np.sqrt(np.mean(of.error[members] ** 2) * variance))


def _hopeless(of: Measured) -> Mask:
    """(N,) which networks are far below the bulk of the others, whose upper half says how far that is."""
    median, upper = np.quantile(of.accuracy, [0.5, 0.75])
    noise = float(_noise(of, np.ones(len(of.error), dtype=bool), np.array(of.shift)))
    return np.asarray(of.accuracy < median - _HOPELESS * max((upper - median) / _QUARTILE, noise))


def _shifts(of: Measured, count: int) -> tuple[Floats, Floats]:
    """Deviations between seeds beyond single images' chance, and logarithms of their weights.

    A prior times the likelihood of the sums of squares of repeated trainings. Those of shorter lengths count
    as much, as if in units of the sampling error seeds deviated as far at every length.
    """
    fine = np.log(of.shift) + np.linspace(-5.0, 5.0, 2001)
    variance = np.exp(2.0 * fine) + of.flips
    density = -0.5 * ((fine - np.log(_SHIFT_TIMES * of.shift)) / _SHIFT_LOG_DEVIATION) ** 2
    repeated, squares = of.beside
    density -= 0.5 * (np.sum(of.trainings - 1.0) + repeated) * np.log(variance)
    density -= 0.5 * (np.sum(of.squares / of.error**2) + squares) / variance
    below = np.cumsum(np.exp(density - density.max()))
    first, last = np.searchsorted(below / below[-1], [0.0005, 0.9995])
    nodes = np.linspace(fine[first], fine[last], count)
    return np.exp(nodes), np.interp(nodes, fine, density)


def _draw(
    of: Measured, members: Mask, shifts: Floats, log_prior: Floats, draws: int, rng: Generator
) -> _Group:
    """Draw the members' accuracies but for the error that all networks share."""
    noise = float(_noise(of, members, np.array(np.median(shifts))))
    farthest = max(4.0 * float(of.accuracy[members].std()), noise)
    spreads = np.geomspace(0.02 * noise, farthest, _SPREADS)
    log_spread = np.log(spreads) - np.log1p((spreads / (_SPREAD * noise)) ** 2)
    nodes = [_Node(*args) for args in _decompositions(of, members, shifts, spreads)]
    log_weights = np.array([node.log_likelihood for node in nodes]) + log_prior[:, None] + log_spread
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    counts = rng.multinomial(draws, weights.ravel()).reshape(weights.shape)
    contrasts = np.concatenate([node.draw(number, rng) for node, number in zip(nodes, counts, strict=True)])
    means = np.sum([node.mean(share) for node, share in zip(nodes, weights, strict=True)], axis=0)
    order = rng.permutation(draws)
    contrasts = contrasts[order]
    contrasts += means - contrasts.mean(axis=0)
    which, spread = np.divmod(np.repeat(np.arange(weights.size), counts.ravel())[order], _SPREADS)
    return _Group(contrasts, means, shifts[which], spreads[spread])


def _decompositions(
    of: Measured, members: Mask, shifts: Floats, spreads: Floats
) -> Iterator[tuple[Floats, Floats | None, Floats, Floats]]:
    """By deviation between seeds the eigenvalues and vectors of the measured accuracies' errors."""
    error, trainings = of.error[members], of.trainings[members]
    if of.correlation.ndim == 1 and len(error) > PAIRED:
        # All correlations are alike, so that but for what all share errors are independent.
        for shift in shifts:
            values = (of.correlation[members] - of.common + shift**2 / trainings) * error**2
            yield np.maximum(values, 1e-8 * float(np.mean(error**2))), None, of.accuracy[members], spreads
        return
    if of.correlation.ndim == 1:
        correlation = np.full((len(error), len(error)), of.common)
        np.fill_diagonal(correlation, of.correlation[members])
    else:
        correlation = of.correlation[np.ix_(members, members)]
    mean = correlation.mean(axis=0)
    contrasts = correlation - mean - mean[:, None] + mean.mean()
    images = (contrasts + max(mean.mean() - of.common, 0.0)) * np.outer(error, error)
    for shift in shifts:
        values, vectors = np.linalg.eigh(images + np.diag(shift**2 * error**2 / trainings))
        yield np.maximum(values, 1e-8 * float(np.mean(error**2))), vectors, of.accuracy[members], spreads


class _Node:
    """The posterior at one deviation between seeds, for T deviations between n networks.

    In the basis of the errors' eigenvectors all are independent given the networks' mean; its prior is flat.
    Without vectors that is the basis the errors are in.
    """

    def __init__(self, errors2: Floats, vectors: Floats | None, measured: Floats, spreads: Floats) -> None:
        self._errors2, self._vectors, self._spreads2 = errors2, vectors, spreads[:, None] ** 2
        self._ones, self._measured = np.ones(len(measured)), measured
        if vectors is not None:
            self._ones, self._measured = vectors.sum(axis=0), vectors.T @ measured
        total = errors2 + self._spreads2  # (T, n)
        self._centre_error2 = 1.0 / (self._ones**2 / total).sum(axis=1)
        self._centre = self._centre_error2 * (self._ones * self._measured / total).sum(axis=1)
        residuals = self._measured - self._centre[:, None] * self._ones
        self.log_likelihood: Floats = 0.5 * (
            np.log(self._centre_error2) - np.log(total).sum(axis=1) - (residuals**2 / total).sum(axis=1)
        )
        """(T,), the networks' mean integrated out."""

    def _given(self, centre: Floats, spreads2: Floats) -> Floats:
        """Expectations (., n) in the eigenvectors' basis, given the networks' mean (., 1)."""
        measured = spreads2 * self._measured + self._errors2 * centre * self._ones
        return np.asarray(measured / (self._errors2 + spreads2))

    def mean(self, weights: Floats) -> Floats:
        """(n,) expectations, weighted by the deviations between networks (T,)."""
        mean = weights @ self._given(self._centre[:, None], self._spreads2)
        return np.asarray(mean if self._vectors is None else self._vectors @ mean)

    def draw(self, counts: Counts, rng: Generator) -> Floats:
        """(sum of counts, n) draws, so many for each deviation between networks (T,)."""
        of = np.repeat(np.arange(len(counts)), counts)
        centre = self._centre[of] + np.sqrt(self._centre_error2[of]) * rng.standard_normal(len(of))
        spreads2 = self._spreads2[of]
        errors = np.sqrt(self._errors2 * spreads2 / (self._errors2 + spreads2))
        draws = self._given(centre[:, None], spreads2) + errors * rng.standard_normal(errors.shape)
        return np.asarray(draws if self._vectors is None else draws @ self._vectors.T)
