"""Files of operations of a user's own: what they hold, and the copies that a folder keeps of them.

Such a file is Python that is run. So it is run only where a user names it, or a folder of a run or a training
that has a copy; never because an exported YAML or a file of weights asks for it.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import ModuleType

from .errors import UserError, nearest_path
from .files import write_bytes
from .known_operations import MARK, OPS_FOLDER, make_known
from .operation import Operation
from .operations import OPERATIONS

LIST = "OPERATIONS"  # the name in a file that holds its rows
_HASH_DIGITS = 8
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class OperationFile:
    """A file of operations, by what is in it.

    Attributes:
        name: Of the file, without its folder.
        source: Its bytes.
        path: Where it was read, for messages and tracebacks.
    """

    name: str
    source: bytes
    path: str

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "OperationFile":
        """From a file.

        Raises:
            UserError: If it cannot be read.
        """
        path = Path(path).expanduser()
        try:
            return cls(path.name, path.read_bytes(), str(path.resolve()))
        except OSError as error:
            raise UserError(
                f"--ops: must be readable Python files, {path} is none ({error.strerror}); check the path"
                f"{nearest_path(path)}"
            ) from None

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits of what is in it, with which the names of its operations end."""
        return hashlib.sha256(self.source).hexdigest()[:_HASH_DIGITS]

    def rows(self) -> tuple[Operation, ...]:
        """Run it, and give its operations, whose names now end in its hash.

        Raises:
            UserError: If it cannot be run, or has no list of operations with names of their own.
        """
        module = ModuleType(f"cheapsearch_ops_{self.hash}")
        module.__file__ = self.path
        sys.modules[module.__name__] = module  # where pickle looks for what it defines
        try:
            exec(compile(self.source, self.path, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:  # whatever it is, it is in the user's file
            del sys.modules[module.__name__]
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"--ops: {self.path} must run, and ends in line {self._line(error)} with "
                f"{type(error).__name__}: {reason}; mend it"
            ) from error
        found = vars(module).get(LIST)
        if not (isinstance(found, (list, tuple)) and found and all(isinstance(r, Operation) for r in found)):
            raise UserError(
                f"--ops: {self.path} must have a list {LIST} of cheapsearch.Operation, got {found!r:.100}"
            )
        for number, row in enumerate(found):
            if any((other.site, other.name) == (row.site, row.name) for other in found[:number]):
                raise UserError(f"--ops: {self.path}: {row.site} {row.name}: must be there once; rename one")
        return tuple(self._named(row) for row in found)

    def register(self, rows: Sequence[Operation] = ()) -> tuple[Operation, ...]:
        """Make its operations known, now as those loaded last; they were checked where it was first loaded.

        Args:
            rows: What `rows` gave, where it was run already; a file that is loaded is not run again.

        Raises:
            UserError: As `rows`.
        """
        loaded = _LOADED.pop(self.hash, None) or (self, tuple(rows) or self.rows())
        make_known(loaded[1])
        _LOADED[self.hash] = loaded
        return loaded[1]

    def _named(self, row: Operation) -> Operation:
        where = f"--ops: {self.path}: {row.site} {row.name}"
        if not _NAME.fullmatch(row.name):
            raise UserError(f"{where}: its name must be of small letters, digits and _; rename it")
        if any((other.site, other.name) == (row.site, row.name) for other in OPERATIONS):
            raise UserError(f"{where}: its name must not be that of one of cheapsearch's own; rename it")
        if row.plain is not None:
            raise UserError(f"{where}: plain and reads are for cheapsearch's own; leave them out")
        return replace(row, name=f"{row.name}{MARK}{self.hash}")

    def _line(self, error: BaseException) -> int | str:
        """Of the file, in which it ended."""
        if isinstance(error, SyntaxError) and error.lineno is not None:
            return error.lineno
        trace, line = error.__traceback__, None
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == self.path else line
            trace = trace.tb_next
        return "?" if line is None else line


_LOADED: dict[str, tuple[OperationFile, tuple[Operation, ...]]] = {}  # by hash, in the order of `_OWN`


def loaded_files() -> tuple[OperationFile, ...]:
    """Those whose operations are known."""
    return tuple(file for file, _ in _LOADED.values())


def kept_path(folder: Path, path: str | PathLike[str], known: str) -> Path:
    """Where the folder of a run or a training keeps the copy of a file, by its path and its hash."""
    return folder / OPS_FOLDER / f"{Path(path).stem}-{known}.py"


def keep_files(folder: Path, hashes: Iterable[str]) -> None:
    """Put copies of loaded files into the folder of a run or a training.

    Raises:
        OSError: If that cannot be done.
    """
    for wanted in hashes:
        file, _ = _LOADED[wanted]
        kept = kept_path(folder, file.name, wanted)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, file.source)


def register_kept(folder: Path, hashes: Iterable[str]) -> None:
    """Make the operations known that the folder of a run or a training was made with.

    A file of other contents than it was made with is not run.

    Raises:
        UserError: If a file is neither loaded nor there, or cannot be run.
    """
    missing = [wanted for wanted in hashes if wanted not in _LOADED]
    if not missing:
        return
    there = filter(Path.is_file, sorted((folder / OPS_FOLDER).glob("*")))
    kept = {file.hash: file for file in map(OperationFile.read, there)}
    for wanted in missing:
        if wanted not in kept:
            raise UserError(
                f"--ops: {folder / OPS_FOLDER} must have the file of operations with the hash {wanted}, got "
                f"{', '.join(kept) or 'none'}; put it back, or give it with `--ops FILE` or "
                "`cheapsearch.load_operations(FILE)`"
            )
        kept[wanted].register()
