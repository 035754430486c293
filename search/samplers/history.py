"""What is known when a sampler is asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...space.rungs import FULL
from .rungs import Trainings
from .surrogate import Integers


@dataclass(frozen=True)
class History:
    """What is known when a proposal is made.

    Attributes:
        observed: Choices with an accuracy, in the order they became known.
        accuracies: These accuracies in percent.
        doubts: Standard deviation of each beyond the noise of a training, in points: that of a forecast, 0
            for a training that went to its end.
        pending: Choices proposed and not known yet.
        closed: Choices that failed or were refused.
        noise: Standard deviation of an accuracy between seeds in points, None where it is to be inferred.
        rungs: How many times as long as the shortest each was trained; none where all were the shortest.
        pending_rungs: The same of the pending ones.
        others: Rungs of the results that are left out, since they are too many to model.
    """

    observed: Sequence[Mapping[str, str]]
    accuracies: Sequence[float]
    doubts: Sequence[float]
    pending: Sequence[Mapping[str, str]]
    closed: Sequence[Mapping[str, str]]
    noise: float | None = None
    rungs: Sequence[int] = ()
    pending_rungs: Sequence[int] = ()
    others: Sequence[int] = ()


def trainings_of(
    history: History, rungs: tuple[int, ...], find: Callable[[Iterable[Mapping[str, str]]], list[int]]
) -> Trainings:
    """By numbers of the candidates and the rungs, without trainings of other lengths or over a limit.

    Full trainings have the number after that of the longest rung.

    Args:
        rungs: In rising order.
        find: Gives the numbers of those that are candidates.
    """

    levels = (*rungs, FULL)

    def numbered(points: Sequence[Mapping[str, str]], lengths: Sequence[int]) -> list[tuple[int, int, int]]:
        each = enumerate(zip(points, lengths or [1] * len(points), strict=True))
        return [(x, levels.index(r), i) for i, (point, r) in each if r in levels for x in find([point])]

    def columns(rows: list[tuple[int, int, int]]) -> Integers:
        return np.array(rows, dtype=np.int64).reshape(-1, 3).T

    networks, numbers, order = columns(numbered(history.observed, history.rungs))
    pending, pending_numbers, _ = columns(numbered(history.pending, history.pending_rungs))
    accuracies = np.asarray(history.accuracies, dtype=np.float64)[order]
    closed = np.array(find(history.closed), dtype=np.int64)
    others = np.array([levels.index(rung) for rung in history.others if rung in levels], dtype=np.int64)
    return Trainings(networks, numbers, accuracies, pending, pending_numbers, closed, others)


def encode(parameters: Mapping[str, tuple[str, ...]], points: Sequence[Mapping[str, str]]) -> Integers:
    """Option numbers (N, M)."""
    numbers = {name: {option: i for i, option in enumerate(options)} for name, options in parameters.items()}
    rows = [[numbers[name][point[name]] for name in parameters] for point in points]
    return np.array(rows, dtype=np.int64).reshape(len(points), len(parameters))
