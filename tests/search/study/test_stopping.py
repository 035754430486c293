"""What stops a training, on curves of which the end is known."""

import numpy as np
import pytest
from scipy import stats

from cheapsearch.search.study.stopping import (
    FEWEST_CURVES,
    Forecast,
    floors,
    forecasts,
    threshold,
)
from cheapsearch.search.workers.jobs import is_stopped


def curves(count: int, noise: float, seed: int = 0) -> list[list[float]]:
    """Of two epochs: the first is half of the second and 5 more, up to noise."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(20, 80, count)
    return [[end / 2 + 5 + noise * rng.normal(), end] for end in ends]


def test_forecasts_are_the_line_through_the_curves() -> None:
    (forecast,) = forecasts(curves(20, 0.0))
    assert forecast.slope == pytest.approx(2.0)
    assert forecast.final(5.0) == pytest.approx(0.0)
    assert forecast.deviation(30.0) == pytest.approx(0.0, abs=1e-9)
    assert forecast.final(30.0) == pytest.approx(50.0)
    assert forecast.final(90.0) == 100.0
    (noisy,) = forecasts(curves(2000, 1.0))
    assert noisy.deviation(30.0) == pytest.approx(2.0, rel=0.1)


def test_forecasts_wait_for_enough_curves() -> None:
    assert forecasts(curves(FEWEST_CURVES - 1, 1.0)) == []
    assert len(forecasts([[10.0, 20.0, 30.0]] * FEWEST_CURVES)) == 2


def test_threshold_is_the_best_of_what_costs_no_more_in_any_cost() -> None:
    accuracies, costs = [60.0, 70.0, 50.0], np.array([[10, 20], [5, 30], [4, 4]])
    assert threshold(accuracies, costs, (10, 20)) == 60.0
    assert threshold(accuracies, costs, (10, 30)) == 70.0
    assert threshold(accuracies, costs, (9, 29)) == 50.0
    assert threshold(accuracies, costs, (3, 100)) is None
    assert threshold([], np.empty((0, 2)), (3, 100)) is None
    assert threshold(accuracies, costs[:, :1], (9,)) == 70.0


def test_threshold_is_no_less_than_the_reference() -> None:
    accuracies, costs = [60.0, 70.0], np.array([[10, 20], [5, 30]])
    assert threshold(accuracies, costs, (10, 20), reference=65.0) == 65.0
    assert threshold(accuracies, costs, (10, 30), reference=65.0) == 70.0
    assert threshold(accuracies, costs, (3, 100), reference=65.0) == 65.0


def test_forecast_is_as_unsure_as_new_trainings_scatter() -> None:
    # Far from the few trainings it rests on, most of the doubt is of the line itself.
    starts = np.linspace(40.0, 50.0, FEWEST_CURVES)
    missed = []
    for seed in range(4000):
        noise = np.random.default_rng(seed).normal(size=FEWEST_CURVES + 1)
        ends = np.append(starts, 30.0) + noise
        (forecast,) = forecasts([[start, end] for start, end in zip(starts, ends[:-1], strict=True)])
        missed.append((ends[-1] - forecast.final(30.0)) / forecast.deviation(30.0))
    assert np.std(missed) == pytest.approx(np.sqrt(6 / 4), rel=0.05)  # of Student's t, 6 degrees of freedom


@pytest.mark.parametrize("count", [FEWEST_CURVES, 50])
def test_floors_are_where_the_end_surely_falls_short(count: int) -> None:
    (floor,) = floors(60.0, curves(count, 0.5), noise=0.7)
    (forecast,) = forecasts(curves(count, 0.5))
    student = stats.t.ppf(0.94, count - 2)
    deviation = np.hypot(forecast.deviation(floor), 0.7)
    assert 60.0 - forecast.final(floor) == pytest.approx(student * deviation)
    assert floors(60.0, curves(3, 0.5), noise=0.7) == ()


def test_floors_stop_nothing_where_an_epoch_says_nothing() -> None:
    flat = [[10.0, end] for end in np.linspace(20, 80, 20)]
    assert floors(90.0, flat, noise=0.0) == (0.0,)
    rng = np.random.default_rng(0)
    unrelated = [[rng.uniform(20, 80), end] for end in np.linspace(20, 80, 20)]
    assert floors(90.0, unrelated, noise=0.0) == (0.0,)


def test_floors_seldom_stop_what_would_have_reached_the_threshold() -> None:
    at = floors(60.0, curves(30, 1.0), noise=0.0)
    new = curves(3000, 1.0, seed=1)
    good = [curve for curve in new if curve[-1] > 60.0]
    bad = [curve for curve in new if curve[-1] < 45.0]
    assert np.mean([is_stopped(curve[:1], at) for curve in good]) < 0.005
    assert np.mean([is_stopped(curve[:1], at) for curve in bad]) > 0.9


def test_forecast_is_within_percent() -> None:
    assert Forecast(2.0, 50.0, 50.0, 1.0, 8, 10.0).final(10.0) == 0.0
