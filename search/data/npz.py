"""MedMNIST-style archives: train_images, train_labels and optionally val_* and test_* in one .npz."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ...space import UserError, shown
from ...space.errors import nearest_path
from .array_checks import check_images, check_known, check_labels, count_classes
from .image_data import ByteArray
from .measure import default_input_size
from .pool import ArrayImages, Part, Pool, fingerprint_arrays, sizes_of
from .split import IntArray
from .summary import Seen

VAL_FRACTION = 0.2
# Those of numpy whose functions for them are public.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


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
        num_classes = count_classes(train_labels, f"--dataset: '{shown(path)}' train_labels")
        val = None
        if "val_images" in archive.files:
            val_images, val_labels = _read_split(archive, "val", path)
            check_known(val_labels, num_classes, f"--dataset: '{shown(path)}' val_labels")
            val = Part(ArrayImages(val_images), val_labels)
        test_images = _check_test(archive, num_classes, path)
    train = Part(ArrayImages(train_images), train_labels)
    of_val = () if val is None else (val_images, val.labels)
    return Pool(
        train=train,
        val=val,
        open_test=lambda: _open_test(path, num_classes),
        classes=tuple(str(label) for label in range(num_classes)),
        input_size=default_input_size(min(train_images.shape[1:3])),
        val_fraction=VAL_FRACTION,
        fingerprint=fingerprint_arrays(train_images, train_labels, *of_val),
        seen=Seen(
            origins={
                "train": "train_images",
                "val": "val_images" if val else f"{VAL_FRACTION:.0%} of the training images, by the seed",
                **({} if test_images is None else {"test": "test_images"}),
            },
            sizes=sizes_of(train_images),
            test_images=test_images,
        ),
    )


def _check_test(archive: Any, num_classes: int, path: Path) -> int | None:
    """How many test images there are, None for none; checked as far as that takes no look at one."""
    if "test_images" not in archive.files:
        return None
    labels = _read_array(archive, "test_labels", path)
    try:
        with archive.zip.open("test_images.npy") as file:
            read_header = _HEADERS.get(np.lib.format.read_magic(file))
            shape, _, dtype = read_header(file) if read_header else (None, None, None)
    except Exception as error:  # as in _open
        raise _damaged(path, error) from error
    if shape is not None:
        check_images(shape, dtype, f"--dataset: '{shown(path)}' test_images")
        labels = check_labels(labels, shape[0], f"--dataset: '{shown(path)}' test_labels")
        check_known(labels, num_classes, f"--dataset: '{shown(path)}' test_labels")
    return int(labels.size)


def _open_test(path: Path, num_classes: int) -> Part[ArrayImages]:
    with _open(path) as archive:
        images, labels = _read_split(archive, "test", path)
    check_known(labels, num_classes, f"--dataset: '{shown(path)}' test_labels")
    return Part(ArrayImages(images), labels)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    if not os.path.isfile(path):  # noqa: PTH113 - which has no error for a name that is too long
        raise UserError(f"--dataset: there is no file '{shown(path)}': check the path{nearest_path(path)}")
    with ExitStack() as stack:
        try:
            # Opened here because numpy leaves its own file open where the archive is damaged.
            archive = np.load(stack.enter_context(path.open("rb")), allow_pickle=False)
        except Exception as error:  # numpy and zipfile raise whatever a damaged byte leads them to
            raise _damaged(path, error) from error
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(
                f"--dataset: '{shown(path)}' must be an archive of named arrays, got a single array: write "
                "it with numpy.savez"
            )
        yield stack.enter_context(archive)


def _damaged(path: Path, error: Exception) -> UserError:
    reason = shown(" ".join(str(error).split())) or type(error).__name__
    return UserError(f"--dataset: '{shown(path)}' cannot be read ({reason}): download or write it again")


def _read_array(archive: Any, key: str, path: Path) -> Any:
    if key not in archive.files:
        near = get_close_matches(key, archive.files, n=1, cutoff=0.5)
        hint = f"; is it {near[0]!r}?" if near else ""
        raise UserError(
            f"--dataset: '{shown(path)}' must have an array {key!r}, got "
            f"{shown(', '.join(archive.files)) or 'none'}{hint}"
        )
    try:
        array = archive[key]
    except Exception as error:  # as in _open
        raise _damaged(path, error) from error
    if not isinstance(array, np.ndarray):
        raise UserError(
            f"--dataset: '{shown(path)}' must have an array {key!r}, that is something else: write it with "
            "numpy.savez"
        )
    return array


def _read_split(archive: Any, split: str, path: Path) -> tuple[ByteArray, IntArray]:
    """Images as uint8 (N, H, W, C) and labels as int64 (N,), checked."""
    images = _read_array(archive, f"{split}_images", path)
    labels = _read_array(archive, f"{split}_labels", path)
    check_images(images.shape, images.dtype, f"--dataset: '{shown(path)}' {split}_images")
    if images.ndim == 3:
        images = images[..., None]
    return images, check_labels(labels, len(images), f"--dataset: '{shown(path)}' {split}_labels")
