"""The images of a full training, in memory or streamed as the policy's crop needs them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...space import Preprocessing, UserError, shown
from ..data import (
    DATASETS,
    HANDED,
    ByteArray,
    HandedData,
    ImageData,
    Images,
    IntArray,
    OpenImages,
    Part,
    channel_statistics,
    load_images,
    load_test,
    name_of,
    open_images,
    open_test,
)
from .policy import Policy
from .splits import MemorySplit, Split
from .streaming import StreamedSplit

Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]  # mean and deviation

# Images that mean and deviation of the channels are taken from, where they are not all in memory.
_STATISTICS_IMAGES = 1000


@dataclass(frozen=True)
class DataSource:
    """Which images, by a name, a path or themselves; `seed` is of the validation split."""

    dataset: str | HandedData
    data_dir: Path | None
    input_size: int | None
    seed: int
    skip_corrupt: bool = False

    @property
    def name(self) -> str:
        """What records say of them."""
        return name_of(self.dataset)


def searched_images(
    source: DataSource,
    fingerprint: str | None,
    *,
    limit: int | None = None,
    say: Callable[[str], None],
) -> OpenImages:
    """The images that a run searches on, wherever they lie by now.

    Args:
        fingerprint: Of the images it began with, None where it begins.
        limit: Most training images, as for `load_images`.

    Raises:
        UserError: If they cannot be found, or are not those of the fingerprint.
    """
    where: dict[str, Any] = {"data_dir": source.data_dir, "limit": limit, "seed": source.seed}
    where |= {"input_size": source.input_size, "skip_corrupt": source.skip_corrupt, "progress": say}
    try:
        images = open_images(source.dataset, **where)
    except UserError as error:
        if fingerprint is None or source.name in DATASETS or lexists(source.name):
            raise
        raise UserError(f"{error.at_terminal}; if it was moved, say with --dataset where it is") from None
    if fingerprint not in (None, images.fingerprint):
        raise UserError(
            f"--dataset: must be the images the run began with, of fingerprint {fingerprint}, got "
            f"{shown(source.name)} of {images.fingerprint}; "
            + (
                "give the same, or choose another --out"
                if source.name == HANDED
                else "say where they lie now"
            )
        )
    return images


class TrainingImages:
    """Training and validation images on a device, and the door to the test split.

    Attributes:
        train_split: What is trained on.
        val_split: What every epoch is scored on.
        train_labels: Of the images of `train_split`.
        classes: Names of the classes by label.
        preprocessing: How an image that is scored becomes the network's input.
        flip: Whether an image mirrored left to right keeps its label.
        fingerprint: Of the training and validation images.
        summary: What the data set was understood to be.

    Args:
        normalisation: Mean and deviation of each channel, None for those of the training images.
        say: Called with a line of text while images are read.

    Raises:
        UserError: If the images cannot be read.
    """

    train_split: Split
    val_split: Split

    def __init__(
        self,
        source: DataSource,
        policy: Policy,
        device: str,
        *,
        normalisation: Normalisation | None = None,
        say: Callable[[str], None],
    ) -> None:
        self._source, self._policy, self._say = source, policy, say
        self._device = torch.device(device)
        where: dict[str, Any] = {
            "data_dir": source.data_dir,
            "seed": source.seed,
            "progress": say,
            "input_size": source.input_size,
            "skip_corrupt": source.skip_corrupt,
        }
        read = load_images if policy.crop == "padded" else open_images
        data: ImageData | OpenImages = read(source.dataset, **where)
        self.classes, self.flip = data.classes, data.flip
        self.fingerprint, self.summary = data.fingerprint, data.summary
        sample = data.train_images if isinstance(data, ImageData) else self._sample(data)
        bits = {} if data.summary is None else data.summary.grey_bits
        if normalisation is None:
            normalisation = channels_of(sample)
        self.preprocessing = scoring_preprocessing(policy, data.input_size, normalisation, grey_bits=bits)
        if isinstance(data, ImageData):
            self.train_labels = data.train_labels
            self.train_split = self._in_memory(data.train_images, data.train_labels)
            self.val_split = self._in_memory(data.val_images, data.val_labels)
        else:
            self.train_labels = data.train.labels
            self.train_split, self.val_split = self._streamed(data.train), self._streamed(data.val)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def input_size(self) -> int:
        return self.preprocessing.input_size

    def open_test(self) -> Split | None:
        """The test split, to be scored once; None where the data set has none, which is said."""
        source = self._source
        where: dict[str, Any] = {"data_dir": source.data_dir, "skip_corrupt": source.skip_corrupt}
        try:
            if self._policy.crop == "padded":
                images, labels = load_test(source.dataset, **where, size=self.input_size)
                return self._in_memory(images, labels)
            return self._streamed(open_test(source.dataset, **where))
        except UserError as error:
            self._say(f"no test accuracy: {error}")
            return None

    def _sample(self, data: OpenImages) -> ByteArray:
        chosen = np.unique(np.linspace(0, len(data.train.labels) - 1, _STATISTICS_IMAGES).astype(np.int64))
        return data.train.images.read(chosen, data.input_size, self._say)

    def _in_memory(self, images: ByteArray, labels: IntArray) -> MemorySplit:
        return MemorySplit.prepared(images, labels, self.preprocessing, self._device)

    def _streamed(self, part: Part[Images]) -> StreamedSplit:
        return StreamedSplit.of(part, self.preprocessing, self._device, workers=self._policy.data_workers)


def channels_of(sample: ByteArray) -> Normalisation:
    """That with which the channels of images, uint8 (N, H, W, 3), have mean 0 and deviation 1."""
    mean, std = (tuple(values.tolist()) for values in channel_statistics(sample))
    return mean, std


def scoring_preprocessing(
    policy: Policy, input_size: int, normalisation: Normalisation, *, grey_bits: Mapping[str, int]
) -> Preprocessing:
    """What a policy does to images that are scored.

    Args:
        input_size: Side of the network's input in pixels.
        normalisation: What is subtracted from each channel, in 0..1, and what it is then divided by.
        grey_bits: As the data set was measured to have them.
    """
    mean, std = normalisation
    if policy.crop == "padded":
        return Preprocessing(input_size, "square", input_size, mean, std, grey_bits=grey_bits)
    scaled = round(input_size / policy.test_crop)
    return Preprocessing(input_size, "shorter_side", scaled, mean, std, grey_bits=grey_bits)
