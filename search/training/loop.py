"""The training loop, for proxies and full runs alike."""

import math
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .metric import FROM_COUNTS, class_counts
from .recipe import Recipe
from .schedule import learning_rate
from .splits import Split
from .statistics import estimate_statistics
from .step import GraphedStep, PlainStep
from .team import ALONE, Team

_STATISTICS_IMAGES = 500  # that what stays as it is for some epochs is normalised by
_RANK_STEP = 10_007  # between the seeds of the processes of a team


class DivergedError(RuntimeError):
    """The training loss is not finite."""


class TrainingState:
    """Everything that a training changes, so that it can be put down and taken up again to the bit.

    Attributes:
        network: The network that is trained, in channels_last.
        average: The moving average of its weights, None without one.
        generator: Of the order and the augmentation of images.
        seed: Of the training.
        epoch: Epochs behind it.

    Args:
        kept: Names of the tensors that stay as they are in the recipe's first `frozen_epochs`.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, *, seed: int, kept: Collection[str] = ()) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.device = next(network.parameters()).device
        groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
        self.kept_norms: list[nn.Module] = []
        if recipe.frozen_epochs and kept:
            named = dict(network.named_parameters())
            groups = [
                {"params": [named[name] for name in named if (name in kept) is frozen], "frozen": frozen}
                for frozen in (False, True)
            ]
            norms = (name for name in kept if name.endswith(".running_mean"))
            self.kept_norms = [network.get_submodule(name.rpartition(".")[0]) for name in norms]
        self.optimizer = torch.optim.SGD(
            groups, lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
        self.average: AveragedModel | None = None
        if recipe.ema_decay > 0:
            mix = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(network, multi_avg_fn=mix, use_buffers=True)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.seed = seed
        self.epoch = 0

    @property
    def scored(self) -> nn.Module:
        """The network whose accuracy counts: the average where there is one."""
        return self.network if self.average is None else self.average.module

    def state_dict(self) -> dict[str, Any]:
        """All of it, with the random state of every generator, as tensors and plain values."""
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "torch_generator": torch.get_rng_state(),
            "cuda_generator": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`, for the same network and recipe."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch_generator"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_generator"], self.device)
        self.epoch = state["epoch"]


@dataclass(frozen=True)
class Scores:
    """Mean loss, and top-1 and top-5 accuracy in percent (top-k of k classes where they are fewer).

    Attributes:
        score: By the metric that was asked for, in percent.
        right: Whether each image was predicted right, eight to a byte in the order of the split, the last
            byte filled with zeros; empty where a team shared the images.
    """

    loss: float
    top1: float
    top5: float
    score: float
    right: bytes = b""


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        epoch: Its number, from 1.
        learning_rate: Of its last step.
        train_loss: Mean over its batches.
        val: Scores on the validation images after it.
        seconds: Wall time since this process took the training up.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    val: Scores
    seconds: float


def train(
    state: TrainingState,
    train_split: Split,
    val_split: Split,
    recipe: Recipe,
    *,
    team: Team = ALONE,
    graphs: bool = False,
) -> Iterator[Epoch]:
    """Train from where the state is to the last epoch, giving the figures of every epoch as it ends.

    The state and both splits are on the same device.

    Args:
        team: The processes that train the network together; with batch norm synchronised the loss is
            that of one process with the whole batch.
        graphs: Record a step once and replay it, where that can be done: on a GPU that one process has.

    Raises:
        DivergedError: If the training loss, or what the network answers, is not finite.
    """
    steps_per_epoch = len(train_split) // recipe.whole_batch(len(train_split), team.size)
    total_steps = recipe.epochs * steps_per_epoch
    warmup_steps = min(round(recipe.warmup_epochs * steps_per_epoch), total_steps - 1)
    network = team.parallel(state.network)
    graphed = graphs and state.device.type == "cuda" and team.size == 1 and not state.kept_norms
    step_once = (GraphedStep if graphed else PlainStep)(network, state.optimizer, recipe)
    start = time.perf_counter()
    if state.kept_norms and state.epoch == 0:
        # Of other images, and perhaps behind other layers, than those that were taken over are of.
        estimate_statistics(state.network, train_split.first(_STATISTICS_IMAGES))

    while state.epoch < recipe.epochs:
        network.train()
        frozen = state.epoch < recipe.frozen_epochs
        for norm in state.kept_norms if frozen else ():
            norm.eval()
        if team.rank > 0:
            # Or all processes would drop the same features; anew each epoch, since a checkpoint holds
            # the random state of the first process alone.
            torch.manual_seed(state.seed + _RANK_STEP * team.rank + state.epoch)
        loss_sum = torch.zeros((), device=state.device)
        batches = train_split.training_batches(recipe, state.generator, team)
        for step, (images, labels) in enumerate(batches, start=state.epoch * steps_per_epoch):
            rate = learning_rate(
                step,
                total_steps=total_steps,
                warmup_steps=warmup_steps,
                initial=recipe.learning_rate,
                minimum=recipe.min_learning_rate,
            )
            step_once.set_rates(rate, frozen=frozen)
            loss_sum += step_once(images, labels)
            if state.average is not None:
                state.average.update_parameters(state.network)

        train_loss = team.sum(loss_sum).item() / (steps_per_epoch * team.size)
        state.epoch += 1
        if not math.isfinite(train_loss):
            raise DivergedError(f"the training loss is {train_loss} in epoch {state.epoch}")
        if recipe.statistics_images:
            estimate_statistics(state.scored, train_split.first(recipe.statistics_images))
        val = score(state.scored, val_split, team=team, metric=recipe.metric)
        yield Epoch(
            epoch=state.epoch,
            learning_rate=rate,
            train_loss=train_loss,
            val=val,
            seconds=time.perf_counter() - start,
        )


@torch.no_grad()
def score(network: nn.Module, split: Split, *, team: Team = ALONE, metric: str = "accuracy") -> Scores:
    """Score a network in eval mode, by a metric of the whole split.

    Raises:
        DivergedError: If it answers with what is no finite number.
    """
    network.eval()
    sums: Tensor | None = None
    right: list[Tensor] = []
    for images, labels in split.evaluation_batches(team):
        answers = network(images)
        loss = F.cross_entropy(answers, labels, reduction="sum")
        predicted = answers.argmax(1)
        right.append(predicted == labels)
        first = right[-1].sum()
        among_five = (answers.topk(min(5, answers.shape[1])).indices == labels.unsqueeze(1)).sum()
        found = torch.stack((loss, first, among_five))
        if metric in FROM_COUNTS:
            counts = class_counts(labels, predicted, answers.shape[1])
            found = torch.cat((found, counts.flatten().to(found)))
        sums = found if sums is None else sums + found
    if sums is None:  # fewer images than processes
        classes: Any = network.num_classes if metric in FROM_COUNTS else 0
        sums = torch.zeros(3 + 3 * classes, device=next(network.parameters()).device)
    loss_sum, top1, top5, *by_class = team.sum(sums).tolist()
    if not math.isfinite(loss_sum):
        # NaN is no class, and yet the largest of its kind is the first.
        raise DivergedError(f"the loss on the images that are scored is {loss_sum}")
    count = len(split)
    accuracy = 100.0 * top1 / count
    return Scores(
        loss=loss_sum / count,
        top1=accuracy,
        top5=100.0 * top5 / count,
        score=FROM_COUNTS[metric](np.reshape(by_class, (3, -1))) if metric in FROM_COUNTS else accuracy,
        right=np.packbits(torch.cat(right).cpu().numpy()).tobytes() if team.size == 1 else b"",
    )
