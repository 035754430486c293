"""validation.npz keeps which images each trial got right, and refuses what it did not write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from cheapsearch.space import Architecture, Cost, TrialRecord, UserError
from cheapsearch.space.validation_file import Validation, read_validation, write_validation

LABELS = np.array([0, 0, 0, 1, 1, 2, 0, 0, 0, 2, 0], np.int64)
TRIAL = TrialRecord(
    0, Architecture("mobilenet_v2"), "complete", "unmodified", Cost({"params": 1, "flops": 1}), 50.0
)


def right(*images: int) -> bytes:
    return np.packbits(np.isin(np.arange(len(LABELS)), images)).tobytes()


def test_validation_goes_to_the_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "validation.npz"
    assert read_validation(path) is None
    trials = [
        replace(TRIAL, number=n, right=bits) for n, bits in ((0, right(1, 9)), (4, b""), (7, right(10)))
    ]
    write_validation(path, LABELS, trials)
    found = read_validation(path)
    assert found is not None
    assert np.array_equal(found.labels, LABELS)
    assert found.right == {0: right(1, 9), 7: right(10)}
    plain = [replace(trial, right=b"") for trial in trials]
    assert [trial.right for trial in found.on(plain)] == [trial.right for trial in trials]
    write_validation(path, LABELS, [])
    assert read_validation(path).right == {}  # type: ignore[union-attr]


def test_weights_make_a_mean_the_balanced_accuracy() -> None:
    weights = Validation(LABELS, {}).weights("balanced_accuracy")
    assert weights is not None
    assert weights.mean() == pytest.approx(1.0)
    predicted = np.array([0, 1, 0, 1, 0, 2, 0, 0, 2, 2, 0])
    expected = balanced_accuracy_score(LABELS, predicted)
    assert np.mean(weights * (predicted == LABELS)) == pytest.approx(expected)
    assert Validation(LABELS, {}).weights("accuracy") is None


def test_largest_class_is_what_one_answer_scores() -> None:
    validation, always = Validation(LABELS, {}), np.zeros(len(LABELS), int)
    assert validation.largest_class("accuracy") == pytest.approx(100 * np.mean(LABELS == 0))
    expected = 100 * balanced_accuracy_score(LABELS, always)
    assert validation.largest_class("balanced_accuracy") == pytest.approx(expected)
    expected = 100 * f1_score(LABELS, always, average="macro", zero_division=0)
    assert validation.largest_class("macro_f1") == pytest.approx(expected)


@pytest.mark.parametrize("damage", ["empty", "text", "shape", "kind", "missing"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "validation.npz"
    arrays: dict[str, Any] = {"labels": LABELS, "numbers": np.arange(1), "right": np.zeros((1, 2), np.uint8)}
    if damage == "shape":
        arrays["right"] = np.zeros((1, 9), np.uint8)
    if damage == "kind":
        arrays["labels"] = LABELS.astype(np.float64)
    if damage == "missing":
        del arrays["numbers"]
    np.savez(path, **arrays)
    if damage in ("empty", "text"):
        path.write_bytes(b"" if damage == "empty" else b"numbers")
    with pytest.raises(UserError, match=r"validation\.npz") as caught:
        read_validation(path)
    assert "\n" not in str(caught.value)
