"""What the front, the noise and a search ask of a trial, whatever was tried."""

from collections.abc import Mapping
from typing import Protocol, TypeVar


class Trial(Protocol):
    """A trial that has been told of; `TrialRecord` says what the fields are.

    Frozen dataclasses that have these fields fit.
    """

    @property
    def number(self) -> int: ...

    @property
    def hash(self) -> str:
        """Equal for trials of what is the same when trained."""
        ...

    @property
    def state(self) -> str: ...

    @property
    def origin(self) -> str: ...

    @property
    def rung(self) -> int:
        """How many times as long as the shortest training."""
        ...

    @property
    def reason(self) -> str: ...

    @property
    def accuracy(self) -> float | None: ...

    @property
    def right(self) -> bytes:
        """Which validation images it predicted right, eight to a byte; empty where that is not known."""
        ...

    @property
    def costs(self) -> Mapping[str, float]: ...


TrialT = TypeVar("TrialT", bound=Trial)
