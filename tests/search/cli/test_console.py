"""The terminal."""

import io
import json

import pytest
from rich.console import Console
from rich.table import Column, Table

from cheapsearch.search.cli.console import make_console, print_json, print_table


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
            *("trial 12", "  accuracy 49.00 % (-1.80)", "  what expand reuse, shortcut identity"),
        ]
    else:
        assert shown.getvalue().split()[:3] == ["trial", "accuracy", "what"]


def test_print_json_prints_no_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"accuracy": float("nan")})
    assert capsys.readouterr().out == ""
    print_json({"accuracy": 62.5, "left": None})
    assert json.loads(capsys.readouterr().out) == {"accuracy": 62.5, "left": None}
