"""One network under a full policy: it can be stopped at any moment and ends as if it had not been."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import __version__
from ...models import Network, build, describe, weights_bytes
from ...models.carrying import Carried
from ...models.pretrained import Pretrained
from ...space import (
    Architecture,
    ArchitectureConfig,
    TrainingRecord,
    TrainingResult,
    UserError,
    canonical,
    write_bytes,
    write_text,
)
from ...space.operation_file import keep_files
from ...space.provenance import now, versions
from ...space.training_folder import MetricsRow, TrainingFolder, check_same
from ..workers.jobs import Failed, Measured, Message, Progress, Trained
from .balance import class_weights
from .checkpoint import load_checkpoint, save_checkpoint
from .figures import best_row, metrics_row, open_board, plot
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
        pretrained: Weights that every training begins with, None for fresh ones.
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
        pretrained: Pretrained | None = None,
        team: Team = ALONE,
        threads: int = 1,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        if policy.batch_size % team.size:
            raise UserError(
                f"--batch-size: must be a multiple of the {team.size} processes, got {policy.batch_size}"
            )
        normalisation = None if pretrained is None else (pretrained.mean, pretrained.std)
        self.images = TrainingImages(source, policy, device, normalisation=normalisation, say=say)
        self.pretrained = pretrained
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
        with open_board(job.folder, state.epoch) if self.team.leads else nullcontext() as board:
            for epoch in train(state, self.train_split, self.val_split, self.recipe, team=self.team):
                rows.append(metrics_row(epoch, before))
                if epoch.epoch == best_row(rows)["epoch"]:
                    best = {name: value.clone() for name, value in state.scored.state_dict().items()}
                if self.team.leads:
                    state_now = {"state": state.state_dict(), "metrics": rows, "best": best}
                    save_checkpoint(job.folder, state_now)
                    folder.write_metrics(rows)
                    plot(board, rows[-1])
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
        network, carried = self._build(job)
        kept = () if carried is None else carried.whole
        return TrainingState(
            synchronise(network.to(self.device), self.team), self.recipe, seed=job.seed, kept=kept
        )

    def _build(self, job: TrainingJob) -> tuple[Network, Carried | None]:
        """The network as its training begins, and what it took over of pretrained weights."""
        network = build(
            self._architecture(job),
            num_classes=self.images.num_classes,
            input_size=self.images.input_size,
            dropout=self.policy.dropout,
        )
        if self.pretrained is None:
            return network, None
        return network, self.pretrained.start(network, self.images.classes)

    def _architecture(self, job: TrainingJob) -> Architecture:
        """What is built: from pretrained weights its canonical form, so that equal networks begin alike."""
        found = trained_architecture(job.architecture, self.policy)
        return found if self.pretrained is None else canonical(found)

    def _begin(self, job: TrainingJob, folder: TrainingFolder) -> ArchitectureConfig:
        """Write down what is trained, or see that it is what the folder holds."""
        origin: dict[str, Any] = {"trained_on": self.source.name, "seed": job.seed, "trial": job.trial}
        began_with: dict[str, Any] = {}
        if self.pretrained is not None:
            carried = self._build(job)[1]
            assert carried is not None
            began_with = self.pretrained.record(carried)
            origin |= {"began_with": began_with}
            self.say(f"begins with {self.pretrained.name}: it takes {carried.in_words()}")
        config = describe(
            self._architecture(job),
            num_classes=self.images.num_classes,
            input_size=self.images.input_size,
            version=__version__,
            origin=origin,
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
            dataset=self.source.name,
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
            began_with=began_with,
        )
        existing = folder.read_record()
        if existing is not None:
            check_same(existing, record, job.folder)
        elif self.team.leads:
            job.folder.mkdir(parents=True, exist_ok=True)
            keep_files(job.folder, config.architecture.own)
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
        best = best_row(rows)
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


def trained_architecture(architecture: Architecture, policy: Policy) -> Architecture:
    """The architecture at the width it is trained at.

    Raises:
        UserError: If that is out of range.
    """
    return replace(architecture, width=architecture.width * policy.width)
