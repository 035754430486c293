"""`-v`: what is logged, where it goes, and that nothing is without it."""

import logging
from collections.abc import Callable, Iterator

import pytest

from cheapsearch.search.cli import presets
from cheapsearch.search.cli.main import make_parser

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """A command sets levels of the process; other tests find them as they were."""
    loggers = [logging.getLogger(name) for name in ("cheapsearch", "optuna")]
    before = [(logger, logger.level) for logger in loggers]
    yield
    for logger, level in before:
        logger.setLevel(level)


@pytest.fixture
def logging_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`presets` logs a line of each level, and does nothing else."""

    def perform(options: object) -> int:
        for name in ("cheapsearch.search.study.driver", "optuna.study"):
            logging.getLogger(name).info("%s decides", name)
            logging.getLogger(name).debug("%s in detail", name)
        return 0

    monkeypatch.setattr(presets, "perform", perform)


@pytest.mark.usefixtures("logging_command")
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("presets",), ()),
        (("presets", "-v"), ("driver decides",)),
        (("-v", "presets"), ("driver decides",)),
        (("presets", "-vv"), ("driver decides", "driver in detail")),
        (("presets", "--verbose", "--verbose"), ("driver decides", "driver in detail")),
    ],
)
def test_as_many_lines_are_logged_as_asked_for(
    arguments: tuple[str, ...], wanted: tuple[str, ...], call: Call
) -> None:
    code, out, error = call(*arguments)
    own = [line for line in error.splitlines() if "driver" in line]
    assert (code, out) == (0, "")
    assert len(own) == len(wanted)
    assert all(said in line for said, line in zip(wanted, own, strict=True))


@pytest.mark.usefixtures("logging_command")
def test_a_second_command_logs_no_line_twice(call: Call) -> None:
    call("presets", "-v")
    assert call("presets", "-v")[2].count("driver decides") == 1


def test_every_command_takes_it() -> None:
    for name, command in make_parser().commands.items():
        assert "--verbose" in {flag for action in command._actions for flag in action.option_strings}, name
