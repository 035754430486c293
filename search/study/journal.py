"""Optuna's journal, a file that several machines may write through a network's file system."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock, JournalStorage

JOURNAL = "journal:"  # before a path it names a storage


def open_journal(path: Path) -> JournalStorage:
    """The storage in a journal, a new file where there is none.

    Raises:
        OSError: If the file cannot be read or written.
        StorageInternalError: If it is no journal.
    """
    # Optuna's lock is a link to this path, which means another file where it is relative.
    path = path.expanduser().absolute()
    lock = _MendingLock(path)
    if not _is_whole(path):
        lock.acquire()
        lock.release()
    return JournalStorage(_Journal(str(path), lock))


class _MendingLock(JournalFileSymlinkLock):
    """Whoever takes the lock finds whole lines.

    A line that a killed process or a full disk left unfinished was never acknowledged and is cut off: Optuna
    would add the next one to it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def acquire(self) -> bool:
        taken = super().acquire()
        try:
            if not _is_whole(self._path):
                _cut_unfinished(self._path)
        except BaseException:
            self.release()
            raise
        return taken


class _Journal(JournalFileBackend):
    """Says what is wrong with the file as other storages do."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with _told():
            super().append_logs(logs)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        with _told():
            yield from super().read_logs(log_number_from)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise StorageInternalError(f"{error}") from error


def _is_whole(path: Path) -> bool:
    if not path.exists():
        return True
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _cut_unfinished(path: Path) -> None:
    with path.open("r+b") as file:
        size = 0
        for line in file:
            size += len(line) if line.endswith(b"\n") else 0
        file.truncate(size)
