"""What a user asks of a run, and how that meets what a run folder already says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ...space import (
    DEFAULT_OBJECTIVES,
    RunRecord,
    SearchSpace,
    UserError,
    check_keys,
    check_name,
    check_objectives,
)
from ..data import DATASETS
from ..samplers.registry import SAMPLERS
from ..training.proxy import Proxy


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run, validated when made.

    Attributes:
        input_size: Side of the full network's input in pixels, None for the data set's own.
        repeats: Trainings of the budget that repeat an architecture with another seed, to measure how far
            seeds differ; None for a tenth of the budget, 5 at most.
        confirm: Such trainings beyond the budget.
        stopping: Whether trainings that cannot reach the front are stopped.
        reference_accuracy: Of the proxy, in percent; a network below it is worth nothing. None for no such
            accuracy.
        in_flight: Proposals made before their results are known; more than that many workers idle.
        workers: None for one per CPU core or GPU, 0 for none beside this process.
        device: auto, cpu, cuda, cuda:N or mps.
        storage: An Optuna storage URL, None for study.db in the run folder.
        proxy: Settings of the proxy to change from its defaults, by name.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    budget: int = 100
    repeats: int | None = None
    confirm: int = 0
    stopping: bool = True
    backbone: str = "mobilenet_v2"
    width: float = 1.0
    per_stage: tuple[str, ...] = ()
    dataset: str = "cifar10"
    data_dir: Path | None = None
    input_size: int | None = None
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    max_params: int | None = None
    max_flops: int | None = None
    reference_accuracy: float | None = None
    sampler: str = next(iter(SAMPLERS))
    seed: int = 0
    in_flight: int = 4
    workers: int | None = None
    device: str = "auto"
    storage: str | None = None
    proxy: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("budget", "in_flight", "max_params", "max_flops"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{flag(name)}: must be 1 or more, got {value}")
        if self.reference_accuracy is not None and not 0 <= self.reference_accuracy < 100:
            raise UserError(
                f"--reference-accuracy: must be from 0 to below 100 percent, got {self.reference_accuracy:g}"
            )
        for name in ("confirm", "workers"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UserError(f"{flag(name)}: must be 0 or more, got {value}")
        if self.repeats is None:
            object.__setattr__(self, "repeats", min(_MOST_REPEATS, self.budget // 10))
        elif not 0 <= self.repeats < self.budget:
            raise UserError(f"--repeats: must be from 0 to below --budget {self.budget}, got {self.repeats}")
        if not 0 <= self.seed < 2**31:
            raise UserError(f"--seed: must be from 0 to {2**31 - 1}, got {self.seed}")
        check_name("--sampler", self.sampler, SAMPLERS)
        check_keys("--proxy", self.proxy, [f.name for f in fields(Proxy)])
        object.__setattr__(self, "objectives", check_objectives(self.objectives))
        # Whole paths, so that a run goes on from any folder.
        if self.data_dir is not None:
            object.__setattr__(self, "data_dir", self.data_dir.expanduser().resolve())
        path = Path(self.dataset).expanduser()
        if self.dataset not in DATASETS and path.exists():
            object.__setattr__(self, "dataset", str(path.resolve()))
        without_password(self.storage)
        object.__setattr__(self, "per_stage", self.space.per_stage)

    @property
    def space(self) -> SearchSpace:
        return SearchSpace(self.backbone, self.width, self.per_stage)

    @property
    def limits(self) -> dict[str, float]:
        """The most an architecture may cost, by name of the cost."""
        limits = {"params": self.max_params, "flops": self.max_flops}
        return {name: limit for name, limit in limits.items() if limit is not None}


_MOST_REPEATS = 5

# Settings that decide what the trials of a run are: they stay when it goes on.
_FIXED = (
    *("backbone", "width", "per_stage", "dataset", "input_size", "objectives"),
    *("reference_accuracy", "sampler", "seed", "in_flight", "stopping"),
)


def flag(name: str) -> str:
    """The command line's name of a setting."""
    return f"--{name.replace('_', '-')}"


def settle(given: Mapping[str, Any], record: RunRecord | None, *, where: Path) -> RunSettings:
    """Settings from what was given and, where a run goes on, from its record.

    Args:
        given: Settings by name, only those that were given.
        record: What the run folder says, None where it is new.
        where: The run folder.

    Raises:
        UserError: If a setting is unknown or out of range, or contradicts the record.
    """
    check_keys("settings", given, [f.name for f in fields(RunSettings)])
    if record is None:
        return RunSettings(**given)
    asked = RunSettings(**{"backbone": record.backbone, **given})
    recorded: dict[str, Any] = {name: getattr(record, name) for name in _FIXED}
    recorded |= {f"max_{name}": record.limits.get(name) for name in ("params", "flops")}
    for name in recorded.keys() & given.keys():
        _check_same(flag(name), recorded[name], getattr(asked, name), where)
    proxy = Proxy.from_dict(record.proxy).to_dict()
    for name, value in asked.proxy.items():
        _check_same(f"--proxy {name}", proxy[name], value, where)
    if record.storage != without_password(asked.storage):
        kept = record.storage or "study.db"
        raise UserError(
            f"--storage: must stay what the run in {where} began with, {kept}, got {asked.storage}; "
            "give it again or choose another --out"
        )
    resumed: dict[str, Any] = {"budget": record.budget, "device": record.device, "confirm": record.confirm}
    if "budget" not in given:
        resumed["repeats"] = record.repeats
    if record.data_dir:
        resumed["data_dir"] = Path(record.data_dir)
    return replace(RunSettings(**{**resumed, **given, **recorded}), proxy=record.proxy)


def without_password(storage: str | None) -> str:
    """A storage URL as it may be written down, empty for none.

    Raises:
        UserError: If it is no URL.
    """
    if storage is None:
        return ""
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        raise UserError(
            f"--storage: must be an Optuna storage URL such as sqlite:///study.db, got {storage!r}"
        ) from None


def _check_same(name: str, recorded: object, asked: object, where: Path) -> None:
    if recorded != asked:
        raise UserError(
            f"{name}: must stay {_as_text(recorded)}, as the run in {where} began, got {_as_text(asked)}; "
            "leave it out or choose another --out"
        )


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
