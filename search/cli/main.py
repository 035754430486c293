"""The command line: every command, what can be typed after `cheapsearch`, and how a command ends."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from ... import __version__
from ...space import UserError
from ..workers.devices import let_threads_sleep
from ..workers.jobs import reason_of
from . import (
    completion,
    data,
    export,
    latency,
    latency_table,
    predict,
    presets,
    rehearse,
    report,
    retrain,
    run,
    show,
    space,
    train,
)
from .command_line import Parser
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USER, complain, keep_trace, write_as_can_be
from .logs import add_verbose, show_logs

_log = logging.getLogger(__name__)


class Command(Protocol):
    """A module for a command. It imports what is heavy where it uses it, so that --help answers at once."""

    def add(self, commands: Any) -> None:
        """Declare the command's flags."""

    def perform(self, options: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


COMMANDS: dict[str, Command] = {
    "run": run,
    "retrain": retrain,
    "train": train,
    "predict": predict,
    "data": data,
    "show": show,
    "space": space,
    "presets": presets,
    "latency": latency,
    "latency-table": latency_table,
    "report": report,
    "rehearse": rehearse,
    "export": export,
    "completion": completion,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 done, 1 something failed while running, 2 the user's mistake, 130 interrupted.
    """
    let_threads_sleep()
    write_as_can_be()
    options = argparse.Namespace()
    try:
        parser = make_parser()
        if "_ARGCOMPLETE" in os.environ:
            completion.answer(parser)
        options = parser.parse_args(arguments)
        show_logs(options.verbose)
        _log.info("cheapsearch %s: %s", __version__, options.command)
        return COMMANDS[options.command].perform(options)
    except UserError as error:
        return complain(error.at_terminal, EXIT_USER)
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain of it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return complain(
            f"cannot read or write{where}: {error.strerror or error}; mend that and run the same command "
            "again, what was finished is kept",
            EXIT_USER,
        )
    except KeyboardInterrupt:
        return complain("interrupted", EXIT_INTERRUPTED)
    except Exception as error:  # a mistake of ours: a line for the user, and all of it for a report of it
        kept = keep_trace(error, getattr(options, "out", None) or getattr(options, "run", None))
        return complain(
            f"an unforeseen {reason_of(error)}; what was finished is kept, and the whole "
            f"traceback is in {kept}: please report it",
            EXIT_FAILED,
        )


def make_parser() -> Parser:
    """The parser of every command; a mistake raises `UserError`."""
    parser = Parser(
        prog="cheapsearch",
        description="Neural architecture search over the modification sites of MobileNetV2 and MobileNetV3.",
        epilog="A first search that needs no network: cheapsearch run --dataset digits --budget 20",
    )
    add_verbose(parser, default=0)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    for command in COMMANDS.values():
        command.add(commands)
    parser.commands = commands.choices
    said = {action.dest: action.help for action in commands._choices_actions}
    for name, command_parser in parser.commands.items():
        add_verbose(command_parser, default=argparse.SUPPRESS)  # where there is none, that before it counts
        line = said[name] or ""
        command_parser.description = command_parser.description or f"{line[:1].upper()}{line[1:]}."
    return parser
