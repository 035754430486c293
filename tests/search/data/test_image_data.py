import numpy as np
import pytest

from cheapsearch.search.data import ImageData


def make(images: np.ndarray, labels: np.ndarray) -> ImageData:
    return ImageData(images, labels, images, labels, ("cat", "dog", "cow"), 32, "digits", False, "0" * 16)


def test_image_data_counts_its_classes() -> None:
    assert make(np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.int64)).num_classes == 3


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((4, 8, 8, 3), np.float32), np.zeros(4, np.int64)),
        (np.zeros((4, 3, 8, 8), np.uint8), np.zeros(4, np.int64)),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros(5, np.int64)),
        (np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.uint8)),
    ],
)
def test_image_data_is_checked_when_made(images: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        make(images, labels)
