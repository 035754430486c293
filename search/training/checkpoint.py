"""Checkpoints that a kill at any moment cannot spoil."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from ...space import write_bytes

LAST, PREVIOUS = "last.pt", "previous.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write last.pt beside and rename; the one before it becomes previous.pt.

    Args:
        folder: An existing folder.
        state: Tensors and plain values.

    Raises:
        OSError: If that cannot be done, a full disk among it; the checkpoint before stays.
    """
    buffer = io.BytesIO()  # torch does not say why a file could not be written
    torch.save(state, buffer)
    write_bytes(folder / LAST, buffer.getbuffer(), keep=folder / PREVIOUS)


def load_checkpoint(folder: Path, *, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest whole checkpoint, in the CPU's memory; None where there is none.

    Args:
        say: Called with a line of text for a checkpoint that is damaged.
    """
    paths = [path for path in (folder / LAST, folder / PREVIOUS) if path.exists()]
    for path in paths:
        try:
            with ZipFile(path) as archive:
                damaged = archive.testzip()  # torch itself does not compare the checksums
            if damaged is not None:
                raise BadZipFile(f"{damaged} does not match its checksum")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (EOFError, RuntimeError, ValueError, BadZipFile, pickle.UnpicklingError) as error:
            reason = " ".join(str(error).split())[:200]
            then = "starting over" if path == paths[-1] else "going on from the checkpoint before it"
            say(f"{path} is damaged ({reason}); {then}")
            # Or the next checkpoint would push a whole one out for it.
            path.unlink()
            continue
        return state
    return None
