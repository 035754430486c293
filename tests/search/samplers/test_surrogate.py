from types import SimpleNamespace

import numpy as np
import pytest

from cheapsearch.search.samplers import surrogate
from cheapsearch.search.samplers.posterior import Posterior
from cheapsearch.search.samplers.surrogate import Features, Kernel, fit_kernel
from cheapsearch.search.samplers.warp import Warp


def _features(rng, count, choices=4, options=3, costs=2):
    drawn = rng.integers(0, options, (count, choices))
    names = [[f"{choice}:{option}" for option in range(options)] for choice in range(choices)]
    return Features.of(drawn, names, rng.random((count, costs)))


WEIGHTS = np.random.default_rng(9).uniform(0.05, 1.5, 14)  # 4 choices of 3 options, 2 costs
KERNEL = Kernel(WEIGHTS, smooth=1.2, rough=0.1, noise=0.05)


def _option(features, choice):
    return features.columns[:, 3 * choice : 3 * choice + 3].argmax(axis=1)


def test_covariance_is_that_of_each_pair():
    rng = np.random.default_rng(0)
    a, b = _features(rng, 5), _features(rng, 7)
    for i in range(5):
        for j in range(7):
            distance = WEIGHTS[12:] @ (a.columns[i, 12:] - b.columns[j, 12:]) ** 2
            for choice in range(4):
                one, other = _option(a, choice)[i], _option(b, choice)[j]
                if one != other:
                    distance += WEIGHTS[3 * choice + one] + WEIGHTS[3 * choice + other]
            expected = 1.2 * np.exp(-distance / 2) + 0.1 * np.exp(-3 * np.sqrt(distance))
            assert KERNEL.covariance(a, b)[i, j] == pytest.approx(expected)


def test_covariance_of_points_that_repeat_is_one_with_the_largest_weights_there_are():
    rng = np.random.default_rng(7)
    points = _features(rng, 20)[np.repeat(np.arange(20), 9)]
    most = np.exp(5.0)
    weights = np.where(rng.random(points.columns.shape[1]) < 0.5, most, rng.random(points.columns.shape[1]))
    covariance = Kernel(weights, smooth=most, rough=most, noise=0.0).covariance(points, points)
    for of_one in np.split(np.arange(180), 20):
        assert set(covariance[np.ix_(of_one, of_one)].ravel()) == {2 * most}
    np.linalg.cholesky(covariance + np.exp(-9.0) * np.eye(180))


def test_posterior_is_the_textbook_one():
    rng = np.random.default_rng(1)
    points = _features(rng, 20)
    observed, values = np.array([3, 7, 7, 11]), np.array([0.5, -1.0, -0.8, 0.2])
    noise = np.array([0.05, 0.1, 0.1, 0.2])
    posterior = Posterior(points, KERNEL).extended(observed, noise)
    inner = KERNEL.covariance(points[observed], points[observed]) + np.diag(noise)
    across = KERNEL.covariance(points[observed], points)
    solved = np.linalg.solve(inner, across)
    np.testing.assert_allclose(posterior.mean(values), values @ solved, atol=1e-6)
    np.testing.assert_allclose(posterior.variance, KERNEL.variance - (across * solved).sum(0), atol=1e-6)


def test_posterior_extended_step_by_step_is_the_same():
    rng = np.random.default_rng(2)
    points = _features(rng, 30)
    observed, values, noise = rng.integers(0, 30, 12), rng.normal(size=12), rng.uniform(0.01, 0.2, 12)
    at_once = Posterior(points, KERNEL).extended(observed, noise)
    stepwise = Posterior(points, KERNEL)
    for part in np.split(np.arange(12), [1, 5]):
        stepwise = stepwise.extended(observed[part], noise[part])
    np.testing.assert_allclose(at_once.mean(values), stepwise.mean(values), atol=1e-7)
    np.testing.assert_allclose(at_once.variance, stepwise.variance, atol=1e-7)


def test_posterior_of_nothing_is_the_prior():
    points = _features(np.random.default_rng(3), 6)
    posterior = Posterior(points, KERNEL).extended(np.empty(0, dtype=np.int64), np.empty(0))
    assert (posterior.variance == KERNEL.variance).all()
    assert (posterior.mean(np.empty(0)) == 0).all()


def _likelihood(kernel, features, values):
    matrix = kernel.covariance(features, features) + kernel.noise * np.eye(len(values))
    return -0.5 * values @ np.linalg.solve(matrix, values) - 0.5 * np.linalg.slogdet(matrix)[1]


