"""Images handed over in Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from cheapsearch.search.data import HANDED, HandedData, handed, load_images, load_test, open_images
from cheapsearch.search.data.npz import npz_pool
from cheapsearch.search.data.summary import Sizes
from cheapsearch.space import UserError

LABELS = np.arange(30) % 3
RGB = np.random.RandomState(0).randint(0, 256, (30, 12, 10, 3)).astype(np.uint8)


class Photographs(Dataset[tuple[Image.Image, int]]):
    """As torchvision's: images of Pillow, of sizes of their own, and the names of the classes."""

    classes = ("ant", "bee", "cow")

    def __len__(self) -> int:
        return len(RGB)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(RGB[index][: 12 - index % 2]), int(LABELS[index])


def taken(dataset: object) -> HandedData:
    found = handed(dataset)
    assert found is not None
    return found


def pixels(found: HandedData, split: str = "train") -> list[np.ndarray]:
    part = found.parts[split]
    return [part.images.original(index) for index in range(len(part.labels))]


@pytest.mark.parametrize(
    "images",
    [
        RGB,
        RGB / 255,
        torch.from_numpy(RGB).permute(0, 3, 1, 2),
        torch.from_numpy(RGB).permute(0, 3, 1, 2) / 255,
    ],
    ids=["bytes", "floats", "tensor of bytes", "tensor of floats"],
)
def test_arrays_and_tensors_are_the_same_bytes(images: Any) -> None:
    for labels in (LABELS, torch.from_numpy(LABELS)[:, None]):
        found = taken((images, labels))
        np.testing.assert_array_equal(pixels(found), RGB)
        np.testing.assert_array_equal(found.parts["train"].labels, LABELS)
        assert found.classes == ("0", "1", "2")
        assert found.fingerprint == taken((RGB, LABELS)).fingerprint


def test_tensors_of_bfloat16_are_read_as_floats() -> None:
    halves = torch.full((4, 1, 5, 5), 0.5, dtype=torch.bfloat16)
    found = taken((halves, [0, 1, 0, 1]))
    assert {int(value) for image in pixels(found) for value in image.ravel()} == {round(0.5 * 255)}


def test_grey_images_have_three_equal_channels() -> None:
    found = taken((RGB[..., 0], LABELS))
    np.testing.assert_array_equal(pixels(found), np.repeat(RGB[..., :1], 3, axis=-1))
    np.testing.assert_array_equal(pixels(taken((RGB[..., :1], LABELS))), pixels(found))


def test_dataset_of_images_of_many_sizes() -> None:
    found = taken(Photographs())
    assert found.classes == ("ant", "bee", "cow")
    assert [image.shape for image in pixels(found)[:2]] == [(12, 10, 3), (11, 10, 3)]
    np.testing.assert_array_equal(pixels(found)[1], RGB[1][:11])
    opened = open_images(found, seed=0)
    assert opened.summary.sizes == Sizes((10, 11), (10, 12), 10, 30)
    assert (opened.input_size, opened.summary.dataset) == (10, HANDED)
    data = load_images(found, seed=0)
    # At 10 pixels the images keep their width, so each is its centre: the rows from 1, or those from 0.
    kept = [RGB[index][1 - index % 2 :][:10] for index in range(30)]
    assert {image.tobytes() for image in (*data.train_images, *data.val_images)} == {
        image.tobytes() for image in kept
    }


def test_dataset_of_tensors_is_the_same_as_its_arrays() -> None:
    tensors = TensorDataset(torch.from_numpy(RGB).permute(0, 3, 1, 2) / 255, torch.from_numpy(LABELS))
    found = taken(tensors)
    np.testing.assert_array_equal(pixels(found), RGB)
    assert found.fingerprint == taken((RGB, LABELS)).fingerprint
    pairs = [(image, label) for image, label in zip(RGB, LABELS, strict=True)]
    assert taken(pairs).fingerprint == found.fingerprint


def test_labels_that_are_names_name_the_classes() -> None:
    names = np.array(["cow", "ant", "bee"])[LABELS]
    found = taken({"train": (RGB, names), "validation": (RGB[:4], ["bee", "bee", "ant", "cow"])})
    assert found.classes == ("ant", "bee", "cow")
    assert found.parts["train"].labels[:3].tolist() == [2, 0, 1]
    assert found.parts["val"].labels.tolist() == [1, 1, 0, 2]


