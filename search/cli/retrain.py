"""`cheapsearch retrain`: networks of a run under a full policy."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import RETRAIN_FOLDER
from ...space.run_folder import RunFolder
from ...space.training_folder import TrainingFolder
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import add_training, given_policy

if TYPE_CHECKING:
    from rich.console import Console


def add(commands: Any) -> None:
    """Declare the command's flags."""
    retrain = commands.add_parser(
        "retrain",
        help="train the front of a run under a full policy; again: go on",
        description="Train the front of a run under a full policy. The same command again goes on.",
    )
    retrain.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    which = retrain.add_mutually_exclusive_group()
    which.add_argument(
        "--trial", type=int, nargs="+", default=(), metavar="N", help="these trials in place of the front"
    )
    which.add_argument("--top", type=int, metavar="N", help="the N most accurate trials")
    which.add_argument("--all", action="store_true", dest="everything", help="every complete trial")
    retrain.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where the data set lies (default: where it did)"
    )
    retrain.add_argument("--workers", type=int, metavar="N", help="networks at a time (default: as for run)")
    retrain.add_argument("--yes", action="store_true", help="begin without asking")
    add_training(retrain)


def perform(options: argparse.Namespace) -> int:
    """Say how long it will take, ask, train and print the results."""
    from ...reports import load_run, write_report
    from ..training.images import DataSource
    from ..training.retrain import Retraining, choose_trials, retrain_jobs
    from ..workers.devices import resolve_device, worker_devices
    from ..workers.jobs import Failed
    from ..workers.local import executor_for
    from .console import make_console
    from .retrain_display import RetrainDisplay, results_table
    from .search_display import span

    run = load_run(options.run)
    record, trials = run.record, run.trials
    console = make_console(stderr=options.json, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = choose_trials(
        record, trials, numbers=options.trial, top=options.top, everything=options.everything
    )
    policy = given_policy(options, dataset=record.settings.dataset, input_size=record.input_size)
    jobs = retrain_jobs(options.run, chosen, policy, first_seed=record.settings.seed, seeds=options.seeds)
    device = resolve_device(options.device)
    data_dir = options.data_dir or record.settings.data_dir
    source = DataSource(record.settings.dataset, data_dir, record.input_size, record.settings.seed)
    failed = 0
    with (
        RunFolder(options.run / RETRAIN_FOLDER).locked(),
        Retraining(
            source,
            policy,
            jobs,
            devices=worker_devices(device, options.workers, len(jobs)),
            fingerprint=record.fingerprint,
            make_executor=executor_for(options.workers),
            say=lambda line: console.print(line, style="dim"),
        ) as retraining,
    ):
        if retraining.open:
            console.print(
                f"{len(retraining.open)} to train for {policy.epochs} epochs, {len(retraining.finished)} "
                f"done already; measuring how long they take on {len(retraining.devices)} x {device} ..."
            )
            console.print(f"about {span(retraining.estimate())} in all")
            if not options.yes and not _agreed(console):
                console.print("nothing was trained; --yes begins without asking")
                return 0
        try:
            with RetrainDisplay(console, total=len(retraining.open), epochs=policy.epochs) as display:
                for running, ended in retraining.train():
                    display.update(running, ended)
                    failed += sum(isinstance(outcome, Failed) for _, outcome in ended)
                    if ended:
                        write_report(options.run)
        except KeyboardInterrupt:
            return complain(
                "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
            )
    where = write_report(options.run)
    results = [found for job in jobs if (found := TrainingFolder(job.folder).read_result()) is not None]
    if options.json:
        print(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        console.print(results_table(results))
        console.print(f"report   {where}", soft_wrap=True)
        console.print(f"weights  {options.run / RETRAIN_FOLDER}/*/best.safetensors", soft_wrap=True)
    return EXIT_FAILED if failed else 0


def _agreed(console: "Console") -> bool:
    """Ask for a yes; the end of the input is a no."""
    console.print("begin? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
