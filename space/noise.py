"""The accuracy of a network that was trained more than once."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, cast

from .rungs import at_rung, original_of
from .trial import Trial, TrialT


def trainings(records: Sequence[TrialT], *, every_rung: bool = False) -> dict[int, list[TrialT]]:
    """By number of a complete record every training of its network, its own first.

    What the proxy cannot tell apart is one network to it: a copy has the trainings of its original, and both
    have those that repeat the one or the other.

    Args:
        every_rung: Whether of each rung, with the trainings at that; else of the one that networks are
            compared at.
    """
    records = records if every_rung else at_rung(records)
    known = [record for record in records if record.accuracy is not None]
    complete = {record.number: record for record in known if record.state == "complete"}
    first = {number: complete.get(original_of(record), record) for number, record in complete.items()}
    trained = {(record.hash, record.rung): first[number].hash for number, record in complete.items()}
    repeats: dict[tuple[str, int], list[TrialT]] = {}
    for record in known:
        if record.state == "repeat":
            network = trained.get((record.hash, record.rung), record.hash)
            repeats.setdefault((network, record.rung), []).append(record)
    return {number: [own, *repeats.get((own.hash, own.rung), ())] for number, own in first.items()}


def accuracies(records: Sequence[Trial], *, every_rung: bool = False) -> dict[int, list[float]]:
    """The accuracies of these trainings."""
    runs = trainings(records, every_rung=every_rung)
    return {number: [record.accuracy or 0.0 for record in run] for number, run in runs.items()}


def averaged(records: Sequence[TrialT], *, every_rung: bool = False) -> list[TrialT]:
    """The complete records, each with the mean accuracy of all trainings of its network at its rung.

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
