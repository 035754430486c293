import numpy as np
import pytest
from PIL import Image

from cheapsearch.search.data import resize
from cheapsearch.search.data.resize import resize_images

IMAGES = np.random.RandomState(0).randint(0, 256, (5, 32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [8, 13, 16, 48])
def test_resize_images_is_within_one_grey_level_of_pillow(size: int) -> None:
    pillow = [
        np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)) for image in IMAGES
    ]
    difference = resize_images(IMAGES, size).astype(int) - np.stack(pillow)
    assert np.abs(difference).max() <= 1


def test_resize_images_keeps_what_has_the_size() -> None:
    np.testing.assert_array_equal(resize_images(IMAGES, 32), IMAGES)


def test_resize_images_crops_the_centre_of_the_longer_side() -> None:
    wide = np.zeros((1, 4, 10, 1), np.uint8)
    wide[:, :, 3:7] = 200
    assert (resize_images(wide, 4) == 200).all()
    assert (resize_images(wide.transpose(0, 2, 1, 3), 2) == 200).all()


def test_resize_images_in_chunks_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resize_images(IMAGES, 16)
    monkeypatch.setattr(resize, "CHUNK", 2)
    np.testing.assert_array_equal(resize_images(IMAGES, 16), whole)


def test_resize_images_averages_a_flat_area() -> None:
    assert (resize_images(np.full((2, 32, 32, 3), 77, np.uint8), 8) == 77).all()
