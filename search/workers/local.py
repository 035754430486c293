"""Jobs done in this process, one after another: for notebooks, and to look into."""

from collections.abc import Sequence
from typing import Any

from .devices import prepared
from .executor import Setup
from .jobs import Message


class LocalExecutor:
    """Does each job when its messages are collected, with the figures that a worker process would give.

    Args:
        setup: Makes what does the jobs.
        devices: The first is the device; with none nothing can be done.
    """

    def __init__(self, setup: Setup, devices: Sequence[str]) -> None:
        self._device = devices[0] if devices else "cpu"
        self._performer = setup(self._device) if devices else None
        self._waiting: list[Any] = []

    @property
    def jobs(self) -> Sequence[Any]:
        return self._waiting[:1]

    def submit(self, job: Any) -> None:
        self._waiting.append(job)

    def collect(self, timeout: float | None = None) -> list[Message]:
        if self._performer is None or not self._waiting:
            return []
        with prepared(self._device, threads=1):
            messages = list(self._performer.perform(self._waiting[0]))
        del self._waiting[0]
        return messages

    def close(self) -> None:
        self._waiting.clear()
