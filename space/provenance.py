"""When and with what a file was written."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version

_PACKAGES = ("torch", "torchvision", "optuna", "fvcore", "numpy")


def versions() -> dict[str, str]:
    """Of Python and of the packages that figures may depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
