"""How much an image of each class counts in the loss."""

import numpy as np

from ..data import IntArray


def class_weights(name: str, labels: IntArray, num_classes: int) -> tuple[float, ...] | None:
    """The weight of each class, by label; None where all images count the same.

    Balanced weights are as one over the number of a class's images, so that all classes count the same, and 1
    in the mean over the images, so that the learning rate means what it does without them.

    Args:
        name: One of `space.CLASS_WEIGHTS`.
        labels: Of the training images, (N,).
    """
    if name == "none":
        return None
    counts = np.bincount(labels, minlength=num_classes)
    present = np.count_nonzero(counts)
    return tuple((len(labels) / (present * np.maximum(counts, 1))).tolist())
