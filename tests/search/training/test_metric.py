"""The metrics are scikit-learn's, however the images come in batches."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score

from cheapsearch.search.training.metric import FROM_COUNTS, class_counts
from cheapsearch.space import METRIC_TITLES

LABELS = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 2, 2])
PREDICTED = torch.tensor([0, 0, 0, 0, 0, 1, 1, 0, 2, 0])


def test_every_metric_but_accuracy_is_from_counts() -> None:
    assert {*METRIC_TITLES} == {"accuracy", *FROM_COUNTS}


def test_class_counts_by_hand() -> None:
    assert class_counts(LABELS, PREDICTED, 4).tolist() == [[6, 2, 2, 0], [7, 2, 1, 0], [5, 1, 1, 0]]


@pytest.mark.parametrize("seen", [slice(None), slice(6), slice(8)], ids=["all", "one class", "two classes"])
def test_metrics_are_those_of_scikit_learn(seen: slice) -> None:
    labels, predicted = LABELS[seen], PREDICTED[seen]
    halves = zip(labels.split(3), predicted.split(3), strict=True)
    counts = np.sum([class_counts(*half, 4).double().numpy() for half in halves], axis=0)

    with warnings.catch_warnings():  # of classes that are predicted and not there
        warnings.simplefilter("ignore", UserWarning)
        balanced = balanced_accuracy_score(labels, predicted)
    assert FROM_COUNTS["balanced_accuracy"](counts) == pytest.approx(100 * balanced)
    f1 = f1_score(labels, predicted, average="macro")
    assert FROM_COUNTS["macro_f1"](counts) == pytest.approx(100 * f1)
