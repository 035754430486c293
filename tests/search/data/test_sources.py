import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cheapsearch.search.data import load_images, load_test, sources
from cheapsearch.space import UserError

MakeFolder = Callable[..., Path]
MakeNpz = Callable[..., Path]


def refusal(dataset: str, **settings: object) -> str:
    with pytest.raises(UserError) as error:
        load_images(dataset, seed=0, **settings)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


def test_load_images_reads_digits_at_the_input_size() -> None:
    data = load_images("digits", seed=0)
    assert data.train_images.shape == (1150, 32, 32, 3)
    assert data.val_images.shape == (288, 32, 32, 3)
    assert data.num_classes == 10
    assert data.name == "digits"
    assert not data.flip


def test_load_images_never_gives_a_test_image() -> None:
    test = {image.tobytes() for image in load_test("digits", size=8)[0]}
    data = load_images("digits", seed=0, size=8)
    assert not test & {image.tobytes() for image in (*data.train_images, *data.val_images)}


def test_load_images_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = (load_images("digits", seed=seed, size=8, limit=200) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train_images, again.train_images)
    np.testing.assert_array_equal(first.val_labels, again.val_labels)
    assert not np.array_equal(first.train_images, other.train_images)


def test_load_images_limit_chooses_by_the_seed_from_both_parts(
    make_npz: MakeNpz, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The archive has its own validation images, so the seed decides nothing but the choice.
    monkeypatch.setattr(sources, "SMALLEST_VALIDATION", 3)
    path = str(make_npz())
    first, other = (load_images(path, seed=seed, limit=12) for seed in (0, 1))
    assert not np.array_equal(first.train_images, other.train_images)
    assert not np.array_equal(first.val_images, other.val_images)


def test_load_images_choice_does_not_depend_on_the_size() -> None:
    large, small = (load_images("digits", seed=0, size=size, limit=200) for size in (32, 16))
    np.testing.assert_array_equal(large.train_labels, small.train_labels)
    halved = torch.nn.functional.avg_pool2d(
        torch.from_numpy(large.train_images).permute(0, 3, 1, 2).float(), 2
    ).permute(0, 2, 3, 1)
    assert np.abs(halved.numpy() - small.train_images).mean() < 10


def test_load_images_fingerprint_names_the_data_alone(make_npz: MakeNpz) -> None:
    prints = {
        load_images("digits", seed=0).fingerprint,
        load_images("digits", seed=1, size=16).fingerprint,
        load_images("digits", seed=0, limit=100).fingerprint,
    }
    assert len(prints) == 1
    assert load_images(str(make_npz()), seed=0).fingerprint not in prints


def test_load_images_arrays_can_become_tensors_without_a_warning(make_folder: MakeFolder) -> None:
    for dataset in ("digits", str(make_folder())):
        data = load_images(dataset, seed=0)
        for array in (data.train_images, data.train_labels, data.val_images, data.val_labels):
            torch.from_numpy(array)


def test_load_images_limit_is_the_number_of_training_images(make_npz: MakeNpz) -> None:
    data = load_images(str(make_npz()), seed=0, limit=12)
    assert np.bincount(data.train_labels).tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("limit", "expected"),
    # Of 400 training and 100 validation images, with 20 as the least: a share of 25, the least, all.
    [(100, 25), (50, 20), (400, 100), (1000, 100)],
)
def test_load_images_limit_keeps_a_share_of_the_validation_images(
    limit: int, expected: int, make_npz: MakeNpz, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SMALLEST_VALIDATION", 20)
    images = np.zeros((500, 8, 8), np.uint8)
    no_test = {"test_images": None, "test_labels": None}
    path = make_npz(train_images=images, train_labels=np.arange(500) % 2, val_images=None, **no_test)
    data = load_images(str(path), seed=0, limit=limit)
    assert len(data.train_labels) == min(limit, 400)
    assert len(data.val_labels) == expected


def test_load_images_limit_keeps_all_of_few_validation_images() -> None:
    assert len(load_images("digits", seed=0, size=8, limit=100).val_labels) == 288


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"limit": 0}, "proxy images: must be at least one of each class, got 0"),
        ({"limit": 9}, "proxy images: must be at least the number of classes, 10, got 9"),
        ({"size": 4}, "proxy input_size: must be at least 8 pixels, got 4"),
        ({"input_size": 0}, "input_size: must be at least 8 pixels, got 0"),
    ],
)
def test_load_images_refuses_numbers_out_of_range(settings: dict[str, int], expected: str) -> None:
    assert refusal("digits", **settings).startswith(expected)


def test_load_images_refuses_an_unknown_name_and_names_the_nearest() -> None:
    message = refusal("cifr10")
    assert message == (
        "dataset: must be one of digits, cifar10, cifar100, imagenet, a path ending in .npz, a folder of "
        "class folders, got 'cifr10'; did you mean 'cifar10'?"
    )


def test_load_images_names_the_nearest_folder_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "did you mean" not in refusal("cloting")
    (tmp_path / "clothing").mkdir()
    assert refusal("cloting").endswith("got 'cloting'; did you mean 'clothing'?")


def test_load_images_refuses_a_path_that_is_not_there() -> None:
    assert refusal("no/such/folder") == "dataset: there is no folder 'no/such/folder': check the path"
    assert refusal("a" * 300 + "/b").endswith("b': check the path")
    assert refusal("a\0b") == "dataset: must be a path, got one with a zero byte: check it"
    assert refusal("none.npz") == "dataset: there is no file 'none.npz': check the path"


def test_load_images_refuses_a_file_that_is_no_npz(tmp_path: Path) -> None:
    file = tmp_path / "images.zip"
    file.write_bytes(b"")
    assert refusal(str(file)) == (
        "dataset: must be a path ending in .npz or a folder of class folders, got the file "
        f"'{file}': convert it"
    )


def test_load_images_looks_for_a_relative_path_in_the_data_dir(
    make_npz: MakeNpz, make_folder: MakeFolder, tmp_path: Path
) -> None:
    make_npz()
    make_folder("images")
    assert len(load_images("small.npz", data_dir=tmp_path, seed=0).train_labels) == 30
    assert load_images("images", data_dir=tmp_path, seed=0).num_classes == 2


def test_load_images_takes_a_folder_called_like_a_data_set_by_its_path(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_folder("digits").parent)
    assert load_images("digits", seed=0, size=8).num_classes == 10
    assert load_images("./digits", seed=0, size=8).num_classes == 2


@pytest.mark.parametrize("dataset", ["~/images", "~nobody-of-that-name/images"])
def test_load_images_without_a_home_folder_says_so(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    message = refusal(dataset)
    assert message.startswith("dataset: must be a path, the home folder in '~")
    assert message.endswith("is not known: write it out or set HOME")
    assert refusal("digits", data_dir=Path("~")).startswith(
        "data_dir: must be a path, the home folder in '~'"
    )


@pytest.mark.parametrize("name", ["MED.NPZ", "Med.Npz"])
def test_load_images_takes_an_archive_in_any_case(name: str, make_npz: MakeNpz) -> None:
    path = make_npz()
    assert load_images(str(path.rename(path.with_name(name))), seed=0).num_classes == 3


def test_load_images_refuses_more_than_the_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        pytest.skip("this platform does not tell its memory")
    pages = {"SC_PHYS_PAGES": 1, "SC_PAGE_SIZE": 2**20}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert load_images("digits", seed=0, size=8)
    # 1,438 images of 16 x 16 x 3 bytes are 1.05 MiB.
    assert "1,438 images of 16 pixels need" in refusal("digits", size=16)
