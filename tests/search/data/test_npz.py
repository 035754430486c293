import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest

from cheapsearch.search.data import load_images, load_test
from cheapsearch.search.data.npz import npz_pool
from cheapsearch.search.data.summary import Sizes
from cheapsearch.space import UserError

MakeNpz = Callable[..., Path]


def refusal(path: Path) -> str:
    """The message of the error, which is one line that names the argument and the file."""
    with pytest.raises(UserError) as error:
        npz_pool(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("dataset: ")
    assert str(path) in message
    return message


def corrupt(path: Path, member: str, *, header: int = 60) -> None:
    """Overwrite the bytes of one member but its first ones, leaving the archive's directory as it was."""
    with ZipFile(path) as archive:
        assert archive.getinfo(member).compress_type == ZIP_STORED
        start, size = archive.getinfo(member).header_offset, archive.getinfo(member).file_size
    payload = bytearray(path.read_bytes())
    payload[start + header : start + size] = b"?" * (size - header)
    path.write_bytes(payload)


def test_npz_pool_uses_the_validation_images_of_the_archive(make_npz: MakeNpz) -> None:
    path = make_npz()
    pool = npz_pool(path)
    assert pool.val is not None
    with np.load(path) as archive:
        np.testing.assert_array_equal(pool.val.images.read(np.arange(9), 12), archive["val_images"])
        np.testing.assert_array_equal(pool.val.labels, archive["val_labels"].ravel())
    assert pool.classes == ("0", "1", "2")
    assert pool.input_size == 12


def test_npz_images_without_validation_give_a_fifth_of_each_class(make_npz: MakeNpz) -> None:
    data = load_images(str(make_npz(val_images=None, val_labels=None)), seed=0)
    assert np.bincount(data.val_labels).tolist() == [2, 2, 2]
    assert np.bincount(data.train_labels).tolist() == [8, 8, 8]


def test_npz_pool_takes_grey_images_and_flat_labels(make_npz: MakeNpz) -> None:
    grey = np.random.RandomState(0).randint(0, 256, (30, 28, 28)).astype(np.uint8)
    labels = np.arange(30) % 3
    pool = npz_pool(make_npz(train_images=grey, train_labels=labels))
    np.testing.assert_array_equal(pool.train.images.read(np.arange(30), 28)[..., 1], grey)
    assert pool.train.labels.tolist() == labels.tolist()


def test_npz_test_split_stays_closed(make_npz: MakeNpz) -> None:
    path = make_npz(test_images=np.zeros((6, 40, 40, 3), np.uint8))
    corrupt(path, "test_images.npy", header=300)  # of zip and array, which says how many images there are
    assert load_images(str(path), seed=0).train_images.shape == (30, 12, 12, 3)
    with pytest.raises(UserError, match="cannot be read"):
        load_test(str(path))


def test_npz_test_split_is_read_by_load_test(make_npz: MakeNpz) -> None:
    images, labels = load_test(str(make_npz()), size=8)
    assert images.shape == (6, 8, 8, 3)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_npz_fingerprint_covers_train_and_validation_only(make_npz: MakeNpz) -> None:
    before = npz_pool(make_npz()).fingerprint
    other_test = np.zeros((6, 12, 12, 3), np.uint8)
    assert npz_pool(make_npz(test_images=other_test)).fingerprint == before
    assert npz_pool(make_npz(val_images=np.zeros((9, 12, 12, 3), np.uint8))).fingerprint != before
    assert npz_pool(make_npz(train_labels=(np.arange(30) + 1) % 3)).fingerprint != before


def test_npz_pool_refuses_a_missing_file(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path / "none.npz")


@pytest.mark.parametrize("payload", [b"", b"no zip at all", b"PK\x03\x04 cut"])
def test_npz_pool_refuses_a_file_that_is_no_archive(payload: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(payload)
    assert "cannot be read" in refusal(path)


def test_npz_pool_refuses_a_cut_archive(make_npz: MakeNpz) -> None:
    path = make_npz()
    path.write_bytes(path.read_bytes()[:5000])
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("member", ["train_images.npy", "train_labels.npy", "val_images.npy"])
def test_npz_pool_refuses_a_damaged_array(member: str, make_npz: MakeNpz) -> None:
    path = make_npz()
    corrupt(path, member)
    assert "cannot be read" in refusal(path)


def test_npz_pool_refuses_a_bare_array(tmp_path: Path) -> None:
    path = tmp_path / "bare.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert "got a single array" in refusal(path)


def test_npz_pool_names_the_nearest_array_for_a_missing_one(make_npz: MakeNpz) -> None:
    images = np.zeros((30, 12, 12, 3), np.uint8)
    message = refusal(make_npz(train_images=None, training_images=images))
    assert "must have an array 'train_images'" in message
    assert "is it 'training_images'?" in message
    assert "must have an array 'val_labels'" in refusal(make_npz(val_labels=None))


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        ({"train_images": np.zeros((30, 12, 12, 3), np.float32)}, "must be uint8 in 0..255, got float32"),
        ({"train_images": np.array([None] * 30)}, "cannot be read"),
        ({"train_images": np.zeros((30, 3, 12, 12), np.uint8)}, "got (30, 3, 12, 12)"),
        ({"train_images": np.zeros((30, 28, 28, 28), np.uint8)}, "got (30, 28, 28, 28)"),
        ({"train_images": np.zeros((30, 144), np.uint8)}, "got (30, 144)"),
        ({"train_images": np.zeros((0, 12, 12, 3), np.uint8)}, "got (0, 12, 12, 3)"),
        ({"train_labels": np.arange(29) % 3}, "must be one per image, got (29,) for 30 images"),
        ({"train_labels": np.zeros((30, 14), np.uint8)}, "multi-label"),
        ({"train_labels": np.zeros(30, np.float32)}, "must be integers, got float32"),
        ({"train_labels": np.array(["cat", "dog"] * 15)}, "must be integers"),
        ({"train_labels": np.arange(30) % 3 - 1}, "without a gap for 3 classes, got -1"),
        ({"train_labels": (np.arange(30) % 3) * 2}, "must be 0 to 2 without a gap for 3 classes, got 4"),
        ({"train_labels": np.arange(30) % 3 + 1}, "must be 0 to 2 without a gap for 3 classes, got 3"),
        ({"train_labels": np.zeros(30, np.int64)}, "must have at least 2 classes, got only 0"),
        ({"val_labels": np.full(9, 3)}, "val_labels must be classes of the training images, 0 to 2, got 3"),
        ({"val_images": np.zeros((9, 12, 12, 3))}, "val_images must be uint8"),
        ({"train_images": None, "train_images.txt": b"no array"}, "must have an array 'train_images'"),
        ({"test_images": np.zeros((6, 12, 12, 3))}, "test_images must be uint8"),
        ({"test_images": np.zeros((6, 12), np.uint8)}, "test_images must be (N, H, W)"),
        ({"test_labels": np.zeros(5, np.int64)}, "test_labels must be one per image, got (5,) for 6"),
        ({"test_labels": np.full(6, 3)}, "test_labels must be classes of the training images, 0 to 2, got 3"),
        ({"test_labels": None}, "must have an array 'test_labels'"),
    ],
)
def test_npz_pool_refuses_unfit_arrays(replaced: dict[str, Any], expected: str, make_npz: MakeNpz) -> None:
    assert expected in refusal(make_npz(**replaced))


