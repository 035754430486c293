"""From what `--dataset` says to images in memory."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...space import MIN_INPUT, UserError, shown
from ...space.errors import nearest
from .cifar import cifar_pool
from .digits import digits_pool
from .folder import folder_pool, readable
from .handed import HANDED, HandedData, name_of, not_handed
from .image_data import ByteArray, ImageData
from .imagenet import imagenet_pool
from .names import expanded
from .npz import npz_pool
from .pool import Images, Part, Pool, Progress, choose
from .split import IntArray, stratified_split, stratified_subset
from .summary import DataSummary, summarise

DATASETS: dict[str, Callable[[Path | None, bool, Progress | None], Pool]] = {
    "digits": lambda data_dir, skip_corrupt, progress: digits_pool(),
    "cifar10": lambda data_dir, skip_corrupt, progress: cifar_pool("cifar10", data_dir, progress),
    "cifar100": lambda data_dir, skip_corrupt, progress: cifar_pool("cifar100", data_dir, progress),
    "imagenet": lambda data_dir, skip_corrupt, progress: imagenet_pool(
        data_dir, skip_corrupt=skip_corrupt, progress=progress
    ),
    HANDED: lambda data_dir, skip_corrupt, progress: not_handed(),
}
DATASET_PATHS = ("a path ending in .npz", "a folder of class folders")

# A limit thins the validation images too, but not below this: at 1,000 images an accuracy near 50 % has
# a standard error of 1.6 points already.
SMALLEST_VALIDATION = 1000


# A part and which of its images.
Selection = tuple[Part[Images], IntArray]


@dataclass(frozen=True, eq=False)
class OpenImages:
    """Training and validation images that are decoded when read.

    Attributes:
        classes: Names by label.
        input_size: Side in pixels at which the full network is meant to run.
        flip: Whether an image mirrored left to right keeps its label.
        fingerprint: 16 hexadecimal digits that name the data, whatever the seed, limit and size.
        summary: What the data set was understood to be, before a limit.
    """

    train: Part[Images]
    val: Part[Images]
    classes: tuple[str, ...]
    input_size: int
    flip: bool
    fingerprint: str
    summary: DataSummary

    def load(self, size: int | None, *, name: str, progress: Progress | None = None) -> ImageData:
        """Read all images into memory; arguments and errors are those of `load_images`."""
        size = self.input_size if size is None else size
        _check_memory(len(self.train.labels) + len(self.val.labels), size)
        return ImageData(
            train_images=self.train.read(size, progress),
            train_labels=self.train.labels,
            val_images=self.val.read(size, progress),
            val_labels=self.val.labels,
            classes=self.classes,
            input_size=self.input_size,
            name=name,
            flip=self.flip,
            fingerprint=self.fingerprint,
            summary=self.summary,
        )


def open_images(
    dataset: str | HandedData,
    *,
    data_dir: Path | None = None,
    limit: int | None = None,
    seed: int,
    progress: Progress | None = None,
    input_size: int | None = None,
    skip_corrupt: bool = False,
) -> OpenImages:
    """Find the images of a data set and choose those for training and for validation.

    Which images are chosen depends on the data, `seed` and `limit` alone. A limit keeps the same share of
    the validation images as of the training images, but at least 1,000 of them (or one per class, or all).

    Arguments and errors are those of `load_images`.
    """
    if limit is not None and limit < 2:
        raise UserError(f"--proxy images: must be at least one of each class, got {limit}: raise it")
    pool = open_pool(dataset, data_dir=data_dir, skip_corrupt=skip_corrupt, progress=progress)
    _check_size("--input-size", input_size)
    (train, train_indices), (val, val_indices), summary = split_pool(
        name_of(dataset), pool, seed=seed, input_size=input_size
    )
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
        input_size=summary.input_size,
        flip=pool.flip,
        fingerprint=pool.fingerprint,
        summary=summary,
    )


def split_pool(
    dataset: str, pool: Pool, *, seed: int, input_size: int | None = None
) -> tuple[Selection, Selection, DataSummary]:
    """Which images are for training and which for validation, and what that comes to.

    Args:
        dataset: As it was asked for.
        seed: Of the validation split, where the data set has none of its own.
        input_size: Side the full network is meant for; None for the data set's own.

    Raises:
        UserError: If a class has too few images.
    """
    train, val = pool.train, pool.val
    if val is None:
        train_indices, val_indices = stratified_split(
            train.labels, pool.val_fraction, seed, classes=pool.classes
        )
        val = train
    else:
        train_indices, val_indices = np.arange(len(train.labels)), np.arange(len(val.labels))
    summary = summarise(
        dataset,
        classes=pool.classes,
        seen=pool.seen,
        train_labels=train.labels[train_indices],
        val_labels=val.labels[val_indices],
        input_size=pool.input_size if input_size is None else input_size,
        fingerprint=pool.fingerprint,
    )
    return (train, train_indices), (val, val_indices), summary


def load_images(
    dataset: str | HandedData,
    *,
    data_dir: Path | None = None,
    size: int | None = None,
    limit: int | None = None,
    seed: int,
    progress: Progress | None = None,
    input_size: int | None = None,
    skip_corrupt: bool = False,
) -> ImageData:
    """Read the training and validation images of a data set; its test split stays closed.

    Args:
        dataset: `digits`, `cifar10`, `cifar100`, `imagenet`, a path ending in .npz, a folder of class
            folders, or what `handed` made. A relative path that is not there is looked for in `data_dir`.
        data_dir: Where CIFAR is or goes (None: `$XDG_CACHE_HOME/cheapsearch`), and where ImageNet is.
        size: Side in pixels of the images in memory; None for the input size.
        limit: Most training images to keep, a stratified choice; None for all.
        seed: Of the validation split, where the data set has none of its own, and of the choice.
        progress: Called with a line of text while long work goes on.
        input_size: Side the full network is meant for; None for the data set's own.
        skip_corrupt: Leave unreadable image files out, which the summary lists, instead of refusing them.

    Raises:
        UserError: If the data set is unknown, missing, damaged or unfit, or a number is out of range.
    """
    _check_size("--proxy input_size", size)
    opened = open_images(
        dataset,
        data_dir=data_dir,
        limit=limit,
        seed=seed,
        progress=progress,
        input_size=input_size,
        skip_corrupt=skip_corrupt,
    )
    return opened.load(size, name=name_of(dataset), progress=progress)


def open_test(
    dataset: str | HandedData,
    *,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    skip_corrupt: bool = False,
) -> Part[Images]:
    """Find the images of the test split, once per retrained network and never during a search.

    Arguments are those of `load_images`.

    Raises:
        UserError: As `load_images`, and if the data set has no test split.
    """
    pool = open_pool(dataset, data_dir=data_dir, skip_corrupt=skip_corrupt, progress=progress)
    return _test(pool, skip_corrupt, progress)


def load_test(
    dataset: str | HandedData,
    *,
    data_dir: Path | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    skip_corrupt: bool = False,
) -> tuple[ByteArray, IntArray]:
    """Read the test split into memory, as `open_test` finds it.

    Arguments and errors are those of `load_images` and `open_test`.

    Returns:
        Images uint8 (N, size, size, 3) and labels int64 (N,).
    """
    _check_size("--proxy input_size", size)
    pool = open_pool(dataset, data_dir=data_dir, skip_corrupt=skip_corrupt, progress=progress)
    test = _test(pool, skip_corrupt, progress)
    size = pool.input_size if size is None else size
    _check_memory(len(test.labels), size)
    return test.read(size, progress), test.labels


def open_pool(
    dataset: str | HandedData,
    *,
    data_dir: Path | None,
    skip_corrupt: bool = False,
    progress: Progress | None = None,
) -> Pool:
    """Everything a data set offers, before images are chosen.

    Arguments and errors are those of `load_images`.
    """
    if isinstance(dataset, HandedData):
        return dataset.pool
    data_dir = expanded("--data-dir", data_dir) if data_dir is not None else None
    if dataset in DATASETS:
        return DATASETS[dataset](data_dir, skip_corrupt, progress)
    path = expanded("--dataset", dataset)
    # os.path, because pathlib's have errors of their own for names that are too long or not to be entered.
    if data_dir is not None and not os.path.exists(path) and os.path.exists(data_dir / path):  # noqa: PTH110
        path = data_dir / path
    if path.suffix.lower() == ".npz" and not os.path.isdir(path):  # noqa: PTH112
        return npz_pool(path)
    if os.path.isfile(path):  # noqa: PTH113
        raise UserError(
            f"--dataset: must be {' or '.join(DATASET_PATHS)}, got the file '{shown(path)}': convert it"
        )
    if os.path.isdir(path) or len(path.parts) > 1:  # noqa: PTH112
        return folder_pool(path, skip_corrupt=skip_corrupt, progress=progress)
    known = [name for name in DATASETS if name != HANDED]
    beside = [other.name for other in Path().iterdir() if other.is_dir() or other.suffix == ".npz"]
    raise UserError(
        f"--dataset: must be one of {', '.join([*known, *DATASET_PATHS])}, got {dataset!r}"
        f"{nearest(dataset, [*known, *beside])}"
    )


def _test(pool: Pool, skip_corrupt: bool, progress: Progress | None) -> Part[Images]:
    test = pool.open_test()
    return readable(test, pool.root, progress)[0] if skip_corrupt else test


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
            f"{present / 2**30:.1f}: lower --proxy images or its input_size"
        )
