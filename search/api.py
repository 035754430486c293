"""Run, retrain, train and rehearse from Python: what the commands of these names do.

Nothing here prints or handles a signal. What is worth telling on the way goes to the functions that the
caller gives; Ctrl-C is a KeyboardInterrupt, and the same call goes on where it stopped.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

from ..models.pretrained import wanted_weights
from ..reports import write_report
from ..space import RETRAIN_FOLDER, Architecture, RunSettings, TrialRecord, UserError, is_pretrained
from ..space.config import named_architecture
from ..space.errors import check_arguments
from ..space.run_folder import RunFolder
from ..space.saved_run import load_run
from ..space.training_folder import check_weights, read_results
from .data import dataset_name
from .latency import measure_searched
from .rehearsal.command import rehearse
from .results import RetrainResult, RunResult, TrainResult
from .study.driver import SearchFailedError
from .study.opening import default_folder, open_run
from .study.run import Run
from .tracking.tracking import Tracking, check_trackers
from .training.full import TrainingJob, trained_architecture
from .training.images import DataSource, searched_images
from .training.loop import Epoch
from .training.one_by_one import train_one_by_one
from .training.policies import changed_policy
from .training.policy import Policy
from .training.retrain import Retraining, choose_trials, failures_of, retrain_jobs, seeded_folder
from .workers.devices import available_cores, resolve_device
from .workers.jobs import Outcome, Progress
from .workers.pool import WorkersFailedError
from .workers.workplace import CLUSTER, WORKPLACE, Workplace

__all__ = ["rehearse", "retrain", "run", "train"]

Say = Callable[[str], None]
Ended = Sequence[tuple[TrainingJob, Outcome]]
Running = Sequence[tuple[TrainingJob, Progress]]


def _nothing(*told: object) -> None:
    pass


def run(
    *,
    out: str | PathLike[str] | None = None,
    retrain: bool = False,
    epochs: int | None = None,
    track: str | Sequence[str] = (),
    on_start: Callable[[Run], None] = _nothing,
    on_trial: Callable[[TrialRecord], None] = _nothing,
    say: Say = _nothing,
    **settings: Any,
) -> RunResult:
    """Search, or go on with the search of a run folder.

    Args:
        out: The run folder, None for runs/BACKBONE-DATASET.
        retrain: Go straight on: train the front under the full policy.
        epochs: Of the proxy, as `proxy={"epochs": N}`.
        track: Where trials and retrainings are logged too: `mlflow`, `wandb`, or both.
        on_start: Called with the run when everything is ready.
        on_trial: Called with every trial as it ends.
        say: Called with a line of text while data is read.
        settings: Those of `RunSettings` that differ from their default or, where the run goes on, from what
            it began with; and those of `Workplace`, such as `executor="ray"`.

    Raises:
        UserError: If a setting is unknown or invalid, contradicts the run folder, or cannot be met.
        SearchFailedError: If training after training fails.
        WorkersFailedError: If no worker comes as far as taking jobs.
    """
    check_arguments(run, settings, (*RunSettings.declared(), *WORKPLACE))
    place = Workplace.taken_from(settings)
    if epochs is not None:
        settings["proxy"] = {**settings.get("proxy", {}), "epochs": epochs}
    trackers = check_trackers(track)
    folder = default_folder(settings) if out is None else Path(out)
    with (
        open_run(settings, out=folder, say=say, place=place) as opened,
        closing(Tracking(trackers, folder, opened.record, say=say)) as tracking,
    ):
        on_start(opened)
        tracking.trials(opened.trials)
        try:
            for trial in opened.search():
                on_trial(trial)
                tracking.trials(opened.trials)
        except SearchFailedError as error:
            write_report(folder)
            raise SearchFailedError(f"{error}; the trials so far are in {folder}") from None
        except (KeyboardInterrupt, WorkersFailedError):
            write_report(folder)
            raise
        report = write_report(folder)
        if opened.trained == 0:
            raise SearchFailedError(
                f"no architecture could be trained; the reasons are in {folder}/trials.csv"
            )
        result = RunResult.of(opened.saved, opened.write_best(), report)
    if measure_searched(folder, say=say):
        write_report(folder)
    if not retrain:
        return result
    also = {name: settings[name] for name in ("workers", "device") if name in settings} | place.cluster
    return replace(result, retrained=_retrain(folder, track=trackers, say=say, **also))


def retrain(
    run: str | PathLike[str],
    *,
    trial: int | Sequence[int] = (),
    top: int | None = None,
    all: bool = False,
    dataset: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    workers: int | None = None,
    seeds: int = 1,
    device: str = "auto",
    pretrained: str | None = None,
    weights: str | PathLike[str] | None = None,
    policy: str | None = None,
    track: str | Sequence[str] = (),
    approve: Callable[[Retraining], bool] = lambda retraining: True,
    on_progress: Callable[[Running, Ended], None] = _nothing,
    say: Say = _nothing,
    **changes: Any,
) -> RetrainResult:
    """Train the front of a run under a full policy, or go on with that.

    Args:
        run: The run folder.
        trial: Trials to train in place of the front, by number.
        top: Train so many of the most accurate trials instead.
        all: Train every complete trial instead.
        dataset: The same images in another place, None for where they were.
        data_dir: Where the data set lies, None for where it did.
        workers: Networks at a time, as for `run`.
        seeds: How often to train each network.
        pretrained: Weights to begin with, as for `run`; None for those that the run's trainings began with.
        weights: Of this file instead.
        policy: Name of a policy, None for that of the data set or, with pretrained weights, `finetune`.
        track: Where they are logged too, as for `run`.
        approve: Asked once, before anything is trained; `Retraining.estimate` says how long it will take.
        on_progress: Called about every second with what is being trained and what has ended since.
        say: Called with a line of text while data is read.
        changes: Fields of the policy, by name; metric and class weights are the run's if not given. Those of
            `Workplace` too, such as `executor="ray"`.

    Raises:
        UserError: If an argument is unknown or invalid, or does not fit what the run holds.
        WorkersFailedError: If no worker comes as far as taking jobs.
    """
    check_arguments(_retrain, changes, (*_POLICY, *CLUSTER))
    place = Workplace.taken_from(changes)
    numbers = (trial,) if isinstance(trial, int) else tuple(trial)
    if sum((bool(numbers), top is not None, all)) > 1:
        raise UserError("--trial, --top, --all: only one of them says what to train; leave out the others")
    folder = Path(run)
    found = load_run(folder)
    record, settings = found.record, found.record.settings
    chosen = choose_trials(record, found.trials, numbers=numbers, top=top, everything=all)
    lies = settings.data_dir if data_dir is None else Path(data_dir)
    where = settings.dataset if dataset is None else os.fspath(dataset)
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
        check_weights(
            record.began_with,
            {} if found_weights is None else found_weights.record(),
            f"the run in {folder}",
            "put that file back, or say --weights FILE to begin with others",
        )
    jobs = retrain_jobs(folder, chosen, full, first_seed=settings.seed, seeds=seeds)
    failures: list[str] = []
    with (
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
        for running, ended in retraining.train():
            on_progress(running, ended)
            failures += failures_of(ended)
            if ended:
                write_report(folder)
                tracking.retrainings(job.folder for job in jobs)
    return RetrainResult(
        folder, read_results(job.folder for job in jobs), tuple(failures), write_report(folder)
    )


def default_training_folder(arch: Architecture | str | PathLike[str], dataset: str | PathLike[str]) -> Path:
    """runs/ARCH-DATASET; errors are those of `train`."""
    return Path("runs") / f"{named_architecture(arch)[1]}-{dataset_name(os.fspath(dataset))}"


_retrain = retrain  # under a name that no argument of `run` has


def train(
    arch: Architecture | str | PathLike[str],
    *,
    dataset: str | PathLike[str] = "cifar10",
    data_dir: str | PathLike[str] | None = None,
    input_size: int | None = None,
    skip_corrupt: bool = False,
    seed: int = 0,
    out: str | PathLike[str] | None = None,
    seeds: int = 1,
    device: str = "auto",
    threads: int | None = None,
    pretrained: str = "none",
    weights: str | PathLike[str] | None = None,
    policy: str | None = None,
    on_epoch: Callable[[Epoch, Policy], None] = _nothing,
    say: Say = _nothing,
    **changes: Any,
) -> TrainResult:
    """Train one network under a full policy, or go on with that.

    Under torchrun every process calls this, and they train it together; the first one alone is told of
    anything.

    Args:
        arch: An architecture, a preset's name, or the path of an exported YAML.
        dataset: As for `run`, and `data_dir` too.
        input_size: Side of the network's input in pixels, None for the data set's.
        skip_corrupt: Leave images out that cannot be read, as for `run`.
        out: Where its files go, None for runs/ARCH-DATASET.
        seeds: How often to train it, counting from `seed`.
        threads: How many compute on a CPU, None for one per core that this process may use; a training that
            goes on keeps what it began with.
        pretrained: Weights to begin with, as for `run`; `weights` too.
        policy: Name of a policy, None for that of the data set or, with pretrained weights, `finetune`.
        on_epoch: Called with every epoch as its checkpoint is written, and the policy.
        say: Called with a line of text while data is read.
        changes: Fields of the policy to change, by name.

    Raises:
        UserError: If an argument is unknown or invalid, or the folder holds another training.
        DivergedError: If the loss is not finite.
    """
    check_arguments(train, changes, _POLICY)
    if seeds < 1:
        raise UserError(f"--seeds: must be 1 or more, got {seeds}")
    if threads is not None and threads < 1:
        raise UserError(f"--threads: must be 1 or more, got {threads}")
    architecture, _ = named_architecture(arch)
    folder = default_training_folder(arch, dataset) if out is None else Path(out)
    place = None if data_dir is None else Path(data_dir)
    jobs = [
        TrainingJob(index, architecture, number, seeded_folder(folder, number, seed))
        for index, number in enumerate(range(seed, seed + seeds))
    ]
    source = DataSource(os.fspath(dataset), place, input_size, seed, skip_corrupt)
    trainings = train_one_by_one(
        jobs,
        source,
        policy=policy,
        changes=changes,
        pretrained=pretrained,
        weights=None if weights is None else Path(weights),
        device=resolve_device(device),
        threads=threads,
        say=say,
    )
    for epoch, full in trainings:
        on_epoch(epoch, full)
    return TrainResult(folder, read_results(job.folder for job in jobs))


_POLICY = tuple(f.name for f in fields(Policy))
