"""The settings of a run, each declared once: the flags, run.yaml and the command that repeats it follow."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from .backbones import BACKBONES
from .costs import COSTS, DEFAULT_OBJECTIVES
from .errors import UserError, check_keys
from .front import check_objectives
from .rungs import check_lengths
from .search_space import SearchSpace
from .setting import Kind, Setting, run_command, setting
from .setting_values import check_values
from .sites import STAGED_SITES
from .table_settings import check_tables, device_costs, own_costs, whole

_MOST_REPEATS = 5


@dataclass(frozen=True)
class RunSettings:
    """What a user asks of a run, validated when made.

    What only the search can know (samplers, data sets, the proxy's fields, storages) is checked where a run
    is begun. A `RunRecord` holds settings in which all is decided: the input size, the device, the number of
    workers and the whole proxy.

    `ops` is the hash of each file of operations by its path. To a user `limits` are settings of their own,
    `max_NAME` for each cost; `from_dict`, `to_dict` and `declared` speak so too.

    Raises:
        UserError: If a value is of another kind, unknown or out of range.
    """

    budget: int = setting(
        100, "trainings (default 100), a longer one by its length", kind="whole", metavar="N"
    )
    hours: float | None = setting(
        None,
        "time the search may take; without --budget it trains what fits (default: no limit)",
        kind="number",
        metavar="H",
    )
    rungs: tuple[int, ...] | None = setting(
        None,
        "lengths of trainings, e.g. 1,4,16: the search decides who is trained longer; the front is of the "
        "longest that three networks have (default: by the budget)",
        kind="wholes",
        metavar="1,...",
        fixed=True,
    )
    repeats: int | None = setting(
        None, "of these, with another seed (default a tenth, 5 at most)", kind="whole", metavar="N"
    )
    confirm: int = setting(
        0, "repeats beyond the budget, where the front is in doubt", kind="whole", metavar="N"
    )
    stopping: bool = setting(True, "stop what cannot reach the front (default)", kind="switch", fixed=True)
    backbone: str = setting(
        "mobilenet_v2",
        f"{', '.join(BACKBONES)} (default mobilenet_v2), or the YAML table of one's own",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    width: float = setting(
        1.0, "width multiplier of the full networks (default 1)", kind="number", fixed=True
    )
    per_stage: tuple[str, ...] = setting(
        (),
        f"search these stage by stage: {', '.join(STAGED_SITES)}",
        kind="words",
        metavar="SITES",
        fixed=True,
    )
    ops: Mapping[str, str] = setting(
        {},
        "search the operations of these Python files too",
        kind="hashed",
        metavar="FILE,...",
        fixed=True,
    )
    dataset: str = setting(
        "cifar10",
        "cifar10 (default), cifar100, digits, imagenet, a MedMNIST-style .npz, or a folder of classes",
        kind="text",
        metavar="DATA",
    )
    data_dir: Path | None = setting(  # noqa: RUF009  (it makes a field)
        None, "where the data set lies, or shall lie", kind="path", metavar="DIR"
    )
    skip_corrupt: bool = setting(
        False, "leave images out that cannot be read (default: name them and stop)", kind="switch", fixed=True
    )
    input_size: int | None = setting(
        None,
        "of the full networks (default: the data set's)",
        kind="whole",
        metavar="PIXELS",
        fixed=True,
    )
    objectives: tuple[str, ...] = setting(
        DEFAULT_OBJECTIVES,
        f"accuracy and costs (default {','.join(DEFAULT_OBJECTIVES)})",
        kind="words",
        metavar="LIST",
        fixed=True,
    )
    limits: Mapping[str, float] = setting({}, "refuse anything dearer", kind="pairs", fixed=True)
    latency_table: Path | None = setting(  # noqa: RUF009  (it makes a field)
        None,
        "latencies of pieces on another device, by `cheapsearch latency-table` (default: measured here)",
        kind="path",
        metavar="FILE",
        fixed=True,
    )
    latency_batch: int = setting(
        1, "images in an answer whose latency counts (default 1)", kind="whole", metavar="N", fixed=True
    )
    latency_threads: int = setting(
        1, "threads that make it (default 1)", kind="whole", metavar="N", fixed=True
    )
    cost_table: Mapping[str, Path] = setting(
        {},
        f"tables of costs of one's own: {', '.join(own_costs())}",
        kind="files",
        metavar="COST=FILE",
        fixed=True,
    )
    reference_accuracy: float | None = setting(
        None, "look above it, in percent", kind="number", metavar="A", fixed=True
    )
    metric: str = setting(
        "accuracy",
        "what an accuracy is: accuracy (default), balanced_accuracy, macro_f1",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    class_weights: str = setting(
        "none",
        "of the loss: none (default), or balanced: all classes count the same",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    pretrained: str = setting(
        "none",
        "weights to begin with: none (default), imagenet: torchvision's, of the backbones named after it",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    weights: Path | None = setting(  # noqa: RUF009  (it makes a field)
        None, "begin with those of this file instead", kind="path", metavar="FILE"
    )
    sampler: str = setting(
        "cost_aware",
        "cost_aware (default), tpe, gp, nsga2, random",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    seed: int = setting(0, "of weights, images and proposals (default 0)", kind="whole", fixed=True)
    workers: int | None = setting(
        None,
        "processes (default: one per core or GPU; 0: none but this one)",
        kind="whole",
        metavar="N",
        repeats=False,
    )
    in_flight: int = setting(
        4,
        "proposals made before their results are known, the most workers that can help (default 4)",
        kind="whole",
        metavar="N",
        fixed=True,
    )
    order: str = setting(
        "proposal",
        "trials are told of as they were proposed (proposal, default: the same search on any workers) or as "
        "they end (arrival: no worker waits)",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    device: str = setting("auto", "auto (default), cpu, cuda, cuda:N, mps", kind="text")
    storage: str | None = setting(
        None,
        "Optuna storage in place of study.db in the run folder: a database, or journal:PATH",
        kind="text",
        metavar="URL",
        repeats=False,
    )
    proxy: Mapping[str, Any] = setting(
        {},
        "change the proxy: epochs, width, input_size, images, batch_size, learning_rate, layout_size, "
        "channel_multiple, statistics_images",
        kind="pairs",
        metavar="K=V,...",
    )

    def __post_init__(self) -> None:
        if isinstance(self.dataset, PathLike):
            object.__setattr__(self, "dataset", fspath(self.dataset))
        values = self.to_dict()
        for name, declared in self.declared().items():
            declared.check(name, values[name])
        check_values(values, [_limit(cost) for cost in self.limits if COSTS[cost].type is int])
        if self.rungs is not None:
            object.__setattr__(self, "rungs", check_lengths(self.rungs, self.repeats, self.confirm))
        if self.repeats is None:
            found = 0 if self.has_rungs else min(_MOST_REPEATS, self.budget // 10)
            object.__setattr__(self, "repeats", found)
        elif not 0 <= self.repeats < self.budget:
            raise UserError(f"--repeats: must be from 0 to below --budget {self.budget}, got {self.repeats}")
        object.__setattr__(self, "objectives", check_objectives(self.objectives))
        for name in ("data_dir", "latency_table", "weights"):  # whole, so that a run goes on from any folder
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole(getattr(self, name)))
        object.__setattr__(self, "cost_table", check_tables(self.cost_table, self.device_costs))
        object.__setattr__(self, "per_stage", self._space().per_stage)

    @property
    def device_costs(self) -> list[str]:
        """The costs that come from a table of a device."""
        return device_costs((*self.objectives, *self.limits), self.cost_table, self.latency_table)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The rungs; the shortest alone where they are not decided."""
        return self.rungs or (1,)

    @property
    def has_rungs(self) -> bool:
        """Whether trainings have several lengths."""
        return len(self.lengths) > 1

    @property
    def space(self) -> SearchSpace:
        return self._space(tuple(self.ops.values()))

    def _space(self, own: tuple[str, ...] = ()) -> SearchSpace:
        return SearchSpace(self.backbone, self.width, tuple(self.per_stage), own)

    @property
    def command(self) -> str:
        """The command that asks for the same in another folder."""
        return run_command(self.declared(), self.to_dict())

    @property
    def twice(self) -> str:
        """The flag that goes on with a search as long as it was: twice the time, or twice the budget."""
        return f"--budget {2 * self.budget}" if self.hours is None else f"--hours {2 * self.hours:g}"

    @staticmethod
    def declared() -> dict[str, Setting]:
        """What is declared of each setting, by its name to a user."""
        found: dict[str, Setting] = {}
        for f in fields(RunSettings):
            own: Setting = f.metadata["setting"]
            if f.name != "limits":
                found[f.name] = own
                continue
            for name, cost in COSTS.items():
                whole = cost.type is int
                kind: Kind = "count" if whole else "number"
                said = f"{own.help}, e.g. {'1.2M' if whole else '8'}"
                found[_limit(name)] = replace(own, help=said, kind=kind, metavar="N", default=None)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The value of each setting, by its name to a user."""
        found: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            limits = {_limit(name): self.limits.get(name) for name in COSTS} if f.name == "limits" else {}
            found |= limits or {f.name: value}
        return found

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "RunSettings":
        """Inverse of `to_dict`; what is left out has its default.

        Raises:
            UserError: If a name is unknown, or a value does not validate.
        """
        check_keys("settings", given, cls.declared())
        costs = {_limit(name): name for name in COSTS}
        limits = {costs[name]: value for name, value in given.items() if name in costs and value is not None}
        return cls(**{name: value for name, value in given.items() if name not in costs}, limits=limits)


def _limit(cost: str) -> str:
    return f"max_{cost}"
