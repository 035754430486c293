"""What `-v` shows: log lines of this package, and with a second v its details and Optuna's."""

import argparse
import logging
import sys
from typing import TextIO

_FORMAT = "%(asctime)s.%(msecs)03d %(name)s: %(message)s"


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is now: a live display puts itself in its place while it is drawn."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def add_verbose(parser: argparse.ArgumentParser, *, default: int | str) -> None:
    """`-v`."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=default,
        help="log decisions and timings to stderr; -vv: details too, and Optuna's",
    )


def show_logs(verbose: int) -> None:
    """Let log lines be seen: none but warnings, those of decisions, or all and Optuna's."""
    package = logging.getLogger(__name__.partition(".")[0])
    package.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
    if verbose > 1:
        logging.getLogger("optuna").setLevel(logging.DEBUG)  # which shows them itself
    if not any(isinstance(handler, _ToStderr) for handler in package.handlers):
        package.addHandler(_ToStderr())
