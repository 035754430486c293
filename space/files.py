"""Writing files so that a reader never sees half of one."""

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename; what was there stays whole until the new text is complete.

    Raises:
        OSError: If that cannot be done, a full disk among it; it names `path`.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        beside.unlink(missing_ok=True)
