"""How well one ranking of networks agrees with another, as that of short trainings with that of long ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from .noise import averaged
from .rungs import is_copy
from .trial import TrialT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Rows = npt.NDArray[np.intp]

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
    """Every pair of rungs with networks trained at both; the accuracy of a network is the mean over seeds.

    What the proxy cannot tell apart counts once: for the one whose longer training it was.
    """
    means: dict[int, dict[str, float]] = {}
    trained: dict[int, list[str]] = {}
    for trial in averaged(trials, every_rung=True):
        means.setdefault(trial.rung, {})[trial.hash] = trial.accuracy or 0.0
        trained.setdefault(trial.rung, []).extend(() if is_copy(trial) else (trial.hash,))
    found = []
    for shorter, longer in combinations(sorted(means), 2):
        both = [name for name in trained[longer] if name in means[shorter]]
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

    pairs = np.column_stack([np.asarray(proxy, float), np.asarray(trained, float)])
    count = len(pairs)
    if count < FEWEST or any(len(set(column)) == 1 for column in pairs.T):
        return None
    drawn = np.random.default_rng(0).integers(count, size=(_RESAMPLES, count))
    varied = (np.ptp(pairs[drawn], axis=1) > 0).all(axis=1)
    samples = np.concatenate([np.arange(count)[None], drawn[varied]])  # the networks themselves first
    return RankAgreement(
        kendall=_with_interval(_kendall(pairs, samples)),
        spearman=_with_interval(_spearman(pairs, samples)),
        count=count,
    )


def _kendall(pairs: "Floats", samples: "Rows") -> "Floats":
    """Tau-b of samples (R, n) of networks: concordant less discordant pairs, by those that are no ties."""
    import numpy as np

    times = np.zeros((len(samples), len(pairs)))
    np.add.at(times, (np.arange(len(samples))[:, None], samples), 1.0)
    x, y = (np.sign(column[:, None] - column) for column in pairs.T)

    def total(of_pairs: "Floats") -> "Floats":
        return np.asarray(((times @ of_pairs) * times).sum(axis=1))

    return np.asarray(total(x * y) / np.sqrt(total(np.abs(x)) * total(np.abs(y))))


def _spearman(pairs: "Floats", samples: "Rows") -> "Floats":
    """Correlations of the ranks in samples (R, n) of networks; ties have their mean rank."""
    import numpy as np
    from scipy.stats import rankdata

    x, y = (rankdata(column[samples], axis=1) for column in pairs.T)
    x, y = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (x, y))
    return np.asarray((x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1)))


def _with_interval(values: "Floats") -> RankCorrelation:
    """Of the networks themselves, the first value, with the quantiles of the others."""
    import numpy as np

    low, high = np.quantile(values[1:], [0.025, 0.975])
    return RankCorrelation(float(values[0]), float(low), float(high))
