"""Where an Optuna study is kept, and what goes wrong there, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ...space import UserError
from .journal import JOURNAL, open_journal

STORAGE_ERRORS = (SQLAlchemyError, optuna.exceptions.StorageInternalError)


def sqlite_url(path: Path) -> str:
    """The storage URL of a study in a file; a path may hold what means something in a URL."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def check_storage(storage: str) -> None:
    """Make sure that an Optuna storage can be opened; errors are those of `open_storage`."""
    close_storage(open_storage(storage))


def close_storage(storage: BaseStorage) -> None:
    """End the connections to a database, whatever state they are in."""
    storage.remove_session()
    engine = getattr(getattr(storage, "_backend", storage), "engine", None)  # Optuna's own does not
    if engine is not None:
        engine.dispose()


def open_storage(storage: str | BaseStorage) -> BaseStorage:
    """Open an Optuna storage.

    Args:
        storage: The storage itself, a URL of a database, or `journal:PATH`.

    Raises:
        UserError: If it cannot be opened.
    """
    try:
        if isinstance(storage, str) and storage.startswith(JOURNAL):
            return open_journal(Path(storage.removeprefix(JOURNAL)))
        return optuna.storages.get_storage(storage)
    except RuntimeError as error:  # a schema of another version, and what to do about it
        raise UserError(
            f"--storage: must be a study of this version of Optuna, {hidden(storage)} is none "
            f"({storage_reason(error)})"
        ) from None
    except ImportError as error:
        missing = getattr(error.__cause__ or error.__context__ or error, "name", None) or "a driver"
        install = "'cheapsearch[postgresql]'" if missing == "psycopg" else missing
        raise UserError(
            f"--storage: needs {missing}, which is not installed, to open {hidden(storage)}; "
            f"pip install {install}, or choose another --storage"
        ) from None
    except (*STORAGE_ERRORS, ValueError, KeyError, OSError) as error:
        raise unreadable(storage, error) from None


def storage_name(storage: str) -> str:
    """A storage as it may be written down: without a password, and a path of a journal whole.

    Raises:
        UserError: If it names none.
    """
    if storage.startswith(JOURNAL) and storage != JOURNAL:
        return JOURNAL + str(Path(storage.removeprefix(JOURNAL)).expanduser().resolve())
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        raise UserError(
            "--storage: must be an Optuna storage URL such as sqlite:///study.db, or journal:PATH, "
            f"got {storage!r}"
        ) from None


def hidden(storage: object) -> str:
    """The same for a message; what is no name of a storage is shown as it is."""
    try:
        return storage_name(str(storage))
    except UserError:
        return str(storage)


def unreadable(storage: object, error: BaseException) -> UserError:
    reason = storage_reason(error)
    remedy = "wait for who holds it" if "locked" in reason else "mend or remove it"
    return UserError(
        f"--storage: must be a readable Optuna study, {hidden(storage)} is not ({reason}); "
        f"{remedy}, or choose another --out"
    )


@contextmanager
def storage_errors(out: Path) -> Iterator[None]:
    """Turn what a storage raises while a run uses it into one line; `out` is the run's folder."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise UserError(
            f"--storage: cannot read or write the study ({storage_reason(error)}); mend that and go on with "
            f"`cheapsearch run --out {out}`, what was finished is kept"
        ) from None


def storage_reason(error: BaseException) -> str:
    """What a database says is wrong, in one line, without the statement it was given."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "orig", None) is not None:
            return str(cause.orig).splitlines()[0]  # type: ignore[attr-defined]
        cause = cause.__cause__ or cause.__context__
    return str(error).splitlines()[0]
