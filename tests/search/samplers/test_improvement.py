import moocore
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm, norm

from cheapsearch.search.samplers import improvement
from cheapsearch.search.samplers.improvement import (
    Front,
    expected_hypervolume_improvement,
    expected_improvement,
    largest_improvement,
)
from cheapsearch.search.samplers.warp import LEAST_ERROR, Warp


@pytest.mark.parametrize("level", [20.0, 90.0, 93.0, 99.9])
@pytest.mark.parametrize("deviation", [0.02, 0.2, 1.5])
def test_expected_improvement_is_the_integral(level, deviation):
    error = lognorm(deviation, scale=8.0)  # its logarithm is normal about log(8)
    short_of = 100.0 + LEAST_ERROR - level
    expected, _ = quad(lambda e: (short_of - e) * error.pdf(e), 0.0, short_of, points=[min(8.0, short_of)])
    found = expected_improvement(np.log([8.0]), np.array([deviation]), np.array([level]))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("level", [0.0, 60.0, 85.0, 95.0])
@pytest.mark.parametrize("deviation", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("mean", [5.0, 12.0, 20.0])
def test_expected_improvement_on_a_warped_scale_is_the_integral(level, deviation, mean):
    warp = Warp(knot=np.log(12.0), slope=0.3)
    centre, short_of = float(warp(np.log(mean))), 100.0 + LEAST_ERROR - level
    end = float(warp(np.log(short_of)))
    least = centre - 9 * deviation
    corners = [point for point in (warp.knot, centre) if least < point < end]
    expected, _ = quad(
        lambda value: (short_of - np.exp(warp.inverse(value))) * norm.pdf(value, centre, deviation),
        *(min(least, end), end),
        points=corners or None,
        limit=200,
    )
    found = expected_improvement(np.array([centre]), np.array([deviation]), np.array([level]), warp)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_expected_improvement_is_never_beyond_perfection():
    found = expected_improvement(np.log([20.0]), np.array([50.0]), np.array([90.0]))
    assert 0.0 < found < 10.0 + LEAST_ERROR


def _front(rng, dimensions, size=6):
    accuracy = rng.uniform(60, 90, size)
    costs = rng.uniform(0.1, 0.9, (size, dimensions))
    kept = moocore.is_nondominated(np.column_stack([-accuracy, costs]))
    return accuracy[kept], costs[kept]


@pytest.fixture(params=["listed", "sampled"])
def tolerance(request, monkeypatch):
    """Of an expectation, relative, by the steps of the front or by sampled costs."""
    if request.param == "listed":
        return 0.0
    monkeypatch.setattr(improvement, "_MOST_STEPS", 0)
    return 0.05


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 7])
def test_hypervolume_improvement_is_the_mean_over_outcomes(dimensions, tolerance):
    rng = np.random.default_rng(dimensions)
    accuracy, costs = _front(rng, dimensions, size=12)
    worthless = 55.0
    candidate = np.full(dimensions, 0.25)
    mean, deviation = np.log(22.0), 0.25
    equally_likely = lognorm(deviation, scale=22.0).ppf((np.arange(4000) + 0.5) / 4000)
    outcomes = 100.0 + LEAST_ERROR - equally_likely
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
    assert found[0] == pytest.approx(np.mean(gains), rel=max(tolerance, 1e-3))


@pytest.mark.parametrize("dimensions", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(6))
def test_largest_improvement_is_that_of_all_candidates(dimensions, seed):
    rng = np.random.default_rng(10 * seed + dimensions)
    accuracy, costs = _front(rng, dimensions, size=12)
    front = Front(accuracy, costs, 50.0)
    mean, deviation = np.log(rng.uniform(8, 50, 900)), rng.uniform(0.02, 0.6, 900)
    places = rng.uniform(0, 1, (900, dimensions))
    gains = expected_hypervolume_improvement(mean, deviation, places, front)
    best, gain = largest_improvement(mean, deviation, places, front)
    assert gain == pytest.approx(gains.max())
    assert gains[best] == pytest.approx(gains.max())


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_steps_fill_the_box_with_the_level_of_the_front(dimensions):
    rng = np.random.default_rng(dimensions)
    front = Front(*_front(rng, dimensions, size=30), 65.0)
    low, high, level = front.steps
    assert (high > low).all()
    assert (high - low).prod(axis=1).sum() == pytest.approx(1.0)
    inside = low + (high - low) * rng.uniform(size=low.shape)
    assert front.at(inside).tolist() == front.levels[level].tolist()
    places = rng.uniform(size=(500, dimensions))
    holding = ((low <= places[:, None]) & (places[:, None] < high)).all(axis=2)
    assert (holding.sum(axis=1) == 1).all()


def test_steps_are_not_listed_where_they_are_too_many():
    rng = np.random.default_rng(0)
    accuracy, costs = rng.uniform(60, 90, 100), rng.uniform(0, 1, (100, 7))
    assert Front(accuracy, costs, 50.0).steps is None


@pytest.mark.parametrize("dimensions", [3, 5, 7])
def test_what_improves_at_its_own_cost_gains(dimensions, tolerance):
    rng = np.random.default_rng(dimensions)
    front = Front(*_front(rng, dimensions, size=12), 50.0)
    places = rng.uniform(0, 0.99, (200, dimensions))
    mean, deviation = np.log(rng.uniform(5, 30, 200)), rng.uniform(0.1, 0.4, 200)
    own = expected_improvement(mean, deviation, front.at(places)[:, None])[:, 0]
    assert (own > 0).all()
    gains = expected_hypervolume_improvement(mean, deviation, places, front)
    assert (gains > 0).all()
    # Not more than its improvement at its own cost wherever it costs less.
    assert (gains <= own * np.prod(1.0 - places, axis=1) * (1 + 1e-9)).all()


def test_what_costs_more_than_the_box_gains_nothing(tolerance):
    front = Front(np.array([70.0, 80.0]), np.array([[0.2, 0.1, 0.4], [0.6, 0.3, 0.2]]), 50.0)
    places = np.array([[0.5, 0.5, 1.0], [0.1, 1.2, 0.1]])
    gains = expected_hypervolume_improvement(np.log([10.0, 10.0]), np.full(2, 0.2), places, front)
    assert gains.tolist() == [0.0, 0.0]


def test_front_is_a_step_function_of_the_cost():
    front = Front(np.array([70.0, 80.0]), np.array([[0.2], [0.6]]), 50.0)
    assert front.at(np.array([[0.1], [0.2], [0.5], [0.6], [1.0]])).tolist() == [50.0, 70.0, 70.0, 80.0, 80.0]


def test_front_is_nowhere_below_the_worthless():
    front = Front(np.array([40.0, 80.0]), np.array([[0.2], [0.6]]), 50.0)
    assert front.at(np.array([[0.1], [0.5], [0.6]])).tolist() == [50.0, 50.0, 80.0]


def test_largest_improvement_is_the_least_short_one_where_none_gains():
    front = Front(np.array([90.0]), np.array([[0.1]]), 50.0)
    mean, deviation = np.log([60.0, 30.0, 40.0]), np.full(3, 1e-3)
    assert largest_improvement(mean, deviation, np.full((3, 1), 0.5), front) == (1, 0.0)
