"""A DataFrame as an HTML table that sorts by a click, or the keyboard, on its headings."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from html import escape
from itertools import repeat
from math import isnan
from typing import Any

import pandas as pd

from ..space import text

SHOWN = 1_000  # rows that a table shows at a time; more would take a browser seconds at every touch


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
    """

    key: str
    title: str
    show: Callable[[Any], str] = str
    numeric: bool = False
    note: str | None = None
    wide: bool = False
    code: bool = False
    muted: str | None = None


def sortable_table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    ident: str,
    caption: str,
    sorted_by: str | None = None,
    footer: pd.DataFrame | None = None,
    strong: Collection[int] = (),
) -> str:
    """Render a table; all text is escaped. Of very many rows the first are shown, by order and filter.

    Args:
        frame: The rows.
        ident: The table's id in the page.
        caption: What the table holds, for readers who do not see it.
        sorted_by: Key of the column by which the rows ascend already, if there is one.
        footer: Rows that stay below the others, for comparison.
        strong: Positions of the rows to set off.
    """
    heads = "".join(
        f'<th scope="col" aria-sort="{"ascending" if column.key == sorted_by else "none"}"'
        f"{_class('number' if column.numeric else '')}>"
        f'<button type="button">{escape(column.title)}</button></th>'
        for column in columns
    )
    rows = _rows(frame, columns, strong)
    body = "\n".join(rows[:SHOWN])
    # A browser neither styles nor lays out what is in a template; the script takes it from there.
    body += "<template>{}</template>".format("\n".join(rows[SHOWN:])) if rows[SHOWN:] else ""
    foot = "" if footer is None or footer.empty else f"<tfoot>{''.join(_rows(footer, columns, ()))}</tfoot>"
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table id="{escape(ident)}" class="sortable" data-most="{SHOWN}">'
        f'<caption class="hidden">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def _rows(frame: pd.DataFrame, columns: Sequence[Column], strong: Collection[int]) -> list[str]:
    values = [
        list(zip(frame[column.key], frame[column.note] if column.note else repeat(""), strict=False))
        for column in columns
    ]
    marked = set(strong)
    return [
        f"<tr{_class('strong' if position in marked else '')}>"
        + "".join(_cell(column, *cell) for column, cell in zip(columns, row, strict=True))
        + "</tr>"
        for position, row in enumerate(zip(*values, strict=True))
    ]


def _cell(column: Column, value: Any, note: str) -> str:
    if column.numeric:
        if isnan(value):
            return f'<td class="number">{text.MISSING}</td>'
        aside = f" <small>{escape(note)}</small>" if note else ""
        return f'<td class="number" data-value="{value!r}">{escape(column.show(value))}{aside}</td>'
    shown = escape(column.show(value))
    content = f"<code>{shown}</code>" if column.code else shown
    styles = ["wide"] if column.wide else []
    styles += ["muted"] if value == column.muted else []
    return f"<td{_class(' '.join(styles))}>{content}</td>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
