"""Packages that only some commands need."""

from importlib import import_module
from typing import Any

from .errors import UserError


def imported(name: str, *, extra: str, argument: str) -> Any:
    """A module of a package that comes with an extra.

    Args:
        name: Of the module, such as `onnxruntime.quantization`.
        extra: What installs it, as pyproject.toml names it.
        argument: What the user asked for that needs it.

    Raises:
        UserError: If the package is not there.
    """
    try:
        return import_module(name)
    except ImportError:
        raise missing(name.partition(".")[0], extra=extra, argument=argument) from None


def missing(package: str, *, extra: str, argument: str) -> UserError:
    """What is wrong where a package is not installed; arguments as for `imported`."""
    return UserError(
        f"{argument}: needs the package {package}, which is not installed; "
        f"`pip install 'cheapsearch[{extra}]'`"
    )
