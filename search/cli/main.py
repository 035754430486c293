"""The command line: each command parses, calls the library and prints."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...space import ArchitectureConfig, UserError, find_architecture, write_text
from .arguments import given_settings, make_parser
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USER, complain

# Commands import what they use, so that --help and --version answer without torch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 done, 1 something failed while running, 2 the user's mistake, 130 interrupted.
    """
    try:
        options = make_parser().parse_args(arguments)
        return COMMANDS[options.command](options)
    except UserError as error:
        return complain(str(error), EXIT_USER)
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


def _run(options: argparse.Namespace) -> int:
    from ...reports import write_report
    from ..study.driver import SearchFailedError
    from ..study.run import Run, default_folder, open_run
    from .console import make_console
    from .display import SearchDisplay, print_result, print_start, run_result

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
        again = ["retrain", str(out), "--yes", *(["--json"] if options.json else [])]
        for name in given.keys() & {"workers", "device"}:
            again += [f"--{name}", str(given[name])]
        return _retrain(make_parser().parse_args(again))
    return code


def _retrain(options: argparse.Namespace) -> int:
    from ...reports import load_run, write_report
    from .training_commands import retrain

    run = load_run(options.run)
    return retrain(options, run.record, run.trials, report=lambda: write_report(options.run))


def _train(options: argparse.Namespace) -> int:
    from .training_commands import train

    return train(options)


def _show(options: argparse.Namespace) -> int:
    from .facts import architecture_facts, print_architecture

    architecture, num_classes, input_size = _architecture(options.arch, options)
    facts = architecture_facts(architecture, num_classes=num_classes, input_size=input_size)
    return _print(options, facts, print_architecture)


def _space(options: argparse.Namespace) -> int:
    from .facts import print_space, space_costs, space_facts

    names = ("width", "per_stage", "num_classes", "input_size")
    settings: dict[str, Any] = {name: getattr(options, name) for name in names}
    facts = space_facts(options.backbone, **settings)
    if options.output is not None:
        from ...reports import write_space

        write_space(facts, space_costs(options.backbone, **settings), options.output)
    return _print(options, facts, print_space)


def _presets(options: argparse.Namespace) -> int:
    from .facts import preset_facts, print_presets

    facts = preset_facts(num_classes=options.num_classes, input_size=options.input_size)
    return _print(options, facts, print_presets)


def _report(options: argparse.Namespace) -> int:
    from ...reports import write_report

    print(write_report(options.run))
    return 0


def _rehearse(options: argparse.Namespace) -> int:
    from ...reports import write_rehearsal
    from ..rehearsal.compare import rehearse
    from ..rehearsal.result_table import DIGITS_TABLE, load_table
    from .rehearsal_table import print_rehearsal

    path = options.table or DIGITS_TABLE
    results = rehearse(
        load_table(path, options.costs),
        samplers=options.sampler,
        budget=options.budget,
        seeds=options.seeds,
        reference_accuracy=options.reference_accuracy,
        in_flight=options.in_flight,
        stopping=options.stopping,
    )
    code = _print(options, results, print_rehearsal)
    if options.output is not None:  # last, so that a page that cannot be written loses nothing
        write_rehearsal(results, options.output, title=path.name)
    return code


def _export(options: argparse.Namespace) -> int:
    from ... import __version__
    from ...models import describe
    from ...reports import load_run
    from ..study.run import export_trial

    source = Path(options.source)
    if source.is_dir():
        for name in ("num_classes", "input_size"):
            if getattr(options, name) is not None:
                raise UserError(
                    f"--{name.replace('_', '-')}: is the run's own; leave it out for a run folder"
                )
        run = load_run(source)
        config = export_trial(run.record, run.trials, options.pick, run_name=source.resolve().name)
    else:
        if options.pick is not None:
            raise UserError(f"--pick: chooses from a run folder, {options.source} is none; leave it out")
        architecture, num_classes, input_size = _architecture(options.source, options)
        config = describe(
            architecture,
            num_classes=num_classes,
            input_size=input_size,
            version=__version__,
            origin={"source": options.source},
        )
    if options.output is None:
        print(config.to_yaml(), end="")
    else:
        write_text(options.output, config.to_yaml())
        print(options.output)
    return 0


def _architecture(reference: str, options: argparse.Namespace) -> tuple[Any, int, int]:
    """ARCH with its number of classes and input size: what was asked, else its own, else 10 and 32."""
    found = find_architecture(reference)
    own = (found.num_classes, found.input_size) if isinstance(found, ArchitectureConfig) else (10, 32)
    architecture = found.architecture if isinstance(found, ArchitectureConfig) else found
    asked = (options.num_classes, options.input_size)
    num_classes, input_size = (mine if it is None else it for it, mine in zip(asked, own, strict=True))
    return architecture, num_classes, input_size


def _print(
    options: argparse.Namespace, facts: dict[str, Any], as_text: Callable[[dict[str, Any]], None]
) -> int:
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        as_text(facts)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "retrain": _retrain,
    "train": _train,
    "show": _show,
    "space": _space,
    "presets": _presets,
    "report": _report,
    "export": _export,
    "rehearse": _rehearse,
}
