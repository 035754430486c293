"""The images of a proxy run, in memory."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .split import IntArray
from .summary import DataSummary

ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ImageData:
    """Training and validation images; the test split is never among them.

    Attributes:
        train_images: uint8 (N, H, W, 3).
        train_labels: int64 (N,), 0..num_classes-1.
        val_images: uint8 (M, H, W, 3).
        val_labels: int64 (M,).
        classes: Names by label.
        input_size: Side in pixels at which the full network is meant to run.
        name: The data set as it was asked for.
        flip: Whether an image mirrored left to right keeps its label.
        fingerprint: 16 hexadecimal digits that name the data, whatever the seed, limit and size.
        summary: What the data set was understood to be; None for images from nowhere.
    """

    train_images: ByteArray
    train_labels: IntArray
    val_images: ByteArray
    val_labels: IntArray
    classes: tuple[str, ...]
    input_size: int
    name: str
    flip: bool
    fingerprint: str
    summary: DataSummary | None = None

    def __post_init__(self) -> None:
        for images, labels in (
            (self.train_images, self.train_labels),
            (self.val_images, self.val_labels),
        ):
            assert images.dtype == np.uint8
            assert images.ndim == 4
            assert images.shape[3] == 3
            assert labels.dtype == np.int64
            assert labels.shape == images.shape[:1]

    @property
    def num_classes(self) -> int:
        return len(self.classes)
