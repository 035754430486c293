"""The terminal."""

import pytest

from cheapsearch.search.cli.console import make_console


def test_make_console_does_not_cut_lines_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    make_console().print("x" * 150)
    make_console(stderr=True).print("y" * 150)
    captured = capsys.readouterr()
    assert captured.out == "x" * 150 + "\n"
    assert captured.err == "y" * 150 + "\n"
