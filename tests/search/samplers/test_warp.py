"""The scale of errors: its inverse, its derivative, and deviations in points."""

import numpy as np
import pytest

from cheapsearch.search.samplers.warp import MOST_ERROR, Warp

WARP = Warp(knot=np.log(20.0), slope=0.25)


def test_warp_counts_what_is_above_the_knot_less():
    found = WARP(np.log([10.0, 20.0, 20.0 * np.e]))
    np.testing.assert_allclose(found, [np.log(10.0), np.log(20.0), np.log(20.0) + 0.25])
    errors = np.log([3.0, 90.0])
    np.testing.assert_array_equal(Warp()(errors), errors)


def test_inverse_and_steepness_are_those_of_the_warp():
    logarithms = np.linspace(-1.0, 5.0, 50)
    np.testing.assert_allclose(WARP.inverse(WARP(logarithms)), logarithms)
    step = 1e-6
    slopes = (WARP(logarithms + step) - WARP(logarithms - step)) / (2 * step)
    np.testing.assert_allclose(WARP.steepness(logarithms), slopes, rtol=1e-6)


@pytest.mark.parametrize(("error", "deviation"), [(10.0, 0.1), (20.0, 0.2), (60.0, 0.05), (60.0, 3.0)])
def test_spread_is_the_deviation_of_the_accuracy(error, deviation):
    centre = float(WARP(np.log(error)))
    drawn = centre + deviation * np.random.default_rng(0).normal(size=200_000)
    accuracies = np.maximum(100.0 - np.exp(WARP.inverse(drawn)) + 0.25, 0.0)
    assert WARP.spread(centre, deviation) == pytest.approx(accuracies.std(), rel=0.03)
    assert WARP.spread(centre, deviation) <= MOST_ERROR / 2
