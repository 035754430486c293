import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image

from cheapsearch.search.data import load_images, load_test
from cheapsearch.search.data.decode import UnreadableError
from cheapsearch.search.data.folder import folder_pool
from cheapsearch.space import UserError

MakeFolder = Callable[..., Path]


def refusal(root: Path) -> str:
    """The message of the error, which is one line that names the argument."""
    with pytest.raises(UserError) as error:
        folder_pool(root)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("dataset: ")
    return message


def values(images: np.ndarray) -> list[int]:
    """What make_folder filled each image with."""
    return images[:, 0, 0, 0].tolist()


def test_folder_of_classes_is_split_in_three(make_folder: MakeFolder) -> None:
    root = str(make_folder(count=25))
    data = load_images(root, seed=0)
    test_images, test_labels = load_test(root)
    # 5 of 25 are the test split, 4 of the other 20 validation.
    assert np.bincount(test_labels).tolist() == [5, 5]
    assert np.bincount(data.val_labels).tolist() == [4, 4]
    assert np.bincount(data.train_labels).tolist() == [16, 16]
    every = values(data.train_images) + values(data.val_images) + values(test_images)
    assert sorted(every) == sorted([*range(25), *range(40, 65)])


def test_folder_test_split_is_the_same_for_every_seed(make_folder: MakeFolder) -> None:
    root = str(make_folder(count=25))
    first, other = load_images(root, seed=0), load_images(root, seed=1)
    assert values(first.val_images) != values(other.val_images)
    closed = set(values(load_test(root)[0]))
    for data in (first, other):
        assert not closed & {*values(data.train_images), *values(data.val_images)}


