"""The settings of a run, each declared once: the flags, run.yaml and the command that repeats it follow."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

from .backbones import BACKBONES
from .errors import UserError
from .front import check_objectives
from .records import OBJECTIVES
from .search_space import SearchSpace
from .sites import STAGED_SITES

Kind = Literal["text", "whole", "number", "count", "switch", "words", "path", "pairs"]


@dataclass(frozen=True)
class SettingKind:
    """What the values of a kind are.

    Attributes:
        rule: What a value must be, for a message.
        fits: Whether a value is one.
        as_text: A value as it is typed.
    """

    rule: str
    fits: Callable[[Any], bool]
    as_text: Callable[[Any], str] = str


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_words(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)


KINDS: dict[Kind, SettingKind] = {
    "text": SettingKind("text", lambda value: isinstance(value, str)),
    "whole": SettingKind("a whole number", _is_whole),
    "number": SettingKind("a number", lambda value: _is_whole(value) or isinstance(value, float)),
    "count": SettingKind("a whole number", _is_whole),  # typed as 1.2M too
    "switch": SettingKind("true or false", lambda value: isinstance(value, bool)),
    "words": SettingKind("a list of names", _is_words, ",".join),
    "path": SettingKind("a path", lambda value: isinstance(value, (str, PathLike))),
    "pairs": SettingKind(
        "a mapping",
        lambda value: isinstance(value, Mapping),
        lambda value: ",".join(f"{name}={number}" for name, number in value.items()),
    ),
}


def setting(
    default: Any,
    help: str,
    *,
    kind: Kind,
    metavar: str | None = None,
    fixed: bool = False,
    repeats: bool = True,
) -> Any:
    """A field of `RunSettings`.

    Args:
        default: None where there is none, or the run finds its own.
        help: For the flag, with the default.
        metavar: What the flag's value is called in its help, None for the field's name.
        fixed: It decides what the trials of a run are, so it stays when the run goes on.
        repeats: The command that repeats the run names it; not where it only says how fast or where.
    """
    metadata = {"help": help, "kind": kind, "metavar": metavar, "fixed": fixed, "repeats": repeats}
    if kind == "pairs":
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def flag(name: str) -> str:
    """What a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"


