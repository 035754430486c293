"""Trainings as they are handed to a worker, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...space import Architecture


@dataclass(frozen=True)
class Job:
    """An architecture to train. `index` is the caller's, `seed` fixes weights, order and augmentation.

    Attributes:
        floors: Accuracy in percent after each epoch below which the training is stopped.
    """

    index: int
    architecture: Architecture
    seed: int
    floors: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        accuracy: Validation accuracy in percent after the last epoch, None if it did not get there.
        curve: Validation accuracy in percent after each epoch.
        losses: Mean training loss of each epoch.
        images_per_second: Training and validation images seen per second.
        reason: Why it failed, in one line.
        stopped: Whether it was stopped, being below one of the job's floors.
    """

    index: int
    accuracy: float | None
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    images_per_second: float = 0.0
    reason: str = ""
    stopped: bool = False


def is_stopped(curve: Sequence[float], at: Sequence[float]) -> bool:
    """Whether a training with this curve so far is to be stopped after its last epoch, by its floors."""
    return 0 < len(curve) <= len(at) and curve[-1] < at[len(curve) - 1]
