"""Retraining: networks of a run under a full policy, several at a time, each resumable."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...space import (
    RETRAIN_FOLDER,
    RunRecord,
    TrialRecord,
    UserError,
    architecture_hash,
    averaged,
    pareto_front,
)
from ...space.training_folder import TrainingFolder, check_policy
from ..data import open_images
from ..workers.jobs import Outcome
from ..workers.pool import WorkerPool
from .full import FullTrainer, TrainingJob, trained_architecture
from .images import DataSource
from .policy import Policy

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """How far a training is: epochs behind it, and the validation accuracy after the last one."""

    job: TrainingJob
    epoch: int
    val_top1: float | None


def choose_trials(
    record: RunRecord,
    trials: Sequence[TrialRecord],
    *,
    numbers: Sequence[int] = (),
    top: int | None = None,
    everything: bool = False,
) -> list[TrialRecord]:
    """Trials to retrain: the front, or those of the numbers, the most accurate ones, or all.

    Raises:
        UserError: If a number is no complete trial's, or none is complete.
    """
    complete = averaged(trials)
    if not complete:
        raise UserError("RUN: must have a complete trial to retrain; go on with `cheapsearch run`")
    if numbers:
        by_number = {trial.number: trial for trial in complete}
        for number in numbers:
            if number not in by_number:
                raise UserError(
                    f"--trial: must be a complete trial, got {number}; the run has {len(complete)}, "
                    f"from {min(by_number)} to {max(by_number)}"
                )
        return [by_number[number] for number in dict.fromkeys(numbers)]
    if top is not None:
        if top < 1:
            raise UserError(f"--top: must be 1 or more, got {top}")
        return sorted(complete, key=lambda trial: -(trial.accuracy or 0.0))[:top]
    return complete if everything else pareto_front(trials, record.objectives)


def seeded_folder(folder: Path, seed: int, first: int) -> Path:
    """Where the training of one of several seeds goes: the first one's is the folder itself."""
    return folder if seed == first else folder.with_name(f"{folder.name}-seed{seed}")


def retrain_jobs(
    path: Path, trials: Sequence[TrialRecord], policy: Policy, *, first_seed: int, seeds: int
) -> list[TrainingJob]:
    """A job for each trial and seed, seed by seed, so that every network has one result early.

    Args:
        path: The run folder.

    Raises:
        UserError: If there are fewer seeds than one, or the policy's width does not fit.
    """
    if seeds < 1:
        raise UserError(f"--seeds: must be 1 or more, got {seeds}")
    pairs = [(seed, trial) for seed in range(first_seed, first_seed + seeds) for trial in trials]
    return [
        TrainingJob(
            index=index,
            architecture=trial.architecture,
            seed=seed,
            folder=seeded_folder(
                path / RETRAIN_FOLDER / architecture_hash(trained_architecture(trial.architecture, policy)),
                seed,
                first_seed,
            ),
            trial=trial.number,
        )
        for index, (seed, trial) in enumerate(pairs)
    ]


class Retraining:
    """Jobs that share a data set and a policy, and the workers that do them; a context manager.

    Args:
        jobs: With indices that count from 0.
        devices: The torch device of each worker.

    Raises:
        UserError: If the images cannot be found, or are not those of `fingerprint`.
    """

    def __init__(
        self,
        source: DataSource,
        policy: Policy,
        jobs: Sequence[TrainingJob],
        *,
        devices: Sequence[str],
        fingerprint: str,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        # Seen here first, so that a mistake is one line and not one per worker.
        found = open_images(
            source.dataset,
            data_dir=source.data_dir,
            seed=source.seed,
            input_size=source.input_size,
            progress=say,
        ).fingerprint
        if found != fingerprint:
            raise UserError(
                f"--data-dir: must hold the images the run searched on, fingerprint {fingerprint}, "
                f"got {found}; put them back"
            )
        self.policy = policy
        self.finished = [job for job in jobs if TrainingFolder(job.folder).read_result() is not None]
        self.open = [job for job in jobs if job not in self.finished]
        for job in jobs:
            record = TrainingFolder(job.folder).read_record()
            if record is not None:
                check_policy(record, policy.to_dict(), job.folder)
        self.devices = list(devices)[: max(1, len(self.open))]
        self._pool: WorkerPool[TrainingJob] = WorkerPool(
            partial(FullTrainer, source, policy), devices=self.devices if self.open else []
        )

    def estimate(self) -> float:
        """Seconds until all are done, from a few measured steps of each network.

        Raises:
            UserError: If a network cannot be trained here.
        """
        # One measurement for each network, whatever its seeds.
        first = {job.architecture: job for job in reversed(self.open)}
        seconds: dict[int, float] = {}
        for job, outcome in self._pool.evaluate(replace(job, measure=True) for job in first.values()):
            if outcome.reason:
                raise UserError(f"retrain: trial {job.trial} cannot be trained: {outcome.reason}")
            seconds[outcome.index] = outcome.seconds
        free = [0.0] * len(self.devices)
        for job in self.open:
            epochs = self.policy.epochs - self.progress(job).epoch
            soonest = free.index(min(free))
            free[soonest] += epochs * seconds[first[job.architecture].index]
        return max(free)

    def train(self) -> Iterator[tuple[list[Progress], list[tuple[TrainingJob, Outcome]]]]:
        """Train, giving about every second what is being trained and what has ended since."""
        jobs = {job.index: job for job in self.open}
        for job in self.open:
            self._pool.submit(job)
        while jobs:
            outcomes = self._pool.collect(_POLL_SECONDS)
            ended = [(jobs.pop(outcome.index), outcome) for outcome in outcomes]
            yield [self.progress(job) for job in self._pool.jobs], ended

    @staticmethod
    def progress(job: TrainingJob) -> Progress:
        """How far a training is, by its metrics.csv."""
        row = TrainingFolder(job.folder).last_metrics()
        return Progress(job, int(row["epoch"]), float(row["val_top1"])) if row else Progress(job, 0, None)

    def __enter__(self) -> "Retraining":
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.close()
