"""What stops a training, on curves of which the end is known."""

import random
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cheapsearch.search.study.stopping import (
    FEWEST_CURVES,
    MISJUDGED,
    Line,
    SeedNoise,
    floors,
    forecasts,
    looks,
    threshold,
)
from cheapsearch.search.workers.jobs import is_stopped
from cheapsearch.space import Architecture, Cost, TrialRecord
from cheapsearch.space.claims import Claims


def curves(count: int, noise: float, seed: int = 0) -> list[list[float]]:
    """Of two epochs: the first is half of the second and 5 more, up to noise."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(20, 80, count)
    return [[end / 2 + 5 + noise * rng.normal(), end] for end in ends]


def test_forecasts_are_the_line_through_the_curves() -> None:
    (forecast,) = forecasts(curves(20, 0.0))
    assert forecast.slope == pytest.approx(2.0)
    assert forecast.at(5.0) == pytest.approx(0.0)
    assert forecast.deviation(30.0) == pytest.approx(0.0, abs=1e-9)
    assert forecast.at(30.0) == pytest.approx(50.0)
    assert forecast.at(90.0) == 100.0
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
        missed.append((ends[-1] - forecast.at(30.0)) / forecast.deviation(30.0))
    assert np.std(missed) == pytest.approx(np.sqrt(6 / 4), rel=0.05)  # of Student's t, 6 degrees of freedom


@pytest.mark.parametrize(
    ("epochs", "at"), [(1, []), (2, [1]), (3, [1, 2]), (4, [1, 2, 3]), (10, [2, 5, 8]), (40, [10, 20, 30])]
)
def test_looks_are_at_quarters_and_share_what_may_be_misjudged(epochs: int, at: list[int]) -> None:
    found = looks(epochs)
    assert list(found) == at
    if at:
        assert sum(found.values()) == pytest.approx(MISJUDGED)
        saved = np.array([epochs - epoch for epoch in at])
        np.testing.assert_allclose(list(found.values()), MISJUDGED * saved / saved.sum())


@pytest.mark.parametrize("count", [FEWEST_CURVES, 50])
def test_floors_are_what_a_training_reaches_that_ends_at_the_threshold(count: int) -> None:
    known = curves(count, 0.5)
    (floor,) = floors(60.0, known, noise=0.7)
    # The first epoch by the last, worked out by scipy; two epochs have one look.
    first, last = np.array(known).T
    line = stats.linregress(last, first)
    residual = np.sqrt(((first - line.intercept - line.slope * last) ** 2).sum() / (count - 2))
    about = last - last.mean()
    spread = residual * np.sqrt(1 + 1 / count + (60.0 - last.mean()) ** 2 / (about @ about))
    expected = line.intercept + line.slope * 60.0
    student = stats.t.ppf(1 - MISJUDGED, count - 2)
    assert floor == pytest.approx(expected - student * np.hypot(spread, line.slope * 0.7))
    assert floors(60.0, curves(3, 0.5), noise=0.7) == ()


def test_floors_are_0_where_nobody_looks() -> None:
    ends = np.linspace(20, 80, 30)
    known = [[end * epoch / 12 for epoch in range(1, 13)] for end in ends]
    assert [epoch for epoch, floor in enumerate(floors(60.0, known, noise=0.5), 1) if floor] == [3, 6, 9]


def test_floors_stop_nothing_where_an_epoch_says_nothing() -> None:
    flat = [[10.0, end] for end in np.linspace(20, 80, 20)]
    assert floors(90.0, flat, noise=0.0) == (0.0,)
    rng = np.random.default_rng(0)
    unrelated = [[rng.uniform(20, 80), end] for end in np.linspace(20, 80, 20)]
    assert floors(90.0, unrelated, noise=0.0) == (0.0,)


@pytest.mark.parametrize(("epochs", "known"), [(10, FEWEST_CURVES), (10, 60), (3, 20)])
def test_floors_keep_their_promise_over_a_whole_training(epochs: int, known: int) -> None:
    """Every epoch comes nearer to the end, with noise of its own and a common lag that all looks see."""
    rng = np.random.default_rng(epochs + known)
    share = np.arange(1, epochs + 1) / epochs

    def drawn(count: int) -> np.ndarray:
        ends = rng.uniform(40, 70, count)
        lag = rng.normal(0, 4, (count, 1)) + rng.normal(0, 4, (count, epochs))
        return ends[:, None] * (0.4 + 0.6 * share) + lag * (1 - share)

    # Most of the good ones are hardly better than the threshold.
    searches, wanted, good, stopped, bad, saved = 400, 68.0, 0, 0, 0, 0
    for _ in range(searches):
        at = floors(wanted, drawn(known).tolist(), noise=0.0)
        for curve in drawn(40):
            ends_early = any(is_stopped(curve[:epoch], at) for epoch in range(1, epochs))
            if curve[-1] >= wanted:
                good, stopped = good + 1, stopped + ends_early
            else:
                bad, saved = bad + 1, saved + ends_early
    # What a search knows is common to its trainings: chance is that of so many searches.
    margin = 2 * np.sqrt(MISJUDGED * (1 - MISJUDGED) / searches)
    assert stopped / good <= MISJUDGED + margin
    assert saved / bad > 0.5


def test_forecast_is_within_percent() -> None:
    assert Line(2.0, 50.0, 50.0, 1.0, 8, 10.0).at(10.0) == 0.0


def test_seed_noise_of_many_trials_is_not_worked_out_anew_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    cost = Cost({"params": 5, "flops": 7})
    trials = [
        TrialRecord(n, Architecture("mobilenet_v2"), "complete", "random", cost, 50.0 + rng.gauss(0.0, 2.0))
        for n in range(200)
    ]
    counts: list[int] = []
    of = Claims.of

    def counted(told: list[TrialRecord], *args: Any, **settings: Any) -> Claims:
        counts.append(len(told))
        return of(told, *args, **settings)

    monkeypatch.setattr(Claims, "of", counted)
    noise, again = (SeedNoise(("accuracy", "params"), {"images": 50}) for _ in range(2))
    found = [noise.of(trials[:count]) for count in range(95, 200)]
    assert counts[:6] == [*range(95, 101)]
    assert len(counts) < 6 + 10  # a tenth more each time
    assert found[-1] == again.of(trials[:199])  # whenever a search goes on
    assert found[0] == of(trials[:95], ("accuracy", "params"), images=50).deviation
