"""Operations by name: the package's own, and those of files of a user's own that were loaded.

The name of one of those ends in the hash of its file, `partial_conv@3f2a91c4`. So it means the same in every
process, file and run, two versions of a file may be known side by side, and what names an operation of a file
that is not loaded, or of another version of it, is refused.
"""

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import get_args

from .errors import UserError, check_name
from .operation import Family, Operation, SiteName
from .operations import OPERATIONS

OPS_FOLDER = "ops"  # of the folder of a run or a training: copies of its files of operations
MARK = "@"  # between the name of an operation and the hash of its file

_BY_NAME: MappingProxyType[tuple[str, str], Operation] = MappingProxyType(
    {(operation.site, operation.name): operation for operation in OPERATIONS}
)
_OWN: dict[tuple[str, str], Operation] = {}  # in the order in which they were loaded


def get_operation(site: str, name: str) -> Operation:
    """Look an operation up.

    Raises:
        UserError: If the site is unknown or has none of that name.
    """
    found = _BY_NAME.get((site, name)) or _OWN.get((site, name))
    if found is None:
        check_name("site", site, get_args(SiteName))
        _check_loaded(site, name)
        check_name(site, name, [row.name for row in OPERATIONS if row.site == site])
    assert found is not None
    return found


def offered(family: Family, *, bare_shortcuts: bool = False) -> MappingProxyType[str, tuple[str, ...]]:
    """The names of the package's operations that the backbones of a family offer, by site.

    Args:
        bare_shortcuts: Whether nothing is built around a block in the unmodified network.
    """

    def rows(site: str) -> list[Operation]:
        found = [row for row in OPERATIONS if row.site == site and family in row.families]
        if bare_shortcuts and site == "shortcut":
            found.sort(key=lambda row: row.builder is not None)
        return found

    return MappingProxyType({site: tuple(row.name for row in rows(site)) for site in get_args(SiteName)})


def make_known(operations: Iterable[Operation]) -> None:
    """Have operations of a user's own found by their names, as those loaded last."""
    for row in operations:
        _OWN.pop((row.site, row.name), None)
        _OWN[row.site, row.name] = row


def file_hash(name: str) -> str:
    """Of the file that an operation is of, empty for the package's own."""
    return name.partition(MARK)[2]


def hashes_in(choices: Iterable[object]) -> tuple[str, ...]:
    """Of the files that operations are of, from the choices of an architecture or its plain data."""
    listed = [choice if isinstance(choice, (list, tuple)) else [choice] for choice in choices]
    names = [name for names in listed for name in names if isinstance(name, str) and MARK in name]
    return tuple(dict.fromkeys(map(file_hash, names)))


def own_names(site: str, family: Family, hashes: Iterable[str]) -> tuple[str, ...]:
    """The operations of a site that files offer the backbones of a family, file by file.

    Raises:
        UserError: If a file is not loaded.
    """
    hashes = list(hashes)
    for wanted in hashes:
        _check_loaded("--ops", MARK + wanted)
    return tuple(
        name
        for wanted in hashes
        for (where, name), row in _OWN.items()
        if where == site and family in row.families and file_hash(name) == wanted
    )


def with_siblings(
    operations: Sequence[str], site: str, family: Family, names: Iterable[str]
) -> tuple[str, ...]:
    """Operations, and behind them those of the files that some names are of: what these may be equal to."""
    hashes = dict.fromkeys(file_hash(name) for name in names if MARK in name)
    return (*operations, *own_names(site, family, hashes)) if hashes else tuple(operations)


def own_name(argument: str, site: str, family: Family, name: object) -> str | None:
    """The whole name of a loaded operation, which may be said without the hash: then the last one loaded.

    Returns:
        None where no file that was loaded has it.

    Raises:
        UserError: If the name is that of a file that is not loaded.
    """
    found = [
        full
        for (where, full), row in _OWN.items()
        if where == site and name in (full, _base(full)) and family in row.families
    ]
    if found:
        return found[-1]
    _check_loaded(argument, str(name))
    return None


def _base(name: str) -> str:
    return name.partition(MARK)[0]


def _check_loaded(argument: str, name: str) -> None:
    wanted = file_hash(name)
    if not wanted or any(file_hash(full) == wanted for _, full in _OWN):
        return
    others = sorted({file_hash(full) for _, full in _OWN if _base(full) == _base(name)})
    got = f"only with {', '.join(others)}" if others else "none"
    raise UserError(
        f"{argument}: {_base(name) or 'the operations'} must be of a file with the hash {wanted}, got {got}; "
        "give that very file with `--ops FILE` or `cheapsearch.load_operations(FILE)`; the folder of its run "
        f"has it in {OPS_FOLDER}"
    )
