from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cheapsearch.search.data.layout import Layout, find_layout
from cheapsearch.search.data.listing import Listing
from cheapsearch.space import UserError

MakeTree = Callable[..., Path]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """Makes the folders, with an image in each, and says where."""

    def make(*folders: str) -> Path:
        for folder in folders:
            (tmp_path / folder).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / folder / "0.png")
        return tmp_path

    return make


def layout_of(root: Path) -> Layout:
    return find_layout(root, Listing(root))


def refusal(root: Path) -> str:
    with pytest.raises(UserError) as error:
        layout_of(root)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"dataset: '{root}")
    return message


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING", "training"])
@pytest.mark.parametrize("val", ["val", "valid", "Validation", "dev", "VAL"])
@pytest.mark.parametrize("test", ["test", "Testing"])
def test_find_layout_knows_the_usual_names_of_splits(
    train: str, val: str, test: str, make_tree: MakeTree
) -> None:
    root = make_tree(*(f"{split}/{name}" for split in (train, val, test) for name in ("cat", "dog")))
    layout = layout_of(root)
    assert layout.splits == {"train": train, "val": val, "test": test}
    assert layout.classes == ("cat", "dog")


def test_find_layout_without_splits_has_classes(make_tree: MakeTree) -> None:
    layout = layout_of(make_tree("cat", "dog"))
    assert layout == Layout({"train": ""}, {"train": {"cat": "cat", "dog": "dog"}})


def test_find_layout_takes_train_with_images_right_inside_for_a_class(make_tree: MakeTree) -> None:
    assert layout_of(make_tree("bus", "train")).classes == ("bus", "train")


@pytest.mark.parametrize(
    ("folders", "seen"),
    [
        (("test/cat", "test/dog", "cat", "dog"), "'test' beside 'cat', 'dog', but no train"),
        (("Validation/cat", "cat", "dog"), "'Validation' beside 'cat', 'dog', but no train"),
        (("test", "cat", "dog"), "'test' beside 'cat', 'dog', but no train"),
        (("val/cat", "val/dog", "test/cat", "test/dog"), "'test', 'val' without a folder of training images"),
        (("train/cat", "train/dog", "val/cat", "valid/cat"), "both 'val', 'valid' for val"),
        (("train/cat", "train/dog", "Train/cat"), "both 'Train', 'train' for train"),
        (("train/cat", "train/dog", "eval/cat"), "'eval' beside train"),
        (("train/cat", "train/dog", "cat"), "'cat' both beside and in train"),
        (("train", "test"), "at least two class folders"),
        (("Train/cat", "Train/dog", "Test"), "cat missing, dog missing"),
        (("train/cat", "train/dog", "val/cat", "val/dogs"), "dog missing, dogs extra"),
        (("train/cat", "train/dog", "test/cat"), "dog missing"),
    ],
)
def test_find_layout_refuses_splits_that_do_not_fit_together(
    folders: tuple[str, ...], seen: str, make_tree: MakeTree
) -> None:
    assert seen in refusal(make_tree(*folders))


def test_find_layout_says_which_folder_it_may_have_to_be(make_tree: MakeTree) -> None:
    root = make_tree("flowers/rose", "flowers/tulip", "__MACOSX/flowers")
    assert f"got flowers; is it '{root / 'flowers'}'?" in refusal(root)


def test_find_layout_leaves_other_folders_beside_the_splits_out(make_tree: MakeTree) -> None:
    root = make_tree("train/cat", "train/dog", "extra/cow")
    listing = Listing(root)
    assert find_layout(root, listing).classes == ("cat", "dog")
    assert listing.left_out["folders beside the splits"] == ["extra"]


def test_find_layout_refuses_two_folders_for_one_class(make_tree: MakeTree) -> None:
    assert "two for 'caf\u00e9'" in refusal(make_tree("caf\u00e9", "cafe\u0301", "bar"))
