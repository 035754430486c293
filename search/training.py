"""The training loop, for proxies and full runs alike."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .data import augment, normalise
from .schedule import learning_rate

EVALUATION_BATCH = 500


class DivergedError(RuntimeError):
    """The training loss is not finite."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with momentum, a warm-up, then a cosine per step.

    Attributes:
        max_gradient_norm: Gradients of a larger norm are scaled down to it; None for no limit.
        padding: Pixels of zero padding for the random crop.
        rotation: Largest rotation in degrees, 0 for none.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    momentum: float = 0.9
    weight_decay: float = 6e-5
    label_smoothing: float = 0.0
    max_gradient_norm: float | None = None
    padding: int = 4
    flip: bool = True
    rotation: float = 0.0


@dataclass(frozen=True)
class Split:
    """Images (N, 3, S, S), uint8 in channels_last, and labels (N,), int64, on the training device."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean training loss, validation accuracy in percent, seconds so far."""

    epoch: int
    train_loss: float
    val_accuracy: float
    seconds: float


def train(
    network: nn.Module,
    train_split: Split,
    val_split: Split,
    recipe: Recipe,
    *,
    mean: Tensor,
    std: Tensor,
    seed: int,
) -> Iterator[Epoch]:
    """Train a network in place, giving the figures of every epoch as it ends.

    The network and both splits are on the same device. On a GPU it computes in bfloat16 where that is
    supported.

    Args:
        mean: Mean of each channel of the training images, in 0 to 1, (3,) on the device.
        std: Standard deviation of each channel, likewise.
        seed: Fixes the order and the augmentation of the images.

    Raises:
        DivergedError: If the training loss is not finite.
    """
    device = train_split.images.device
    count = len(train_split.labels)
    batch_size = min(recipe.batch_size, count)
    # The last batch of an epoch is dropped where it is smaller: batch norm needs a full one.
    steps_per_epoch = count // batch_size
    total_steps = recipe.epochs * steps_per_epoch
    warmup_steps = min(round(recipe.warmup_epochs * steps_per_epoch), total_steps - 1)

    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    generator = torch.Generator(device).manual_seed(seed)
    start = time.perf_counter()

    for epoch in range(recipe.epochs):
        network.train()
        order = torch.randperm(count, generator=generator, device=device)
        loss_sum = torch.zeros((), device=device)
        for index in range(steps_per_epoch):
            chosen = order[index * batch_size : (index + 1) * batch_size]
            images = augment(
                train_split.images[chosen],
                generator=generator,
                padding=recipe.padding,
                flip=recipe.flip,
                rotation=recipe.rotation,
            )
            with autocast:
                loss = F.cross_entropy(
                    network(normalise(images, mean, std)),
                    train_split.labels[chosen],
                    label_smoothing=recipe.label_smoothing,
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.max_gradient_norm is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.max_gradient_norm)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(
                    epoch * steps_per_epoch + index,
                    total_steps=total_steps,
                    warmup_steps=warmup_steps,
                    initial=recipe.learning_rate,
                )
            optimizer.step()
            loss_sum += loss.detach()

        train_loss = loss_sum.item() / steps_per_epoch
        if not math.isfinite(train_loss):
            raise DivergedError(f"the training loss is {train_loss} in epoch {epoch + 1}")
        yield Epoch(
            epoch=epoch + 1,
            train_loss=train_loss,
            val_accuracy=accuracy(network, val_split, mean=mean, std=std),
            seconds=time.perf_counter() - start,
        )


@torch.no_grad()
def accuracy(network: nn.Module, split: Split, *, mean: Tensor, std: Tensor) -> float:
    """Top-1 accuracy in percent, in eval mode."""
    network.eval()
    correct = torch.zeros((), dtype=torch.int64, device=split.labels.device)
    for images, labels in zip(
        torch.split(split.images, EVALUATION_BATCH),
        torch.split(split.labels, EVALUATION_BATCH),
        strict=True,
    ):
        correct += (network(normalise(images, mean, std)).argmax(1) == labels).sum()
    return 100.0 * correct.item() / len(split.labels)
