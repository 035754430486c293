"""Commands as they are typed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cheapsearch.search.cli.main import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests run in says nothing of the terminals that they pretend."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Run a command in an empty folder: its exit code, and what it printed to stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def refused(call: Call) -> Callable[..., str]:
    """Run a command that fails, with 2 unless another code is named: the one line it prints."""

    def run(*arguments: object, code: int = 2) -> str:
        found, out, error = call(*arguments)
        assert (found, out) == (code, "")
        assert error.startswith("cheapsearch: ")
        assert error.endswith("\n")
        assert error.count("\n") == 1
        return error.removeprefix("cheapsearch: ").strip()

    return run
