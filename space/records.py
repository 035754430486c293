"""What a run writes down: one record for the run, one for each trial."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from .architecture import Architecture, Choice
from .canonical import architecture_hash
from .costs import COSTS, Cost, check_cost, in_every_file
from .errors import UserError, check_complete, check_keys, check_name
from .sites import SITE_NAMES

State = Literal["complete", "repeat", "pruned", "failed", "duplicate", "refused"]
STATES: tuple[str, ...] = get_args(State)

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
        origin: Who proposed it: `unmodified`, `preset NAME`, the sampler's name, `random untried`, or
            `repeat`.
        costs: Of the full network.
        accuracy: Validation accuracy of the proxy in percent; None where nothing was trained.
        seconds: Wall time of the proxy training.
        reason: Why a trial is not complete.
        predicted: Accuracy in percent the sampler expected; None where it has no model, or did not ask it.
        deviation: Standard deviation of that prediction in points.
        gain: Hypervolume the sampler expected it to add, in points times the share of the range of cost.
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

    def __post_init__(self) -> None:
        check_name("state", self.state, STATES)
        if self.state in ("complete", "repeat") and self.accuracy is None:
            raise UserError(f"accuracy: a {self.state} trial needs one, trial {self.number} has none")
        if self.accuracy is not None and not 0 <= self.accuracy <= 100:
            raise UserError(f"accuracy: must be from 0 to 100 percent, got {self.accuracy}")
        check_cost(self.costs)

    @cached_property
    def hash(self) -> str:
        return architecture_hash(self.architecture)

    def to_row(self) -> dict[str, Any]:
        """One row, with the keys of `columns`; numbers stay numbers, None where there is none."""
        sites = {site: join_choice(getattr(self.architecture, site)) for site in SITE_NAMES}
        known = dict.fromkeys(COSTS) | dict(self.costs) | sites
        return {name: known[name] if name in known else getattr(self, name) for name in self.columns()}

    @staticmethod
    def columns() -> list[str]:
        """The columns of trials.csv, in order."""
        before = ["number", "hash", "state", "origin", "accuracy", *COSTS]
        return [*before, *SITE_NAMES, "seconds", *_WHY, "reason"]

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, backbone: str, width: float) -> "TrialRecord":
        """Inverse of `to_row`; values may be the strings of a CSV file, empty where there is none.

        A file that is older than a cost's row in `COSTS` may lack its column, but for the first two.

        Raises:
            UserError: If a column is missing or unknown, or a value does not validate.
        """
        columns = cls.columns()
        check_keys("trials.csv", row, columns)
        later = [name for name in COSTS if name not in in_every_file()]
        optional_columns = (*_OPTIONAL, *later)
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
            **{name: optional(name) for name in _WHY},
            reason=str(row.get("reason") or ""),
        )
        if record.hash != row["hash"]:
            raise UserError(
                f"trials.csv: hash of trial {record.number} must be {record.hash}, got {row['hash']!r}"
            )
        return record


@dataclass(frozen=True)
class RunRecord:
    """What a run was asked to do, and with what: run.yaml.

    Attributes:
        dataset: What the data set is called on the command line.
        fingerprint: Hash of the images and labels the search may see.
        input_size: Side in pixels of the full network's input, at which costs are counted.
        data_dir: Where the data set lies, empty for its own default.
        storage: URL of the Optuna study without its password; empty for study.db in the run folder.
        study: Name of the study in the storage.
        limits: The most an architecture may cost, by name of the cost; in the file as max_NAME, or null.
        proxy: The proxy's settings.
        in_flight: Proposals made before their results are known; with the seed it fixes the trials.
        repeats: Trainings within the budget that repeat an architecture with another seed.
        confirm: Such trainings beyond the budget.
        stopping: Whether trainings that cannot reach the front are stopped.
        reference_accuracy: In percent; a network below it is worth nothing. None for no such accuracy.
    """

    version: str
    created: str
    backbone: str
    width: float
    per_stage: tuple[str, ...]
    dataset: str
    fingerprint: str
    num_classes: int
    input_size: int
    train_images: int
    val_images: int
    objectives: tuple[str, ...]
    limits: Mapping[str, float]
    sampler: str
    seed: int
    in_flight: int
    budget: int
    workers: int
    device: str
    storage: str = ""
    study: str = "cheapsearch"
    data_dir: str = ""
    repeats: int = 0
    confirm: int = 0
    stopping: bool = False
    reference_accuracy: float | None = None
    proxy: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type is str and not isinstance(value, str):
                raise UserError(f"{f.name}: must be text, got {value!r}")
            whole = isinstance(value, int) and not isinstance(value, bool)
            if (f.type is int or (f.type == int | None and value is not None)) and not whole:
                raise UserError(f"{f.name}: must be a whole number, got {value!r}")
            if f.type == float | None and value is not None and not (whole or isinstance(value, float)):
                raise UserError(f"{f.name}: must be a number, got {value!r}")
            if f.type is bool and not isinstance(value, bool):
                raise UserError(f"{f.name}: must be true or false, got {value!r}")
            if get_origin(f.type) is Mapping and not isinstance(value, Mapping):
                raise UserError(f"{f.name}: must be a mapping, got {value!r}")
        check_cost(self.limits, "max_")

    @property
    def command(self) -> str:
        """The command that repeats the run in another folder."""
        options: dict[str, object] = {
            "budget": self.budget,
            "repeats": self.repeats,
            "confirm": self.confirm or "",
            "backbone": self.backbone,
            "width": self.width,
            "per-stage": ",".join(self.per_stage),
            "dataset": self.dataset,
            "data-dir": self.data_dir,
            "input-size": self.input_size,
            "objectives": ",".join(self.objectives),
            **{f"max-{name}": self.limits.get(name) for name in COSTS},
            "reference-accuracy": self.reference_accuracy,
            "sampler": self.sampler,
            "seed": self.seed,
            "in-flight": self.in_flight,
            "device": self.device,
            "proxy": ",".join(f"{name}={value}" for name, value in self.proxy.items()),
        }
        given = [
            f"--{name} {shlex.quote(str(value))}"
            for name, value in options.items()
            if value not in ("", None)
        ]
        return " ".join(["cheapsearch run", *given, *([] if self.stopping else ["--no-stopping"])])

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self) | {"per_stage": list(self.per_stage), "objectives": list(self.objectives)}
        limits = {f"max_{name}": self.limits.get(name) for name in COSTS}
        flat: dict[str, Any] = {}
        for key, value in data.items():
            flat |= limits if key == "limits" else {key: value}
        return flat

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RunRecord":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, or a key is unknown or missing.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"run.yaml: must be a mapping, got {type(data).__name__}")
        flags = {f"max_{name}": name for name in COSTS}
        # Older runs had none of these.
        later = {flag: None for flag, name in flags.items() if name not in in_every_file()}
        data = {"repeats": 0, "confirm": 0, "stopping": False, "reference_accuracy": None, **later, **data}
        check_complete("run.yaml", data, [*(f.name for f in fields(cls) if f.name != "limits"), *flags])
        limits = {name: data[flag] for flag, name in flags.items() if data[flag] is not None}
        data = {key: value for key, value in data.items() if key not in flags} | {"limits": limits}
        for name in ("per_stage", "objectives"):
            if not isinstance(data[name], (list, tuple)):
                raise UserError(f"run.yaml: {name} must be a list, got {data[name]!r}")
        return cls(**{**data, "per_stage": tuple(data["per_stage"]), "objectives": tuple(data["objectives"])})


def join_choice(choice: Choice) -> str:
    """A choice as text: `conv`, or `conv|reuse|...` stage by stage."""
    return choice if isinstance(choice, str) else _STAGE_SEPARATOR.join(choice)


def split_choice(text: str) -> Choice:
    """Inverse of `join_choice`."""
    return tuple(text.split(_STAGE_SEPARATOR)) if _STAGE_SEPARATOR in text else text
