"""The terminal."""

import json
import re
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_WIDE = 10_000  # columns that no table needs
_UNSEEN = 240  # columns of a file or a pipe
_LABEL = re.compile(r"([a-z]+(?: [a-z]+)?)  +(?=\S)")


def make_console(*, stderr: bool = False, markup: bool = True) -> Console:
    """A console that does not cut lines short, and draws nothing again, where nobody looks at it.

    FORCE_COLOR gives a file or a pipe colours, and makes it no terminal.

    Args:
        markup: Whether square brackets are styles; not where text of the user's is printed.
    """
    looked_at = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        markup=markup,
        width=None if looked_at else _UNSEEN,
        force_interactive=None if looked_at else False,
    )


@contextmanager
def busy(doing: str) -> Iterator[Callable[[int, int], None]]:
    """Say on stderr that something is being done, as long as it takes, where somebody looks.

    Args:
        doing: What.

    Yields:
        What to tell how much is done, and of how much.
    """
    console = make_console(stderr=True, markup=False)
    spinner = Spinner("line", text=Text(doing, style="dim"))

    def at(done: int, total: int) -> None:
        spinner.update(text=Text(f"{doing}: {done:,} of {total:,}", style="dim"))

    if not console.is_interactive:
        yield at
        return
    with Live(spinner, console=console, transient=True, refresh_per_second=8, redirect_stdout=False):
        yield at


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
        if self._console.is_interactive:
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


def print_prose(console: Console, line: str) -> None:
    """Print a line of words, broken between them where it is too long, and indented then behind its label.

    For what nobody copies: a path or a command stays whole with `print_line`.
    """
    if len(line) <= console.width or console.width == _UNSEEN:
        print_line(console, line)
        return
    label = _LABEL.match(line)
    indent = " " * (label.end() if label else len(line) - len(line.lstrip()) + 2)
    lines = textwrap.wrap(
        line,
        console.width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    for part in lines:
        print_line(console, part)


def fits(console: Console, table: Table) -> bool:
    """Whether a terminal is wide enough for a table, none of whose words is cut."""
    return table.__rich_measure__(console, console.options.update(width=_WIDE)).minimum <= console.width


def print_table(console: Console, table: Table) -> None:
    """Print a table; where the terminal is too narrow for it, each of its rows as lines of their own."""
    if fits(console, table):
        console.print(table)
        return
    names = [str(column.header) for column in table.columns]
    whole = [column.no_wrap for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        lines: list[tuple[str, bool]] = []
        for name, cell, is_whole in zip(names, row, whole, strict=True):
            if name == "%" and lines:  # of the cost before it
                lines[-1] = f"{lines[-1][0]}, {cell} %", True
            elif cell:
                lines.append((f"{'  ' if lines else ''}{name} {cell}", is_whole))
        for line, is_whole in lines:
            (print_line if is_whole else print_prose)(console, line)


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
