"""Images for trainings under full policies: few, so that an epoch is a matter of a tenth of a second."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of scikit-learn's digits, 8 pixels wide: 80 to train on, 60 to validate, 60 to test."""
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
    parts = {"train": slice(80), "val": slice(80, 140), "test": slice(140, 200)}
    arrays = {f"{name}_images": images[part] for name, part in parts.items()}
    arrays |= {f"{name}_labels": labels[part].astype(np.int64) for name, part in parts.items()}
    path = tmp_path_factory.mktemp("images") / "few.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture
def beside_few_digits(few_digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the archive is known as `few.npz`."""
    monkeypatch.chdir(few_digits.parent)
