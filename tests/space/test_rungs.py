"""How long trainings are: which networks are compared, and what they have cost."""

from dataclasses import dataclass, field

import pytest

from cheapsearch.space import UserError
from cheapsearch.space.rungs import (
    at_rung,
    check_rungs,
    compared_rung,
    fullest,
    is_copy,
    networks_at,
    networks_trained,
    units,
)


@dataclass(frozen=True)
class Tried:
    number: int
    hash: str
    rung: int
    state: str = "complete"
    reason: str = ""
    accuracy: float = 50.0
    origin: str = "cost_aware"
    right: bytes = b""
    costs: dict[str, float] = field(default_factory=dict)


TRIALS = [
    *(Tried(n, name, 1) for n, name in enumerate("abcde")),
    *(Tried(5 + n, name, 4) for n, name in enumerate("abc")),
    Tried(8, "a", 16),
    Tried(9, "a", 4, "repeat"),
    Tried(10, "f", 1, "pruned"),
    Tried(11, "g", 16, "failed", "no memory"),
    Tried(12, "h", 1, "refused", "too dear"),
    Tried(13, "i", 1, "complete", "the same network to the proxy as trial 0"),
]


def test_networks_are_counted_by_rung_and_in_all() -> None:
    assert networks_at(TRIALS) == {1: 6, 4: 3, 16: 1}
    assert networks_at(()) == {}
    assert networks_trained(TRIALS) == len("abcdei")
    assert networks_trained(TRIALS, above=1) == len("abc")


def test_compared_rung_is_the_longest_that_three_networks_have() -> None:
    assert compared_rung(TRIALS) == 4
    assert at_rung(TRIALS) == [trial for trial in TRIALS if trial.rung == 4]
    assert compared_rung([*TRIALS[:7], TRIALS[8]]) == 1
    assert compared_rung(TRIALS[5:7]) == 4  # nothing shorter is there
    assert compared_rung([TRIALS[0], TRIALS[5]]) == 4  # as many as are shorter
    assert compared_rung(()) == 1


def test_fullest_is_the_rung_with_the_most_networks_the_longest_of_equals() -> None:
    assert fullest(networks_at(TRIALS)) == 1
    assert fullest({1: 3, 4: 3, 16: 1}) == 4
    assert fullest({}) == 1


def test_units_count_trainings_by_their_length() -> None:
    # Five short ones, three long and a repeat, the longest, and one that was stopped; no failure, no copy.
    assert units(TRIALS) == 5 + 4 * (3 + 1) + 16 + 1
    assert [trial.number for trial in TRIALS if is_copy(trial)] == [13]


@pytest.mark.parametrize("rungs", [(), (0, 1), (1, 1), (4, 1)])
def test_check_rungs_refuses_what_does_not_grow(rungs: tuple[int, ...]) -> None:
    assert check_rungs([1, 4]) == (1, 4)
    with pytest.raises(UserError, match="rungs: must be whole numbers from 1 that grow"):
        check_rungs(rungs)
