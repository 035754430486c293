"""One network under a full policy: it can be stopped at any moment and ends as if it had not been."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import __version__
from ...models import Network, build, describe, weights_bytes
from ...space import (
    METRICS,
    Architecture,
    ArchitectureConfig,
    TrainingRecord,
    TrainingResult,
    UserError,
    write_bytes,
    write_text,
)
from ...space.names import is_shown_whole
from ...space.provenance import now, versions
from ...space.training_folder import MetricsRow, TrainingFolder, check_same
from ..workers.jobs import Failed, Measured, Message, Progress, Trained
from .balance import class_weights
from .checkpoint import load_checkpoint, save_checkpoint
from .images import DataSource, TrainingImages
from .loop import Epoch, TrainingState, score, train
from .policy import Policy
from .team import ALONE, Team, synchronise

Weights = dict[str, Tensor]

_MEASURED_STEPS = 3
_MEASURED_IMAGES = 500


@dataclass(frozen=True)
class TrainingJob:
    """A network to train.

    Attributes:
        index: The caller's.
        architecture: At its own width; the policy's comes on top.
        seed: Of weights, order and augmentation.
        folder: Where its files go.
        trial: Number of the trial it comes from, None for none.
        measure: Say how long it would take, and train nothing.
    """

    index: int
    architecture: Architecture
    seed: int
    folder: Path
    trial: int | None = None
    measure: bool = False


class FullTrainer:
    """Trains networks under one policy on one device.

    Args:
        device: A torch device; this process is prepared for it.
        team: The processes that train each network together.
        threads: How many compute in this process.
        say: Called with a line of text about damaged checkpoints and images read.

    Raises:
        UserError: If the images cannot be read, or a batch cannot be shared out.
    """

    def __init__(
        self,
        source: DataSource,
        policy: Policy,
        device: str,
        *,
        team: Team = ALONE,
        threads: int = 1,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        if policy.batch_size % team.size:
            raise UserError(
                f"--batch-size: must be a multiple of the {team.size} processes, got {policy.batch_size}"
            )
        self.images = TrainingImages(source, policy, device, say=say)
        self.source, self.policy, self.team, self.threads = source, policy, team, threads
        self.device = torch.device(device)
        self.say = say
        self.train_split, self.val_split = self.images.train_split, self.images.val_split
        weights = class_weights(policy.class_weights, self.images.train_labels, self.images.num_classes)
        self.recipe = policy.recipe(flip=self.images.flip, class_weights=weights)

    def train(self, job: TrainingJob) -> Iterator[Epoch]:
        """Train, or go on from the last checkpoint, giving every epoch as its checkpoint is written.

        At the end result.json is there; a training that has it is not touched.

        Raises:
            UserError: If the folder holds another training.
            DivergedError: If the loss is not finite.
            OSError: If a file cannot be written; the checkpoint before stays.
        """
        folder = TrainingFolder(job.folder)
        config = self._begin(job, folder)
        if folder.read_result() is not None:
            return
        state = self._state(job)
        saved = load_checkpoint(job.folder, say=self.say)
        rows: list[MetricsRow] = []
        best: Weights = {}
        if saved is not None:
            state.load_state_dict(saved["state"])
            # Checkpoints of before knew top-1 alone.
            rows = [{"val_score": row["val_top1"], **row} for row in saved["metrics"]]
            best = saved["best"]
        before = rows[-1]["seconds"] if rows else 0.0
        with self._board(job.folder, state.epoch) as board:
            for epoch in train(state, self.train_split, self.val_split, self.recipe, team=self.team):
                rows.append(_metrics_row(epoch, before))
                if epoch.epoch == _best(rows)["epoch"]:
                    best = {name: value.clone() for name, value in state.scored.state_dict().items()}
                if self.team.leads:
                    state_now = {"state": state.state_dict(), "metrics": rows, "best": best}
                    save_checkpoint(job.folder, state_now)
                    folder.write_metrics(rows)
                    _plot(board, rows[-1])
                yield epoch
        self._finish(folder, config, state, rows, best)

    def perform(self, job: TrainingJob) -> Iterator[Message]:
        """Train to the end, for a worker; whatever goes wrong is told in the outcome, not raised."""
        start = time.perf_counter()
        try:
            if job.measure:
                yield Measured(job.index, self.measure(job))
                return
            for epoch in self.train(job):
                yield Progress(job.index, epoch.epoch, epoch.val.score)
            result = TrainingFolder(job.folder).read_result()
            assert result is not None
            yield Trained(job.index, result.val_score, seconds=result.seconds)
        except Exception as error:  # whatever it is, it ends this training and no other
            yield Failed.of(job.index, error, time.perf_counter() - start)

    def measure(self, job: TrainingJob) -> float:
        """Seconds that an epoch takes here, from a few steps."""
        batch = self.recipe.whole_batch(len(self.train_split), self.team.size)
        some = self.train_split.first(_MEASURED_STEPS * batch)
        scored = self.val_split.first(_MEASURED_IMAGES)
        # The first epoch is slower, and a rate near zero cannot diverge.
        recipe = replace(self.recipe, epochs=2, warmup_epochs=0, learning_rate=1e-6, min_learning_rate=0)
        state = self._state(job)
        first, second = train(state, some, scored, recipe, team=self.team)
        start = time.perf_counter()
        score(state.scored, scored, team=self.team)
        scoring = time.perf_counter() - start
        training = second.seconds - first.seconds - scoring
        return training * len(self.train_split) / len(some) + scoring * len(self.val_split) / len(scored)

    def _state(self, job: TrainingJob) -> TrainingState:
        torch.manual_seed(job.seed)
        network = self._build(job).to(self.device)
        return TrainingState(synchronise(network, self.team), self.recipe, seed=job.seed)

    def _build(self, job: TrainingJob) -> Network:
        return build(
            trained_architecture(job.architecture, self.policy),
            num_classes=self.images.num_classes,
            input_size=self.images.input_size,
            dropout=self.policy.dropout,
        )

    def _begin(self, job: TrainingJob, folder: TrainingFolder) -> ArchitectureConfig:
        """Write down what is trained, or see that it is what the folder holds."""
        config = describe(
            trained_architecture(job.architecture, self.policy),
            num_classes=self.images.num_classes,
            input_size=self.images.input_size,
            version=__version__,
            origin={"trained_on": self.source.dataset, "seed": job.seed, "trial": job.trial},
            classes=self.images.classes,
            preprocessing=self.images.preprocessing,
        )
        record = TrainingRecord(
            version=__version__,
            created=now(),
            architecture=config.architecture,
            trial=job.trial,
            costs=config.costs,
            num_classes=self.images.num_classes,
            input_size=self.images.input_size,
            dataset=self.source.dataset,
            data_dir=str(self.source.data_dir or ""),
            data_seed=self.source.seed,
            fingerprint=self.images.fingerprint,
            train_images=len(self.train_split),
            val_images=len(self.val_split),
            policy=self.policy.to_dict(),
            seed=job.seed,
            device=self.device.type,
            processes=self.team.size,
            threads=self.threads,
            versions=versions(),
        )
        existing = folder.read_record()
        if existing is not None:
            check_same(existing, record, job.folder)
        elif self.team.leads:
            job.folder.mkdir(parents=True, exist_ok=True)
            write_text(folder.config_path, config.to_yaml())
            folder.write_record(record)
        self.team.wait()
        return config

    def _finish(
        self,
        folder: TrainingFolder,
        config: ArchitectureConfig,
        state: TrainingState,
        rows: list[MetricsRow],
        weights: Weights,
    ) -> None:
        """Score the best weights on the test split; write them and the result."""
        network = state.scored
        network.load_state_dict(weights)
        start = time.perf_counter()
        test = self.images.open_test()
        scores = None if test is None else score(network, test, team=self.team, metric=self.policy.metric)
        record = folder.read_record()
        assert record is not None
        best = _best(rows)
        result = TrainingResult(
            settings=record,
            epochs=state.epoch,
            best_epoch=int(best["epoch"]),
            val_loss=best["val_loss"],
            val_top1=best["val_top1"],
            val_top5=best["val_top5"],
            final_top1=rows[-1]["val_top1"],
            test_loss=None if scores is None else scores.loss,
            test_top1=None if scores is None else scores.top1,
            test_top5=None if scores is None else scores.top5,
            seconds=rows[-1]["seconds"] + time.perf_counter() - start,
            val_score=best["val_score"],
            test_score=None if scores is None else scores.score,
            test_images=None if test is None else len(test),
        )
        if self.team.leads:
            write_bytes(folder.weights_path, weights_bytes(weights, config))
            folder.write_metrics(rows)
            folder.write_result(result)
        self.team.wait()

    def _board(self, folder: Path, epoch: int) -> AbstractContextManager[Any]:
        """A writer of TensorBoard's event files, where the package is installed and can name the folder."""
        if not (self.team.leads and is_shown_whole(str(folder))):
            return nullcontext()
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return nullcontext()
        return SummaryWriter(folder / "tensorboard", purge_step=epoch + 1)


def trained_architecture(architecture: Architecture, policy: Policy) -> Architecture:
    """The architecture at the width it is trained at.

    Raises:
        UserError: If that is out of range.
    """
    return replace(architecture, width=architecture.width * policy.width)


def _metrics_row(epoch: Epoch, before: float) -> MetricsRow:
    return {
        "epoch": epoch.epoch,
        "learning_rate": epoch.learning_rate,
        "train_loss": epoch.train_loss,
        "val_loss": epoch.val.loss,
        "val_top1": epoch.val.top1,
        "val_top5": epoch.val.top5,
        "val_score": epoch.val.score,
        "seconds": before + epoch.seconds,
    }


def _best(rows: list[MetricsRow]) -> MetricsRow:
    return max(rows, key=lambda row: row["val_score"])


def _plot(board: Any, row: MetricsRow) -> None:
    if board is not None:
        for name in METRICS[1:]:
            board.add_scalar(name, row[name], int(row["epoch"]))
        board.flush()
