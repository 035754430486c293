import moocore
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from cheapsearch.search.improvement import (
    Front,
    expected_hypervolume_improvement,
    expected_improvement,
    largest_improvement,
)


@pytest.mark.parametrize("level", [20.0, 90.0, 93.0])
def test_expected_improvement_is_the_integral(level):
    mean, deviation = 92.0, 1.6
    expected, _ = quad(
        lambda accuracy: max(0.0, accuracy - level) * norm.pdf(accuracy, mean, deviation),
        mean - 8 * deviation,
        mean + 8 * deviation,
        points=[level],
    )
    found = expected_improvement(np.array([mean]), np.array([deviation]), np.array([level]))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def _front(rng, dimensions, size=6):
    accuracy = rng.uniform(60, 90, size)
    costs = rng.uniform(0.1, 0.9, (size, dimensions))
    kept = moocore.is_nondominated(np.column_stack([-accuracy, costs]))
    return accuracy[kept], costs[kept]


@pytest.mark.parametrize(("dimensions", "tolerance"), [(1, 0.02), (2, 0.02), (3, 0.1)])
def test_hypervolume_improvement_is_the_mean_over_outcomes(dimensions, tolerance):
    rng = np.random.default_rng(dimensions)
    accuracy, costs = _front(rng, dimensions)
    worthless = 55.0
    candidate = np.full(dimensions, 0.25)
    mean, deviation = 78.0, 5.5
    outcomes = rng.normal(mean, deviation, 4000)
    reference = np.array([-worthless, *np.ones(dimensions)])
    points = np.column_stack([-accuracy, costs])
    before = moocore.hypervolume(points, ref=reference)
    gains = [
        moocore.hypervolume(np.vstack([points, [-outcome, *candidate]]), ref=reference) - before
        for outcome in outcomes
    ]
    found = expected_hypervolume_improvement(
        np.array([mean]), np.array([deviation]), candidate[None, :], Front(accuracy, costs, worthless)
    )
    assert found[0] == pytest.approx(np.mean(gains), rel=tolerance + 3 * np.std(gains) / 63 / np.mean(gains))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_largest_improvement_is_that_of_all_candidates(dimensions):
    rng = np.random.default_rng(10 + dimensions)
    accuracy, costs = _front(rng, dimensions, size=12)
    front = Front(accuracy, costs, 50.0)
    mean, deviation = rng.uniform(50, 92, 900), rng.uniform(0.2, 8, 900)
    places = rng.uniform(0, 1, (900, dimensions))
    gains = expected_hypervolume_improvement(mean, deviation, places, front)
    best, gain = largest_improvement(mean, deviation, places, front)
    assert gain == pytest.approx(gains.max())
    assert gains[best] == pytest.approx(gains.max())


def test_front_is_a_step_function_of_the_cost():
    front = Front(np.array([70.0, 80.0]), np.array([[0.2], [0.6]]), 50.0)
    assert front.at(np.array([[0.1], [0.2], [0.5], [0.6], [1.0]])).tolist() == [50.0, 70.0, 70.0, 80.0, 80.0]
