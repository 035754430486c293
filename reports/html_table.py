"""A DataFrame as a table of a page that sorts by a click, or the keyboard, on its headings."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import isnan
from typing import Any, NamedTuple

import pandas as pd

from ..space import text

SHOWN = 1_000  # rows that a table shows at a time; more would take a browser seconds at every touch
PLAIN = 200  # rows that are there without the page's script; those beyond are packed


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: Column of the frame.
        title: Heading.
        show: Turns a value into text; the number itself is what sorts.
        numeric: Whether the values are numbers.
        note: Column of text to show, small, after a number.
        wide: Whether to keep room for a sentence.
        code: Whether to set the values in the font of code.
        muted: A value to show faintly.
        trial: Whether the values are numbers of trials, by which a row is selected.
    """

    key: str
    title: str
    show: Callable[[Any], str] = str
    numeric: bool = False
    note: str | None = None
    wide: bool = False
    code: bool = False
    muted: str | None = None
    trial: bool = False


class Cell(NamedTuple):
    """A value as it is shown; `value` is the number that sorts, None where there is none."""

    text: str
    value: float | None = None
    note: str = ""
    muted: bool = False


class Row(NamedTuple):
    """The cells of a row; `trial` is the number it is selected by, None if it cannot be."""

    cells: list[Cell]
    trial: int | None = None
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """What `parts.html.j2` makes a table of.

    Attributes:
        ident: Its id in the page.
        caption: What it holds, for readers who do not see it.
        columns: One for each cell of a row.
        rows: All of them.
        sorted_by: Key of the column by which they ascend already, if there is one.
        footer: Rows that stay below the others, for comparison.
    """

    ident: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    sorted_by: str | None = None
    footer: Sequence[Row] = ()
    shown: int = SHOWN
    plain: int = PLAIN


def sortable_table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    ident: str,
    caption: str,
    sorted_by: str | None = None,
    footer: pd.DataFrame | None = None,
    strong: Collection[int] = (),
) -> Table:
    """Make a table of a frame.

    Args:
        frame: The rows.
        ident, caption, sorted_by: As of `Table`.
        footer: Rows that stay below the others.
        strong: Positions of the rows to set off.
    """
    below = [] if footer is None else _rows(footer, columns, ())
    return Table(ident, caption, columns, _rows(frame, columns, strong), sorted_by, below)


def _rows(frame: pd.DataFrame, columns: Sequence[Column], strong: Collection[int]) -> list[Row]:
    values = [
        zip(frame[column.key].tolist(), frame[column.note] if column.note else repeat(""), strict=False)
        for column in columns
    ]
    numbers = next((frame[column.key].tolist() for column in columns if column.trial), repeat(None))
    marked = set(strong)
    return [
        Row(
            [_cell(column, *cell) for column, cell in zip(columns, row, strict=True)], number, place in marked
        )
        for place, (row, number) in enumerate(zip(zip(*values, strict=True), numbers, strict=False))
    ]


def _cell(column: Column, value: Any, note: str) -> Cell:
    if column.numeric:
        return Cell(text.MISSING) if isnan(value) else Cell(column.show(value), value, note)
    return Cell(column.show(value), muted=value == column.muted)
