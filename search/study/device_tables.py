"""The tables of a device by which a run knows costs: its own copies, the user's files, or measured here."""

from collections.abc import Callable, Sequence

from ...devices.latency_table import TableRequest, latency_table
from ...space import LATENCY, RunSettings, UserError, write_text
from ...space.device_table import DeviceTable, read_device_table
from ...space.pieces import pieces_of_space
from ...space.run_folder import RunFolder


def device_tables(
    settings: RunSettings,
    folder: RunFolder,
    *,
    num_classes: int,
    input_size: int,
    begun: bool,
    measure: bool = True,
    say: Callable[[str], None],
) -> list[DeviceTable]:
    """A table for each of the costs on a device that the run asks for.

    A run that goes on keeps to its own tables, wherever it goes on: numbers of two machines do not compare.

    Args:
        begun: Whether the run goes on.
        measure: Whether to measure here what no table is given of; else it is left out.

    Raises:
        UserError: If a table cannot be read or made, or lacks a piece of the space.
    """
    tables = []
    # What is measured here, which takes minutes, comes after every file was found to do.
    measured = LATENCY if settings.latency_table is None else None
    for cost in sorted(settings.device_costs, key=lambda cost: cost == measured):
        given = settings.latency_table if cost == LATENCY else settings.cost_table[cost]
        flag = "--latency-table" if cost == LATENCY else "--cost-table"
        own = folder.table_path(cost)
        if begun:
            if not own.exists():
                raise UserError(
                    f"--out: the folder of a run that asks for {cost} must hold {own.name}, {folder.path} "
                    "does not; put it back or choose another --out"
                )
            table = read_device_table(own, cost, "--out")
        elif given is not None:
            table = read_device_table(given, cost, flag)
        elif not measure:
            continue
        else:
            request = TableRequest(
                settings.space, num_classes, input_size, settings.latency_batch, settings.latency_threads
            )
            table = latency_table(request, say=say)
        _check_whole(table, settings, flag, num_classes=num_classes, input_size=input_size)
        if cost == LATENCY:
            _check_facts(table, settings, flag)
        tables.append(table)
    return tables


def keep_tables(tables: Sequence[DeviceTable], folder: RunFolder) -> None:
    """Write the copies that a new run will go on with, over what another one left there."""
    for table in tables:
        write_text(folder.table_path(table.cost), table.to_text())


def _check_whole(
    table: DeviceTable, settings: RunSettings, flag: str, *, num_classes: int, input_size: int
) -> None:
    pieces = pieces_of_space(settings.space, num_classes=num_classes, input_size=input_size)
    missing = [piece.name for piece in pieces if piece.name not in table.values]
    if missing:
        write = f"cheapsearch latency-table --write FOLDER --backbone {settings.backbone}"
        size = f"--width {settings.width:g} --num-classes {num_classes} --input-size {input_size}"
        if settings.per_stage:
            size += f" --per-stage {','.join(settings.per_stage)}"
        if table.cost == LATENCY:
            size += f" --latency-batch {settings.latency_batch} --latency-threads {settings.latency_threads}"
        raise UserError(
            f"{flag}: must have every piece of the networks, {table.source} lacks {len(missing)} of "
            f"{len(pieces)}, such as {' '.join(missing[0])}; `{write} {size}` lists them"
        )


def _check_facts(table: DeviceTable, settings: RunSettings, flag: str) -> None:
    for name in ("batch", "threads"):
        wanted, found = str(getattr(settings, f"latency_{name}")), table.facts.get(name)
        if found is not None and found != wanted:
            raise UserError(
                f"--latency-{name}: must be that of the table, {found} in {table.source}, got {wanted}; "
                f"give --latency-{name} {found} or another {flag}"
            )
