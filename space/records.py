"""What a run writes down: one record for the run, one for each trial."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from .architecture import Architecture, Choice
from .canonical import architecture_hash
from .errors import UserError, check_keys, check_name
from .sites import SITE_NAMES

State = Literal["complete", "failed", "duplicate", "refused"]
STATES: tuple[str, ...] = get_args(State)
COSTS = ("params", "flops")
OBJECTIVES = ("accuracy", *COSTS)
FLOPS_CONVENTION = "multiply-adds of convolutions, linear layers and matrix products (fvcore), one each"

_STAGE_SEPARATOR = "|"


@dataclass(frozen=True)
class TrialRecord:
    """One trial, as a row of trials.csv.

    Attributes:
        number: Number of the trial in the study, from 0.
        architecture: What was tried.
        state: complete, failed, duplicate (of an architecture already known, not trained again), or
            refused (over a cost limit, not trained).
        origin: Who proposed it: `unmodified`, `preset NAME`, or the sampler's name.
        params: Parameters of the full network.
        flops: Multiply-adds of the full network for one image.
        accuracy: Validation accuracy of the proxy in percent; None where nothing was trained.
        seconds: Wall time of the proxy training.
        reason: Why a trial is not complete.
    """

    number: int
    architecture: Architecture
    state: State
    origin: str
    params: int
    flops: int
    accuracy: float | None = None
    seconds: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        check_name("state", self.state, STATES)
        if self.state == "complete" and self.accuracy is None:
            raise UserError(f"accuracy: a complete trial needs one, trial {self.number} has none")

    @property
    def hash(self) -> str:
        return architecture_hash(self.architecture)

    def to_row(self) -> dict[str, Any]:
        """One row: number, hash, state, origin, accuracy, params, flops, the sites, seconds, reason."""
        row: dict[str, Any] = {
            "number": self.number,
            "hash": self.hash,
            "state": self.state,
            "origin": self.origin,
            "accuracy": self.accuracy,
            "params": self.params,
            "flops": self.flops,
        }
        for site in SITE_NAMES:
            row[site] = join_choice(getattr(self.architecture, site))
        return row | {"seconds": self.seconds, "reason": self.reason}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, backbone: str, width: float) -> "TrialRecord":
        """Inverse of `to_row`; values may be the strings of a CSV file, empty where there is none.

        Raises:
            UserError: If a column is missing or unknown, or a value does not validate.
        """
        columns = [*(f.name for f in fields(cls) if f.name != "architecture"), "hash", *SITE_NAMES]
        check_keys("trials.csv", row, columns)
        missing = [column for column in columns if column not in row]
        if missing:
            raise UserError(f"trials.csv: the column {missing[0]!r} is missing")
        sites = {site: split_choice(str(row[site])) for site in SITE_NAMES}

        def number(column: str) -> float | None:
            return None if row[column] in ("", None) else float(row[column])

        return cls(
            number=int(row["number"]),
            architecture=Architecture(backbone, width, **sites),
            state=row["state"],
            origin=str(row["origin"]),
            params=int(row["params"]),
            flops=int(row["flops"]),
            accuracy=number("accuracy"),
            seconds=number("seconds"),
            reason=str(row["reason"] or ""),
        )


@dataclass(frozen=True)
class RunRecord:
    """What a run was asked to do, and with what: run.yaml.

    Attributes:
        command: The command that repeats the run.
        data: What the data set is called on the command line.
        fingerprint: Hash of the images and labels the search may see.
        input_size: Side in pixels of the full network's input, at which costs are counted.
        proxy: The proxy's settings.
        in_flight: Proposals made before their results are known; with the seed it fixes the trials.
    """

    version: str
    created: str
    command: str
    backbone: str
    width: float
    per_stage: tuple[str, ...]
    data: str
    fingerprint: str
    num_classes: int
    input_size: int
    train_images: int
    val_images: int
    objectives: tuple[str, ...]
    max_params: int | None
    max_flops: int | None
    sampler: str
    seed: int
    in_flight: int
    budget: int
    workers: int
    device: str
    proxy: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self)
        return data | {"per_stage": list(self.per_stage), "objectives": list(self.objectives)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RunRecord":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, or a key is unknown or missing.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"run.yaml: must be a mapping, got {type(data).__name__}")
        names = [f.name for f in fields(cls)]
        check_keys("run.yaml", data, names)
        missing = [name for name in names if name not in data]
        if missing:
            raise UserError(f"run.yaml: the key {missing[0]!r} is missing")
        return cls(**{**data, "per_stage": tuple(data["per_stage"]), "objectives": tuple(data["objectives"])})


def join_choice(choice: Choice) -> str:
    """A choice as text: `conv`, or `conv|reuse|...` stage by stage."""
    return choice if isinstance(choice, str) else _STAGE_SEPARATOR.join(choice)


def split_choice(text: str) -> Choice:
    """Inverse of `join_choice`."""
    return tuple(text.split(_STAGE_SEPARATOR)) if _STAGE_SEPARATOR in text else text
