"""The accuracy of a network that was trained more than once."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, cast

from .rungs import at_rung
from .trial import Trial, TrialT


def accuracies(records: Sequence[Trial]) -> dict[int, list[float]]:
    """By number of a complete record the accuracy of every training of its architecture, its own first.

    All are of one rung, that which networks are compared at.
    """
    records = at_rung(records)
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
    """The complete records of the rung that networks are compared at, each with the mean accuracy of all
    trainings of its architecture there."""
    runs = accuracies(records)
    return [
        _with_accuracy(record, fmean(runs[record.number])) if len(runs[record.number]) > 1 else record
        for record in records
        if record.number in runs
    ]


def _with_accuracy(record: TrialT, accuracy: float) -> TrialT:
    return cast(TrialT, replace(cast(Any, record), accuracy=accuracy))
