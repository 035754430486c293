"""Image files: any size and mode, decoded in threads straight to the size a proxy works at."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from joblib import cpu_count
from PIL import Image, UnidentifiedImageError

from ...devices.label import GreyBits, open_image, square, to_rgb
from ...space import UserError, shown
from .image_data import ByteArray
from .pool import Progress
from .split import IntArray

# Pillow releases the interpreter's lock while it decodes and resizes.
MAX_THREADS = 8
PROGRESS_EVERY = 1000


@dataclass(frozen=True)
class Unreadable:
    """An image file that cannot be used, and why."""

    path: Path
    reason: str


class UnreadableError(UserError):
    """One image file or more cannot be used.

    Attributes:
        files: All of them.
    """

    files: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, eq=False)
class FileImages:
    """Image files, decoded when read.

    Attributes:
        root: The folder of all.
        names: Paths below it, with forward slashes; strings because ImageNet has 1.3 million.
        grey_bits: Of grey values beyond 8 bits where the files do not state them.
    """

    root: Path
    names: tuple[str, ...]
    grey_bits: GreyBits = field(default_factory=dict)

    def path(self, index: int) -> Path:
        return self.root / self.names[index]

    def choose(self, indices: IntArray) -> "FileImages":
        return replace(self, names=tuple(self.names[index] for index in indices.tolist()))

    def read(self, indices: IntArray, size: int, progress: Progress | None = None) -> ByteArray:
        """The files at `indices` as uint8 (len(indices), size, size, 3).

        Args:
            indices: Into `names`.
            size: Side of the result in pixels.
            progress: Called every thousand files.

        Raises:
            UnreadableError: Of all files that cannot be decoded, naming the first.
        """
        images = np.empty((len(indices), size, size, 3), dtype=np.uint8)

        def decode_into(position: int, path: Path) -> None:
            images[position] = decode(path, size, self.grey_bits)

        unreadable = _each(self, indices, decode_into, progress, "decoded")
        if unreadable:
            raise refusal(list(unreadable.values()), len(indices))
        return images

    def original(self, index: int) -> ByteArray:
        """One file at its own size, upright, uint8 (H, W, 3).

        Raises:
            UnreadableError: If it cannot be decoded.
        """
        with quietly(), opened(self.path(index)) as image:
            return np.array(to_rgb(image, self.grey_bits))

    def unreadable(self, progress: Progress | None = None) -> dict[int, Unreadable]:
        """What is wrong with which files, by their position; every file is decoded."""

        def try_to_decode(position: int, path: Path) -> None:
            decode(path, 1, self.grey_bits)

        return _each(self, np.arange(len(self.names)), try_to_decode, progress, "checked")


def decode(path: Path, size: int, grey_bits: GreyBits) -> ByteArray:
    """One file as uint8 (size, size, 3): turned upright, shorter side to `size`, centre crop.

    Raises:
        UnreadableError: If it cannot be decoded.
    """
    with opened(path) as image:
        return square(image, size, grey_bits)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The file, its header read.

    Raises:
        UnreadableError: If that fails, or what is done with the image.
    """
    try:
        with open_image(path) as image:
            yield image
    except UserError:
        raise
    except Exception as error:  # Pillow's readers raise whatever a damaged byte leads them to
        raise refusal([Unreadable(path, _reason(error))], 1) from error


def refusal(files: Sequence[Unreadable], count: int) -> UnreadableError:
    """The error for these of `count` files, of which there is at least one."""
    first = f"'{shown(files[0].path)}' cannot be decoded as an image ({files[0].reason})"
    error = UnreadableError(
        f"--dataset: {first}: replace or delete it, or leave it out with --skip-corrupt"
        if len(files) == 1
        else f"--dataset: {len(files):,} of {count:,} images cannot be decoded, the first: {first}; replace "
        "or delete them, or leave them out with --skip-corrupt; `cheapsearch data` names them all"
    )
    error.files = tuple(files)
    return error


@contextmanager
def quietly() -> Iterator[None]:
    """Without Pillow's warnings of odd metadata and large images; for all threads, so around them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _each(
    images: FileImages,
    indices: IntArray,
    work: Callable[[int, Path], None],
    progress: Progress | None,
    verb: str,
) -> dict[int, Unreadable]:
    """Do the work at every position of `indices`, in threads; give those where a file is unreadable."""

    def attempt(position: int) -> Unreadable | None:
        try:
            work(position, images.path(indices[position]))
        except UnreadableError as error:
            return error.files[0]
        return None

    count, unreadable = len(indices), {}
    with quietly(), ThreadPoolExecutor(min(MAX_THREADS, cpu_count())) as threads:
        for position, found in enumerate(threads.map(attempt, range(count))):
            if found is not None:
                unreadable[position] = found
            if progress is not None and (position + 1) % PROGRESS_EVERY == 0:
                progress(f"{verb} {position + 1:,} of {count:,} images")
    return unreadable


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its content is no image's"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return shown(" ".join(str(error).split())) or type(error).__name__
