"""The time that a search has taken, kept in its folder: one that is killed has used it up all the same."""

import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from ...space.run_folder import RunFolder
from ..workers.executor import Executor
from ..workers.jobs import Message

KEPT_EVERY = 1.0  # seconds, unless an executor answers later


class Elapsed:
    """Seconds by the clock that processes have searched, one after the other.

    Args:
        folder: Where they are kept.
        before: Of the times it was taken up before.
        began: When it was taken up now.
        clock: Seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        before: float,
        began: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._clock = folder, clock
        self._start, self._kept = began - before, -inf

    @property
    def seconds(self) -> float:
        return self._clock() - self._start

    def keep(self, *, longest: float = KEPT_EVERY) -> None:
        """Write them down, unless that was done a moment ago."""
        now = self._clock()
        if now - self._kept >= longest:
            self._folder.write_elapsed(self.seconds)
            self._kept = now


class Timed:
    """An executor, while whose trainings go on the time is kept.

    A kill makes forgotten what passed since it was last asked for messages: seconds with workers, and in this
    process alone the training under way.
    """

    def __init__(self, executor: Executor[Any], elapsed: Elapsed) -> None:
        self._executor, self._elapsed = executor, elapsed

    @property
    def jobs(self) -> Sequence[Any]:
        return self._executor.jobs

    def submit(self, job: Any) -> None:
        self._executor.submit(job)

    def collect(self, timeout: float | None = None) -> list[Message]:
        self._elapsed.keep()
        return self._executor.collect(timeout)

    def close(self) -> None:
        try:
            self._elapsed.keep(longest=0.0)
        finally:
            self._executor.close()
