"""How a setting is declared: what it is, and what its flag says."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, Literal

from .errors import UserError, flag

Kind = Literal[
    "text", "whole", "number", "count", "switch", "words", "wholes", "path", "pairs", "files", "hashed"
]


@dataclass(frozen=True)
class ValueKind:
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


def _is_wholes(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_whole, value))


def _listed(value: Any) -> str:
    return ",".join(map(str, value))


KINDS: dict[Kind, ValueKind] = {
    "text": ValueKind("text", lambda value: isinstance(value, str)),
    "whole": ValueKind("a whole number", _is_whole),
    "number": ValueKind("a number", lambda value: _is_whole(value) or isinstance(value, float)),
    "count": ValueKind("a whole number", _is_whole),  # typed as 1.2M too
    "switch": ValueKind("true or false", lambda value: isinstance(value, bool)),
    "words": ValueKind("a list of names", _is_words, _listed),
    "wholes": ValueKind("a list of whole numbers", _is_wholes, _listed),
    "path": ValueKind("a path", lambda value: isinstance(value, (str, PathLike))),
    "files": ValueKind(
        "a mapping of names to paths",
        lambda value: isinstance(value, Mapping) and all(map(KINDS["path"].fits, value.values())),
        lambda value: ",".join(f"{name}={path}" for name, path in value.items()),
    ),
    "hashed": ValueKind(
        "a mapping of paths to hashes",
        lambda value: isinstance(value, Mapping) and _is_words([*value, *value.values()]),
        _listed,
    ),
    "pairs": ValueKind(
        "a mapping",
        lambda value: isinstance(value, Mapping),
        lambda value: ",".join(f"{name}={number}" for name, number in value.items()),
    ),
}


@dataclass(frozen=True)
class Setting:
    """What is declared of a setting.

    Attributes:
        help: For the flag, with the default.
        kind: Of its values.
        metavar: What the flag's value is called in its help, None for the setting's name.
        default: Where it is None, None is a value too.
        fixed: It decides what the trials of a run are, so it stays when the run goes on.
        repeats: The command that repeats the run names it; not where it only says how fast or where.
    """

    help: str
    kind: Kind
    metavar: str | None = None
    default: Any = None
    fixed: bool = False
    repeats: bool = True

    def check(self, name: str, value: object) -> None:
        """Make sure that a value is of the kind.

        Raises:
            UserError: If it is not.
        """
        kind = KINDS[self.kind]
        if (value is not None or self.default is not None) and not kind.fits(value):
            raise UserError(f"{flag(name)}: must be {kind.rule}, got {value!r}")

    def typed(self, name: str, value: Any) -> list[str]:
        """The words of a command that give it the value; none where that is the default of a switch."""
        if self.kind == "switch":
            return [] if value == self.default else [flag(name if value else f"no_{name}")]
        return [] if value in (None, "", (), {}, []) else [flag(name), KINDS[self.kind].as_text(value)]


def setting(default: Any, help: str, *, kind: Kind, **declared: Any) -> Any:
    """A field of a dataclass of settings; the arguments are those of `Setting`."""
    metadata = {"setting": Setting(help, kind, default=default, **declared)}
    if kind in ("pairs", "files", "hashed"):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def run_command(
    declared: Mapping[str, Setting], values: Mapping[str, Any], out: str | PathLike[str] | None = None
) -> str:
    """The command that asks for settings of these values in another folder: in `out`, or unnamed."""
    words = [
        word
        for name, setting in declared.items()
        if setting.repeats
        for word in setting.typed(name, values[name])
    ]
    folder = [] if out is None else ["--out", fspath(out)]
    return shlex.join(["cheapsearch", "run", *words, *folder])
