"""The terminal."""

import io
import json
import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Column, Table

from cheapsearch.search.cli.console import busy, make_console, print_json, print_prose, print_table


def test_make_console_does_not_cut_lines_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    make_console().print("x" * 150)
    make_console(stderr=True).print("y" * 150)
    captured = capsys.readouterr()
    assert captured.out == "x" * 150 + "\n"
    assert captured.err == "y" * 150 + "\n"


@pytest.mark.parametrize("width", [40, 12])
def test_print_table_gives_each_row_lines_of_its_own_where_it_does_not_fit(width: int) -> None:
    table = Table("trial", Column("accuracy", no_wrap=True), "what", box=None)
    table.add_row("3", "51.20 % (+0.40)", "")
    table.add_row("12", "49.00 % (-1.80)", "expand reuse, shortcut identity")
    shown = io.StringIO()
    print_table(Console(width=width, file=shown), table)
    assert "\u2026" not in shown.getvalue()  # nothing is cut
    if width == 12:
        assert shown.getvalue().splitlines() == [
            *("trial 3", "  accuracy 51.20 % (+0.40)"),
            *("trial 12", "  accuracy 49.00 % (-1.80)"),
            *("  what", "    expand", "    reuse,", "    shortcut", "    identity"),
        ]
    else:
        assert shown.getvalue().split()[:3] == ["trial", "accuracy", "what"]


def test_print_json_prints_no_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"accuracy": float("nan")})
    assert capsys.readouterr().out == ""
    print_json({"accuracy": 62.5, "left": None})
    assert json.loads(capsys.readouterr().out) == {"accuracy": 62.5, "left": None}


def test_print_table_says_a_share_behind_its_cost() -> None:
    table = Table("site", Column("params", no_wrap=True), Column("%", no_wrap=True), box=None)
    table.add_row("se", "12,810", "1.2")
    shown = io.StringIO()
    print_table(Console(width=12, file=shown), table)
    assert shown.getvalue().splitlines() == ["site se", "  params 12,810, 1.2 %"]


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("search     all of the networks", ["search     all of the", "           networks"]),
        ("per class  from 111 to 117 each", ["per class  from 111 to", "           117 each"]),
        ("  what is wanted of all these", ["  what is wanted of", "    all these"]),
        ("a path/that/is/longer/than/a/line", ["a", "  path/that/is/longer/than/a/line"]),
        ("short", ["short"]),
    ],
)
def test_print_prose_breaks_between_words_and_indents(line: str, lines: list[str]) -> None:
    shown = io.StringIO()
    print_prose(Console(width=22, file=shown), line)
    assert shown.getvalue().splitlines() == lines


def test_busy_says_nothing_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes a pipe no terminal
    with busy("counting") as at:
        at(1, 3)
        print("found")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("found\n", "")


def seen_at_a_terminal(program: str, **environment: str) -> str:
    """What a program writes to a terminal on stderr, its stdout being a pipe that is put behind it."""
    ours, theirs = pty.openpty()
    code = f"from cheapsearch.search.cli.console import *\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "60", **environment},
        text=True,
        check=True,
    )
    os.close(theirs)
    found = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # as Linux says that all is read
            break
        if not part:
            break
        found += part
    os.close(ours)
    return found.decode() + done.stdout


BUSY = "with busy('counting') as at:\n at(1, 3)\n print('found')"


def test_busy_shows_how_far_it_is_at_a_terminal_and_leaves_stdout_alone() -> None:
    seen = seen_at_a_terminal(BUSY)
    assert "counting: 1 of 3" in seen
    assert seen.endswith("found\n")


def test_busy_draws_nothing_on_a_dumb_terminal() -> None:
    assert seen_at_a_terminal(BUSY, TERM="dumb") == "found\n"


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_left_out_where_nobody_wants_them(environment: dict[str, str], coloured: bool) -> None:
    seen = seen_at_a_terminal("make_console(stderr=True).print('[red]x[/]')", **environment)
    assert ("\x1b[31m" in seen) is coloured
