"""`cheapsearch retrain`: networks of a run under a full policy."""

import argparse
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import RETRAIN_FOLDER, text
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import add_track, add_training, add_workplace, given_training, given_workplace

if TYPE_CHECKING:
    from rich.console import Console

    from ..results import RetrainResult
    from ..training.retrain import Retraining


def add(commands: Any) -> None:
    """Declare the command's flags."""
    retrain = commands.add_parser(
        "retrain",
        usage="%(prog)s [options] RUN",
        help="train the front of a run under a full policy; again: go on",
        description="Train the front of a run under a full policy. The same command again goes on.",
        examples=(
            "cheapsearch retrain runs/mobilenet_v2-digits",
            "cheapsearch retrain runs/mobilenet_v2-digits --top 3 --seeds 2 --yes",
        ),
    )
    retrain.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    which = retrain.add_mutually_exclusive_group()
    which.add_argument(
        "--trial", type=int, nargs="+", default=(), metavar="N", help="these trials in place of the front"
    )
    which.add_argument("--top", type=int, metavar="N", help="the N most accurate trials")
    which.add_argument("--all", action="store_true", help="every complete trial")
    retrain.add_argument("--dataset", metavar="DATA", help="the same images, where they lie now")
    retrain.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where the data set lies (default: where it did)"
    )
    retrain.add_argument("--workers", type=int, metavar="N", help="networks at a time (default: as for run)")
    add_workplace(retrain)
    add_track(retrain)
    retrain.add_argument("--yes", action="store_true", help="begin without asking")
    add_training(retrain, pretrained=None, begins="default: those of the run")


def perform(options: argparse.Namespace) -> int:
    """Say what is trained and how long it will take, ask, train and print the results."""
    from .console import print_json

    names = ("trial", "top", "all", "dataset", "data_dir", "workers")
    arguments = {name: getattr(options, name) for name in names} | given_training(options)
    arguments |= given_workplace(options) | {"track": getattr(options, "track", ())}
    code, result = retrain_and_show(options.run, ask=not options.yes, quiet=options.json, **arguments)
    if options.json and result is not None:
        print_json(result.to_dict())
    return code


def retrain_and_show(
    run: Path, *, ask: bool, quiet: bool, **arguments: Any
) -> tuple[int, "RetrainResult | None"]:
    """Train networks of a run, showing how it goes and what they came to.

    Args:
        ask: Whether somebody has to agree first.
        quiet: Leave stdout to JSON.
        arguments: Of `cheapsearch.retrain`.

    Returns:
        The exit code, and the result where anything was trained.
    """
    from ...space.saved_run import load_run
    from .. import api
    from ..workers.pool import WorkersFailedError
    from .console import make_console, print_line, print_table
    from .retrain_display import RetrainDisplay, results_table, waiting_lines

    console = make_console(stderr=quiet, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as shown:
        displays: list[RetrainDisplay] = []

        def approve(retraining: "Retraining") -> bool:
            epochs, device = retraining.policy.epochs, retraining.devices[0].partition(":")[0]
            for line in waiting_lines(retraining.open, load_run(run).space.unmodified):
                print_line(console, line)
            console.print(
                f"{len(retraining.open)} to train for {text.many(epochs, 'epoch')}, "
                f"{len(retraining.finished)} done already; measuring how long they take on "
                f"{len(retraining.devices)} x {device} ..."
            )
            console.print(f"about {text.duration(retraining.estimate())} in all")
            if ask and not _agreed(console):
                return False
            display = RetrainDisplay(console, total=len(retraining.open), epochs=epochs)
            displays.append(shown.enter_context(display))
            return True

        try:
            result = api.retrain(
                run,
                **arguments,
                progress=False,
                approve=approve,
                on_progress=lambda running, ended: displays[0].update(running, ended),
                say=lambda line: console.print(line, style="dim"),
            )
        except KeyboardInterrupt:
            shown.close()
            message = "interrupted; every epoch that ended is kept, the same command goes on"
            return complain(message, EXIT_INTERRUPTED), None
        except WorkersFailedError as error:
            shown.close()
            return complain(str(error), EXIT_FAILED), None
    if result.report is None:
        console.print("nothing was trained; --yes begins without asking")
        return 0, None
    for failure in result.failures:
        print_line(console, f"failed   {failure}; its traceback is in {run / RETRAIN_FOLDER}/*/error.txt")
    if not quiet and result.results:
        print_table(console, results_table(result.results))
        print_line(console, f"report   {result.report}")
        print_line(console, f"weights  {run / RETRAIN_FOLDER}/*/best.safetensors")
        print_line(console, f"predict  cheapsearch predict {run / RETRAIN_FOLDER}/NAME IMAGE|FOLDER")
    return EXIT_FAILED if result.failures else 0, result


def _agreed(console: "Console") -> bool:
    """Ask for a yes; the end of the input is a no."""
    console.print("begin? [y/N] ", end="")
    answer = sys.stdin.readline()
    if not answer or not sys.stdin.isatty():  # nobody's return key ended the line
        console.print()
    return answer.strip().lower() in ("y", "yes")
