"""What networks are scored by, what an image counts in the loss, and what weights begin with, by name."""

from pathlib import Path

# How a metric is called in a sentence; a score by it is in percent.
METRIC_TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
}
# Of the loss: every image counts the same, or every class.
CLASS_WEIGHTS = ("none", "balanced")
# Weights that trainings begin with: fresh ones, or torchvision's.
PRETRAINED = ("none", "imagenet")


def is_pretrained(pretrained: str, weights: str | Path | None) -> bool:
    """Whether trainings begin with trained weights: torchvision's, or those of a file."""
    return pretrained != "none" or weights is not None
