"""How well one ranking of networks agrees with another, as that of short trainings with that of long ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from .noise import averaged
from .trial import TrialT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_RESAMPLES = 2000
FEWEST = 3  # networks, below which a rank correlation is not computed
FEW_TO_RANK = 10  # networks, below which a rank correlation says little


@dataclass(frozen=True)
class RankCorrelation:
    """A rank correlation with its 95 % bootstrap interval over networks."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RankAgreement:
    """How well one ranking of `count` networks agrees with another."""

    kendall: RankCorrelation
    spearman: RankCorrelation
    count: int


@dataclass(frozen=True)
class RungAgreement:
    """How well trainings of one rung foretold those of a longer one.

    Attributes:
        lead: Points by which the longer trainings are above the shorter ones, in the mean.
        ranks: None where the networks that were trained at both are too few or too alike.
    """

    shorter: int
    longer: int
    count: int
    lead: float
    ranks: RankAgreement | None


def rung_agreements(trials: Sequence[TrialT]) -> list[RungAgreement]:
    """Every pair of rungs with networks trained at both; the accuracy of a network is the mean over seeds."""
    means: dict[int, dict[str, float]] = {}
    for trial in averaged(trials, every_rung=True):
        means.setdefault(trial.rung, {})[trial.hash] = trial.accuracy or 0.0
    found = []
    for shorter, longer in combinations(sorted(means), 2):
        both = [name for name in means[longer] if name in means[shorter]]
        if not both:
            continue
        before, after = ([means[rung][name] for name in both] for rung in (shorter, longer))
        lead = sum(after) / len(both) - sum(before) / len(both)
        found.append(RungAgreement(shorter, longer, len(both), lead, rank_agreement(before, after)))
    return found


def rank_agreement(proxy: Sequence[float], trained: Sequence[float]) -> RankAgreement | None:
    """Kendall's tau-b and Spearman's rho; None for fewer than three networks, or where one is constant.

    The intervals are percentiles over 2,000 resamples of the networks, those without a correlation left
    out.
    """
    import numpy as np
    from scipy import stats

    pairs = np.column_stack([np.asarray(proxy, float), np.asarray(trained, float)])
    if len(pairs) < FEWEST or any(len(set(column)) == 1 for column in pairs.T):
        return None
    return RankAgreement(
        kendall=_with_interval(pairs, lambda x, y: float(stats.kendalltau(x, y).statistic)),
        spearman=_with_interval(pairs, lambda x, y: float(stats.spearmanr(x, y).statistic)),
        count=len(pairs),
    )


def _with_interval(pairs: "Floats", measure: "Callable[[Floats, Floats], float]") -> RankCorrelation:
    import numpy as np

    draws = np.random.default_rng(0).integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    values = [
        measure(*pairs[chosen].T) for chosen in draws if all(np.ptp(column) > 0 for column in pairs[chosen].T)
    ]
    low, high = np.quantile(values, [0.025, 0.975])
    return RankCorrelation(measure(*pairs.T), float(low), float(high))
