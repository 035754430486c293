"""The terminal."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

_WIDE = 10_000  # columns that no table needs


def make_console(*, stderr: bool = False, markup: bool = True) -> Console:
    """A console that does not cut lines short where nobody looks at them.

    Args:
        markup: Whether square brackets are styles; not where text of the user's is printed.
    """
    console = Console(stderr=stderr, highlight=False, markup=markup)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, markup=markup, width=240)
    return console


class LiveDisplay(ABC):
    """Something that is drawn again twice a second on a terminal, and not at all elsewhere.

    It goes when its context ends; the result says the same and more.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    @abstractmethod
    def _render(self) -> Group:
        """What to draw now."""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            # Made here because it draws at once.
            self._live = Live(
                get_renderable=self._render, console=self._console, refresh_per_second=2, transient=True
            )
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)


def print_line(console: Console, line: str) -> None:
    """Print a line as it is: not broken, square brackets no style."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def fits(console: Console, table: Table) -> bool:
    """Whether a terminal is wide enough for a table, none of whose words is cut."""
    return table.__rich_measure__(console, console.options.update(width=_WIDE)).minimum <= console.width


def print_table(console: Console, table: Table) -> None:
    """Print a table; where the terminal is too narrow for it, each of its rows as lines of their own."""
    if fits(console, table):
        console.print(table)
        return
    names = [str(column.header) for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        for place, (name, cell) in enumerate(zip(names, row, strict=True)):
            if cell:
                print_line(console, f"{'  ' if place else ''}{name} {cell}")


def print_json(facts: dict[str, Any]) -> None:
    """Print JSON that every reader takes: a number that is none is an error, not `NaN`."""
    print(json.dumps(facts, indent=2, allow_nan=False))


def print_facts(facts: dict[str, Any], as_text: Callable[[dict[str, Any]], None], *, as_json: bool) -> int:
    """Print facts as JSON or as text, and return the exit code."""
    if as_json:
        print_json(facts)
    else:
        as_text(facts)
    return 0
