"""From what `--dataset` says to images in memory."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...space import MIN_INPUT, UserError, check_name
from .cifar import cifar_pool
from .digits import digits_pool
from .folder import folder_pool
from .image_data import ByteArray, ImageData
from .imagenet import imagenet_pool
from .npz import npz_pool
from .pool import Images, Part, Pool, Progress, choose
from .split import IntArray, stratified_split, stratified_subset

DATASETS: dict[str, Callable[[Path | None, Progress | None], Pool]] = {
    "digits": lambda data_dir, progress: digits_pool(),
    "cifar10": lambda data_dir, progress: cifar_pool("cifar10", data_dir, progress),
    "cifar100": lambda data_dir, progress: cifar_pool("cifar100", data_dir, progress),
    "imagenet": lambda data_dir, progress: imagenet_pool(data_dir),
}
DATASET_PATHS = ("a path ending in .npz", "a folder of class folders")

# A limit thins the validation images too, but not below this: at 1,000 images an accuracy near 50 % has
# a standard error of 1.6 points already.
SMALLEST_VALIDATION = 1000


@dataclass(frozen=True, eq=False)
class OpenImages:
    """Training and validation images that are decoded when read.

    Attributes:
        classes: Names by label.
        input_size: Side in pixels at which the full network is meant to run.
        flip: Whether an image mirrored left to right keeps its label.
        fingerprint: 16 hexadecimal digits that name the data, whatever the seed, limit and size.
    """

    train: Part[Images]
    val: Part[Images]
    classes: tuple[str, ...]
    input_size: int
    flip: bool
    fingerprint: str


def open_images(
    dataset: str,
    *,
    data_dir: Path | None = None,
    limit: int | None = None,
    seed: int,
    progress: Progress | None = None,
    input_size: int | None = None,
) -> OpenImages:
    """Find the images of a data set and choose those for training and for validation.

    Which images are chosen depends on the data, `seed` and `limit` alone. A limit keeps the same share of
    the validation images as of the training images, but at least 1,000 of them (or one per class, or all).

    Arguments and errors are those of `load_images`.
    """
    if limit is not None and limit < 2:
        raise UserError(f"limit: must be at least one image of each class, got {limit}: raise it")
    pool = _open(dataset, data_dir, progress)
    _check_size("--input-size", input_size)
    train, val = pool.train, pool.val
    if val is None:
        train_indices, val_indices = stratified_split(
            train.labels, pool.val_fraction, seed, classes=pool.classes
        )
        val = train
    else:
        train_indices, val_indices = np.arange(len(train.labels)), np.arange(len(val.labels))
    if limit is not None and limit < len(train_indices):
        val_limit = max(
            round(len(val_indices) * limit / len(train_indices)), SMALLEST_VALIDATION, len(pool.classes)
        )
        val_indices = val_indices[stratified_subset(val.labels[val_indices], val_limit, seed)]
        train_indices = train_indices[stratified_subset(train.labels[train_indices], limit, seed)]
    return OpenImages(
        train=choose(train, train_indices),
        val=choose(val, val_indices),
        classes=pool.classes,
        input_size=pool.input_size if input_size is None else input_size,
        flip=pool.flip,
        fingerprint=pool.fingerprint,
    )


def load_images(
    dataset: str,
    *,
    data_dir: Path | None = None,
    size: int | None = None,
    limit: int | None = None,
    seed: int,
    progress: Progress | None = None,
    input_size: int | None = None,
) -> ImageData:
    """Read the training and validation images of a data set; its test split stays closed.

    Args:
        dataset: `digits`, `cifar10`, `cifar100`, `imagenet`, a path ending in .npz, or a folder of class
            folders. A relative path that is not there is looked for in `data_dir`.
        data_dir: Where CIFAR is or goes (None: `$XDG_CACHE_HOME/cheapsearch`), and where ImageNet is.
        size: Side in pixels of the images in memory; None for the input size.
        limit: Most training images to keep, a stratified choice; None for all.
        seed: Of the validation split, where the data set has none of its own, and of the choice.
        progress: Called with a line of text while long work goes on.
        input_size: Side the full network is meant for; None for the data set's own.

    Raises:
        UserError: If the data set is unknown, missing, damaged or unfit, or a number is out of range.
    """
    _check_size("size", size)
    opened = open_images(
        dataset, data_dir=data_dir, limit=limit, seed=seed, progress=progress, input_size=input_size
    )
    size = opened.input_size if size is None else size
    _check_memory(len(opened.train.labels) + len(opened.val.labels), size)
    return ImageData(
        train_images=opened.train.read(size, progress),
        train_labels=opened.train.labels,
        val_images=opened.val.read(size, progress),
        val_labels=opened.val.labels,
        classes=opened.classes,
        input_size=opened.input_size,
        name=dataset,
        flip=opened.flip,
        fingerprint=opened.fingerprint,
    )


def open_test(
    dataset: str, *, data_dir: Path | None = None, progress: Progress | None = None
) -> Part[Images]:
    """Find the images of the test split, once per retrained network and never during a search.

    Arguments are those of `load_images`.

    Raises:
        UserError: As `load_images`, and if the data set has no test split.
    """
    return _open(dataset, data_dir, progress).open_test()


def load_test(
    dataset: str,
    *,
    data_dir: Path | None = None,
    size: int | None = None,
    progress: Progress | None = None,
) -> tuple[ByteArray, IntArray]:
    """Read the test split into memory, as `open_test` finds it.

    Arguments and errors are those of `load_images` and `open_test`.

    Returns:
        Images uint8 (N, size, size, 3) and labels int64 (N,).
    """
    _check_size("size", size)
    pool = _open(dataset, data_dir, progress)
    test = pool.open_test()
    size = pool.input_size if size is None else size
    _check_memory(len(test.labels), size)
    return test.read(size, progress), test.labels


def _open(dataset: str, data_dir: Path | None, progress: Progress | None) -> Pool:
    data_dir = data_dir.expanduser() if data_dir is not None else None
    if dataset in DATASETS:
        return DATASETS[dataset](data_dir, progress)
    path = Path(dataset).expanduser()
    if data_dir is not None and not path.exists() and (data_dir / path).exists():
        path = data_dir / path
    if path.suffix == ".npz":
        return npz_pool(path)
    if path.is_file():
        raise UserError(f"--dataset: must be {' or '.join(DATASET_PATHS)}, got the file '{path}': convert it")
    if path.is_dir() or len(path.parts) > 1:
        return folder_pool(path)
    check_name("--dataset", dataset, [*DATASETS, *DATASET_PATHS])
    raise AssertionError("no data set is called what a path is described as")


def _check_size(name: str, value: int | None) -> None:
    if value is not None and value < MIN_INPUT:
        raise UserError(f"{name}: must be at least {MIN_INPUT} pixels, got {value}: raise it")


def _check_memory(count: int, size: int) -> None:
    """Refuse what would end the process without a word when memory runs out."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return
    present = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = count * size * size * 3
    if needed > present:
        raise UserError(
            f"--dataset: {count:,} images of {size} pixels need {needed / 2**30:.1f} GiB, this machine has "
            f"{present / 2**30:.1f}: lower the limit or the size"
        )
