"""Balanced weights make every class count the same, and the mean image as before."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from cheapsearch.search.training.balance import class_weights

LABELS = np.repeat([0, 1, 2], [6, 3, 1])


def test_class_weights_make_every_class_count_the_same() -> None:
    weights = class_weights("balanced", LABELS, 3)
    assert weights is not None
    totals = [weight * count for weight, count in zip(weights, (6, 3, 1), strict=True)]
    assert totals == pytest.approx([totals[0]] * 3)
    assert np.mean([weights[label] for label in LABELS]) == pytest.approx(1)
    assert weights == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=LABELS))
    assert class_weights("none", LABELS, 3) is None


def test_class_weights_bear_a_class_without_images() -> None:
    weights = class_weights("balanced", LABELS, 4)
    assert weights is not None
    assert np.isfinite(weights).all()
    assert np.mean([weights[label] for label in LABELS]) == pytest.approx(1)
