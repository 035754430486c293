"""What networks are scored by, and what an image counts in the loss, by name."""

# How a metric is called in a sentence; a score by it is in percent.
METRIC_TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
}
# Of the loss: every image counts the same, or every class.
CLASS_WEIGHTS = ("none", "balanced")
