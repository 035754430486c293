"""What a source offers before any image is chosen, decoded or resized."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from .image_data import ByteArray
from .resize import resize_images
from .split import IntArray
from .summary import Seen, Sizes

Progress = Callable[[str], None]

FINGERPRINT_DIGITS = 16
# Of the test images a data set has no file for: fixed, so that they stay closed whatever a run's seed.
TEST_SEED = 0
TEST_FRACTION = 0.2


class Images(Protocol):
    """Images that are decoded only when read."""

    def read(self, indices: IntArray, size: int, progress: Progress | None = None) -> ByteArray:
        """The images at `indices` as uint8 (len(indices), size, size, 3)."""
        ...

    def original(self, index: int) -> ByteArray:
        """One image at its own size, uint8 (H, W, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images held in one array, uint8 (N, H, W, C) with C 1 (grey) or 3."""

    array: ByteArray

    def read(self, indices: IntArray, size: int, progress: Progress | None = None) -> ByteArray:
        return _with_colours(resize_images(self.array[indices], size))

    def original(self, index: int) -> ByteArray:
        return _with_colours(self.array[index])

    def __len__(self) -> int:
        return len(self.array)


@dataclass(frozen=True, eq=False)
class ListedImages:
    """Images in memory of sizes of their own, each uint8 (H, W, C) with C 1 (grey) or 3."""

    arrays: tuple[ByteArray, ...]

    def read(self, indices: IntArray, size: int, progress: Progress | None = None) -> ByteArray:
        found = np.empty((len(indices), size, size, 3), dtype=np.uint8)
        for position, index in enumerate(indices.tolist()):
            found[position] = _with_colours(resize_images(self.arrays[index][None], size))[0]
        return found

    def original(self, index: int) -> ByteArray:
        return _with_colours(self.arrays[index])

    def __len__(self) -> int:
        return len(self.arrays)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some of the images, in an order of their own."""

    images: Images
    indices: IntArray

    def read(self, indices: IntArray, size: int, progress: Progress | None = None) -> ByteArray:
        return self.images.read(self.indices[indices], size, progress)

    def original(self, index: int) -> ByteArray:
        return self.images.original(int(self.indices[index]))


def _with_colours(array: ByteArray) -> ByteArray:
    return array if array.shape[-1] == 3 else np.repeat(array, 3, axis=-1)


ImagesT_co = TypeVar("ImagesT_co", bound=Images, covariant=True)


@dataclass(frozen=True, eq=False)
class Part(Generic[ImagesT_co]):
    """One split: its images and their labels, int64 (N,)."""

    images: ImagesT_co
    labels: IntArray

    def read(self, size: int, progress: Progress | None = None) -> ByteArray:
        """All images as uint8 (N, size, size, 3)."""
        return self.images.read(np.arange(len(self.labels)), size, progress)


def choose(part: Part[Images], indices: IntArray) -> Part[Images]:
    """The images at `indices`, in that order."""
    return Part(Chosen(part.images, indices), part.labels[indices])


@dataclass(frozen=True, eq=False)
class Pool:
    """Everything a search may look at, and a door to the test split that a search leaves closed.

    Attributes:
        train: Training images; also the validation images where `val` is None.
        val: Validation images of the data set's own.
        open_test: Reads the test split; the only way to it.
        classes: Names by label.
        input_size: Side in pixels at which the full network is meant to run.
        val_fraction: Share of `train` that becomes validation where `val` is None.
        fingerprint: Of `train` and `val`.
        seen: What was noticed of the images.
        flip: Whether an image mirrored left to right keeps its label.
        root: The folder of its files, None where it has none.
    """

    train: Part[Images]
    val: Part[Images] | None
    open_test: Callable[[], Part[Images]]
    classes: tuple[str, ...]
    input_size: int
    val_fraction: float
    fingerprint: str
    seen: Seen
    flip: bool = True
    root: Path | None = None


def fingerprint_arrays(*arrays: ByteArray | IntArray) -> str:
    """Digits that change with any value or shape."""
    digest = sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def sizes_of(images: ByteArray) -> Sizes:
    """Of images in one array (N, H, W, C)."""
    size = (images.shape[2], images.shape[1])
    return Sizes(size, size, min(size), len(images))
