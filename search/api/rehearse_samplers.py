"""Rehearsals from Python: what the command of this name does."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ...space.errors import check_arguments
from ..rehearsal.compare import rehearse as compare_samplers
from ..rehearsal.result_table import DIGITS_TABLE, load_table
from ..results import RehearsalResult
from .telling import nothing


def rehearse(
    table: str | PathLike[str] | None = None,
    *,
    budget: int = 100,
    seeds: int = 5,
    sampler: str | Sequence[str] = ("cost_aware", "random"),
    costs: Sequence[str] = (),
    rungs: Sequence[tuple[int, ...]] = (),
    reference_accuracy: float | None = None,
    in_flight: int = 1,
    repeats: int = 0,
    stopping: bool = False,
    at: Callable[[int, int], None] = nothing,
    **unknown: Any,
) -> RehearsalResult:
    """Replay samplers on a table of finished results.

    Args:
        table: A CSV with columns choice_*, accuracy_*, cost_* and perhaps curve_*, None for the package's
            own, 512 networks of MobileNetV2 trained on digits.
        sampler: Names of samplers.
        costs: Names of the costs to look at, all where there are none.

    The others are those of `rehearsal.compare.rehearse`.

    Raises:
        UserError: If an argument is unknown or out of range, or the table cannot be read.
    """
    check_arguments(rehearse, unknown)
    path = DIGITS_TABLE if table is None else Path(table)
    samplers = compare_samplers(
        load_table(path, costs),
        samplers=[sampler] if isinstance(sampler, str) else sampler,
        budget=budget,
        seeds=seeds,
        rungs=rungs,
        reference_accuracy=reference_accuracy,
        in_flight=in_flight,
        repeats=repeats,
        stopping=stopping,
        at=at,
    )
    return RehearsalResult(path, samplers)
