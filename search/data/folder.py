"""Folders of class folders, split by the user or for the user."""

import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from ...space import MIN_INPUT, UserError
from .decode import FileImages, shorter_side
from .pool import FINGERPRINT_DIGITS, TEST_FRACTION, TEST_SEED, Part, Pool
from .split import IntArray, check_class_sizes, stratified_split

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
VAL_FRACTION = 0.2
LARGEST_INPUT_SIZE = 224
# Headers read to learn how large the images are.
SIZE_SAMPLE = 200


def folder_pool(root: Path) -> Pool:
    """The images of a folder of class folders.

    Layouts: ROOT/CLASS, or ROOT/train/CLASS, each with ROOT/val/CLASS or ROOT/test/CLASS or both beside
    it. Without `val`, a fifth of the training images becomes validation. Without `train` and `test`, a
    fifth of each class is held out as the test split, by a fixed seed. `test` is not looked into.

    The input size is 224, or the median shorter side where that is smaller, rounded to a multiple of
    32 from 64 pixels on and of 8 below.

    Raises:
        UserError: If the folder or its classes are missing, there are fewer than two, one has no or too
            few images, or `val` has other classes than the training images.
    """
    if not root.is_dir():
        raise UserError(f"--dataset: there is no folder '{root}': check the path")
    # A folder `train` with images right inside is a class of that name.
    in_train = class_folders(root / "train")
    classes = in_train or tuple(name for name in class_folders(root) if name not in ("val", "test"))
    if len(classes) < 2:
        raise UserError(
            f"--dataset: '{root}' must hold at least two class folders, as CLASS/*.jpg or train/CLASS/*.jpg, "
            f"got {', '.join(classes) or 'none'}: make one folder of images for each class"
        )
    train = list_files(root / "train" if in_train else root, classes)
    val = list_split(root / "val", classes) if (root / "val").is_dir() else None
    open_test: Callable[[], Part[FileImages]] = partial(list_split, root / "test", classes)
    if not in_train and not (root / "test").is_dir():
        check_class_sizes(train.labels, 3 if val is None else 2, classes)
        kept, held_out = stratified_split(train.labels, TEST_FRACTION, TEST_SEED)
        open_test = partial(_choose, train, held_out)
        train = _choose(train, kept)
    return Pool(
        train=train,
        val=val,
        open_test=open_test,
        classes=classes,
        input_size=_input_size(train),
        val_fraction=VAL_FRACTION,
        fingerprint=fingerprint_files(train, val),
    )


def class_folders(root: Path) -> tuple[str, ...]:
    """Names of the folders in `root`, in order and without hidden ones; none where there is no `root`."""
    if not root.is_dir():
        return ()
    names = (path.name for path in root.iterdir() if path.is_dir())
    return tuple(sorted(name for name in names if not name.startswith((".", "__"))))


def list_files(root: Path, classes: tuple[str, ...]) -> Part[FileImages]:
    """The image files of class folders, labelled by position, in an order no file system decides.

    Raises:
        UserError: Naming a class folder without any.
    """
    names: list[str] = []
    counts = []
    for class_name in classes:
        found: list[str] = []
        # Folders of images are often links to where the images really are.
        for parent, subfolders, files in os.walk(root / class_name, followlinks=True):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            below = Path(parent).relative_to(root).as_posix()
            found += [
                f"{below}/{name}"
                for name in files
                if name.lower().endswith(SUFFIXES) and not name.startswith(".")
            ]
        if not found:
            raise UserError(
                f"--dataset: the class folder '{root / class_name}' has no image files "
                f"({' '.join(SUFFIXES)}): add some or remove the folder"
            )
        names += sorted(found)
        counts.append(len(found))
    return Part(FileImages(root, tuple(names)), np.repeat(np.arange(len(classes)), counts))


def list_split(root: Path, classes: tuple[str, ...]) -> Part[FileImages]:
    """The image files of one split, whose class folders must be those of the training images.

    Raises:
        UserError: If the folder is missing, has other classes, or one of them has no images.
    """
    if not root.is_dir():
        raise UserError(f"--dataset: there is no folder '{root}': add it, with a folder for each class")
    found = class_folders(root)
    if found != classes:
        odd = [f"{name} missing" for name in classes if name not in found]
        odd += [f"{name} extra" for name in found if name not in classes]
        raise UserError(
            f"--dataset: '{root}' must have the class folders of the training images, got {', '.join(odd)}: "
            "make them agree"
        )
    return list_files(root, classes)


def fingerprint_files(*parts: Part[FileImages] | None) -> str:
    """Of names, sizes in bytes and labels: reading every image of a large folder would take minutes."""
    digest = sha256()
    for part in parts:
        if part is not None:
            digest.update(f"{len(part.labels)} files\n".encode())
            for name, label in zip(part.images.names, part.labels.tolist(), strict=True):
                digest.update(f"{label} {(part.images.root / name).stat().st_size} {name}\n".encode())
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def _choose(part: Part[FileImages], indices: IntArray) -> Part[FileImages]:
    names = tuple(part.images.names[index] for index in indices)
    return Part(FileImages(part.images.root, names), part.labels[indices])


def _input_size(part: Part[FileImages]) -> int:
    sample = np.unique(np.linspace(0, len(part.labels) - 1, SIZE_SAMPLE).astype(np.int64))
    median = float(np.median([shorter_side(part.images.path(index)) for index in sample.tolist()]))
    if median >= LARGEST_INPUT_SIZE:
        return LARGEST_INPUT_SIZE
    step = 32 if median >= 64 else 8
    return max(MIN_INPUT, int(median / step + 0.5) * step)
