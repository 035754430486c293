"""CIFAR-10 and CIFAR-100: torchvision's copies, found on disk or downloaded once."""

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...space import UserError
from .pool import ArrayImages, Part, Pool, Progress, fingerprint_arrays, sizes_of
from .summary import Seen

INPUT_SIZE = 32
VAL_FRACTION = 0.1
# Without one, a firewall that drops packets holds the download for minutes.
TIMEOUT_SECONDS = 30.0


def cache_dir() -> Path:
    """Where downloads go without `--data-dir`.

    Raises:
        UserError: If nobody knows the home folder.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cheapsearch"
    except RuntimeError:
        raise UserError(
            "--data-dir: must say where downloads go, since the home folder is not known: give it or set HOME"
        ) from None


def cifar_pool(name: str, data_dir: Path | None, progress: Progress | None = None) -> Pool:
    """CIFAR, with a tenth of its training images for validation.

    Args:
        name: `cifar10` or `cifar100`.
        data_dir: The folder of `cifar-10-batches-py` or of the archive; None for the cache folder.
        progress: Called before a download.

    Raises:
        UserError: If the images are neither on disk nor can be downloaded.
    """
    root = data_dir if data_dir is not None else cache_dir()
    train = _open(name, root, train=True, progress=progress)
    images, labels = _arrays(train)
    return Pool(
        train=Part(ArrayImages(images), labels),
        val=None,
        open_test=lambda: _part(_open(name, root, train=False, progress=progress)),
        classes=tuple(train.classes),
        input_size=INPUT_SIZE,
        val_fraction=VAL_FRACTION,
        fingerprint=fingerprint_arrays(images, labels),
        seen=Seen(
            origins={
                "train": f"{train.base_folder}/",
                "val": f"{VAL_FRACTION:.0%} of the training images, by the seed",
                "test": "its test batch",
            },
            sizes=sizes_of(images),
        ),
    )


def _arrays(dataset: Any) -> tuple[Any, Any]:
    # torchvision's array is a transposed view; a copy makes every later choice and digest contiguous.
    return np.ascontiguousarray(dataset.data), np.array(dataset.targets, dtype=np.int64)


def _part(dataset: Any) -> Part[ArrayImages]:
    images, labels = _arrays(dataset)
    return Part(ArrayImages(images), labels)


def _open(name: str, root: Path, *, train: bool, progress: Progress | None) -> Any:
    # Imported here, so that workers, which get their images handed in, start without it.
    from torchvision.datasets import CIFAR10, CIFAR100

    dataset = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    try:
        return _quietly(dataset, root, train=train)
    except RuntimeError:
        # What torchvision raises for missing and for damaged files; downloading repairs both.
        pass
    if progress is not None:
        progress(f"downloading {name} to {root}, about 170 MB, once")
    try:
        with _timeout(TIMEOUT_SECONDS):
            return _quietly(dataset, root, train=train, download=True)
    # OSError covers no network, a full disk, no permission and a broken gzip; RuntimeError a wrong
    # checksum; EOFError a cut archive.
    except (OSError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"--dataset {name}: '{root / dataset.base_folder}' is missing or damaged and the download failed "
            f"({reason}): put {dataset.filename} from {dataset.url} into '{root}' or where --data-dir says, "
            f"remove a damaged {dataset.base_folder}, or use --dataset digits, which works at once"
        ) from error


def _quietly(dataset: Any, root: Path, **settings: bool) -> Any:
    with warnings.catch_warnings():
        # NumPy 2.4 warns of how CIFAR's files were pickled; torchvision leaves it so (pytorch/vision#9340).
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        return dataset(root, **settings)


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
