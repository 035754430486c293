"""How a command ends."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

from ...space import write_text

EXIT_FAILED, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130


def complain(message: str, code: int) -> int:
    """Print one line to stderr and return the exit code."""
    print(f"cheapsearch: {' '.join(message.split())}", file=sys.stderr)
    return code


def write_as_can_be() -> None:
    """Let a character that the terminal or a file cannot take be an escape, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def keep_trace(error: BaseException, folder: Path | None) -> Path:
    """Write the traceback of an error that nobody foresaw into the folder, or where there is room.

    Args:
        folder: Of the run or training; None, or one that is not there, for a file in the temporary folder.
    """
    trace = "".join(traceback.format_exception(error))
    elsewhere = Path(tempfile.gettempdir()) / f"cheapsearch-crash-{os.getpid()}.txt"
    if folder is not None and folder.is_dir():
        try:
            write_text(folder / "crash.txt", trace)
        except OSError:
            pass
        else:
            return folder / "crash.txt"
    write_text(elsewhere, trace)
    return elsewhere
