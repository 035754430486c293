import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cheapsearch.search.data import contact_sheet, load_images, survey
from cheapsearch.search.data.overview import SheetRow

MakeFolder = Callable[..., Path]


def pixels(row: SheetRow) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(image))) for image in row.images]


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    """Classes cat and dog in train (12 images each), validation (3) and test (2)."""
    make_folder("pets/train", count=12)
    make_folder("pets/validation", count=3)
    return make_folder("pets/test", count=2).parent


def test_survey_checks_every_split(root: Path) -> None:
    broken = ["train/cat/001.png", "validation/dog/002.png", "test/cat/000.png"]
    for name in broken:
        (root / name).write_bytes(b"no image")
    summary = survey(str(root)).summary
    assert [file.name for file in summary.skipped] == broken
    assert summary.images == {"train": 23, "val": 5, "test": 3}


@pytest.mark.parametrize("dataset", ["digits", "small.npz"])
def test_survey_is_of_any_data_set(dataset: str, make_npz: Callable[..., Path]) -> None:
    found = survey(dataset, data_dir=make_npz().parent)
    expected = {"digits": (1150, 288, 359), "small.npz": (30, 9, 6)}[dataset]
    assert tuple(found.summary.images.values()) == expected
    assert [row.name for row in contact_sheet(found)] == list(found.summary.classes)


def test_contact_sheet_shows_images_as_the_network_sees_them(root: Path) -> None:
    found = survey(str(root))
    rows = contact_sheet(found)
    data = load_images(str(root), seed=0)
    assert [row.name for row in rows] == ["cat", "dog"]
    assert rows[0].counts == {"train": 12, "validation": 3, "test": 2}
    for label, row in enumerate(rows):
        shown = pixels(row)
        mine = data.train_images[data.train_labels == label]
        assert len(shown) == 10
        # The first, the last and those between at even distances.
        np.testing.assert_array_equal(shown[0], mine[0])
        np.testing.assert_array_equal(shown[-1], mine[-1])
        assert all(any(np.array_equal(image, one) for one in mine) for image in shown)


def test_contact_sheet_of_few_images_shows_each_once(make_folder: MakeFolder) -> None:
    rows = contact_sheet(survey(str(make_folder("few/train", count=3).parent)))
    assert [len(row.images) for row in rows] == [3, 3]
