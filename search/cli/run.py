"""`cheapsearch run`: search, and go on with a search."""

import argparse
import json
import shlex
import signal
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import (
    ASSUMED_DEVIATION,
    FLOPS_CONVENTION,
    ArchitectureConfig,
    RunSettings,
    front_probabilities,
    pareto_front,
    seed_noise,
    ties,
)
from . import retrain
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import add_setting

if TYPE_CHECKING:
    from rich.console import Console

    from ..study.run import Run


def add(commands: Any) -> None:
    """Declare the command's flags."""
    run = commands.add_parser(
        "run",
        help="search; again with the same --out: go on",
        description="Search. With the --out of an earlier run it goes on where that one stopped.",
        argument_default=argparse.SUPPRESS,
    )
    for field in fields(RunSettings):
        add_setting(run, field)
    run.add_argument("--epochs", type=int, metavar="N", help="of the proxy, as --proxy epochs=N")
    run.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="run folder (default runs/BACKBONE-DATASET)"
    )
    run.add_argument(
        "--retrain",
        action="store_true",
        default=False,
        help="go straight on: train the front under the full policy, as `cheapsearch retrain --yes` does",
    )
    run.add_argument("--json", action="store_true", default=False, help="print the result as JSON")


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The run settings that were on the command line."""
    given = {
        key: value for key, value in vars(options).items() if key not in ("command", "out", "json", "retrain")
    }
    if "epochs" in given:
        given["proxy"] = {**given.get("proxy", {}), "epochs": given.pop("epochs")}
    return given


def perform(options: argparse.Namespace) -> int:
    """Search, showing progress, then print the front and what to do next."""
    from ...reports import write_report
    from ..study.driver import SearchFailedError
    from ..study.run import Run, default_folder, open_run
    from .console import make_console
    from .search_display import SearchDisplay

    # Progress goes to stderr where stdout is to be read by a program.
    console = make_console(stderr=options.json, markup=False)
    given = given_settings(options)
    out = options.out or default_folder(given)
    # A polite `kill` ends a search as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def finish(run: Run) -> int:
        write_report(out)
        if run.trained == 0:
            return complain(
                f"no architecture could be trained; the reasons are in {out}/trials.csv", EXIT_FAILED
            )
        best = run.write_best()
        if options.json:
            print(json.dumps(run_result(run, best), indent=2))
        else:
            print_result(console, run, best)
        return 0

    code = EXIT_FAILED
    with open_run(given, out=out, say=lambda line: console.print(line, style="dim", markup=False)) as run:
        print_start(console, run)
        try:
            with SearchDisplay(console, run) as display:
                for trial in run.search():
                    display.update(trial)
        except KeyboardInterrupt:
            write_report(out)
            return complain(
                f"interrupted with {run.done} of {run.wanted} architectures trained; "
                f"go on with: cheapsearch run --out {out}",
                EXIT_INTERRUPTED,
            )
        except SearchFailedError as error:
            write_report(out)
            return complain(f"{error}; the trials so far are in {out}", EXIT_FAILED)
        code = finish(run)
    if options.retrain and code == 0:
        from .main import make_parser

        again = ["retrain", str(out), "--yes", *(["--json"] if options.json else [])]
        for name in given.keys() & {"workers", "device"}:
            again += [f"--{name}", str(given[name])]
        return retrain.perform(make_parser().parse_args(again))
    return code


def print_start(console: "Console", run: "Run") -> None:
    """What is about to be searched, and with what."""
    from .console import print_line

    settings = run.record.settings
    workers = f"{_many(len(run.devices), 'worker')} on {settings.device}"
    print_line(
        console,
        f"{settings.backbone} on {settings.dataset}: {run.space.distinct_size:,} distinct architectures, "
        f"{run.done} of {run.wanted} trained, {workers}, in {run.folder.path}",
    )


def run_result(run: "Run", best: ArchitectureConfig) -> dict[str, Any]:
    """What a run came to, for programs."""
    front = pareto_front(run.trials, run.record.settings.objectives)
    noise = seed_noise(run.trials)
    probabilities = front_probabilities(run.trials, run.record.settings.objectives)
    tied = ties(front, run.trials, run.record.settings.objectives)
    return {
        "out": str(run.folder.path),
        "trained": run.trained,
        "repeated": run.repeated,
        "stopped": run.done - run.trained - run.repeated,
        "seed_deviation": noise.deviation,
        "budget": run.record.settings.budget,
        "flops_convention": FLOPS_CONVENTION,
        "best": best.hash,
        "front": [
            trial.to_row() | {"front_probability": probabilities[trial.number], "tie": tied.get(trial.number)}
            for trial in front
        ],
    }


def print_result(console: "Console", run: "Run", best: ArchitectureConfig) -> None:
    """The front against the unmodified network, where the files are, and what to do next."""
    from .console import print_line
    from .search_display import front_table

    record = run.record
    front = pareto_front(run.trials, record.settings.objectives)
    stopped = run.done - run.trained - run.repeated
    repeats = f", {_many(run.repeated, 'repeat')}" if run.repeated else ""
    repeats += f", {stopped} stopped early" if stopped else ""
    objectives = ", ".join(record.settings.objectives)
    console.print()
    console.print(
        f"{run.trained} architectures trained{repeats}, {len(front)} on the front of {objectives}; "
        "differences are to the unmodified network"
    )
    console.print(front_table(front, run.trials, run.space.unmodified, record.settings.objectives))
    noise = seed_noise(run.trials)
    source = (
        f"measured on {_many(noise.repeats, 'repeat')} and an assumed {ASSUMED_DEVIATION}"
        if noise.repeats
        else "assumed, nothing was repeated"
    )
    console.print(
        f"sure: the probability of being on the front, with {noise.deviation:.2f} points of deviation "
        f"between seeds ({source}); ~ N: not surely better than trial N, which is cheaper",
        style="dim",
    )
    console.print(f"flops: {FLOPS_CONVENTION}; accuracy: validation, after a short proxy", style="dim")
    if run.done < run.wanted:
        console.print(f"nothing untried was found within the limits: {run.done} of {run.wanted} trained")
    quoted, best_path = shlex.quote(str(run.folder.path)), shlex.quote(str(run.folder.best_path))
    for line in (
        f"report   {run.folder.report_path}",
        f"best     {run.folder.best_path} (trial {best.origin['trial']}, picked by {best.origin['pick']})",
        f"next     cheapsearch retrain {quoted}    to train the front in full",
        f"         cheapsearch show {best_path}",
        f"         cheapsearch run --out {quoted} --budget {2 * record.settings.budget}    to search on",
    ):
        print_line(console, line)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
