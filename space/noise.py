"""The accuracy of a network that was trained more than once."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, cast

from .rungs import at_rung
from .trial import Trial, TrialT


def accuracies(records: Sequence[Trial], *, every_rung: bool = False) -> dict[int, list[float]]:
    """By number of a complete record the accuracy of every training of its architecture, its own first.

    Args:
        every_rung: Whether of each rung, with the trainings at that; else of the one that networks are
            compared at.
    """
    records = records if every_rung else at_rung(records)
    repeats: dict[tuple[str, int], list[float]] = {}
    for record in records:
        if record.state == "repeat" and record.accuracy is not None:
            repeats.setdefault((record.hash, record.rung), []).append(record.accuracy)
    return {
        record.number: [record.accuracy, *repeats.get((record.hash, record.rung), ())]
        for record in records
        if record.state == "complete" and record.accuracy is not None
    }


def averaged(records: Sequence[TrialT], *, every_rung: bool = False) -> list[TrialT]:
    """The complete records, each with the mean accuracy of all trainings of its architecture at its rung.

    Args:
        every_rung: Whether those of each rung; else of the one that networks are compared at.
    """
    runs = accuracies(records, every_rung=every_rung)
    return [
        _with_accuracy(record, fmean(runs[record.number])) if len(runs[record.number]) > 1 else record
        for record in records
        if record.number in runs
    ]


def _with_accuracy(record: TrialT, accuracy: float) -> TrialT:
    return cast(TrialT, replace(cast(Any, record), accuracy=accuracy))
