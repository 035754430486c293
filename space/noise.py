"""How much of an accuracy is chance, and which members of the front that leaves in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean
from typing import Any, TypeVar, cast

from .costs import DEFAULT_OBJECTIVES
from .trial import Trial

# Points between seeds where nothing was repeated: measured on proxies of CIFAR-10 (width 0.5, 16 px,
# 3 epochs). It counts as much as two repeats, since a deviation of very few trainings is itself chance.
ASSUMED_DEVIATION = 0.84
_WORTH = 2
TrialT = TypeVar("TrialT", bound=Trial)

_NODES = 15  # of the mean over a normal accuracy


@dataclass(frozen=True)
class SeedNoise:
    """How far apart trainings of one architecture with different seeds end.

    Attributes:
        deviation: Standard deviation in points of accuracy.
        repeats: Further trainings of an architecture it was measured on; 0 where it is assumed.
    """

    deviation: float
    repeats: int

    @property
    def gap(self) -> float:
        """Points that two trainings of equal architectures stay within, nineteen times out of twenty."""
        return 2.0 * sqrt(2.0) * self.deviation


def accuracies(records: Sequence[Trial]) -> dict[int, list[float]]:
    """By number of a complete record the accuracy of every training of its architecture, its own first."""
    repeats: dict[str, list[float]] = {}
    for record in records:
        if record.state == "repeat" and record.accuracy is not None:
            repeats.setdefault(record.hash, []).append(record.accuracy)
    return {
        record.number: [record.accuracy, *repeats.get(record.hash, ())]
        for record in records
        if record.state == "complete" and record.accuracy is not None
    }


def averaged(records: Sequence[TrialT]) -> list[TrialT]:
    """The complete records, each with the mean accuracy of all trainings of its architecture."""
    runs = accuracies(records)
    return [
        _with_accuracy(record, fmean(runs[record.number])) if len(runs[record.number]) > 1 else record
        for record in records
        if record.state == "complete"
    ]


def _with_accuracy(record: TrialT, accuracy: float) -> TrialT:
    return cast(TrialT, replace(cast(Any, record), accuracy=accuracy))


def seed_noise(records: Sequence[Trial]) -> SeedNoise:
    """The deviation between seeds, pooled over the architectures that were trained more than once."""
    squares, repeats = _WORTH * ASSUMED_DEVIATION**2, 0
    for runs in accuracies(records).values():
        mean = fmean(runs)
        squares += sum((run - mean) ** 2 for run in runs)
        repeats += len(runs) - 1
    return SeedNoise(sqrt(squares / (_WORTH + repeats)), repeats)


def front_probabilities(
    records: Sequence[Trial], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> dict[int, float]:
    """How probable it is, by number, that a complete trial really is on the front.

    The costs are exact, so a trial is on the front if its accuracy is above that of every trial that
    costs no more in any cost. The true accuracies are taken as independent and normal about their means,
    with the deviation between seeds over the root of the number of trainings.
    """
    import numpy as np
    from scipy.special import ndtr

    complete = averaged(records)
    if not complete:
        return {}
    runs = accuracies(records)
    counts = np.array([len(runs[record.number]) for record in complete])
    mean = np.array([record.accuracy for record in complete], dtype=np.float64)
    error = seed_noise(records).deviation / np.sqrt(counts)
    costs = np.array([[r.costs[name] for name in objectives if name != "accuracy"] for r in complete])
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    found = {}
    for index, record in enumerate(complete):
        rivals = (costs <= costs[index]).all(axis=1)
        rivals[index] = False
        truth = mean[index] + error[index] * nodes
        beaten = ndtr((truth[:, None] - mean[rivals]) / error[rivals]).prod(axis=1)
        found[record.number] = round(float(beaten @ weights / weights.sum()), 6)
    return found


def most_unsettled(
    records: Sequence[TrialT], objectives: Sequence[str], under_way: Mapping[str, int]
) -> TrialT | None:
    """The complete trial of which one more training settles most whether it is on the front.

    That is one as likely on the front as not, and trained few times. None where no trial is complete.

    Args:
        under_way: Trainings begun and not known yet, by hash.
    """
    runs = accuracies(records)
    probabilities = front_probabilities(records, objectives)

    def worth(record: Trial) -> float:
        probability = probabilities[record.number]
        count = len(runs[record.number]) + under_way.get(record.hash, 0)
        return probability * (1.0 - probability) * (1.0 / count - 1.0 / (count + 1))

    complete = [record for record in records if record.state == "complete"]
    return max(complete, key=worth, default=None)


def ties(
    front: Sequence[Trial], records: Sequence[Trial], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> dict[int, int]:
    """Members of the front that chance may have put there, with the cheaper member they do not surely beat.

    Args:
        front: What `pareto_front` returns.
        records: All trials of the run.

    Returns:
        By number, the number of the most accurate member that costs no more in any cost, where its accuracy
        is less than two standard errors of their difference behind.
    """
    runs, deviation = accuracies(records), seed_noise(records).deviation
    costs = [name for name in objectives if name != "accuracy"]
    found: dict[int, int] = {}
    for record in front:
        cheaper = [
            other
            for other in front
            if other is not record and all(other.costs[c] <= record.costs[c] for c in costs)
        ]
        best = max(cheaper, key=lambda other: other.accuracy or 0.0, default=None)
        if best is not None:
            error = deviation * sqrt(1.0 / len(runs[record.number]) + 1.0 / len(runs[best.number]))
            if (record.accuracy or 0.0) - (best.accuracy or 0.0) < 2.0 * error:
                found[record.number] = best.number
    return found
