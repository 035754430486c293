"""What arrays of images and labels must be, wherever they come from."""

from typing import Any

import numpy as np

from ...space import UserError
from .split import IntArray


def check_images(shape: tuple[int, ...], dtype: Any, where: str) -> None:
    """Refuse what is not bytes of grey or RGB images, by shape and type alone.

    Args:
        where: What they are called, at the beginning of the error, as the other functions here take it.
    """
    if dtype != np.uint8:
        raise UserError(f"{where} must be uint8 in 0..255, got {dtype}: scale and convert them")
    channels = shape[3] if len(shape) == 4 else 1
    if len(shape) not in (3, 4) or channels not in (1, 3) or 0 in shape:
        raise UserError(f"{where} must be (N, H, W) grey or (N, H, W, 3) RGB, got {shape}: reshape them")


def check_labels(labels: Any, count: int, where: str) -> IntArray:
    """The labels as int64 (N,)."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise UserError(
            f"{where} must be one class per image, (N,) or (N, 1), got {labels.shape}: multi-label data sets "
            "are not supported"
        )
    if labels.dtype.kind not in "iu":
        raise UserError(f"{where} must be integers, got {labels.dtype}: number the classes 0, 1, 2, ...")
    if labels.ndim not in (1, 2) or labels.size != count:
        raise UserError(
            f"{where} must be one per image, got {labels.shape} for {count} images: leave no image and no "
            "label out"
        )
    flat: IntArray = labels.reshape(-1).astype(np.int64)
    return flat


def count_classes(labels: IntArray, where: str) -> int:
    """How many classes there are, each with an image."""
    present = set(np.unique(labels).tolist())
    if len(present) < 2:
        raise UserError(f"{where} must have at least 2 classes, got only {min(present)}: add a class")
    odd = sorted(present - set(range(len(present))))
    if odd:
        raise UserError(
            f"{where} must be 0 to {len(present) - 1} without a gap for {len(present)} classes, got "
            f"{odd[0]}: renumber the classes"
        )
    return len(present)


def check_known(labels: IntArray, num_classes: int, where: str) -> None:
    """Refuse a class that is none of the training images'."""
    odd = [label for label in np.unique(labels).tolist() if not 0 <= label < num_classes]
    if odd:
        raise UserError(
            f"{where} must be classes of the training images, 0 to {num_classes - 1}, got {odd[0]}: renumber "
            "them"
        )