def test_folder_labels_follow_the_class_names(make_folder: MakeFolder) -> None:
    data = load_images(str(make_folder(classes=("b", "a", "C"))), seed=0)
    assert data.classes == ("C", "a", "b")
    # make_folder fills by the order it was given: b from 0, a from 40, C from 80.
    assert [value // 40 for value in values(data.train_images)] == [2 - label for label in data.train_labels]


def test_folder_with_train_and_val_uses_both_whole(make_folder: MakeFolder) -> None:
    make_folder("images/train")
    root = make_folder("images/val", count=3).parent
    data = load_images(str(root), seed=0)
    assert np.bincount(data.train_labels).tolist() == [10, 10]
    assert values(data.val_images) == [0, 1, 2, 40, 41, 42]


def test_folder_with_train_and_test_splits_train(make_folder: MakeFolder) -> None:
    make_folder("images/train")
    root = make_folder("images/test", count=3).parent
    data = load_images(str(root), seed=0)
    assert np.bincount(data.val_labels).tolist() == [2, 2]
    assert np.bincount(data.train_labels).tolist() == [8, 8]


def test_folder_with_train_one_by_one_has_no_test_split(make_folder: MakeFolder) -> None:
    root = make_folder("images/train").parent
    assert len(load_images(str(root), seed=0).train_labels) == 16
    with pytest.raises(UserError, match=r"there is no folder '.*test': add it"):
        load_test(str(root))


def test_folder_files_of_the_test_split_are_never_opened(make_folder: MakeFolder, opened: list[str]) -> None:
    make_folder("images/train")
    closed = make_folder("images/test")
    opened.clear()
    load_images(str(closed.parent), seed=0)
    assert any(path.startswith(f"open {closed.parent / 'train'}") for path in opened)
    assert not [path for path in opened if path.startswith(f"open {closed}")]
    load_test(str(closed.parent))
    assert [path for path in opened if path.startswith(f"open {closed}")]


def test_folder_held_out_files_are_never_opened(make_folder: MakeFolder, opened: list[str]) -> None:
    root = make_folder(count=25)
    opened.clear()
    load_images(str(root), seed=0, size=8, limit=40)
    assert len({path for path in opened if path.endswith(".png")}) == 40


def test_folder_takes_nested_and_linked_images_and_ignores_the_rest(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder(count=10)
    (root / "cat" / "more").mkdir()
    Image.new("RGB", (16, 16)).save(root / "cat" / "more" / "UPPER.PNG")
    elsewhere = make_folder("elsewhere", classes=("cow",), count=7)
    (root / "cow").symlink_to(elsewhere / "cow", target_is_directory=True)
    more = make_folder("more", classes=("puppy",), count=7)
    (root / "dog" / "linked").symlink_to(more / "puppy", target_is_directory=True)
    for name in ("Thumbs.db", ".DS_Store", "._000.png", "notes.txt"):
        (root / "dog" / name).write_bytes(b"no image")
    (root / "readme.md").write_text("about")
    (root / ".git").mkdir()
    (root / "__MACOSX").mkdir()
    data = load_images(str(root), seed=0)
    count = len(data.train_labels) + len(data.val_labels) + len(load_test(str(root))[1])
    assert data.classes == ("cat", "cow", "dog")
    assert count == 11 + 7 + 17


def test_folder_order_does_not_depend_on_the_file_system(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder()
    (root / "cat" / "more").mkdir()
    Image.new("RGB", (16, 16)).save(root / "cat" / "more" / "a.png")
    before = load_images(str(root), seed=0)
    scandir = os.scandir
    monkeypatch.setattr("os.scandir", lambda path: nullcontext(list(scandir(path))[::-1]))
    after = load_images(str(root), seed=0)
    np.testing.assert_array_equal(before.train_images, after.train_images)
    assert before.fingerprint == after.fingerprint


def test_folder_fingerprint_is_of_names_sizes_and_labels(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder(count=25)
    before = folder_pool(root).fingerprint
    assert folder_pool(copytree(root, tmp_path / "copy")).fingerprint == before
    held_in = sorted(path for path in (root / "cat").iterdir())
    for path in held_in:
        path.write_bytes(path.read_bytes() + b"\0")
    assert folder_pool(root).fingerprint != before


@pytest.mark.parametrize(
    ("side", "expected"),
    [(4, 8), (8, 8), (27, 27), (144, 144), (223, 223), (224, 224), (225, 224), (300, 224)],
)
def test_folder_input_size_follows_the_median_shorter_side(
    side: int, expected: int, make_folder: MakeFolder
) -> None:
    assert folder_pool(make_folder(count=3, side=side)).input_size == expected


def test_folder_images_come_at_the_input_size_unless_told(make_folder: MakeFolder) -> None:
    root = str(make_folder(side=30))
    assert load_images(root, seed=0).train_images.shape[1:] == (30, 30, 3)
    assert load_images(root, seed=0, size=16).train_images.shape[1:] == (16, 16, 3)
    wider = load_images(root, seed=0, input_size=48)
    assert wider.train_images.shape[1:] == (48, 48, 3)
    assert wider.input_size == 48


def test_folder_pool_refuses_a_missing_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == f"dataset: there is no folder '{tmp_path / 'none'}': check the path"


def test_folder_pool_refuses_a_folder_without_classes(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    message = refusal(tmp_path)
    assert "must hold at least two class folders" in message
    assert "got none" in message


@pytest.mark.parametrize("where", ["images", "images/train"])
def test_folder_pool_refuses_a_single_class(where: str, make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder(where, classes=("cat",))
    message = refusal(tmp_path / "images")
    assert str(tmp_path / "images") in message
    assert "got cat" in message


@pytest.mark.parametrize("where", ["images", "images/val", "images/test"])
def test_folder_pool_names_an_empty_class_folder(where: str, make_folder: MakeFolder, tmp_path: Path) -> None:
    make_folder(where)
    if where != "images":
        make_folder("images/train", classes=("cat", "cow", "dog"))
    (tmp_path / where / "cow").mkdir()
    (tmp_path / where / "cow" / "notes.txt").write_text("no image")
    assert f"the class folder '{tmp_path / where / 'cow'}' has no image files" in refusal(tmp_path / "images")


def test_folder_pool_refuses_other_classes_in_val(make_folder: MakeFolder) -> None:
    make_folder("images/train", classes=("cat", "dog", "cow"))
    root = make_folder("images/val", classes=("cat", "dogs")).parent
    message = refusal(root)
    assert f"'{root / 'val'}' must have the class folders of the training images" in message
    assert "got cow missing, dog missing, dogs extra" in message


def test_folder_pool_refuses_other_classes_in_test(make_folder: MakeFolder) -> None:
    make_folder("images/train")
    root = make_folder("images/test", classes=("cat", "dog", "cow")).parent
    message = refusal(root)  # before a training, and not after it
    assert f"'{root / 'test'}' must have the class folders" in message
    assert "got cow extra" in message


def test_folder_pool_names_a_class_too_small_for_three_parts(make_folder: MakeFolder) -> None:
    root = make_folder(count=2)
    assert "every class needs at least 3 images to be split, class 'cat' has 2" in refusal(root)


def break_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).write_bytes(b"no image")


def test_folder_unreadable_files_are_refused_with_their_number(make_folder: MakeFolder) -> None:
    make_folder("images/train")
    root = make_folder("images/val").parent
    break_files(root, "train/cat/004.png", "val/dog/003.png")
    with pytest.raises(UnreadableError) as error:
        load_images(str(root), seed=0)
    first = root / "train" / "cat" / "004.png"
    assert str(error.value) == (
        f"dataset: 2 of 40 images cannot be decoded, the first: '{first}' cannot be "
        "decoded as an image (its content is no image's); replace or delete them, or leave them out with "
        "skip_corrupt; `cheapsearch data` names them all"
    )
    assert [file.path.name for file in error.value.files] == ["004.png", "003.png"]


def test_folder_unreadable_files_are_left_out_on_request(make_folder: MakeFolder) -> None:
    make_folder("images/train")
    make_folder("images/val")
    root = make_folder("images/test", count=5).parent
    break_files(root, "train/cat/004.png", "val/dog/003.png", "test/cat/000.png")
    data = load_images(str(root), seed=0, skip_corrupt=True)
    assert values(data.train_images) == [*range(4), *range(5, 10), *range(40, 50)]
    assert len(data.val_labels) == 19
    assert data.summary is not None
    assert [file.name for file in data.summary.skipped] == ["train/cat/004.png", "val/dog/003.png"]
    assert len(load_test(str(root), skip_corrupt=True)[1]) == 9
    for name in ("train/cat/004.png", "val/dog/003.png"):
        (root / name).unlink()
    assert load_images(str(root), seed=0).fingerprint == data.fingerprint  # as if they had not been there


def test_folder_test_images_do_not_depend_on_what_is_left_out(make_folder: MakeFolder) -> None:
    root = make_folder(count=25)
    before = values(load_test(str(root))[0])
    spare = next(index for index in range(25) if index not in before)
    break_files(root, f"cat/{spare:03}.png")
    assert values(load_test(str(root), skip_corrupt=True)[0]) == before


def test_folder_class_without_a_readable_image_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder("images/train", count=2).parent
    break_files(root, "train/dog/000.png", "train/dog/001.png")
    with pytest.raises(UserError, match="class 'dog' has none in train"):
        load_images(str(root), seed=0, skip_corrupt=True)


def test_folder_classes_composed_in_different_ways_are_the_same(make_folder: MakeFolder) -> None:
    make_folder("images/train", classes=("caf\u00e9", "bar"))
    root = make_folder("images/val", classes=("cafe\u0301", "bar"), count=3).parent
    data = load_images(str(root), seed=0)
    assert data.classes == ("bar", "caf\u00e9")
    # make_folder fills cafe from 0 and bar from 40.
    assert values(data.val_images) == [40, 41, 42, 0, 1, 2]
    assert data.val_labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_folder_names_that_are_not_utf8_can_be_read_and_shown(make_folder: MakeFolder) -> None:
    root = make_folder("images/train", classes=("caf\udce9", "bar\udcff")).parent
    make_folder("images/val", classes=("caf\udce9", "bar\udcff"))
    (root / "train" / "caf\udce9" / "\udcfe.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"caf\ufffd/\ufffd\.png"):
        load_images(str(root), seed=0)
    data = load_images(str(root), seed=0, skip_corrupt=True)
    assert data.classes == ("bar\ufffd", "caf\ufffd")
    assert data.summary is not None
    assert "\n".join(data.summary.lines()).encode()
