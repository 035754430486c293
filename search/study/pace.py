"""How many more trainings fit into the time that a run may take; a longer one counts by its length."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ...space import RunRecord, TrialRecord


class Pace:
    """Time left, and how long a training takes.

    Args:
        seconds: Left from now on.
        workers: Trainings at a time.
        expected: Seconds of a training, until one has ended.
        known: First trainings that take no time, since what they come to is known.
        clock: Seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        seconds: float,
        *,
        workers: int,
        expected: float,
        known: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._workers, self._known = clock, max(1, workers), known
        self._end = clock() + seconds
        self._expected, self._sum, self._count = expected, 0.0, 0

    @property
    def each(self) -> float:
        """Seconds the shortest training takes in the mean, those that were stopped among them."""
        return self._sum / self._count if self._count else self._expected

    def told(self, seconds: float, rung: int = 1) -> None:
        """Take in how long a training took that is so many times as long as the shortest."""
        self._sum += seconds
        self._count += rung

    @property
    def left(self) -> float:
        """Seconds until the time is up, 0 when it is."""
        return max(0.0, self._end - self._clock())

    def fits(self, rung: int) -> bool:
        """Whether a training of so many times the shortest would end in time, if it began now."""
        known = rung == 1 and self._count < self._known
        return known or self.left >= rung * self.each

    def room(self, under_way: int) -> int:
        """How many more of the shortest trainings would end in time, beside those that are under way."""
        fits = int(self.left * self._workers / max(self.each, 1e-3)) - under_way
        return max(0, fits, self._known - self._count - under_way)


def spent_seconds(record: RunRecord, trials: Sequence[TrialRecord], elapsed: float | None = None) -> float:
    """Seconds by the clock that a run has taken.

    Args:
        elapsed: As its folder has them. None where they were not kept: then those that its trials took, on as
            many workers as did them.
    """
    if elapsed is not None:
        return elapsed
    since = sum(trial.seconds or 0.0 for trial in trials[record.spent_trials :])
    return record.spent_seconds + since / max(1, record.workers)


def with_workers(record: RunRecord, workers: int, trials: Sequence[TrialRecord]) -> RunRecord:
    """The record of a run that goes on with another number of workers, after so many trials."""
    spent = spent_seconds(record, trials)
    return replace(
        record,
        settings=replace(record.settings, workers=workers),
        spent_trials=len(trials),
        spent_seconds=spent,
    )


def pace_of(
    record: RunRecord, trials: Sequence[TrialRecord], *, workers: int, spent: float, known: int
) -> Pace | None:
    """The pace of a run, None where its time is no matter.

    Args:
        trials: So far.
        spent: Seconds by the clock that it has taken.
        known: What a pilot has trained already.
    """
    if record.settings.hours is None:
        return None
    taken = [(trial.seconds, trial.rung) for trial in trials if trial.seconds and trial.state != "failed"]
    expected = 0.0 if record.pilot is None else record.pilot.seconds
    left = 3600 * record.settings.hours - spent
    pace = Pace(left, workers=workers, expected=expected, known=known)
    for seconds, rung in taken:
        pace.told(seconds, rung)
    return pace
