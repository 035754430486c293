"""A data set looked at as a whole: every file checked, and some images of each class to look at."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from .folder import readable
from .pool import Images, Part, Progress
from .sources import open_pool, split_pool
from .summary import SPLITS, DataSummary

# A page of more is slow to open.
MOST_IMAGES = 400
MOST_PER_CLASS = 10


@dataclass(frozen=True)
class SheetRow:
    """Some training images of a class, as the network sees them.

    Attributes:
        name: The class.
        counts: Its images by split; validation images that are yet to be drawn count as training images.
        images: PNG files.
    """

    name: str
    counts: Mapping[str, int]
    images: tuple[bytes, ...]


@dataclass(frozen=True, eq=False)
class Survey:
    """What there is to know of a data set.

    Attributes:
        summary: With the unreadable files of all splits as skipped.
        parts: By split, its readable images.
    """

    summary: DataSummary
    parts: Mapping[str, Part[Images]]


def survey(dataset: str, *, data_dir: Path | None = None, progress: Progress | None = None) -> Survey:
    """Open a data set and check every file, those of the test split among them.

    Arguments and errors are those of `load_images`.
    """
    pool = open_pool(dataset, data_dir=data_dir, skip_corrupt=True, progress=progress)
    *_, summary = split_pool(dataset, pool, seed=0)
    parts = {"train": pool.train} | ({} if pool.val is None else {"val": pool.val})
    if "test" in summary.images:
        parts["test"], skipped = readable(pool.open_test(), pool.root, progress)
        images = {**summary.images, "test": len(parts["test"].labels)}
        summary = replace(summary, images=images, skipped=(*summary.skipped, *skipped))
    return Survey(summary, parts)


def contact_sheet(found: Survey, *, progress: Progress | None = None) -> list[SheetRow]:
    """Some training images of each class, as the network sees them: cut square and resized.

    Args:
        progress: Called with a line of text while images are read.

    Returns:
        A row for each class, in order; of the first 400 where there are more.
    """
    classes = found.summary.classes[:MOST_IMAGES]
    each = min(MOST_PER_CLASS, MOST_IMAGES // len(classes))
    train = found.parts["train"]
    chosen = []
    for label in range(len(classes)):
        mine = np.flatnonzero(train.labels == label)
        chosen.append(mine[np.unique(np.linspace(0, len(mine) - 1, each).round().astype(np.int64))])
    pixels = iter(train.images.read(np.concatenate(chosen), found.summary.input_size, progress))
    counts = {
        SPLITS[split]: np.bincount(part.labels, minlength=len(found.summary.classes))
        for split, part in found.parts.items()
    }
    return [
        SheetRow(
            name=name,
            counts={split: int(each[label]) for split, each in counts.items()},
            images=tuple(_png(next(pixels)) for _ in chosen[label]),
        )
        for label, name in enumerate(classes)
    ]


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
