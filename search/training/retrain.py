"""Retraining: networks of a run under a full policy, several at a time, each resumable."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...models.pretrained import Pretrained
from ...space import (
    RETRAIN_FOLDER,
    RunRecord,
    TrialRecord,
    UserError,
    accepted_hashes,
    averaged,
    pareto_front,
)
from ...space.training_folder import TrainingFolder, check_policy, check_weights
from ..workers.executor import Executor, ExecutorFactory, perform_all
from ..workers.jobs import Failed, Measured, Outcome, Progress, Trained
from ..workers.pool import WorkerPool
from .full import FullTrainer, TrainingJob, trained_architecture
from .images import DataSource
from .policy import Policy

_POLL_SECONDS = 1.0


def check_same_weights(record: RunRecord, found: Pretrained | None, folder: Path) -> None:
    """Make sure that weights are still those that the trainings of a run began with.

    Args:
        found: What was read for the run in the folder now, None for fresh weights.

    Raises:
        UserError: If they are not.
    """
    now = {} if found is None else found.record()
    more = "put that file back, or say --weights FILE to begin with others"
    check_weights(record.began_with, now, f"the run in {folder}", more)


def choose_trials(
    record: RunRecord,
    trials: Sequence[TrialRecord],
    *,
    numbers: Sequence[int] = (),
    top: int | None = None,
    everything: bool = False,
) -> list[TrialRecord]:
    """Trials to retrain: the front, or those of the numbers, the most accurate ones, or all.

    The front and the most accurate are of the rung that networks are compared at.

    Raises:
        UserError: If a number is no complete trial's, or none is complete.
    """
    complete = averaged(trials, every_rung=True)
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
        return sorted(averaged(trials), key=lambda trial: -(trial.accuracy or 0.0))[:top]
    return complete if everything else pareto_front(trials, record.settings.objectives)


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
    networks: dict[Path, TrialRecord] = {}
    for trial in trials:  # of an old run, two may be the same network
        networks.setdefault(_folder(path / RETRAIN_FOLDER, trial, policy), trial)
    pairs = [(seed, *item) for seed in range(first_seed, first_seed + seeds) for item in networks.items()]
    return [
        TrainingJob(
            index=index,
            architecture=trial.architecture,
            seed=seed,
            folder=seeded_folder(folder, seed, first_seed).resolve(),  # also for a worker elsewhere
            trial=trial.number,
        )
        for index, (seed, folder, trial) in enumerate(pairs)
    ]


def _folder(path: Path, trial: TrialRecord, policy: Policy) -> Path:
    """The folder named by the hash of what is trained, or by the one it had where that is there."""
    name, former = accepted_hashes(trained_architecture(trial.architecture, policy))
    return path / (former if (path / former).exists() else name)


class Retraining:
    """Jobs that share a data set and a policy, and the workers that do them; a context manager.

    Args:
        jobs: With indices that count from 0.
        devices: The torch device of each worker.
        make_executor: Makes what does the jobs.
        pretrained: Weights that trainings begin with, None for fresh ones.

    Raises:
        UserError: If a job's folder holds a training under another policy or from other weights.
    """

    def __init__(
        self,
        source: DataSource,
        policy: Policy,
        jobs: Sequence[TrainingJob],
        *,
        devices: Sequence[str],
        make_executor: ExecutorFactory = WorkerPool,
        pretrained: Pretrained | None = None,
    ) -> None:
        self.policy = policy
        self.finished = [job for job in jobs if TrainingFolder(job.folder).read_result() is not None]
        self.open = [job for job in jobs if job not in self.finished]
        for job in jobs:
            record = TrainingFolder(job.folder).read_record()
            if record is not None:
                check_policy(record, policy.to_dict(), job.folder)
                check_weights(
                    record.began_with, {} if pretrained is None else pretrained.record(), str(job.folder)
                )
        self.devices = list(devices)[: max(1, len(self.open))]
        self._executor: Executor[TrainingJob] = make_executor(
            partial(FullTrainer, source, policy, pretrained=pretrained), self.devices if self.open else []
        )
        # An interrupted training has epochs behind it.
        self._reached = {job.index: _reached(job) for job in self.open}

    def estimate(self) -> float:
        """Seconds until all are done, from a few measured steps of each network.

        Raises:
            UserError: If a network cannot be trained here.
        """
        # One measurement for each network, whatever its seeds.
        first = {job.architecture: job for job in reversed(self.open)}
        seconds: dict[int, float] = {}
        for job, outcome in perform_all(
            self._executor, [replace(job, measure=True) for job in first.values()]
        ):
            if isinstance(outcome, Failed):
                raise UserError(f"retrain: trial {job.trial} cannot be trained: {outcome.reason}")
            assert isinstance(outcome, Measured)
            seconds[outcome.index] = outcome.seconds
        free = [0.0] * len(self.devices)
        for job in self.open:
            epochs = self.policy.epochs - self._reached[job.index].epoch
            soonest = free.index(min(free))
            free[soonest] += epochs * seconds[first[job.architecture].index]
        return max(free)

    def train(self) -> Iterator[tuple[list[tuple[TrainingJob, Progress]], list[tuple[TrainingJob, Outcome]]]]:
        """Train, giving about every second how far those under way are, and what has ended since."""
        jobs = {job.index: job for job in self.open}
        for job in self.open:
            self._executor.submit(job)
        while jobs:
            ended = []
            for message in self._executor.collect(_POLL_SECONDS):
                if isinstance(message, Progress):
                    self._reached[message.index] = message
                    continue
                job = jobs.pop(message.index)
                if isinstance(message, Trained) and TrainingFolder(job.folder).read_result() is None:
                    message = Failed(
                        message.index,
                        f"{job.folder} has no result.json, though its worker wrote one; workers on other "
                        "machines need the run on a path that all of them share",
                    )
                if isinstance(message, Failed):
                    TrainingFolder(job.folder).write_error(message.trace or message.reason)
                ended.append((job, message))
            yield [(job, self._how_far(job)) for job in self._executor.jobs], ended

    def _how_far(self, job: TrainingJob) -> Progress:
        """By its worker's messages or, from a worker that sends none, by its files."""
        told, written = self._reached[job.index], _reached(job)
        return written if written.epoch > told.epoch else told

    def __enter__(self) -> "Retraining":
        return self

    def __exit__(self, *exception: object) -> None:
        self._executor.close()


def _reached(job: TrainingJob) -> Progress:
    """How far an interrupted training came, by its metrics.csv."""
    rows = TrainingFolder(job.folder).read_metrics()
    if not rows:
        return Progress(job.index, 0, None)
    return Progress(job.index, int(rows[-1]["epoch"]), rows[-1]["val_score"])


def failures_of(ended: Sequence[tuple[TrainingJob, Outcome]]) -> list[str]:
    """A line for each of these that failed."""
    return [
        f"trial {job.trial}, seed {job.seed}: {outcome.reason}"
        for job, outcome in ended
        if isinstance(outcome, Failed)
    ]
