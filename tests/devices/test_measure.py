"""Times that cancel what slows a machine down, and say how sure they are."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from cheapsearch.devices.measure import FEWEST_ROUNDS, time_calls, timings


class Clock:
    """Time that passes only in calls, at a speed that may change."""

    def __init__(self) -> None:
        self.now, self.calls, self.slowdown = 0.0, 0, lambda count: 1.0

    def call(self, milliseconds: float) -> Any:
        def run() -> None:
            self.calls += 1
            self.now += milliseconds / 1000 * self.slowdown(self.calls)

        return run


def test_a_machine_that_slows_down_slows_the_reference_too() -> None:
    clock = Clock()
    clock.slowdown = lambda count: 1 + count // 40  # after a few rounds everything takes twice as long, ...
    found = time_calls(
        [clock.call(2.0), clock.call(6.0)],
        clock.call(4.0),
        now=lambda: clock.now,
        seconds=0.0,
        enough=0.01,
        reference_ms=4.0,
    )
    # ... and no round is long enough to hold two speeds but for a few.
    assert [timing.median_ms for timing in found] == pytest.approx([2.0, 6.0])


def test_rounds_end_when_the_spread_is_small_enough_or_the_time_is_up() -> None:
    steady = Clock()
    time_calls([steady.call(1.0)], steady.call(1.0), now=lambda: steady.now, seconds=1e9, enough=0.01)
    rounds = (steady.calls - 2) / 4  # once each before all, then twice each in a round
    assert rounds == FEWEST_ROUNDS
    shaky, random = Clock(), np.random.default_rng(0)
    shaky.slowdown = lambda count: float(random.uniform(0.2, 5.0))
    (found,) = time_calls(
        [shaky.call(1.0)], shaky.call(1.0), now=lambda: shaky.now, seconds=0.2, enough=0.001
    )
    assert shaky.calls > steady.calls
    assert found.spread_ms > 0.001 * found.median_ms


def test_the_interval_of_a_median_holds_the_true_one_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        rounds = np.column_stack([np.ones(31), random.lognormal(0.0, 0.3, 31)])
        (timing,) = timings(rounds, reference_ms=1.0)
        ordered = np.sort(rounds[:, 1])
        low = int(31 / 2 - 0.98 * 31**0.5)
        assert timing.spread_ms == pytest.approx((ordered[30 - low] - ordered[low]) / 2)
        held += ordered[low] <= 1.0 <= ordered[30 - low]
    assert 0.92 <= held / 400 <= 0.99
