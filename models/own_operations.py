"""Operations of a user's own, from a file: checked, and then as good as the package's."""

from collections.abc import Iterable
from os import PathLike

from ..space import OPERATIONS, Operation, UserError
from ..space.operation_file import OperationFile, loaded_files
from .contract import check_operation


def load_operations(path: str | PathLike[str]) -> tuple[Operation, ...]:
    """Run a file of operations, check each (`check_operation`), and make them known in this process.

    Args:
        path: A Python file with a list `OPERATIONS` of `cheapsearch.Operation`. It may import what is
            installed, but no file beside it: what an operation does follows from its own file.

    Returns:
        The operations; the name of each ends in the hash of the file.

    Raises:
        UserError: If the file cannot be read or run, or an operation does not do what its row says.
    """
    file = OperationFile.read(path)
    if any(file.hash == loaded.hash for loaded in loaded_files()):
        return file.register()
    rows = file.rows()
    for row in rows:
        _check(row, (*OPERATIONS, *rows), where=f"--ops: {path}")
    return file.register(rows)


def load_files(paths: str | PathLike[str] | Iterable[str | PathLike[str]]) -> dict[str, str]:
    """Load one or several files of operations.

    Returns:
        The hash of each by its path.

    Raises:
        UserError: As `load_operations`.
    """
    found: dict[str, str] = {}
    for path in [paths] if isinstance(paths, (str, PathLike)) else paths:
        file = OperationFile.read(path)
        load_operations(path)
        found[file.path] = file.hash
    return found


def _check(row: Operation, others: tuple[Operation, ...], *, where: str) -> None:
    try:
        check_operation(row, others=others)
    except UserError as error:
        raise UserError(f"{where}: {error.at_terminal}") from None
    except NotImplementedError as error:
        reason = str(error).partition(";")[0]
        raise UserError(
            f"{where}: {row.site} {row.name}: its costs must be countable, got {reason}; write it with others"
        ) from None
    except Exception as error:  # whatever it is, it comes of the user's file
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{where}: {row.site} {row.name}: must be built and run, and ends with "
            f"{type(error).__name__}: {reason}; mend it"
        ) from error
