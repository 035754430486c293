"""Scores of a whole split from counts by class, which the processes of a team can add up."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Counts = npt.NDArray[np.float64]


def class_counts(labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """By class: its images, those predicted as it, and those of it predicted right.

    Args:
        labels: Right classes, int64 (N,).
        predicted: Predicted classes, int64 (N,).

    Returns:
        int64 (3, `num_classes`).
    """
    right = labels[labels == predicted]
    return torch.stack([found.bincount(minlength=num_classes) for found in (labels, predicted, right)])


def balanced_accuracy(counts: Counts) -> float:
    """The mean over the classes of the share predicted right, in percent.

    It is scikit-learn's `balanced_accuracy_score`; a class without images does not count.

    Args:
        counts: As `class_counts` gives them, summed over the split.
    """
    images, _, right = counts
    present = images > 0
    return 100.0 * float(np.mean(right[present] / images[present]))


def macro_f1(counts: Counts) -> float:
    """The mean over the classes of F1, in percent.

    It is scikit-learn's `f1_score` with `average="macro"`; a class neither there nor predicted does not
    count.

    Args:
        counts: As for `balanced_accuracy`.
    """
    images, predicted, right = counts
    present = images + predicted > 0
    return 100.0 * float(np.mean(2 * right[present] / (images + predicted)[present]))


# The metrics but accuracy.
FROM_COUNTS: dict[str, Callable[[Counts], float]] = {
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}