def _names(known: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(known)


@dataclass(frozen=True)
class RunSettings:
    """What a user asks of a run, validated when made.

    What only the search can know (samplers, data sets, the proxy's fields, storages) is checked where a run
    is begun. A `RunRecord` holds settings in which all is decided: the input size, the device, the number of
    workers and the whole proxy.

    Raises:
        UserError: If a value is of another kind, unknown or out of range.
    """

    budget: int = setting(100, "trainings (default 100)", kind="whole", metavar="N")
    repeats: int | None = setting(
        None, "of these, with another seed (default a tenth, 5 at most)", kind="whole", metavar="N"
    )
    confirm: int = setting(
        0, "repeats beyond the budget, where the front is in doubt", kind="whole", metavar="N"
    )
    stopping: bool = setting(True, "stop what cannot reach the front (default)", kind="switch", fixed=True)
    backbone: str = setting(
        "mobilenet_v2",
        f"{_names(BACKBONES)} (default mobilenet_v2)",
        kind="text",
        metavar="NAME",
        fixed=True,
    )
    width: float = setting(
        1.0, "width multiplier of the full networks (default 1)", kind="number", fixed=True
    )
    per_stage: tuple[str, ...] = setting(
        (),
        f"search these stage by stage: {_names(STAGED_SITES)}",
        kind="words",
        metavar="SITES",
        fixed=True,
    )
    dataset: str = setting(
        "cifar10",
        "cifar10 (default), cifar100, digits, imagenet, a MedMNIST-style .npz, or a folder of classes",
        kind="text",
        metavar="DATA",
        fixed=True,
    )
    data_dir: Path | None = setting(  # noqa: RUF009  (it makes a field)
        None, "where the data set lies, or shall lie", kind="path", metavar="DIR"
    )
    input_size: int | None = setting(
        None,
        "of the full networks (default: the data set's)",
        kind="whole",
        metavar="PIXELS",
        fixed=True,
    )
    objectives: tuple[str, ...] = setting(
        OBJECTIVES,
        f"accuracy and costs (default {','.join(OBJECTIVES)})",
        kind="words",
        metavar="LIST",
        fixed=True,
    )
    max_params: int | None = setting(
        None, "refuse anything dearer, e.g. 1.2M", kind="count", metavar="N", fixed=True
    )
    max_flops: int | None = setting(
        None, "refuse anything dearer, e.g. 1.2M", kind="count", metavar="N", fixed=True
    )
    reference_accuracy: float | None = setting(
        None, "look above it, in percent", kind="number", metavar="A", fixed=True
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
    device: str = setting("auto", "auto (default), cpu, cuda, cuda:N, mps", kind="text")
    storage: str | None = setting(
        None,
        "Optuna storage in place of study.db in the run folder",
        kind="text",
        metavar="URL",
        repeats=False,
    )
    proxy: Mapping[str, Any] = setting(
        None,
        "change the proxy: epochs, width, input_size, images, batch_size, learning_rate",
        kind="pairs",
        metavar="K=V,...",
    )

    def __post_init__(self) -> None:
        if isinstance(self.dataset, PathLike):
            object.__setattr__(self, "dataset", fspath(self.dataset))
        for f in fields(self):
            _check_kind(f, getattr(self, f.name))
        for name, least in (
            *(("budget", 1), ("in_flight", 1), ("max_params", 1), ("max_flops", 1)),
            *(("confirm", 0), ("workers", 0)),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{flag(name)}: must be {least} or more, got {value}")
        if self.reference_accuracy is not None and not 0 <= self.reference_accuracy < 100:
            raise UserError(
                f"--reference-accuracy: must be from 0 to below 100 percent, got {self.reference_accuracy:g}"
            )
        if self.repeats is None:
            object.__setattr__(self, "repeats", min(_MOST_REPEATS, self.budget // 10))
        elif not 0 <= self.repeats < self.budget:
            raise UserError(f"--repeats: must be from 0 to below --budget {self.budget}, got {self.repeats}")
        if not 0 <= self.seed < 2**31:
            raise UserError(f"--seed: must be from 0 to {2**31 - 1}, got {self.seed}")
        object.__setattr__(self, "objectives", check_objectives(self.objectives))
        if self.data_dir is not None:  # whole, so that a run goes on from any folder
            object.__setattr__(self, "data_dir", Path(self.data_dir).expanduser().resolve())
        object.__setattr__(self, "per_stage", self.space.per_stage)

    @property
    def space(self) -> SearchSpace:
        return SearchSpace(self.backbone, self.width, tuple(self.per_stage))

    @property
    def limits(self) -> dict[str, int]:
        """The limit of each cost that has one."""
        found = {"params": self.max_params, "flops": self.max_flops}
        return {cost: limit for cost, limit in found.items() if limit is not None}

    @property
    def command(self) -> str:
        """The command that asks for the same in another folder."""
        words = ["cheapsearch run"]
        for f in fields(self):
            value = getattr(self, f.name)
            if f.metadata["kind"] == "switch":
                if value != f.default:
                    words.append(flag(f.name if value else f"no_{f.name}"))
            elif f.metadata["repeats"] and value not in (None, "", (), {}):
                words.append(f"{flag(f.name)} {shlex.quote(KINDS[f.metadata['kind']].as_text(value))}")
        return " ".join(words)

    @classmethod
    def fixed(cls) -> tuple[str, ...]:
        """The settings that stay when a run goes on."""
        return tuple(f.name for f in fields(cls) if f.metadata["fixed"])


_MOST_REPEATS = 5


def _check_kind(f: Field[Any], value: Any) -> None:
    kind = KINDS[f.metadata["kind"]]
    if value is None and f.default is None:
        return
    if not kind.fits(value):
        raise UserError(f"{flag(f.name)}: must be {kind.rule}, got {value!r}")
