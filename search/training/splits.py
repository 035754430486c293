"""The images of one split, as batches for training and for scoring."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ...space import Preprocessing
from ..data import ByteArray, IntArray, augment, normalise
from .recipe import Recipe
from .team import Team

EVALUATION_BATCH = 500

Batch = tuple[Tensor, Tensor]


class Split(Protocol):
    """What the training loop asks of images: batches of float32 (N, 3, S, S) and labels int64 (N,)."""

    def __len__(self) -> int: ...

    def first(self, count: int) -> "Split":
        """The first so many images alone."""
        ...

    def training_batches(self, recipe: Recipe, generator: torch.Generator, team: Team) -> Iterator[Batch]:
        """This process's part of every batch of an epoch, augmented and in random order.

        The last images are left out where they do not fill a batch: batch norm needs a full one.
        """
        ...

    def evaluation_batches(self, team: Team) -> Iterator[Batch]:
        """This process's part of all images, once each and as they are."""
        ...


@dataclass(frozen=True)
class MemorySplit:
    """Images in memory, on the device that trains.

    Attributes:
        images: uint8 (N, 3, S, S), channels_last.
        labels: int64 (N,).
        mean: Of each channel of the training images, in 0 to 1, (3,).
        std: Standard deviation of each channel, likewise.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor

    @classmethod
    def prepared(
        cls, images: ByteArray, labels: IntArray, preprocessing: Preprocessing, device: torch.device
    ) -> "MemorySplit":
        """Images that have their size, to be normalised."""
        return cls.of(images, labels, *channel_tensors(preprocessing, device), device)

    @classmethod
    def of(
        cls, images: ByteArray, labels: IntArray, mean: Tensor, std: Tensor, device: torch.device
    ) -> "MemorySplit":
        # (N, S, S, 3) in memory seen as (N, 3, S, S) is channels_last already.
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        return cls(pixels.to(device), torch.from_numpy(labels).to(device), mean.to(device), std.to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> "MemorySplit":
        return replace(self, images=self.images[:count], labels=self.labels[:count])

    def training_batches(self, recipe: Recipe, generator: torch.Generator, team: Team) -> Iterator[Batch]:
        size = recipe.whole_batch(len(self), team.size)
        order = torch.randperm(len(self), generator=generator, device=generator.device)
        for chosen in torch.split(order.to(self.labels.device), size)[: len(self) // size]:
            mine = team.share(chosen)
            images = augment(
                self.images[mine],
                generator=generator,
                padding=recipe.padding,
                flip=recipe.flip,
                rotation=recipe.rotation,
                rank=team.rank,
                processes=team.size,
            )
            yield normalise(images, self.mean, self.std), self.labels[mine]

    def evaluation_batches(self, team: Team) -> Iterator[Batch]:
        images, labels = team.share(self.images), team.share(self.labels)
        for some, theirs in zip(
            torch.split(images, EVALUATION_BATCH), torch.split(labels, EVALUATION_BATCH), strict=True
        ):
            yield normalise(some, self.mean, self.std), theirs


def channel_tensors(preprocessing: Preprocessing, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, float32 (3,), to the bit what they were when measured."""
    mean, std = (
        torch.tensor(values, dtype=torch.float32) for values in (preprocessing.mean, preprocessing.std)
    )
    return mean.to(device), std.to(device)
