"""The command line: each command parses, calls the library and prints."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ..space import ArchitectureConfig, UserError, find_architecture, write_text
from .arguments import given_policy, given_settings, make_parser

EXIT_FAILED, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130

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
        return _complain(str(error), EXIT_USER)
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain of it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _complain(
            f"cannot read or write{where}: {error.strerror or error}; mend that and run the same command "
            "again, what was finished is kept",
            EXIT_USER,
        )
    except KeyboardInterrupt:
        return _complain("interrupted", EXIT_INTERRUPTED)


def _complain(message: str, code: int) -> int:
    print(f"cheapsearch: {' '.join(message.split())}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> int:
    from ..reports import write_report
    from .console import make_console
    from .display import SearchDisplay, print_result, print_start, run_result
    from .driver import SearchFailedError
    from .run import Run, default_folder, open_run

    # Progress goes to stderr where stdout is to be read by a program.
    console = make_console(stderr=options.json, markup=False)
    given = given_settings(options)
    out = options.out or default_folder(given)
    # A polite `kill` ends a search as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def finish(run: Run) -> int:
        write_report(out)
        if run.trained == 0:
            return _complain(
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
            return _complain(
                f"interrupted with {run.trained} of {run.record.budget} architectures trained; "
                f"go on with: cheapsearch run --out {out}",
                EXIT_INTERRUPTED,
            )
        except SearchFailedError as error:
            write_report(out)
            return _complain(f"{error}; the trials so far are in {out}", EXIT_FAILED)
        code = finish(run)
    if options.retrain and code == 0:
        again = ["retrain", str(out), "--yes", *(["--json"] if options.json else [])]
        if "workers" in given:
            again += ["--workers", str(given["workers"])]
        return _retrain(make_parser().parse_args(again))
    return code


def _retrain(options: argparse.Namespace) -> int:
    from ..reports import load_run, write_report
    from ..reports.text import duration
    from .console import make_console
    from .devices import resolve_device, worker_devices
    from .full_training import DataSource
    from .retrain import RETRAIN_FOLDER, Retraining, choose_trials, retrain_jobs
    from .run_folder import RunFolder
    from .training_display import RetrainDisplay, results_table
    from .training_folder import TrainingFolder

    console = make_console(stderr=options.json, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = load_run(options.run)
    record = run.record
    chosen = choose_trials(
        record, run.trials, numbers=options.trial, top=options.top, everything=options.everything
    )
    policy = given_policy(options, dataset=record.dataset, input_size=record.input_size)
    jobs = retrain_jobs(options.run, chosen, policy, first_seed=record.seed, seeds=options.seeds)
    device = resolve_device(options.device)
    data_dir = options.data_dir or (Path(record.data_dir) if record.data_dir else None)
    source = DataSource(record.dataset, data_dir, record.input_size, record.seed)
    failed = 0
    with (
        RunFolder(options.run / RETRAIN_FOLDER).locked(),
        Retraining(
            source,
            policy,
            jobs,
            devices=worker_devices(device, options.workers, len(jobs)),
            fingerprint=record.fingerprint,
            say=lambda line: console.print(line, style="dim"),
        ) as retraining,
    ):
        if retraining.open:
            console.print(
                f"{len(retraining.open)} trainings of {policy.epochs} epochs, {len(retraining.finished)} "
                f"done already; measuring how long they take on {len(retraining.devices)} x {device} ..."
            )
            console.print(f"about {duration(retraining.estimate())} in all")
            if not options.yes and not _agreed(console):
                console.print("nothing was trained; --yes begins without asking")
                return 0
        try:
            with RetrainDisplay(console, total=len(retraining.open), epochs=policy.epochs) as display:
                for running, ended in retraining.train():
                    display.update(running, ended)
                    failed += sum(outcome.accuracy is None for _, outcome in ended)
                    if ended:
                        write_report(options.run)
        except KeyboardInterrupt:
            return _complain(
                "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
            )
    report = write_report(options.run)
    results = [found for job in jobs if (found := TrainingFolder(job.folder).read_result()) is not None]
    if options.json:
        print(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        console.print(results_table(results))
        console.print(f"report   {report}", soft_wrap=True)
        console.print(f"weights  {options.run / RETRAIN_FOLDER}/*/best.safetensors", soft_wrap=True)
    return EXIT_FAILED if failed else 0


def _agreed(console: Any) -> bool:
    """Ask for a yes; the end of the input is a no."""
    console.print("begin? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _train(options: argparse.Namespace) -> int:
    from .console import make_console
    from .data import open_images
    from .devices import available_cores, prepare_process, resolve_device
    from .full_training import DataSource, FullTrainer, TrainingJob
    from .retrain import seeded_folder
    from .run_folder import RunFolder
    from .team import join_team
    from .training import DivergedError
    from .training_display import epoch_line, results_table
    from .training_folder import TrainingFolder

    console = make_console(stderr=options.json, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.seeds < 1:
        raise UserError(f"--seeds: must be 1 or more, got {options.seeds}")
    found = find_architecture(options.arch)
    architecture = found.architecture if isinstance(found, ArchitectureConfig) else found
    name = f"{Path(options.arch).stem}-{Path(options.dataset).stem}"
    out = options.out or Path("runs") / name
    seeds = range(options.seed, options.seed + options.seeds)
    jobs = [
        TrainingJob(index, architecture, seed, seeded_folder(out, seed, options.seed))
        for index, seed in enumerate(seeds)
    ]
    device = resolve_device(options.device)
    with join_team() as team, RunFolder(out).locked() if team.leads else nullcontext():

        def say(line: str) -> None:
            if team.leads:
                console.print(line, soft_wrap=True)

        begun = TrainingFolder(out).read_record()
        threads = begun.threads if begun else max(1, available_cores() // team.size)
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        prepare_process(device, threads=threads)
        size = open_images(
            options.dataset, data_dir=options.data_dir, seed=0, input_size=options.input_size, progress=say
        ).input_size
        policy = given_policy(options, dataset=options.dataset, input_size=size)
        source = DataSource(options.dataset, options.data_dir, options.input_size, options.seed)
        trainer = FullTrainer(source, policy, device, team=team, threads=threads, say=say)
        try:
            for job in jobs:
                for epoch in trainer.train(job):
                    say(epoch_line(epoch, policy.epochs))
        except KeyboardInterrupt:
            return _complain(
                "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
            )
        except DivergedError as error:
            return _complain(f"{error}; try a lower --learning-rate in another --out", EXIT_FAILED)
        if team.leads:
            results = [result for job in jobs if (result := TrainingFolder(job.folder).read_result())]
            if options.json:
                print(json.dumps([result.to_dict() for result in results], indent=2))
            else:
                console.print(results_table(results))
                config, weights = out / "architecture.yaml", out / "best.safetensors"
                say(f'load     cheapsearch.load("{config}", weights="{weights}")')
    return 0


def _show(options: argparse.Namespace) -> int:
    from .facts import architecture_facts, print_architecture

    architecture, num_classes, input_size = _architecture(options.arch, options)
    facts = architecture_facts(architecture, num_classes=num_classes, input_size=input_size)
    return _print(options, facts, print_architecture)


def _space(options: argparse.Namespace) -> int:
    from .facts import print_space, space_facts

    facts = space_facts(
        options.backbone,
        width=options.width,
        per_stage=options.per_stage,
        num_classes=options.num_classes,
        input_size=options.input_size,
    )
    return _print(options, facts, print_space)


def _presets(options: argparse.Namespace) -> int:
    from .facts import preset_facts, print_presets

    facts = preset_facts(num_classes=options.num_classes, input_size=options.input_size)
    return _print(options, facts, print_presets)


def _report(options: argparse.Namespace) -> int:
    from ..reports import write_report

    print(write_report(options.run))
    return 0


def _rehearse(options: argparse.Namespace) -> int:
    from ..reports import write_rehearsal
    from .rehearsal import load_table, rehearse
    from .rehearsal_table import print_rehearsal

    results = rehearse(
        load_table(options.table, options.costs),
        samplers=options.sampler,
        budget=options.budget,
        seeds=options.seeds,
        reference_accuracy=options.reference_accuracy,
        in_flight=options.in_flight,
    )
    if options.output is not None:
        write_rehearsal(results, options.output, title=options.table.name)
    return _print(options, results, print_rehearsal)


def _export(options: argparse.Namespace) -> int:
    from .. import __version__
    from ..models import describe
    from ..reports import load_run
    from .run import export_trial

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
