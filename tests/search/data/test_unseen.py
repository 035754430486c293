"""Files to predict are found wherever they lie, in one order, with labels only where folders are classes."""

import os
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from cheapsearch.search.data import UNLABELLED, find_files, image_name, open_images, open_test
from cheapsearch.space import UserError

Make = Callable[..., Path]


def test_find_files_lists_a_test_folder_as_training_does(make_folder: Make) -> None:
    # "a b" sorts before "a/" as text, and after "a" as a class.
    root = make_folder("images/train", classes=("a", "a b", "c")).parent
    make_folder("images/test", classes=("a", "a b", "c"))
    (root / "test" / "a" / "__deeper").mkdir()
    (root / "test" / "a" / "001.png").rename(root / "test" / "a" / "__deeper" / "001.PNG")
    (root / "test" / "c" / "notes.txt").write_text("no image")
    (root / "test" / "c" / ".hidden.png").write_bytes(b"")
    test = open_test(str(root))

    found = find_files([root / "test"], open_images(str(root), seed=0).classes, grey_bits={})

    assert found.labels.tolist() == test.labels.tolist()
    names = [image_name(found.images, index) for index in range(len(found.labels))]
    assert names == [image_name(test.images, index) for index in range(len(test.labels))]
    assert np.array_equal(found.read(16), test.read(16))


def test_find_files_takes_files_and_folders_in_the_order_given(make_folder: Make, tmp_path: Path) -> None:
    folder = make_folder(count=2)
    odd = tmp_path / "odd.dat"
    odd.write_bytes(b"")

    found = find_files([str(odd), folder, folder / "cat" / "000.png"], ("cat", "dog"), grey_bits={})

    expected = [
        odd,
        *(folder / name for name in ("cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png")),
    ]
    assert [found.images.path(index) for index in range(6)] == [*expected, folder / "cat" / "000.png"]
    assert found.labels.tolist() == [UNLABELLED, 0, 0, 1, 1, UNLABELLED]


def test_find_files_labels_by_name_whatever_the_order_and_composition(make_folder: Make) -> None:
    composed, decomposed = (normalize(form, "Größe") for form in ("NFC", "NFD"))
    assert composed != decomposed
    folder = make_folder(classes=(decomposed, "cat"), count=1)

    found = find_files([folder], ("dog", composed, "cat"), grey_bits={})

    by_folder = {
        Path(name).parent.name: label for name, label in zip(found.images.names, found.labels, strict=True)
    }
    assert by_folder == {decomposed: 1, "cat": 2}


@pytest.mark.parametrize("odd", ["horse", "."])
def test_find_files_gives_no_labels_where_one_image_lies_elsewhere(odd: str, make_folder: Make) -> None:
    folder = make_folder(count=2)
    (folder / odd).mkdir(exist_ok=True)
    (folder / "cat" / "001.png").rename(folder / odd / "001.png")

    found = find_files([folder], ("cat", "dog"), grey_bits={})

    assert found.labels.tolist() == 4 * [UNLABELLED]


def test_find_files_reads_a_linked_folder_once(make_folder: Make) -> None:
    folder = make_folder(count=2)
    (folder / "cat" / "up").symlink_to(folder, target_is_directory=True)

    assert len(find_files([folder], ("cat", "dog"), grey_bits={}).labels) == 4


def test_find_files_refuses_a_path_that_is_neither(make_folder: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("none.png", r"^images: must be a file or a folder, '.*none.png' is none: check the path$"),
        ("pipe", r"^images: must be a file or a folder, '.*pipe' is none"),
        ("a\nb", r"^images: must be a file or a folder, '.*a\ufffdb' is none"),
        ("empty", r"^images: the folder '.*empty' has no image files \(.jpg .*\): check the path$"),
    ):
        with pytest.raises(UserError, match=message):
            find_files([make_folder(where=f"for {name[0]}"), tmp_path / name], ("cat", "dog"), grey_bits={})


def test_image_name_is_the_file_or_the_number(make_folder: Make, make_npz: Make) -> None:
    folder = make_folder()
    opened = open_images(str(folder), seed=0)
    assert image_name(opened.val.images, 0) in {str(path) for path in folder.rglob("*.png")}
    assert image_name(open_test(str(make_npz())).images, 3) == "3"


def test_find_files_reads_deep_grey_values_as_training_does(tmp_path: Path) -> None:
    """Sixteen bits a file, of which the data set uses twelve: no single file says so."""
    for split, label, name in [(s, i, n) for s in ("train", "test") for i, n in enumerate(("cat", "dog"))]:
        folder = tmp_path / split / name
        folder.mkdir(parents=True)
        for index in range(5):
            pixels = np.full((16, 16), 4095 if index == 0 else 1000 * (label + 1) + index, dtype=np.uint16)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    data, test = open_images(str(tmp_path), seed=0), open_test(str(tmp_path))
    assert data.summary is not None
    bits = data.summary.grey_bits
    assert list(bits.values()) == [12]

    found = find_files([tmp_path / "test"], data.classes, grey_bits=bits)

    assert np.array_equal(found.read(16), test.read(16))
    unknown = find_files([tmp_path / "test"], data.classes, grey_bits={})
    assert not np.array_equal(found.read(16), unknown.read(16))
