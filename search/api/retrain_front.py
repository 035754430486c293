"""Full trainings of a run's front from Python: what `cheapsearch retrain` does."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

from ...models.pretrained import wanted_weights
from ...reports import write_report
from ...space import RETRAIN_FOLDER, UserError, is_pretrained
from ...space.errors import check_arguments
from ...space.run_folder import RunFolder
from ...space.saved_run import load_run
from ...space.training_folder import read_results
from ..data import handed
from ..results import RetrainResult
from ..tracking.tracking import Tracking, check_trackers
from ..training.full import TrainingJob, trained_architecture
from ..training.images import DataSource, searched_images
from ..training.policies import changed_policy
from ..training.retrain import (
    Retraining,
    check_same_weights,
    choose_trials,
    failures_of,
    retrain_jobs,
)
from ..workers.devices import available_cores
from ..workers.jobs import Outcome, Progress
from ..workers.workplace import CLUSTER, Workplace
from .progress import ProgressBar
from .telling import POLICY_FIELDS, Say, nothing

Ended = Sequence[tuple[TrainingJob, Outcome]]
Running = Sequence[tuple[TrainingJob, Progress]]


def retrain(
    run: str | PathLike[str],
    *,
    trial: int | Sequence[int] = (),
    top: int | None = None,
    all: bool = False,
    dataset: Any = None,
    data_dir: str | PathLike[str] | None = None,
    workers: int | None = None,
    seeds: int = 1,
    device: str = "auto",
    pretrained: str | None = None,
    weights: str | PathLike[str] | None = None,
    policy: str | None = None,
    track: str | Sequence[str] = (),
    progress: bool | None = None,
    approve: Callable[[Retraining], bool] = lambda retraining: True,
    on_progress: Callable[[Running, Ended], None] = nothing,
    say: Say | None = None,
    **changes: Any,
) -> RetrainResult:
    """Train the front of a run under a full policy, or go on with that.

    Args:
        run: The run folder.
        trial: Trials to train in place of the front, by number.
        top: Train so many of the most accurate trials instead.
        all: Train every complete trial instead.
        dataset: The same images in another place, or themselves, as for `run`; None for where they were.
        data_dir: Where the data set lies, None for where it did.
        workers: Networks at a time, as for `run`.
        seeds: How often to train each network.
        pretrained: Weights to begin with, as for `run`; None for those that the run's trainings began with.
        weights: Of this file instead.
        policy: Name of a policy, None for that of the data set or, with pretrained weights, `finetune`.
        track: Where they are logged too, as for `run`.
        progress: Whether to show a bar on stderr; None for in a notebook and at a terminal.
        approve: Asked once, before anything is trained; `Retraining.estimate` says how long it will take.
        on_progress: Called about every second with what is being trained and what has ended since.
        say: Called with a line of text while data is read; None for above the bar.
        changes: Fields of the policy, by name (metric and class weights: the run's), and of `Workplace`.

    Raises:
        UserError: If an argument is unknown or invalid, or does not fit what the run holds.
        WorkersFailedError: If no worker comes as far as taking jobs.
    """
    check_arguments(retrain, changes, (*POLICY_FIELDS, *CLUSTER))
    place = Workplace.taken_from(changes)
    numbers = (trial,) if isinstance(trial, int) else tuple(trial)
    if sum((bool(numbers), top is not None, all)) > 1:
        raise UserError("--trial, --top, --all: only one of them says what to train; leave out the others")
    bar = ProgressBar(progress, "epochs")
    say = say or bar.say
    folder = Path(run)
    found = load_run(folder)
    record, settings = found.record, found.record.settings
    chosen = choose_trials(record, found.trials, numbers=numbers, top=top, everything=all)
    lies = settings.data_dir if data_dir is None else Path(data_dir)
    where = settings.dataset if dataset is None else handed(dataset) or os.fspath(dataset)
    source = DataSource(where, lies, record.input_size, settings.seed, settings.skip_corrupt)
    crew = place.crew(device, workers, most=len(chosen) * seeds)
    same_weights = pretrained is None and weights is None
    if same_weights:
        pretrained, weights = settings.pretrained, settings.weights
    wanted = (pretrained or "none", None if weights is None else Path(weights))
    full = changed_policy(
        policy,
        {"metric": settings.metric, "class_weights": settings.class_weights, **changes},
        dataset=settings.dataset,
        input_size=record.input_size,
        images=len(searched_images(source, record.fingerprint, say=say).train.labels),
        cores=max(1, available_cores() // max(1, len(crew.devices))),
        pretrained=is_pretrained(*wanted),
        say=say,
    )
    found_weights = wanted_weights(trained_architecture(settings.space.unmodified, full), *wanted)
    if same_weights:
        check_same_weights(record, found_weights, folder)
    jobs = retrain_jobs(folder, chosen, full, first_seed=settings.seed, seeds=seeds)
    failures: list[str] = []
    with (
        bar,
        RunFolder(folder / RETRAIN_FOLDER).locked(),
        Retraining(
            source,
            full,
            jobs,
            devices=crew.devices,
            make_executor=crew.executor(),
            pretrained=found_weights,
        ) as retraining,
        closing(Tracking(check_trackers(track), folder, record, say=say)) as tracking,
    ):
        if retraining.open and not approve(retraining):
            return RetrainResult(folder, read_results(job.folder for job in jobs), (), None)
        tracking.retrainings(job.folder for job in jobs)
        finished, total = 0, len(retraining.open) * full.epochs
        for running, ended in retraining.train():
            finished += len(ended) * full.epochs
            bar.at(finished + sum(told.epoch for _, told in running), total)
            on_progress(running, ended)
            failures += failures_of(ended)
            if ended:
                write_report(folder)
                tracking.retrainings(job.folder for job in jobs)
    return RetrainResult(
        folder, read_results(job.folder for job in jobs), tuple(failures), write_report(folder)
    )
