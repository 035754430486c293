"""MedMNIST-style archives: train_images, train_labels and optionally val_* and test_* in one .npz."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ...space import UserError
from .image_data import ByteArray
from .pool import ArrayImages, Part, Pool, fingerprint_arrays
from .split import IntArray

VAL_FRACTION = 0.2
# Of zipfile and numpy: ValueError for what is neither .npz nor .npy and for pickled objects, RuntimeError
# for encryption.
READ_ERRORS = (OSError, ValueError, EOFError, RuntimeError, BadZipFile, zlib.error)


def npz_pool(path: Path) -> Pool:
    """The arrays of an archive; its validation images where it has some, else a fifth of the training's.

    Args:
        path: A .npz with images uint8 (N, H, W) or (N, H, W, 3) and labels (N,) or (N, 1), 0..n-1.

    Raises:
        UserError: If the file is missing or damaged, an array is missing or has the wrong type or
            shape, or the labels are not one class 0..n-1 per image.
    """
    with _open(path) as archive:
        train_images, train_labels = _read_split(archive, "train", path)
        num_classes = _count_classes(train_labels, path)
        val = None
        if "val_images" in archive.files:
            val_images, val_labels = _read_split(archive, "val", path)
            _check_classes("val", val_labels, num_classes, path)
            val = Part(ArrayImages(val_images), val_labels)
    train = Part(ArrayImages(train_images), train_labels)
    of_val = () if val is None else (val_images, val.labels)
    return Pool(
        train=train,
        val=val,
        open_test=lambda: _open_test(path, num_classes),
        classes=tuple(str(label) for label in range(num_classes)),
        input_size=min(train_images.shape[1:3]),
        val_fraction=VAL_FRACTION,
        fingerprint=fingerprint_arrays(train_images, train_labels, *of_val),
    )


def _open_test(path: Path, num_classes: int) -> Part[ArrayImages]:
    with _open(path) as archive:
        images, labels = _read_split(archive, "test", path)
    _check_classes("test", labels, num_classes, path)
    return Part(ArrayImages(images), labels)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise UserError(f"--dataset: there is no file '{path}': check the path")
    with ExitStack() as stack:
        try:
            # Opened here because numpy leaves its own file open where the archive is damaged.
            archive = np.load(stack.enter_context(path.open("rb")), allow_pickle=False)
        except READ_ERRORS as error:
            raise _damaged(path, error) from error
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(
                f"--dataset: '{path}' must be an archive of named arrays, got a single array: write it with "
                "numpy.savez"
            )
        yield stack.enter_context(archive)


def _damaged(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"--dataset: '{path}' cannot be read ({reason}): download or write it again")


def _read_array(archive: Any, key: str, path: Path) -> Any:
    if key not in archive.files:
        near = get_close_matches(key, archive.files, n=1, cutoff=0.5)
        hint = f"; is it {near[0]!r}?" if near else ""
        raise UserError(
            f"--dataset: '{path}' must have an array {key!r}, got {', '.join(archive.files) or 'none'}{hint}"
        )
    try:
        return archive[key]
    except READ_ERRORS as error:
        raise _damaged(path, error) from error


def _read_split(archive: Any, split: str, path: Path) -> tuple[ByteArray, IntArray]:
    """Images as uint8 (N, H, W, C) and labels as int64 (N,), checked."""
    images = _read_array(archive, f"{split}_images", path)
    labels = _read_array(archive, f"{split}_labels", path)
    where = f"--dataset: '{path}' {split}_images"
    if images.dtype != np.uint8:
        raise UserError(f"{where} must be uint8 in 0..255, got {images.dtype}: scale and convert them")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise UserError(
            f"{where} must be (N, H, W) grey or (N, H, W, 3) RGB, got {images.shape}: reshape them"
        )
    where = f"--dataset: '{path}' {split}_labels"
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise UserError(
            f"{where} must be one class per image, (N,) or (N, 1), got {labels.shape}: multi-label data sets "
            "are not supported"
        )
    if labels.dtype.kind not in "iu":
        raise UserError(f"{where} must be integers, got {labels.dtype}: number the classes 0, 1, 2, ...")
    if labels.ndim not in (1, 2) or labels.size != len(images):
        raise UserError(
            f"{where} must be one per image, got {labels.shape} for {len(images)} images: check how the "
            "archive was written"
        )
    return images, labels.reshape(-1).astype(np.int64)


def _count_classes(labels: IntArray, path: Path) -> int:
    present = set(np.unique(labels).tolist())
    where = f"--dataset: '{path}' train_labels"
    if len(present) < 2:
        raise UserError(f"{where} must have at least 2 classes, got only {min(present)}: add a class")
    odd = sorted(present - set(range(len(present))))
    if odd:
        raise UserError(
            f"{where} must be 0 to {len(present) - 1} without a gap for {len(present)} classes, got "
            f"{odd[0]}: renumber the classes"
        )
    return len(present)


def _check_classes(split: str, labels: IntArray, num_classes: int, path: Path) -> None:
    odd = [label for label in np.unique(labels).tolist() if not 0 <= label < num_classes]
    if odd:
        raise UserError(
            f"--dataset: '{path}' {split}_labels must be classes of train_labels, 0 to {num_classes - 1}, "
            f"got {odd[0]}: renumber them"
        )