def test_npz_images_refuse_a_class_too_small_to_split(make_npz: MakeNpz) -> None:
    labels = np.array([0] * 15 + [1] * 14 + [2])
    with pytest.raises(UserError, match="class '2' has 1"):
        load_images(str(make_npz(train_labels=labels, val_images=None)), seed=0)


def test_load_test_refuses_an_archive_without_a_test_split(make_npz: MakeNpz) -> None:
    with pytest.raises(UserError, match="must have an array 'test_images'"):
        load_test(str(make_npz(test_images=None, test_labels=None)))


def test_npz_pool_refuses_what_is_no_array(make_npz: MakeNpz) -> None:
    path = make_npz(train_labels=None)
    with ZipFile(path, "a") as archive:
        archive.writestr("train_labels", b"0 1 2")
    assert "must have an array 'train_labels', that is something else" in refusal(path)


def test_npz_pool_refuses_an_array_too_large_for_any_memory(make_npz: MakeNpz) -> None:
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 4, 4), }"
    path = make_npz(train_images=None)
    with ZipFile(path, "a") as archive:
        archive.writestr(
            "train_images.npy", b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n"
        )
    assert "cannot be read" in refusal(path)


class _Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.where),)


@pytest.mark.parametrize("name", ["train_images", "train_labels", "test_labels"])
def test_npz_pool_runs_nothing_that_an_archive_holds(name: str, make_npz: MakeNpz, tmp_path: Path) -> None:
    path = make_npz(**{name: np.array([_Bomb(tmp_path / "run")] * 6, dtype=object)})
    assert "cannot be read" in refusal(path)
    assert not (tmp_path / "run").exists()


def test_npz_pool_says_what_it_saw(make_npz: MakeNpz) -> None:
    seen = npz_pool(make_npz()).seen
    assert seen.test_images == 6
    assert seen.origins == {"train": "train_images", "val": "val_images", "test": "test_images"}
    assert seen.sizes == Sizes((12, 12), (12, 12), 12, 30)
    assert "test" not in npz_pool(make_npz(test_images=None)).seen.origins