def test_fit_kernel_finds_the_choice_that_matters():
    rng = np.random.default_rng(4)
    features = _features(rng, 120)
    effect = np.array([-1.0, 0.0, 1.2])
    values = effect[_option(features, 2)] + 0.1 * rng.normal(size=120)
    values = (values - values.mean()) / values.std()
    kernel, _ = fit_kernel(features, values)
    by_choice = kernel.weights[:12].reshape(4, 3).sum(axis=1)
    assert by_choice[2] > 5 * np.delete(by_choice, 2).max()
    plain = Kernel(np.full(14, 1 / 12), 1.0, 0.05, 0.05)
    assert _likelihood(kernel, features, values) > _likelihood(plain, features, values) + 20


def test_fit_kernel_finds_the_option_that_matters():
    rng = np.random.default_rng(7)
    features = _features(rng, 120)
    values = np.where(_option(features, 1) == 2, -1.0, 1.0) + 0.1 * rng.normal(size=120)
    kernel, _ = fit_kernel(features, (values - values.mean()) / values.std())
    assert kernel.weights[5] > 3 * kernel.weights[3:5].max()


def test_fit_kernel_carries_an_options_weight_to_choices_of_the_same_options():
    rng = np.random.default_rng(8)
    drawn = rng.integers(0, 3, (80, 4))
    drawn[:, 3] = 0  # nothing is known of the last choice
    values = np.where(drawn[:, :3] == 2, -1.0, 1.0).sum(axis=1) + 0.1 * rng.normal(size=80)
    values = (values - values.mean()) / values.std()
    same, other = (
        fit_kernel(Features.of(drawn, names, rng.random((80, 1))), values)[0].weights[9:12]
        for names in ([["x", "y", "z"]] * 4, [["x", "y", "z"]] * 3 + [["x", "y", "w"]])
    )
    assert same[2] > 2 * same[1]
    np.testing.assert_allclose(other, other[0])


def test_fit_kernel_keeps_a_known_noise():
    rng = np.random.default_rng(5)
    features = _features(rng, 30)
    values, noise = rng.normal(size=30), rng.uniform(0.1, 0.3, 30)
    kernel, warp = fit_kernel(features, values, noise=noise)
    # In units of the warped values, which it is fitted to.
    expected = (noise * warp.steepness(values) ** 2).mean() / warp(values).var()
    assert kernel.noise == pytest.approx(expected)


def test_fit_kernel_tells_noise_from_signal():
    rng = np.random.default_rng(6)
    features = _features(rng, 150)
    signal = features.columns[:, 12] * 2
    quiet, _ = fit_kernel(features, signal)
    loud, _ = fit_kernel(features, rng.normal(size=150))
    assert loud.noise + loud.rough > 10 * (quiet.noise + quiet.rough)


@pytest.mark.parametrize("known", [None, 0.02])
def test_fit_kernel_learns_how_far_the_upper_half_is_stretched(known):
    """A smooth function of the features, once as it is and once with its upper half drawn apart."""
    rng = np.random.default_rng(10)
    features = _features(rng, 121)
    plain = features.columns[:, 12] + 0.5 * (_option(features, 0) == 1) + 0.02 * rng.normal(size=121)
    slopes = {}
    for stretch in (1.0, 4.0):
        drawn = Warp(float(np.median(plain)), 1 / stretch)
        values = drawn.inverse(plain)
        noise = None if known is None else (known / drawn.steepness(values)) ** 2
        _, warp = fit_kernel(features, values, noise=noise)
        assert warp.knot == pytest.approx(np.median(plain))
        slopes[stretch] = warp.slope
    assert slopes[1.0] > 0.75
    assert slopes[4.0] == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("noise", [None, 0.05])
def test_fit_kernel_goes_down_the_slope_of_its_objective(monkeypatch, noise):
    """By the variances and by the slope of the warp it is that of finite differences."""
    seen = []

    def recording(objective, start, **settings):
        seen.append(objective)
        return SimpleNamespace(x=start)

    monkeypatch.setattr(surrogate, "minimize", recording)
    rng = np.random.default_rng(11)
    features, values = _features(rng, 20), rng.normal(size=20)
    fit_kernel(features, values, noise=None if noise is None else rng.uniform(0.5, 1.5, 20) * noise)
    (objective,) = seen
    theta = rng.normal(-1.0, 0.3, 14 + 4)
    _, gradient = objective(theta)
    # Those of the weights are left out: differences of the root of a distance rounded about 0 are chance.
    for index in range(14, 14 + 4):
        step = np.zeros(len(theta))
        step[index] = 1e-5
        found = (objective(theta + step)[0] - objective(theta - step)[0]) / 2e-5
        assert gradient[index] == pytest.approx(found, rel=1e-4, abs=1e-5)
