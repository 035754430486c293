"""What a run's own surrogate knows when the search has ended: insight.json.

It is worked out from trials.csv once, by what may compute for seconds, for the report, which may not.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from .errors import UserError, check_complete
from .part_costs import PartCosts
from .schema import stamped, unstamped

_KINDS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    float | None: "a finite number or null",
    Mapping[str, float]: "finite numbers by name",
}


class _Checked:
    """A record whose values are checked to be of their fields' types, and numbers to be finite."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # only dataclasses are made of it
            value = getattr(self, field.name)
            if not _fits(value, field.type):
                rule = _KINDS.get(field.type, "a list of its records")
                where = f"{type(self).__name__.lower()}: {field.name}"
                raise UserError(f"insight.json: {where}: must be {rule}, got {value!r:.100}")


def _fits(value: object, kind: object) -> bool:
    if kind is float or kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (kind is float and isinstance(value, float) and isfinite(value))
    if kind == float | None:
        return value is None or _fits(value, float)
    if kind == Mapping[str, float]:
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and _fits(one, float) for name, one in value.items()
        )
    if isinstance(kind, type):
        return isinstance(value, kind)
    return isinstance(value, tuple) and all(isinstance(one, get_args(kind)[0]) for one in value)


@dataclass(frozen=True)
class Effect(_Checked):
    """What an operation does to accuracy and costs, in place of the unmodified network's at its site.

    It is the mean over networks that differ at nothing but the site; where a site goes stage by stage, at
    the site of one stage, in the mean over the stages.

    Attributes:
        accuracy: In points.
        low: Where a 95 % interval of it begins.
        high: Where that ends.
        costs: Changes, in percent of the unmodified network's.
        trained: How many of the run's networks have the operation.
    """

    site: str
    operation: str
    accuracy: float
    low: float
    high: float
    costs: Mapping[str, float]
    trained: int

    @property
    def equal(self) -> bool:
        """Whether it makes the same networks as the unmodified network's operation."""
        return self.low == self.high == 0.0 and not any(self.costs.values())


@dataclass(frozen=True)
class Interaction(_Checked):
    """What two operations do together beyond the sum of what each does alone, in points."""

    site: str
    operation: str
    other_site: str
    other_operation: str
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Progress(_Checked):
    """The hypervolume of the front when so much was spent, and what random search would have had.

    Attributes:
        spent: Units of the shortest training.
        found: Hypervolume of what was observed, in points of accuracy times shares of the largest costs.
        random: What a random search has by the model, in the mean; None beyond the networks it could try.
        low: The 10th percentile of that.
        high: The 90th.
    """

    spent: int
    found: float
    random: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Prediction(_Checked):
    """What was said of a training before it.

    Attributes:
        trial: Its number.
        predicted: In percent.
        deviation: Of what is observed from that, in points: of the prediction, and of one training.
        observed: In percent.
    """

    trial: int
    predicted: float
    deviation: float
    observed: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.deviation <= 0:
            raise UserError(f"insight.json: prediction: deviation: must be above 0, got {self.deviation}")

    @property
    def off(self) -> float:
        """How many deviations the prediction was off."""
        return (self.observed - self.predicted) / self.deviation


@dataclass(frozen=True)
class Knowledge(_Checked):
    """What a surrogate that was fitted to all trainings of a run knows.

    Attributes:
        rung: Of the trainings that effects, progress and interactions are of.
        networks: How many networks it was fitted to.
        effects: Of every operation but the unmodified network's.
        interactions: Those that are surely there, the largest first.
        whole_space: Whether effects are means over all of the space, or over networks drawn from it.
        importance: By site the share of the variance that it explains by itself (fANOVA of Optuna).
        importance_rung: Of the trainings that this is of.
        progress: As the search went on.
        reference_accuracy: Below which an accuracy adds nothing to the hypervolume, in percent.
        predictions: Those made before a training.
    """

    rung: int
    networks: int
    effects: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    whole_space: bool
    importance: Mapping[str, float]
    importance_rung: int
    progress: tuple[Progress, ...]
    reference_accuracy: float
    predictions: tuple[Prediction, ...]

    def within(self, deviations: float) -> int:
        """How many predictions were off by so many deviations at most."""
        return sum(abs(prediction.off) <= deviations for prediction in self.predictions)


@dataclass(frozen=True)
class Insight:
    """insight.json.

    Attributes:
        version: Of the cheapsearch that wrote it.
        trials: Hash of the trials.csv that it is of.
        parts: What each operation costs at each site and stage.
        missing: Why there is no knowledge; empty where there is.
    """

    version: str
    trials: str
    parts: PartCosts
    missing: str = ""
    knowledge: Knowledge | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(own, str) for own in (self.version, self.trials, self.missing)):
            raise UserError("insight.json: version, trials and missing: must be text, got something else")
        if (self.knowledge is None) != bool(self.missing):
            raise UserError(
                "knowledge: must be there, or missing must say why it is not; got both or neither"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        data = {
            "version": self.version,
            "trials": self.trials,
            "parts": self.parts.to_dict(),
            "missing": self.missing,
            "knowledge": None if self.knowledge is None else asdict(self.knowledge),
        }
        return stamped("insight", data)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Insight":
        """Inverse of `to_json`.

        Raises:
            UserError: If it is no JSON, or as `from_dict`.
        """
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise UserError(
                f"insight.json: must be JSON, but line {error.lineno} is not; remove it"
            ) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Insight":
        """From parsed JSON.

        Raises:
            UserError: If it is no mapping, or a key is unknown, missing, or of another kind of value.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"insight.json: must be a mapping, got {data!r:.100}")
        data = unstamped("insight", data, "insight.json")
        check_complete("insight.json", data, [field.name for field in fields(cls)])
        known = data["knowledge"]
        try:
            parts = PartCosts.from_dict(data["parts"])
        except TypeError:  # of a row that names a list where a name is
            raise UserError("insight.json: parts: must be rows of names and numbers; remove it") from None
        values = dict(data) | {"parts": parts, "knowledge": None if known is None else _knowledge(known)}
        return cls(**values)


def trials_hash(path: Path) -> str:
    """Of a trials.csv, by which it is known again.

    Raises:
        OSError: If there is none.
    """
    return sha256(path.read_bytes()).hexdigest()[:16]


def _knowledge(data: Mapping[str, Any]) -> Knowledge:
    where = "insight.json: knowledge"
    if not isinstance(data, Mapping):
        raise UserError(f"{where}: must be a mapping, got {data!r:.100}")
    check_complete(where, data, [field.name for field in fields(Knowledge)])
    rows: dict[str, tuple[Any, ...]] = {}
    for name, kind in _ROWS.items():
        if not isinstance(data[name], list) or not all(isinstance(row, Mapping) for row in data[name]):
            raise UserError(f"{where}: {name}: must be a list of rows, got {data[name]!r:.100}")
        for row in data[name]:
            check_complete(f"{where}: {name}", row, [field.name for field in fields(kind)])
        rows[name] = tuple(kind(**row) for row in data[name])
    return Knowledge(**{**data, **rows})


_ROWS: dict[str, type[Any]] = {
    "effects": Effect,
    "interactions": Interaction,
    "progress": Progress,
    "predictions": Prediction,
}
