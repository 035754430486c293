"""Rank correlations of networks, and of the rungs of a run."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import stats

from cheapsearch.space.agreement import rank_agreement, rung_agreements


def test_rank_agreement_gives_both_correlations_with_intervals() -> None:
    proxy, trained = np.arange(12.0), np.array([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10.0])
    found = rank_agreement(list(proxy), list(trained))
    assert found is not None
    swapped, pairs = 4, 12 * 11 / 2
    assert found.kendall.value == pytest.approx((pairs - 2 * swapped) / pairs)
    squares = float(((proxy - trained) ** 2).sum())
    assert found.spearman.value == pytest.approx(1 - 6 * squares / (12 * (12**2 - 1)))
    for value in (found.kendall, found.spearman):
        assert -1 <= value.low < value.value < value.high <= 1
    assert found.count == 12
    perfect = rank_agreement([1, 2, 3, 4], [1, 2, 3, 4])
    assert perfect is not None
    assert (perfect.kendall.low, perfect.kendall.high) == pytest.approx((1, 1))


def test_rank_agreement_needs_three_networks_that_differ() -> None:
    assert rank_agreement([1, 2], [1, 2]) is None
    assert rank_agreement([1, 1, 1], [1, 2, 3]) is None
    assert not np.isnan(stats.kendalltau([1, 1, 2], [1, 2, 3]).statistic)
    assert rank_agreement([1, 1, 2], [1, 2, 3]) is not None


def test_rank_agreement_is_scipy_s_with_ties_and_in_every_resample() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.integers(6, size=(2, 9)).astype(float)
    found = rank_agreement(list(before), list(after))
    assert found is not None
    assert found.kendall.value == pytest.approx(stats.kendalltau(before, after).statistic)
    assert found.spearman.value == pytest.approx(stats.spearmanr(before, after).statistic)
    draws = np.random.default_rng(0).integers(9, size=(2000, 9))
    kept = [chosen for chosen in draws if np.ptp(before[chosen]) > 0 and np.ptp(after[chosen]) > 0]
    taus = [stats.kendalltau(before[chosen], after[chosen]).statistic for chosen in kept]
    assert (found.kendall.low, found.kendall.high) == pytest.approx(tuple(np.quantile(taus, [0.025, 0.975])))


@dataclass(frozen=True)
class Tried:
    number: int
    hash: str
    rung: int
    accuracy: float
    state: str = "complete"
    origin: str = "cost_aware"
    reason: str = ""
    right: bytes = b""
    costs: dict[str, float] = field(default_factory=dict)


def test_rung_agreements_compare_networks_that_were_trained_at_both() -> None:
    trials = [
        *(Tried(n, name, 1, 50.0 + n) for n, name in enumerate("abcde")),
        *(
            Tried(5 + n, name, 4, value)
            for n, (name, value) in enumerate(zip("bcd", (60, 64, 62), strict=True))
        ),
        Tried(8, "c", 4, 60.0, "repeat"),
        Tried(9, "f", 4, 99.0),  # nothing shorter is known of it
        Tried(10, "a", 4, 1.0, "pruned"),
        Tried(11, "e", 16, 70.0),
    ]
    found = {(pair.shorter, pair.longer): pair for pair in rung_agreements(trials)}
    assert set(found) == {(1, 4), (1, 16)}
    quartered = found[1, 4]
    # b 51, c 52, d 53 are 60, 62 in the mean and 62 after longer trainings.
    assert quartered.count == 3
    assert quartered.lead == pytest.approx((9 + 10 + 9) / 3)
    expected = stats.kendalltau([51, 52, 53], [60, 62, 62]).statistic
    assert quartered.ranks is not None
    assert quartered.ranks.kendall.value == pytest.approx(expected)
    assert (found[1, 16].count, found[1, 16].ranks) == (1, None)
    assert rung_agreements(trials[:5]) == []


def test_rung_agreements_count_once_what_the_proxy_cannot_tell_apart() -> None:
    as_a, as_b = (f"the same network under the proxy as trial {number}" for number in (0, 4))
    trials = [
        *(Tried(number, name, 1, 50.0 + number) for number, name in enumerate("ade")),
        Tried(3, "b", 1, 50.0, reason=as_a),
        Tried(4, "b", 4, 60.0),
        Tried(5, "a", 4, 60.0, reason=as_b),
        *(Tried(6 + number, name, 4, 63.0 - number) for number, name in enumerate("de")),
    ]
    (pair,) = rung_agreements(trials)
    assert pair.count == 3
    assert pair.lead == pytest.approx((10 + 12 + 10) / 3)
