"""Where an Optuna study is kept, and what goes wrong there, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from ...space import UserError

STORAGE_ERRORS = (SQLAlchemyError, optuna.exceptions.StorageInternalError)


def sqlite_url(path: Path) -> str:
    """The storage URL of a study in a file; a path may hold what means something in a URL."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def check_storage(storage: str | BaseStorage) -> BaseStorage:
    """Open an Optuna storage.

    Raises:
        UserError: If it cannot be opened.
    """
    try:
        return optuna.storages.get_storage(storage)
    except RuntimeError as error:  # a schema of another version, and what to do about it
        raise UserError(
            f"--storage: must be a study of this version of Optuna, {storage} is none "
            f"({storage_reason(error)})"
        ) from None
    except (*STORAGE_ERRORS, ImportError, ValueError, KeyError, OSError) as error:
        raise unreadable(storage, error) from None


def unreadable(storage: object, error: BaseException) -> UserError:
    reason = storage_reason(error)
    remedy = "wait for who holds it" if "locked" in reason else "mend or remove it"
    return UserError(
        f"--storage: must be a readable Optuna study, {storage} is not ({reason}); "
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
