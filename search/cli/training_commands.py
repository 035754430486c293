"""`cheapsearch train` and `cheapsearch retrain`: trainings under a full policy, started and shown."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from ...space import RETRAIN_FOLDER, ArchitectureConfig, RunRecord, TrialRecord, UserError, find_architecture
from ...space.run_folder import RunFolder
from ...space.training_folder import TrainingFolder
from ..data import dataset_name, open_images
from ..training.full import FullTrainer, TrainingJob
from ..training.images import DataSource
from ..training.loop import DivergedError
from ..training.retrain import Retraining, choose_trials, retrain_jobs, seeded_folder
from ..training.team import join_team
from ..workers.devices import available_cores, prepare_process, resolve_device, worker_devices
from ..workers.jobs import Failed
from ..workers.local import executor_for
from .arguments import given_policy
from .console import make_console
from .display import span
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .training_display import RetrainDisplay, epoch_line, results_table


def retrain(
    options: argparse.Namespace,
    record: RunRecord,
    trials: Sequence[TrialRecord],
    *,
    report: Callable[[], Path],
) -> int:
    """Train networks of a run.

    Args:
        report: Writes the run's report again and says where it is.

    Returns:
        The exit code.
    """
    console = make_console(stderr=options.json, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = choose_trials(
        record, trials, numbers=options.trial, top=options.top, everything=options.everything
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
                        report()
        except KeyboardInterrupt:
            return complain(
                "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
            )
    where = report()
    results = [found for job in jobs if (found := TrainingFolder(job.folder).read_result()) is not None]
    if options.json:
        print(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        console.print(results_table(results))
        console.print(f"report   {where}", soft_wrap=True)
        console.print(f"weights  {options.run / RETRAIN_FOLDER}/*/best.safetensors", soft_wrap=True)
    return EXIT_FAILED if failed else 0


def train(options: argparse.Namespace) -> int:
    """Train a preset or an exported config.

    Returns:
        The exit code.
    """
    console = make_console(stderr=options.json, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.seeds < 1:
        raise UserError(f"--seeds: must be 1 or more, got {options.seeds}")
    found = find_architecture(options.arch)
    architecture = found.architecture if isinstance(found, ArchitectureConfig) else found
    name = f"{Path(options.arch).stem}-{dataset_name(options.dataset)}"
    out = options.out or Path("runs") / name
    seeds = range(options.seed, options.seed + options.seeds)
    jobs = [
        TrainingJob(index, architecture, seed, seeded_folder(out, seed, options.seed))
        for index, seed in enumerate(seeds)
    ]
    device = resolve_device(options.device)
    with join_team() as team:

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
            # Here and not before, so that a mistake leaves no folder.
            with RunFolder(out).locked() if team.leads else nullcontext():
                for job in jobs:
                    for epoch in trainer.train(job):
                        say(epoch_line(epoch, policy.epochs))
        except KeyboardInterrupt:
            return complain(
                "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
            )
        except DivergedError as error:
            return complain(f"{error}; try a lower --learning-rate in another --out", EXIT_FAILED)
        if team.leads:
            results = [result for job in jobs if (result := TrainingFolder(job.folder).read_result())]
            if options.json:
                print(json.dumps([result.to_dict() for result in results], indent=2))
            else:
                console.print(results_table(results))
                config, weights = out / "architecture.yaml", out / "best.safetensors"
                say(f'load     cheapsearch.load("{config}", weights="{weights}")')
    return 0


def _agreed(console: Console) -> bool:
    """Ask for a yes; the end of the input is a no."""
    console.print("begin? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
