"""A table of finished results in the place of networks that are trained."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..samplers.candidates import Candidates, ListedCandidates
from ..workers.jobs import Job, Message, Stopped, Trained, is_stopped
from .result_table import ResultTable

Point = tuple[str, ...]  # an option for each choice of the table


@dataclass(frozen=True)
class TableTrial:
    """A trial of a table's point; the fields are those of a `TrialRecord`."""

    point: Point
    costs: Mapping[str, float]
    number: int
    state: str
    origin: str
    accuracy: float | None = None
    seconds: float | None = None
    reason: str = ""
    predicted: float | None = None
    deviation: float | None = None
    gain: float | None = None
    rung: int = 1
    right: bytes = b""

    @property
    def hash(self) -> str:
        return "/".join(self.point)


class TableDomain:
    """The points of a table, as a search sees them.

    Args:
        reference: Accuracy in percent below which a point is worth nothing, where it is known.
    """

    def __init__(self, table: ResultTable, *, reference: float | None = None) -> None:
        self.table = table
        self.objectives = ("accuracy", *table.cost_names)
        self._reference = reference
        self.numbers = {tuple(point.values()): number for number, point in enumerate(table.points)}

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        return self.table.parameters

    @cached_property
    def candidates(self) -> Candidates:
        table = self.table
        return ListedCandidates(table.parameters, table.points, table.costs, reference=self._reference)

    def first(self) -> Sequence[tuple[str, dict[str, str]]]:
        return [(origin, self.table.points[number]) for number, origin in self.table.first.items()]

    def subject(self, choices: Mapping[str, str]) -> Point:
        return tuple(choices[name] for name in self.parameters)

    def subject_of(self, record: TableTrial) -> Point:
        return record.point

    def choices(self, subject: Point) -> dict[str, str]:
        return dict(zip(self.parameters, subject, strict=True))

    def key(self, subject: Point) -> str:
        return "/".join(subject)

    def alike(self, subject: Point) -> str:
        return self.key(subject)

    def costs(self, subject: Point) -> Mapping[str, float]:
        number = self.numbers.get(subject)
        costs = np.zeros(len(self.table.cost_names)) if number is None else self.table.costs[number]
        return dict(zip(self.table.cost_names, costs.tolist(), strict=True))

    def refusal(self, subject: Point) -> str:
        return "" if subject in self.numbers else "a combination that the table leaves out"

    def untried(self, tried: set[str], rng: random.Random) -> dict[str, str] | None:
        left = [
            point
            for subject, point in zip(self.numbers, self.table.points, strict=True)
            if self.key(subject) not in tried
        ]
        return rng.choice(left) if left else None

    def record(self, subject: Point, **fields: Any) -> TableTrial:
        return TableTrial(subject, self.costs(subject), **fields)


class TableExecutor:
    """Looks trainings up in a table.

    A training is one of the runs of a point, drawn at random; where trainings may be stopped it is the first
    one, which has a curve.

    Attributes:
        epochs: Trained so far, in all, where the table has curves.
    """

    def __init__(self, domain: TableDomain, *, seed: int, stopping: bool) -> None:
        self.epochs = 0
        self._domain, self._stopping = domain, stopping
        self._draws = np.random.default_rng(seed)
        self._waiting: list[Job[Point]] = []

    @property
    def jobs(self) -> Sequence[Job[Point]]:
        return self._waiting

    def submit(self, job: Job[Point]) -> None:
        self._waiting.append(job)

    def collect(self, timeout: float | None = None) -> list[Message]:
        jobs, self._waiting = self._waiting, []
        return [self._look_up(job) for job in jobs]

    def close(self) -> None:
        self._waiting = []

    def _look_up(self, job: Job[Point]) -> Message:
        table = self._domain.table
        number = self._domain.numbers[job.subject]
        runs = table.runs[job.rung][number]
        curve = () if table.curves is None else tuple(table.curves[number].tolist())
        end = next((e for e in range(1, len(curve)) if is_stopped(curve[:e], job.floors)), None)
        self.epochs += len(curve) if end is None else end
        seconds = float(table.seconds[job.rung][number]) if job.rung in table.seconds else 0.0
        if end is not None:
            return Stopped(job.index, curve[:end], seconds=seconds * end / len(curve))
        accuracy = runs[0] if self._stopping else self._draws.choice(runs)
        return Trained(job.index, float(accuracy), curve, seconds=seconds)
