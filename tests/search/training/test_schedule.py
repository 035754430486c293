"""The learning rate, step by step, against the formulas."""

from math import cos, pi

import pytest

from cheapsearch.search.training.schedule import learning_rate


def rates(total_steps: int, warmup_steps: int, initial: float, minimum: float = 0.0) -> list[float]:
    return [
        learning_rate(
            step, total_steps=total_steps, warmup_steps=warmup_steps, initial=initial, minimum=minimum
        )
        for step in range(total_steps)
    ]


def test_learning_rate_warms_up_linearly_from_zero() -> None:
    found = rates(total_steps=101, warmup_steps=20, initial=0.4)
    assert found[0] == 0.0
    assert found[1] == pytest.approx(0.4 / 20)
    assert found[10] == pytest.approx(0.4 / 2)
    assert found[19] == pytest.approx(0.4 * 19 / 20)


def test_learning_rate_is_the_initial_one_when_the_warm_up_ends() -> None:
    assert rates(total_steps=101, warmup_steps=20, initial=0.4)[20] == 0.4


def test_learning_rate_falls_by_half_a_cosine_after_the_warm_up() -> None:
    # 80 steps from the end of the warm-up, 20, to the last step, 100
    found = rates(total_steps=101, warmup_steps=20, initial=0.4)
    assert found[60] == pytest.approx(0.2)  # the middle: cos(pi / 2) = 0
    assert found[40] == pytest.approx(0.4 * (1 + cos(pi / 4)) / 2)
    assert found[99] == pytest.approx(0.4 * (1 + cos(pi * 79 / 80)) / 2)
    assert found[99] > 0


@pytest.mark.parametrize(
    ("total_steps", "warmup_steps"), [(2, 0), (7, 0), (7, 1), (7, 5), (101, 20), (997, 3)]
)
@pytest.mark.parametrize("initial", [0.05, 0.35, 1 / 3])
def test_learning_rate_is_exactly_zero_at_the_last_step(
    total_steps: int, warmup_steps: int, initial: float
) -> None:
    found = rates(total_steps, warmup_steps, initial)
    assert found[-1] == 0.0
    assert max(found) == found[warmup_steps] == initial


def test_learning_rate_ends_exactly_at_the_minimum() -> None:
    found = rates(total_steps=11, warmup_steps=0, initial=0.5, minimum=0.1)
    assert (found[0], found[-1]) == (0.5, 0.1)
    assert found[5] == pytest.approx(0.3)  # half way between them


def test_learning_rate_rises_then_falls() -> None:
    found = rates(total_steps=50, warmup_steps=10, initial=0.1)
    assert found[:11] == sorted(set(found[:11]))
    assert found[10:] == sorted(set(found[10:]), reverse=True)


def test_learning_rate_without_warm_up_starts_at_the_initial_one() -> None:
    assert rates(total_steps=10, warmup_steps=0, initial=0.2)[0] == 0.2


def test_learning_rate_of_a_single_step_is_the_initial_one() -> None:
    # It is both the first step and the last; at a rate of 0 nothing would be learnt.
    assert rates(total_steps=1, warmup_steps=0, initial=0.2) == [0.2]
