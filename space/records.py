"""What a run writes down of each trial."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from .architecture import Architecture, Choice
from .canonical import accepted_hashes, architecture_hash
from .costs import COSTS, Cost, check_cost, in_every_file
from .errors import UserError, check_keys, check_name
from .sites import SITE_NAMES

State = Literal["complete", "repeat", "pruned", "failed", "duplicate", "refused"]
STATES: tuple[State, ...] = get_args(State)

# As the reason of a pruned trial says it.
FORECAST = "expected to end at {:.1f} % with a deviation of {:.1f}"
_FORECAST = re.compile(r"expected to end at (\d+\.\d) % with a deviation of (\d+\.\d)")
_STAGE_SEPARATOR = "|"
_WHY = ("predicted", "deviation", "gain")
_OPTIONAL = ("accuracy", "seconds", *_WHY, "reason")  # columns that may be empty


@dataclass(frozen=True)
class TrialRecord:
    """One trial, as a row of trials.csv.

    Attributes:
        number: Number of the trial in the study, from 0.
        architecture: What was tried.
        state: complete, repeat (a complete architecture trained again with another seed), pruned (its
            training was stopped, since it could not reach the front), failed, duplicate (of an
            architecture already known, not trained again), or refused (over a cost limit, not trained).
        origin: Who proposed it: `unmodified`, `preset NAME`, the sampler's name, `random untried`,
            `repeat`, `longer` (known from a shorter training), or `enqueued` (in the Optuna study, by its
            user).
        rung: How many times as long as the run's shortest training.
        costs: Of the full network.
        accuracy: Validation accuracy of the proxy in percent; None where nothing was trained.
        seconds: Wall time of the proxy training.
        reason: Why a trial is not complete.
        predicted: Accuracy in percent the sampler expected; None where it has no model, or did not ask it.
        deviation: Standard deviation of that prediction in points.
        gain: Hypervolume the sampler expected it to add, in points times the share of the range of cost; with
            several lengths for each unit of the budget.
        right: Which validation images it predicted right, eight to a byte in their order; empty where that is
            not known. It stands in a file of its own, not in trials.csv.
    """

    number: int
    architecture: Architecture
    state: State
    origin: str
    costs: Cost
    accuracy: float | None = None
    seconds: float | None = None
    reason: str = ""
    predicted: float | None = None
    deviation: float | None = None
    gain: float | None = None
    rung: int = 1
    right: bytes = field(default=b"", compare=False, repr=False)

    def __post_init__(self) -> None:
        check_name("state", self.state, STATES)
        if self.state in ("complete", "repeat") and self.accuracy is None:
            raise UserError(f"accuracy: a {self.state} trial needs one, trial {self.number} has none")
        if self.rung < 1:
            raise UserError(f"rung: must be 1 or more, got {self.rung}")
        if self.accuracy is not None and not 0 <= self.accuracy <= 100:
            raise UserError(f"accuracy: must be from 0 to 100 percent, got {self.accuracy}")
        check_cost(self.costs)

    @cached_property
    def hash(self) -> str:
        return architecture_hash(self.architecture)

    @property
    def forecast(self) -> tuple[float, float] | None:
        """Of a pruned trial the accuracy it would have come to, in percent, and its deviation in points."""
        found = _FORECAST.search(self.reason) if self.state == "pruned" else None
        return (float(found[1]), float(found[2])) if found else None

    def to_row(self) -> dict[str, Any]:
        """One row, with the keys of `columns`; numbers stay numbers, None where there is none."""
        sites = {site: join_choice(getattr(self.architecture, site)) for site in SITE_NAMES}
        known = dict.fromkeys(COSTS) | dict(self.costs) | sites
        return {name: known[name] if name in known else getattr(self, name) for name in self.columns()}

    @staticmethod
    def columns() -> list[str]:
        """The columns of trials.csv, in order."""
        before = ["number", "hash", "state", "origin", "rung", "accuracy", *COSTS]
        return [*before, *SITE_NAMES, "seconds", *_WHY, "reason"]

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, backbone: str, width: float) -> "TrialRecord":
        """Inverse of `to_row`; values may be the strings of a CSV file, empty where there is none.

        A file that is older than a cost's row in `COSTS` may lack its column, but for the first two; one of
        before there were rungs is of the shortest alone.

        Raises:
            UserError: If a column is missing or unknown, or a value does not validate.
        """
        columns = cls.columns()
        check_keys("trials.csv", row, columns)
        later = [name for name in COSTS if name not in in_every_file()]
        optional_columns = (*_OPTIONAL, "rung", *later)
        missing = [name for name in columns if row.get(name) is None and name not in optional_columns]
        if missing:
            raise UserError(f"trials.csv: the column {missing[0]!r} is missing")
        for site in SITE_NAMES:
            if not row[site]:
                raise UserError(f"trials.csv: {site} must name an operation, got nothing")
        sites = {site: split_choice(str(row[site])) for site in SITE_NAMES}

        def number(column: str, kind: type[int] | type[float]) -> Any:
            try:
                return kind(row[column])
            except (TypeError, ValueError):
                raise UserError(f"trials.csv: {column} must be a number, got {row[column]!r}") from None

        def optional(column: str) -> float | None:
            return None if row.get(column) in ("", None) else number(column, float)

        record = cls(
            number=number("number", int),
            architecture=Architecture(backbone, width, **sites),
            state=row["state"],
            origin=str(row["origin"]),
            costs=Cost(
                {
                    name: number(name, kind.type)
                    for name, kind in COSTS.items()
                    if not (name in later and row.get(name) in ("", None))
                }
            ),
            accuracy=optional("accuracy"),
            seconds=optional("seconds"),
            predicted=optional("predicted"),
            deviation=optional("deviation"),
            gain=optional("gain"),
            rung=1 if row.get("rung") in ("", None) else number("rung", int),
            reason=str(row.get("reason") or ""),
        )
        if row["hash"] != record.hash and row["hash"] not in accepted_hashes(record.architecture):
            raise UserError(
                f"trials.csv: hash of trial {record.number} must be {record.hash}, got {row['hash']!r}"
            )
        return record


def join_choice(choice: Choice) -> str:
    """A choice as text: `conv`, or `conv|reuse|...` stage by stage."""
    return choice if isinstance(choice, str) else _STAGE_SEPARATOR.join(choice)


def split_choice(text: str) -> Choice:
    """Inverse of `join_choice`."""
    return tuple(text.split(_STAGE_SEPARATOR)) if _STAGE_SEPARATOR in text else text
