import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cheapsearch.search.data.folder import folder_pool, list_parts
from cheapsearch.search.data.layout import find_layout
from cheapsearch.search.data.listing import HIDDEN, LINKS, NO_FILES, OUTPUTS, OUTSIDE, Listing
from cheapsearch.space import UserError

MakeFolder = Callable[..., Path]


def listed(root: Path) -> tuple[dict[str, list[str]], Listing]:
    """The names of each class's training images."""
    listing = Listing(root)
    layout = find_layout(root, listing)
    part = list_parts(listing, layout)["train"]
    names: dict[str, list[str]] = {name: [] for name in layout.classes}
    for name, label in zip(part.images.names, part.labels.tolist(), strict=True):
        names[layout.classes[label]].append(name)
    return names, listing


def refusal(root: Path) -> str:
    with pytest.raises(UserError) as error:
        folder_pool(root)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    """Classes cat and dog of three images each."""
    return make_folder(count=3)


@pytest.mark.parametrize("target", [".", "..", "../..", "/", "../dog", "../dog/000.png", "001.png"])
def test_listing_leaves_links_out_that_lead_back_or_into_another_class(target: str, root: Path) -> None:
    link = root / "cat" / ("link.png" if target.endswith(".png") else "link")
    link.symlink_to(target)
    names, listing = listed(root)
    assert {name: len(some) for name, some in names.items()} == {"cat": 3, "dog": 3}
    assert listing.left_out == {LINKS: [link.relative_to(root).as_posix()]}


def test_listing_leaves_a_link_into_another_split_out(make_folder: MakeFolder) -> None:
    root = make_folder("images/train").parent
    make_folder("images/test", count=3)
    (root / "train" / "cat" / "more").symlink_to(root / "test" / "cat")
    names, listing = listed(root)
    assert len(names["cat"]) == 10
    assert listing.left_out == {LINKS: ["train/cat/more"]}


def test_listing_ends_where_links_elsewhere_go_round(root: Path, make_folder: MakeFolder) -> None:
    store = make_folder("store", classes=("a", "b"), count=2)
    (store / "a" / "round").symlink_to(store)
    (store / "b" / "parent").symlink_to(store.parent)
    (root / "cat" / "store").symlink_to(store)
    names, _ = listed(root)
    assert names["cat"][3:] == [f"cat/store/{name}/00{index}.png" for name in "ab" for index in (0, 1)]


def test_listing_follows_links_to_what_is_read_nowhere_else(root: Path, make_folder: MakeFolder) -> None:
    store = make_folder("store", classes=("many", "other"), count=5)
    (root / "cat" / "many").symlink_to(store / "many")
    (root / "dog" / "one.png").symlink_to(store / "other" / "000.png")
    (root / ".hidden").mkdir()
    Image.new("RGB", (8, 8)).save(root / ".hidden" / "kept.png")
    (root / "dog" / "kept.png").symlink_to("../.hidden/kept.png")
    names, listing = listed(root)
    assert len(names["cat"]) == 8
    assert names["dog"][3:] == ["dog/kept.png", "dog/one.png"]
    assert LINKS not in listing.left_out


def test_listing_refuses_a_folder_that_two_classes_link_to(root: Path, make_folder: MakeFolder) -> None:
    store = make_folder("store", classes=("many",), count=5)
    for name in ("cat", "dog"):
        (root / name / "many").symlink_to(store / "many")
    assert "the class folders 'cat' and 'dog' must not share images" in refusal(root)


@pytest.mark.parametrize("target", ["cat", ".", "..", "cat/more"])
def test_listing_refuses_a_class_that_is_a_link_to_another(target: str, root: Path) -> None:
    (root / "cat" / "more").mkdir()
    (root / "pet").symlink_to(target)
    message = refusal(root)
    assert "'pet'" in message
    assert "must not share images, but a link makes them: remove the link" in message


def test_listing_refuses_a_split_that_is_a_link_to_another(make_folder: MakeFolder) -> None:
    root = make_folder("images/test").parent
    make_folder("images/train")
    (root / "val").symlink_to("test")
    assert "must not share images" in refusal(root)


@pytest.mark.parametrize(
    "name", ["@eaDir", "__MACOSX", ".ipynb_checkpoints", "lost+found", "#recycle", "$RECYCLE.BIN"]
)
@pytest.mark.parametrize("where", ["", "cat/"])
def test_listing_leaves_folders_of_the_system_out(where: str, name: str, root: Path) -> None:
    (root / where / name).mkdir()
    Image.new("RGB", (8, 8)).save(root / where / name / "thumbnail.jpg")
    names, listing = listed(root)
    assert {key: len(some) for key, some in names.items()} == {"cat": 3, "dog": 3}
    assert listing.left_out == {HIDDEN: [f"{where}{name}"]}


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("runs/mobilenet_v2-pets/run.yaml", "runs"),
        ("runs/", "runs"),
        ("mine/run.yaml", "mine"),
        ("again/training.yaml", "again"),
    ],
)
def test_listing_leaves_results_of_the_tool_out(file: str, folder: str, root: Path) -> None:
    (root / folder).mkdir()
    if not file.endswith("/"):
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text("")
        Image.new("RGB", (8, 8)).save((root / file).parent / "figure.png")
    names, listing = listed(root)
    assert list(names) == ["cat", "dog"]
    assert listing.left_out == {OUTPUTS: [folder]}


def test_listing_takes_a_class_called_runs(root: Path) -> None:
    (root / "dog").rename(root / "runs")
    assert list(listed(root)[0]) == ["cat", "runs"]


@pytest.mark.parametrize("ending", [".jfif", ".JPE", ".avif", ".Jpeg", ".TIFF"])
def test_listing_takes_every_ending_that_pillow_reads(ending: str, root: Path) -> None:
    if ending.lower() not in Image.registered_extensions():
        pytest.skip(f"this Pillow reads no {ending}")
    Image.new("RGB", (8, 8)).save(root / "cat" / f"more{ending}")
    assert f"cat/more{ending}" in listed(root)[0]["cat"]


def test_listing_says_what_it_leaves_out(root: Path) -> None:
    for name in ("a.txt", "b.txt", "c.xyz", "noending", "d.123456789", ".DS_Store"):
        (root / "cat" / name).write_bytes(b"")
    os.mkfifo(root / "cat" / "pipe.png")
    Image.new("RGB", (8, 8)).save(root / "loose.png")
    (root / "README.md").write_text("about")
    assert listed(root)[1].left_out == {
        OUTSIDE: ["loose.png"],
        HIDDEN: ["cat/.DS_Store"],
        "*.txt": ["cat/a.txt", "cat/b.txt"],
        "*.xyz": ["cat/c.xyz"],
        "other files": ["cat/d.123456789", "cat/noending"],
        NO_FILES: ["cat/pipe.png"],
    }


def test_listing_keeps_a_link_that_leads_nowhere_as_an_unreadable_image(root: Path) -> None:
    (root / "cat" / "gone.png").symlink_to("nowhere.png")
    assert "cat/gone.png" in listed(root)[0]["cat"]
    assert "cat/gone.png' cannot be decoded as an image (the file is not there)" in refusal(root)
    (skipped,) = folder_pool(root, skip_corrupt=True).seen.skipped
    assert skipped.name == "cat/gone.png"


def test_listing_names_a_folder_that_cannot_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert refusal(root).startswith(
        f"dataset: the folder '{root / 'dog'}' cannot be listed (Permission denied)"
    )
