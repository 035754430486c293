import numpy as np
import pytest

from cheapsearch.search.samplers.rung_kernel import RungFeatures, RungKernel, fit_rungs
from cheapsearch.search.samplers.surrogate import Features, Kernel

OPTIONS = [["a", "b", "c"]] * 5


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return Features.of(rng.integers(0, 3, (60, 5)), OPTIONS, rng.random((60, 1)))


@pytest.fixture
def kernel():
    return Kernel(np.full(16, 0.1), smooth=1.0, rough=0.1, noise=0.01)


def _values(kernel, features, correlation, scale, noise, seed):
    """Of a draw from the prior, every network at each of two rungs."""
    rng = np.random.default_rng(seed)
    rungs = np.repeat([0, 1], len(features.columns))
    both = Features(np.tile(features.columns, (2, 1)), features.options)
    of = RungKernel(kernel, np.array([[1.0, correlation], [correlation, 1.0]]), np.ones(2), np.ones(2))
    covariance = of.covariance(RungFeatures(both, rungs), RungFeatures(both, rungs))
    covariance[rungs == 1] -= np.where(rungs == 1, 1.0, 0.0)  # without the shift
    drawn = np.linalg.cholesky(covariance + 1e-8 * np.eye(len(rungs))) @ rng.normal(size=len(rungs))
    drawn += np.sqrt(np.where(rungs == 1, noise, kernel.noise)) * rng.normal(size=len(rungs))
    return both, rungs, drawn * np.where(rungs == 1, scale, 1.0)


def test_rung_kernel_is_the_network_s_at_the_shortest_rung(features, kernel):
    rungs = np.zeros(60, dtype=np.int64)
    points = RungFeatures(features, rungs)
    for count in (1, 3):
        of = RungKernel(
            kernel, 0.5 ** np.abs(np.subtract.outer(range(count), range(count))), *np.ones((2, count))
        )
        assert np.allclose(of.covariance(points, points), kernel.covariance(features, features))
        assert np.allclose(of.prior(points), kernel.variance)


def test_rung_kernel_is_a_covariance(features, kernel):
    correlation = np.array([[1.0, 0.8, 0.4], [0.8, 1.0, 0.5], [0.4, 0.5, 1.0]])
    of = RungKernel(kernel, correlation, np.ones(3), np.ones(3))
    points = RungFeatures(
        Features(np.tile(features.columns, (3, 1)), features.options), np.repeat(np.arange(3), 60)
    )
    covariance = of.covariance(points, points)
    assert np.allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    assert np.allclose(np.diag(covariance), of.prior(points))
    first, last = points.rungs[:60], points.rungs[120:]
    assert np.allclose(np.diag(covariance[:60, 120:]), of.between(first, last))
    # A network keeps of its value at the shortest what the correlation says, and no more.
    assert np.allclose(of.between(first, last), 0.4 * kernel.variance)


def test_fit_rungs_finds_how_far_rungs_agree(features, kernel):
    found = {}
    for correlation in (0.3, 0.98):
        fits = []
        for seed in range(4):
            both, rungs, values = _values(kernel, features, correlation, 1.0, kernel.noise, seed)
            fits.append(
                fit_rungs(kernel, both, rungs, values, np.full(120, kernel.noise), 2).correlation[0, 1]
            )
        found[correlation] = np.mean(fits)
    assert found[0.3] < 0.6
    assert found[0.98] > 0.93


def test_fit_rungs_finds_scale_and_noise(features, kernel):
    both, rungs, values = _values(kernel, features, 0.95, 2.0, 20 * kernel.noise, 1)
    of = fit_rungs(kernel, both, rungs, values, np.full(120, kernel.noise), 2)
    assert of.scale[0] == 1.0
    assert 1.5 < of.scale[1] < 2.5
    assert of.noise[1] > 5.0


def test_fit_rungs_keeps_the_prior_where_nothing_is_known(features, kernel):
    rungs, values = np.zeros(60, dtype=np.int64), np.random.default_rng(3).normal(size=60)
    of = fit_rungs(kernel, features, rungs, values, np.full(60, kernel.noise), 3)
    # The prior's middle: neighbours lack a tenth, and are of one scale and noise.
    assert np.allclose(of.correlation[0], [1.0, 0.9, 0.81])
    assert np.allclose(of.scale, 1.0)
    assert np.allclose(of.noise, 1.0)
