"""Which costs of a run come from tables of a device, and from which files."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

from .costs import LATENCY, table_costs
from .errors import UserError, check_name


def own_costs() -> list[str]:
    """Costs that a table of the user's own says."""
    return [name for name in table_costs() if name != LATENCY]


def device_costs(
    asked: Iterable[str], cost_table: Mapping[str, Path], latency_table: Path | None
) -> list[str]:
    """The costs on a device that are asked for or have a table."""
    wanted = {*asked, *cost_table} | (set() if latency_table is None else {LATENCY})
    return [name for name in table_costs() if name in wanted]


def check_tables(cost_table: Mapping[str, Path], wanted: Iterable[str]) -> dict[str, Path]:
    """The paths of the tables, whole, so that a run goes on from any folder.

    Raises:
        UserError: If a name is none of a cost of one's own, or one that is wanted has no table.
    """
    for name in cost_table:
        check_name("--cost-table", name, own_costs())
    for name in wanted:
        if name != LATENCY and name not in cost_table:
            raise UserError(
                f"--cost-table: must say what {name} is, which is asked for, got none of it; give "
                f"--cost-table {name}=FILE"
            )
    return {name: whole(path) for name, path in cost_table.items()}


def whole(path: str | PathLike[str]) -> Path:
    return Path(path).expanduser().resolve()
