"""How long a training may take before it counts as hanging."""

import time
from collections.abc import Iterable
from math import inf
from typing import Any

from .jobs import Failed, Job, Outcome, Trained

LEAST_SECONDS = 60.0
TIMES_LONGEST = 10.0
LOOK_SECONDS = 5.0  # between two looks at the clock, while jobs are waited for
_LONGEST_STEP = 2 * LOOK_SECONDS


class TimeLimit:
    """The time a job may take: as given, or worked out from the trainings that have ended.

    Networks of one search differ by a factor of a few, and so do machines that others use; ten times the
    longest is neither. Until a training has ended there is no limit but a given one.

    Args:
        given: Seconds for the shortest training, None to work it out; a longer one has as many times more.
        known: Seconds and rung of trainings that ended before.
    """

    def __init__(self, given: float | None = None, known: Iterable[tuple[float, int]] = ()) -> None:
        self._given = given
        self._longest = max((seconds / rung for seconds, rung in known), default=0.0)
        self._seen, self._passed = time.monotonic(), 0.0

    def now(self) -> float:
        """Seconds on a clock that stands while nobody looks at it for long.

        So it does where this process was stopped with its workers, as by Ctrl-Z; none of their jobs hangs.
        """
        seen = time.monotonic()
        self._passed += min(seen - self._seen, _LONGEST_STEP)
        self._seen = seen
        return self._passed

    def told(self, job: Any, outcome: Outcome) -> None:
        """Take in how long a job took."""
        if isinstance(outcome, Trained):
            self._longest = max(self._longest, outcome.seconds / job.rung)

    def of(self, job: Any) -> float | None:
        """Seconds that a job may take from its beginning, None where there is no limit, or no training."""
        if not isinstance(job, Job):
            return None
        if self._given is not None:
            return self._given * job.rung
        if not self._longest:
            return None
        return max(LEAST_SECONDS, TIMES_LONGEST * self._longest * job.rung)

    def left(self, job: Any, began: float) -> float:
        """Seconds left of a job that began then, by `now`; infinite where it has no limit."""
        limit = self.of(job)
        return inf if limit is None else max(0.0, began + limit - self.now())

    def failure(self, job: Any, began: float) -> Failed:
        """What a job comes to that began then and is ended now."""
        seconds = self.now() - began
        why = (
            f"{TIMES_LONGEST:g} times the longest training so far, and {LEAST_SECONDS:g} s at least"
            if self._given is None
            else "as --trial-timeout says"
        )
        return Failed(job.index, f"timed out: ended after {seconds:.0f} s ({why})", seconds=seconds)
