from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cheapsearch.search.data import imagenet, load_images, load_test
from cheapsearch.space import UserError

MakeFolder = Callable[..., Path]
WNIDS = ("n01440764", "n01443537")


@pytest.fixture
def small_imagenet(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(imagenet, "NUM_CLASSES", 2)
    make_folder("imagenet/train", classes=WNIDS, count=50)
    return make_folder("imagenet/val", classes=WNIDS, count=5).parent


def test_imagenet_validation_is_carved_from_train(small_imagenet: Path, opened: list[str]) -> None:
    opened.clear()
    data = load_images("imagenet", data_dir=small_imagenet, seed=0, size=8)
    assert not [path for path in opened if path.startswith(str(small_imagenet / "val"))]
    # 4 % of 50 images a class.
    assert np.bincount(data.val_labels).tolist() == [2, 2]
    assert np.bincount(data.train_labels).tolist() == [48, 48]
    assert data.input_size == 224
    assert data.classes == WNIDS


def test_imagenet_published_validation_is_the_test_split(small_imagenet: Path) -> None:
    images, labels = load_test("imagenet", data_dir=small_imagenet, size=8)
    assert images.shape == (10, 8, 8, 3)
    assert labels.tolist() == [0] * 5 + [1] * 5


def test_imagenet_needs_a_data_dir() -> None:
    with pytest.raises(
        UserError, match="data_dir: imagenet needs the folder that holds train/n01440764"
    ) as error:
        load_images("imagenet", seed=0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("there", [False, True])
def test_imagenet_says_which_layout_it_expects(there: bool, make_folder: MakeFolder, tmp_path: Path) -> None:
    if there:
        make_folder("train", classes=WNIDS)
    with pytest.raises(UserError) as error:
        load_images("imagenet", data_dir=tmp_path, seed=0)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("data_dir: imagenet must be laid out as train/n01440764/*.JPEG and val/")
    assert f"got {2 if there else 0} class folders in '{tmp_path / 'train'}'" in message
