"""What does jobs: the interface that a search and a retraining see, whatever stands behind it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ...space.backbone_table import BackboneTable
from ...space.operation_file import OperationFile, loaded_files
from ...space.own_backbones import known_backbone, known_tables
from .jobs import Message, Outcome, Progress


class Indexed(Protocol):
    """A job; its index says which one a message belongs to."""

    @property
    def index(self) -> int: ...


JobT = TypeVar("JobT", bound=Indexed)
JobT_contra = TypeVar("JobT_contra", bound=Indexed, contravariant=True)


class Performer(Protocol[JobT_contra]):
    """Does one job after another on one device."""

    def perform(self, job: JobT_contra, /) -> Iterator[Message]:
        """Do a job: progress, if there is any, and at last its outcome; it raises nothing."""
        ...


class Executor(Protocol[JobT]):
    """Takes jobs and gives back messages; closed when it is no longer needed."""

    @property
    def jobs(self) -> Sequence[JobT]:
        """What is being done."""
        ...

    def submit(self, job: JobT, /) -> None:
        """Hand a job in; jobs begin in the order they come."""
        ...

    def collect(self, timeout: float | None = None) -> list[Message]:
        """Wait for messages, a timeout in seconds at most, and return those that have come, perhaps none."""
        ...

    def close(self) -> None:
        """End whatever is being done."""
        ...


# Makes a performer on a torch device; it is pickled where the performer lives in another process.
Setup = Callable[[str], Performer[Any]]


@dataclass(frozen=True)
class Carrying:
    """A setup that first makes a user's own operations and backbones known that are known here.

    So its performer knows them, wherever it lives.
    """

    setup: Setup
    files: tuple[OperationFile, ...]
    tables: tuple[BackboneTable, ...]

    @classmethod
    def of(cls, setup: Setup) -> Setup:
        """For an executor whose performers live in other processes."""
        return cls(setup, loaded_files(), known_tables())

    def __call__(self, device: str) -> Performer[Any]:
        for file in self.files:
            file.register()
        for table in self.tables:
            known_backbone(table.to_dict())
        return self.setup(device)


# Makes an executor from a setup and the device of each performer.
ExecutorFactory = Callable[[Setup, Sequence[str]], Executor[Any]]


def perform_all(executor: Executor[JobT], jobs: Iterable[JobT]) -> Iterator[tuple[JobT, Outcome]]:
    """Hand jobs in and give each with its outcome, in the order they end."""
    waiting = {job.index: job for job in jobs}
    for job in waiting.values():
        executor.submit(job)
    while waiting:
        for message in executor.collect():
            if not isinstance(message, Progress):
                yield waiting.pop(message.index), message
