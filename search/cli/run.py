"""`cheapsearch run`: search, and go on with a search."""

import argparse
import json
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import (
    ASSUMED_DEVIATION,
    BACKBONES,
    COSTS,
    FLOPS_CONVENTION,
    OBJECTIVES,
    STAGED_SITES,
    ArchitectureConfig,
    front_probabilities,
    pareto_front,
    seed_noise,
    ties,
)
from . import retrain
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import count, names, pairs, words

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
    run.add_argument("--budget", type=int, metavar="N", help="trainings (default 100)")
    run.add_argument(
        "--repeats", type=int, metavar="N", help="of these, with another seed (default a tenth, 5 at most)"
    )
    run.add_argument(
        "--confirm", type=int, metavar="N", help="repeats beyond the budget, where the front is in doubt"
    )
    run.add_argument(
        "--stopping", action=argparse.BooleanOptionalAction, help="stop what cannot reach the front (default)"
    )
    run.add_argument("--backbone", metavar="NAME", help=f"{names(BACKBONES)} (default mobilenet_v2)")
    run.add_argument("--width", type=float, help="width multiplier of the full networks (default 1)")
    run.add_argument(
        "--per-stage",
        type=words,
        metavar="SITES",
        help=f"search these stage by stage: {names(STAGED_SITES)}",
    )
    run.add_argument(
        "--dataset",
        metavar="DATA",
        help="cifar10 (default), cifar100, digits, imagenet, a MedMNIST-style .npz, or a folder of classes",
    )
    run.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data set lies, or shall lie")
    run.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="of the full networks (default: the data set's)"
    )
    run.add_argument(
        "--objectives",
        type=words,
        metavar="LIST",
        help=f"accuracy and costs (default {','.join(OBJECTIVES)})",
    )
    for cost in COSTS:
        run.add_argument(f"--max-{cost}", type=count, metavar="N", help="refuse anything dearer, e.g. 1.2M")
    run.add_argument("--reference-accuracy", type=float, metavar="A", help="look above it, in percent")
    run.add_argument("--sampler", metavar="NAME", help="cost_aware (default), tpe, gp, nsga2, random")
    run.add_argument("--seed", type=int, help="of weights, images and proposals (default 0)")
    run.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core or GPU)")
    run.add_argument(
        "--in-flight",
        type=int,
        metavar="N",
        help="proposals made before their results are known, the most workers that can help (default 4)",
    )
    run.add_argument("--device", help="auto (default), cpu, cuda, cuda:N, mps")
    run.add_argument("--storage", metavar="URL", help="Optuna storage in place of study.db in the run folder")
    run.add_argument("--epochs", type=int, metavar="N", help="of the proxy, as --proxy epochs=N")
    run.add_argument(
        "--proxy",
        type=pairs,
        metavar="K=V,...",
        help="change the proxy: epochs, width, input_size, images, batch_size, learning_rate",
    )
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

    record = run.record
    workers = f"{_many(len(run.devices), 'worker')} on {record.device}"
    print_line(
        console,
        f"{record.backbone} on {record.dataset}: {run.space.distinct_size:,} distinct architectures, "
        f"{run.done} of {run.wanted} trained, {workers}, in {run.folder.path}",
    )


def run_result(run: "Run", best: ArchitectureConfig) -> dict[str, Any]:
    """What a run came to, for programs."""
    front = pareto_front(run.trials, run.record.objectives)
    noise = seed_noise(run.trials)
    probabilities = front_probabilities(run.trials, run.record.objectives)
    tied = ties(front, run.trials, run.record.objectives)
    return {
        "out": str(run.folder.path),
        "trained": run.trained,
        "repeated": run.repeated,
        "stopped": run.done - run.trained - run.repeated,
        "seed_deviation": noise.deviation,
        "budget": run.record.budget,
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
    front = pareto_front(run.trials, record.objectives)
    stopped = run.done - run.trained - run.repeated
    repeats = f", {_many(run.repeated, 'repeat')}" if run.repeated else ""
    repeats += f", {stopped} stopped early" if stopped else ""
    objectives = ", ".join(record.objectives)
    console.print()
    console.print(
        f"{run.trained} architectures trained{repeats}, {len(front)} on the front of {objectives}; "
        "differences are to the unmodified network"
    )
    console.print(front_table(front, run.trials, run.space.unmodified, record.objectives))
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
        f"         cheapsearch run --out {quoted} --budget {2 * record.budget}    to search on",
    ):
        print_line(console, line)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
