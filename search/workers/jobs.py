"""Trainings as they are handed out, and what becomes of them."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

SubjectT = TypeVar("SubjectT")

_LONGEST = 300  # characters of a reason


@dataclass(frozen=True)
class Job(Generic[SubjectT]):
    """Something to train once.

    Attributes:
        index: The caller's; what comes of the job carries it.
        subject: What is trained: an architecture, or a point of a table.
        seed: Fixes weights, order and augmentation.
        floors: Accuracy in percent after each epoch below which the training is stopped.
        rung: How many times as long as the shortest training.
    """

    index: int
    subject: SubjectT
    seed: int
    floors: tuple[float, ...] = ()
    rung: int = 1


@dataclass(frozen=True)
class Progress:
    """An epoch of a job has ended; `accuracy` is on the validation images, in percent, None before any."""

    index: int
    epoch: int
    accuracy: float | None


@dataclass(frozen=True)
class Trained:
    """A training went to its end.

    Attributes:
        accuracy: Validation accuracy in percent.
        curve: Validation accuracy in percent after each epoch.
        losses: Mean training loss of each epoch.
        images_per_second: Training and validation images seen per second.
        right: Whether each validation image was predicted right, eight to a byte in the order of the split.
    """

    index: int
    accuracy: float
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    images_per_second: float = 0.0
    right: bytes = b""


@dataclass(frozen=True)
class Stopped:
    """A training was stopped after the last epoch of its curve, which was below its floor."""

    index: int
    curve: tuple[float, ...]
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    images_per_second: float = 0.0


@dataclass(frozen=True)
class Failed:
    """A training failed.

    Attributes:
        reason: Why, in one line.
        trace: The whole traceback, empty where there is none.
    """

    index: int
    reason: str
    trace: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, index: int, error: Exception, seconds: float) -> "Failed":
        """From the error that is being handled."""
        return cls(index, reason_of(error), "".join(traceback.format_exception(error)), seconds)


@dataclass(frozen=True)
class Measured:
    """How long an epoch of a job would take."""

    index: int
    seconds: float


Outcome = Trained | Stopped | Failed | Measured
Message = Outcome | Progress


def is_stopped(curve: Sequence[float], at: Sequence[float]) -> bool:
    """Whether a training with this curve so far is to be stopped after its last epoch, by its floors."""
    return 0 < len(curve) <= len(at) and curve[-1] < at[len(curve) - 1]


def reason_of(error: Exception) -> str:
    """An error in one line: where another process raised it, that process's own last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any("Traceback (most recent call last)" in line for line in lines):
        return lines[-1]
    return f"{type(error).__name__}: {' '.join(' '.join(lines).split())}"[:_LONGEST]
