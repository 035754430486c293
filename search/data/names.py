"""Names of files, classes and data sets: as they are compared, as they are shown, as folders are called."""

import os
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

from ...space import UserError, shown
from .split_names import split_of

_DIGITS = 6


def class_name(folder: str) -> str:
    """What a class folder's class is called: composed (NFC), since file systems differ in that."""
    return normalize("NFC", shown(folder))


def expanded(argument: str, path: str | Path) -> Path:
    """The path with `~` replaced.

    Raises:
        UserError: If nobody knows the home folder, or the path cannot be one.
    """
    if "\0" in str(path):
        raise UserError(f"{argument}: must be a path, got one with a zero byte: check it")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{argument}: must be a path, the home folder in '{shown(path)}' is not known: write it out or "
            "set HOME"
        ) from None


def dataset_name(dataset: str) -> str:
    """What a folder for results on a data set is called.

    Args:
        dataset: As `--dataset` takes it. Of a path its last part counts, without the ending .npz, and the
            part before it too where the last is a split's name: `flowers/train` is `flowers-train`.

    Returns:
        A name without slashes and without what shells and URLs give a meaning; where something had to
        be replaced, a few digits keep it distinct from other names.

    Raises:
        UserError: If the path cannot be one.
    """
    # Made absolute by text alone: a link is called what the user calls it.
    path = Path(os.path.abspath(expanded("--dataset", dataset)))  # noqa: PTH100
    last = path.name[: -len(".npz")] if path.name.lower().endswith(".npz") else path.name
    parts = [last] if split_of(last) is None else [path.parent.name, last]
    name = normalize("NFC", "-".join(part for part in parts if part)) or "root"
    plain = "".join(char if char.isalnum() or char in " ._+-@" else "_" for char in name).strip()
    if plain == name:
        return name
    return f"{plain}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"
