"""Writing files so that a reader never sees half of one."""

import errno
import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 as `write_bytes` does; bytes of a name that are no UTF-8 become escapes.

    Raises:
        OSError: As there.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path: Path, data: bytes | memoryview, *, keep: Path | None = None) -> None:
    """Write beside, then rename; what was there stays whole until the new file is complete.

    Args:
        keep: Where what was there goes; None to lose it.

    Raises:
        OSError: If that cannot be done, a full disk among it; it names `path`.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            path.replace(keep)
        beside.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        beside.unlink(missing_ok=True)


def append(path: Path, data: bytes) -> None:
    """Add to a file, all or nothing.

    Raises:
        OSError: If that cannot be done, a full disk among it; it names `path`.
    """
    try:
        with path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                if file.write(data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
