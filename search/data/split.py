"""Stratified choices of images: the same labels and seed give the same choice everywhere.

scikit-learn's splitters refuse a class with one image and may leave a rare class out of a part, and
their draws may change with its version. Here every class is in every part, the counts are integers
throughout, and the draws are numpy's `RandomState`, whose stream is frozen.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...space import UserError

IntArray = npt.NDArray[np.int64]


def check_class_sizes(labels: IntArray, least: int, classes: Sequence[str] | None = None) -> None:
    """Refuse a class with too few images.

    Args:
        labels: Of all images, (N,).
        least: Images every class must have.
        classes: Names by label, for the message.

    Raises:
        UserError: Naming the first class with fewer.
    """
    present, counts = np.unique(labels, return_counts=True)
    for label, count in zip(present.tolist(), counts.tolist(), strict=True):
        if count < least:
            name = classes[label] if classes is not None else str(label)
            raise UserError(
                f"--dataset: every class needs at least {least} images to be split, class {name!r} has "
                f"{count}: add images or leave the class out"
            )


def stratified_split(
    labels: IntArray, fraction: float, seed: int, *, classes: Sequence[str] | None = None
) -> tuple[IntArray, IntArray]:
    """Split images in two, each class in proportion and at least once in both parts.

    Args:
        labels: Of all images, (N,).
        fraction: Share of the images to hold out, in 0..1; raised to one image of each class.
        seed: Of the draw.
        classes: Names by label, for the message.

    Returns:
        Indices kept and indices held out, both ascending.

    Raises:
        UserError: If a class has a single image.
    """
    check_class_sizes(labels, 2, classes)
    _, compact, counts = np.unique(labels, return_inverse=True, return_counts=True)
    held = min(max(round(len(labels) * fraction), len(counts)), len(labels) - len(counts))
    held_out = _draw(compact, _quotas(counts, held, spare=1), seed)
    return np.setdiff1d(np.arange(len(labels)), held_out, assume_unique=True), held_out


def stratified_subset(labels: IntArray, limit: int, seed: int) -> IntArray:
    """Choose at most `limit` images, each class in proportion and at least once.

    Args:
        labels: Of all images, (N,).
        limit: Images to choose.
        seed: Of the draw.

    Returns:
        Indices, ascending; all of them where there are no more than `limit`.

    Raises:
        UserError: If there are more classes than `limit`.
    """
    if limit >= len(labels):
        return np.arange(len(labels))
    _, compact, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if limit < len(counts):
        raise UserError(
            f"--proxy images: must be at least the number of classes, {len(counts)}, got {limit}: one of each"
        )
    return _draw(compact, _quotas(counts, limit, spare=0), seed)


def _quotas(counts: IntArray, total: int, spare: int) -> IntArray:
    """Images to take of each class: one, and the rest of `total` by largest remainder.

    `spare` images of every class are never taken.
    """
    room = counts - 1 - spare
    rest = total - len(counts)
    quotas, remainders = np.divmod(room * rest, max(int(room.sum()), 1))
    quotas[np.argsort(-remainders, kind="stable")[: rest - int(quotas.sum())]] += 1
    return 1 + quotas


def _draw(labels: IntArray, quotas: IntArray, seed: int) -> IntArray:
    """Indices of `quotas[c]` images of each class c, ascending; labels are 0..n-1 without a gap."""
    order = np.random.RandomState(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[rank < np.repeat(quotas, counts)])
