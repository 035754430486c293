"""The one error a user can cause, and how a wrong name finds the right one."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from inspect import signature
from os import PathLike
from pathlib import Path

from .names import shown

_FLAG = re.compile(r"(?<![^\s(])--([a-z][a-z0-9-]*)")
_POSITIONAL = re.compile(r"^(ARCH|RUN|TABLE|WEIGHTS|IMAGES)(?=:)")


class UserError(ValueError):
    """A mistake of the user's: the message is one line that says argument, rule, value and remedy.

    It is made with arguments as they are typed at the command line, `--in-flight` and `RUN`, and says them
    as they are written in Python and in files, `in_flight` and `run`. What stands in backticks, such as a
    command, is never changed.
    """

    @property
    def at_terminal(self) -> str:
        """The message to somebody at the command line."""
        return super().__str__()

    def __str__(self) -> str:
        parts = self.at_terminal.split("`")
        parts[::2] = (_FLAG.sub(lambda found: found[1].replace("-", "_"), part) for part in parts[::2])
        return _POSITIONAL.sub(lambda found: found[1].lower(), "`".join(parts))


def flag(name: str) -> str:
    """What an argument is called on the command line."""
    return f"--{name.replace('_', '-')}"


def check_name(argument: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`.

    Args:
        argument: What the user would call the place the value came from.
        value: The name to check.
        allowed: The valid names, in the order to list them.

    Raises:
        UserError: If it is not; the message names the nearest valid name.
    """
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    raise UserError(f"{argument}: {unknown_name(value, names)}")


def unknown_name(value: object, allowed: Iterable[str]) -> str:
    """The complaint of a name that is none of those allowed: these, what it was, and the nearest."""
    names = list(allowed)
    return f"must be one of {', '.join(names)}, got {value!r}{nearest(value, names)}"


def nearest(value: object, names: Iterable[str]) -> str:
    """`; did you mean 'this'?`, or nothing where no name is near."""
    found = get_close_matches(str(value), list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def nearest_path(path: str | PathLike[str]) -> str:
    """The same for a path that is not there: what in its folder is called nearly so."""
    path = Path(path)
    try:
        near = get_close_matches(path.name, [other.name for other in path.parent.iterdir()], n=1)
    except (OSError, ValueError):  # there is no such folder, or no path is called so
        return ""
    return f"; did you mean '{shown(path.with_name(near[0]))}'?" if near and near[0] != path.name else ""


def check_keys(where: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuse any key of `given` that is not in `allowed`, naming the nearest valid one.

    Raises:
        UserError: At the first unknown key.
    """
    names = list(allowed)
    for key in given:
        if key not in names:
            check_name(f"{where}: key", key, names)


def check_complete(where: str, given: Iterable[str], names: Iterable[str]) -> None:
    """Refuse a key that is unknown, as `check_keys` does, and a name that is missing.

    Raises:
        UserError: At the first of either.
    """
    given, names = list(given), list(names)
    check_keys(where, given, names)
    missing = [name for name in names if name not in given]
    if missing:
        raise UserError(f"{where}: the key {missing[0]!r} is missing")


def check_arguments(function: Callable[..., object], given: Iterable[str], more: Iterable[str] = ()) -> None:
    """Refuse a keyword that is neither an argument of a function nor one of some more, naming the nearest.

    Args:
        function: Its last parameter takes the keywords.

    Raises:
        UserError: At the first unknown keyword.
    """
    *arguments, _ = signature(function).parameters
    for name in given:
        if name not in (known := [*more, *arguments]):
            # There are dozens; the nearest is said first.
            raise UserError(
                f"argument: there is no {name!r}{nearest(name, known) or '.'} "
                f"It must be one of {', '.join(known)}"
            )
