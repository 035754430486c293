"""What chance does to accuracies, against simulation."""

from dataclasses import replace

import numpy as np
import pytest

from cheapsearch.space import (
    Architecture,
    Cost,
    TrialRecord,
    averaged,
    front_probabilities,
    most_unsettled,
    pareto_front,
    seed_noise,
    ties,
)
from cheapsearch.space.noise import ASSUMED_DEVIATION, accuracies

ARCHITECTURES = [
    Architecture("mobilenet_v2", 1.0, expand=expand, last_stage=last)
    for expand in ("conv", "reuse", "ghost", "group_conv")
    for last in ("conv", "reuse")
]
OBJECTIVES = ("accuracy", "params", "flops")


def trial(number: int, which: int, accuracy: float, cost: int, state: str = "complete") -> TrialRecord:
    return TrialRecord(number, ARCHITECTURES[which], state, "random", Cost(params=cost, flops=cost), accuracy)  # type: ignore[arg-type]


FIVE = [trial(i, i, accuracy, i + 1) for i, accuracy in enumerate([50.0, 51.0, 50.5, 60.0, 59.5])]


def test_averaged_takes_the_mean_of_all_trainings() -> None:
    records = [*FIVE, trial(5, 1, 53.0, 2, "repeat"), trial(6, 1, 52.0, 2, "repeat")]
    assert [record.accuracy for record in averaged(records)] == [50.0, 52.0, 50.5, 60.0, 59.5]
    assert accuracies(records)[1] == [51.0, 53.0, 52.0]
    assert averaged(FIVE) == FIVE
    assert [record.accuracy for record in pareto_front(records)] == [50.0, 52.0, 60.0]


def test_seed_noise_is_assumed_until_something_is_repeated() -> None:
    assert seed_noise([]) == seed_noise(FIVE)
    noise = seed_noise(FIVE)
    assert noise.deviation == pytest.approx(ASSUMED_DEVIATION)
    assert noise.repeats == 0
    assert noise.gap == pytest.approx(2 * 2**0.5 * ASSUMED_DEVIATION)


def test_seed_noise_comes_near_the_truth_with_many_repeats() -> None:
    rng = np.random.default_rng(0)
    records = list(FIVE)
    for number in range(5, 205):
        accuracy = (FIVE[number % 5].accuracy or 0.0) + 3 * rng.normal()
        records.append(trial(number, number % 5, accuracy, 1, "repeat"))
    noise = seed_noise(records)
    assert noise.repeats == 200
    assert noise.deviation == pytest.approx(3.0, rel=0.15)


def test_front_probabilities_are_those_of_a_simulation() -> None:
    records = [*FIVE, trial(5, 2, 51.1, 3, "repeat")]
    rng = np.random.default_rng(1)
    error = seed_noise(records).deviation / np.sqrt([len(runs) for runs in accuracies(records).values()])
    means = np.array([record.accuracy for record in averaged(records)])
    counts = np.zeros(5)
    for _ in range(4000):
        truth = means + error * rng.normal(size=5)
        counts += [truth[i] > truth[:i].max(initial=-np.inf) for i in range(5)]
    found = front_probabilities(records, OBJECTIVES)
    assert list(found) == list(range(5))
    assert list(found.values()) == pytest.approx(counts / 4000, abs=0.03)


def test_front_probabilities_look_at_the_costs_of_the_objectives() -> None:
    cheap = replace(FIVE[1], costs=Cost(params=2, flops=0))
    assert front_probabilities([FIVE[0], cheap], ("accuracy", "params"))[0] == 1.0
    assert front_probabilities([FIVE[0], cheap], ("accuracy", "flops"))[0] < 0.5


def test_most_unsettled_is_as_likely_on_the_front_as_not() -> None:
    assert most_unsettled(FIVE, OBJECTIVES, {}) in (FIVE[2], FIVE[4])
    first = most_unsettled(FIVE, OBJECTIVES, {})
    assert first is not None
    assert most_unsettled(FIVE, OBJECTIVES, {first.hash: 3}) != first
    assert most_unsettled([], OBJECTIVES, {}) is None


def test_ties_name_the_cheaper_member_that_may_be_as_good() -> None:
    front = pareto_front(FIVE)
    assert [record.number for record in front] == [0, 1, 3]
    assert ties(front, FIVE) == {1: 0}
    other = replace(
        FIVE[1], costs=Cost(params=2, flops=0)
    )  # fewer parameters alone do not make the first one cheaper
    assert ties([FIVE[0], other], FIVE) == {}
    assert ties([FIVE[0], other], FIVE, ("accuracy", "params")) == {1: 0}
    repeats = [trial(5 + i, i % 2, FIVE[i % 2].accuracy or 0.0, 1 + i % 2, "repeat") for i in range(16)]
    again = [*FIVE, *repeats]
    assert ties(pareto_front(again), again) == {}
