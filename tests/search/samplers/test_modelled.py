"""Which of very many results are modelled."""

import numpy as np
import pytest

from cheapsearch.search.samplers.history import History
from cheapsearch.search.samplers.modelled import MODELLED, modelled, most_telling


def worth(count: int, seed: int = 0) -> np.ndarray:
    """Minus an accuracy that rises with the cost, and the cost."""
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0.0, 10.0, count)
    return np.column_stack([-(50.0 + 3.0 * cost - np.abs(rng.normal(0.0, 4.0, count))), cost])


def test_most_telling_are_all_while_they_are_few() -> None:
    assert most_telling(worth(MODELLED), np.ones(MODELLED, dtype=np.int64)).tolist() == list(range(MODELLED))


@pytest.mark.parametrize("count", [MODELLED + 1, MODELLED + 49, 2_000, 2_017])
def test_most_telling_have_the_first_the_newest_and_the_front(count: int) -> None:
    points = worth(count)
    chosen = most_telling(points, np.ones(count, dtype=np.int64))
    assert MODELLED - 50 <= len(chosen) <= MODELLED
    assert (np.diff(chosen) > 0).all()
    assert set(range(100)) <= set(chosen.tolist())
    before = count - count % 50
    assert set(range(before, count)) <= set(chosen.tolist())
    beaten = [(points <= point).all(axis=1) & (points < point).any(axis=1) for point in points]
    front = {number for number, by in enumerate(beaten) if not by[:before].any() and number < before}
    assert front <= set(chosen.tolist())
    # An even share of the others too: of each quarter of the search some that are far from the front.
    middle = float(np.median([by.sum() for by in beaten]))
    far = [number for number in chosen.tolist() if beaten[number].sum() > middle]
    assert np.histogram(far, bins=4, range=(0, count))[0].min() > 10


def test_most_telling_stay_the_same_but_for_the_newest_for_fifty_results() -> None:
    points, rungs = worth(1_100), np.ones(1_100, dtype=np.int64)
    sets = [most_telling(points[:count], rungs[:count]) for count in range(1_000, 1_050)]
    for number, chosen in enumerate(sets):
        assert chosen.tolist() == [*sets[0].tolist(), *range(1_000, 1_000 + number)]


def test_most_telling_ranks_each_rung_by_itself() -> None:
    """Else the longer trainings, which are better, would leave none of the shorter ones."""
    points = worth(2_000)
    rungs = np.where(np.arange(2_000) % 4 == 0, 4, 1)
    points[rungs == 4, 0] -= 40.0
    chosen = most_telling(points, rungs)
    best = {int(np.argmin(np.where(rungs == rung, points[:, 0], 0.0))) for rung in (1, 4)}
    assert best <= set(chosen.tolist())


def test_modelled_leaves_out_candidates_of_which_no_result_is_kept() -> None:
    count = 1_000
    points = worth(count)
    keys = [number % 800 for number in range(count)]  # two hundred were trained twice
    choices = [{"x": str(key)} for key in keys]
    rungs = [1 + 3 * (number % 2) for number in range(count)]
    history = History(choices, (-points[:, 0]).tolist(), [0.0] * count, [], [], rungs=rungs)
    costs = [None if key == 7 else [points[key, 1]] for key in keys]  # the seventh is over a limit
    found, others = modelled(history, keys, costs)
    kept = [int(point["x"]) for point in found.observed]
    assert len(kept) == len(found.accuracies) == len(found.doubts) == len(found.rungs) == MODELLED - 50 + 48
    assert not others & set(kept)
    assert others | set(kept) == set(keys) - {7}
    assert len(found.others) == count - len(kept) - 2
    assert sorted([*found.others, *found.rungs]) == sorted(
        r for r, k in zip(rungs, keys, strict=True) if k != 7
    )