def test_splits_are_those_given_and_the_rest_of_a_fifth(tmp_path: Path) -> None:
    both = taken({"train": (RGB, LABELS), "val": (RGB[:6], LABELS[:6]), "test": (RGB[6:9], LABELS[6:9])})
    data = load_images(both, seed=0)
    np.testing.assert_array_equal(data.val_labels, LABELS[:6])
    images, labels = load_test(both, size=12)
    assert (images.shape, labels.tolist()) == ((3, 12, 12, 3), LABELS[6:9].tolist())
    assert data.summary is not None
    assert dict(data.summary.images) == {"train": 30, "val": 6, "test": 3}
    alone = load_images(taken((RGB, LABELS)), seed=0)
    assert np.bincount(alone.val_labels).tolist() == [2, 2, 2]
    with pytest.raises(UserError, match=r"^dataset: must have test images for a test accuracy, got none"):
        load_test(taken((RGB, LABELS)))

    # The same arrays in an archive are the same data.
    np.savez(
        tmp_path / "a.npz", train_images=RGB, train_labels=LABELS, val_images=RGB[:6], val_labels=LABELS[:6]
    )
    assert npz_pool(tmp_path / "a.npz").fingerprint == both.fingerprint != alone.fingerprint


def test_names_and_paths_are_not_handed_over(tmp_path: Path) -> None:
    assert handed("digits") is None
    assert handed(tmp_path) is None
    found = taken((RGB, LABELS))
    assert handed(found) is found


def test_images_are_only_in_memory() -> None:
    with pytest.raises(UserError) as caught:
        open_images(HANDED, seed=0)
    assert "dataset: 'arrays' are images handed over in Python" in str(caught.value)
    assert "`dataset=(images, labels)`; a folder of that name is './arrays'" in str(caught.value)
    with pytest.raises(UserError, match="must be one of digits, cifar10, cifar100, imagenet, a path ending"):
        open_images("array", seed=0)


WIDE = RGB.astype(np.float64)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (3, r"must be a path, a name, a pair \(images, labels\), a map-style Dataset, or .*, got int"),
        ({"train": (RGB, LABELS), "training": (RGB, LABELS)}, "train, val and test once, got 'training'"),
        ({"tset": (RGB, LABELS)}, "train, val and test once, got 'tset'"),
        ({"test": (RGB, LABELS)}, "must have training images, got test"),
        (
            (WIDE, LABELS),
            "train images must be bytes, or floats from 0 to 1, got floats from 0 to 255: scale",
        ),
        ((WIDE * np.nan, LABELS), "got floats from nan to nan"),
        ((RGB.astype(np.int64), LABELS), "train images must be uint8 in 0..255, got int64"),
        ((RGB[..., :2], LABELS), r"train images must be \(N, H, W\) grey or .*, got \(30, 12, 10, 2\)"),
        ((RGB, LABELS[:29]), r"train labels must be one per image, got \(29,\) for 30 images"),
        ((RGB, LABELS / 2), "train labels must be integers, got float64"),
        ((RGB, LABELS * 0), "train labels must have at least 2 classes"),
        ((RGB, LABELS * 2), "train labels must be 0 to 2 without a gap for 3 classes, got 4"),
        (
            {"train": (RGB, LABELS), "val": (RGB[:1], [7])},
            "validation labels must be classes of the training",
        ),
        (
            {"train": (RGB, np.array(["a", "b", "c"])[LABELS]), "val": (RGB[:1], ["d"])},
            "validation labels must be classes of the training images, a, b, c, got 'd'",
        ),
        (RGB, r"train images of a Dataset must come as \(image, label\), got ndarray for item 0"),
        ([], "train images must be one or more, got none"),
        ((RGB[:3], ["a", 1, "b"]), "train labels must be all numbers or all names of classes, got 1 of int"),
        ((RGB[:3], np.array([0, 1, None])), "train labels must be all .*, got 0 of int"),
        ((RGB[:2], ["a", float("nan")]), "train labels must be all .*, got nan of float"),
        ([(RGB[0], "a"), (RGB[1], 1)], "train labels must be all .*, got 1 of int"),
        (
            {"train": (RGB[:2], ["1", "2"]), "val": (RGB[:1], [1])},
            "validation labels must be classes of the training images, 1, 2, got 1",
        ),
        ((RGB[:2], [[0], [1, 0]]), "train labels must make one array, got parts of different shapes"),
        (([RGB[0], RGB[1, 1:]], [0, 1]), "train images must make one array, got parts of different"),
        ([(RGB[0], 0), (RGB[1], torch.tensor([1, 0]))], "train labels must make one array"),
        ([(RGB[0], 0), (WIDE[0] - 1, 1)], "train image 1 must be bytes, or floats from 0 to 1"),
        ([(Image.new("F", (8, 8)), 0)], "train image 0: floating-point pixels have no known range"),
    ],
)
def test_refuses_what_is_no_images(dataset: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        handed(dataset)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("dataset: ")


def test_mapping_may_be_any() -> None:
    class Splits(Mapping[str, Any]):
        def __getitem__(self, name: str) -> Any:
            return {"train": (RGB, LABELS)}[name]

        def __iter__(self) -> Any:
            return iter(["train"])

        def __len__(self) -> int:
            return 1

    assert taken(Splits()).fingerprint == taken((RGB, LABELS)).fingerprint
