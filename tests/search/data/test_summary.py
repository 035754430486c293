import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cheapsearch.search.data import DataSummary, load_images, open_images
from cheapsearch.search.data.summary import LeftOut, Sizes, Skipped

MakeFolder = Callable[..., Path]


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    make_folder("pets/train", count=12)
    make_folder("pets/train", classes=("cow",), count=4, side=24)
    make_folder("pets/validation", classes=("cat", "cow", "dog"), count=3)
    return make_folder("pets/Test", classes=("cat", "cow", "dog"), count=2).parent


def test_summary_is_what_was_understood(root: Path) -> None:
    (root / "train" / "cat" / "notes.txt").write_text("no image")
    summary = open_images(str(root), seed=0).summary
    assert summary == DataSummary(
        dataset=str(root),
        classes=("cat", "cow", "dog"),
        images={"train": 28, "val": 9, "test": 6},
        origins={"train": "train/", "val": "validation/", "test": "Test/"},
        smallest_class=("cow", 4),
        largest_class=("cat", 12),
        sizes=Sizes((16, 16), (24, 24), 16, 28),
        input_size=16,
        fingerprint=summary.fingerprint,
        left_out=(LeftOut("*.txt", 1, ("train/cat/notes.txt",)),),
    )
    assert load_images(str(root), seed=0, limit=9).summary == summary  # of the data set, not of the choice


def test_summary_lines_say_it(root: Path) -> None:
    (root / "train" / "cat" / "notes.txt").write_text("no image")
    (root / "train" / "dog" / "000.png").write_bytes(b"no image")
    lines = open_images(str(root), seed=0, skip_corrupt=True).summary.lines()
    assert lines == [
        f"data       {root}: 3 classes (cat, cow, dog)",
        "images     train 27 (train/); validation 9 (validation/); test 6 (Test/)",
        "per class  from 4 (cow, 14.8%) to 12 (cat, 44.4%) to train on",
        "sizes      16 x 16 to 24 x 24 in 27 looked at; input 16 px, the median of their shorter sides",
        "left out   1 *.txt (train/cat/notes.txt)",
        "skipped    1 unreadable: train/dog/000.png (its content is no image's)",
    ]


def test_summary_hints_where_a_class_has_more_than_three_times_the_images_of_another(
    make_folder: MakeFolder,
) -> None:
    def line(dogs: int) -> str:
        make_folder(f"{dogs}/train", classes=("cat",), count=12)
        make_folder(f"{dogs}/validation", count=2)
        root = make_folder(f"{dogs}/train", classes=("dog",), count=dogs).parent
        return open_images(str(root), seed=0).summary.lines()[2]

    assert line(3) == (
        "per class  from 3 (dog, 20.0%) to 12 (cat, 80.0%) to train on; uneven: --metric balanced_accuracy "
        "or --class-weights balanced"
    )
    assert line(4) == "per class  from 4 (dog, 25.0%) to 12 (cat, 75.0%) to train on"


def test_summary_says_where_parts_come_from_that_nobody_made(make_folder: MakeFolder) -> None:
    summary = open_images(str(make_folder(count=25)), seed=0).summary
    assert summary.images == {"train": 32, "val": 8, "test": 10}
    assert summary.origins == {
        "train": "the class folders",
        "val": "20% of the training images, by the seed",
        "test": "a fifth of each class, held out",
    }
    assert summary.lines()[2] == "per class  16 each to train on"


@pytest.mark.parametrize(
    ("sides", "asked", "expected"),
    [
        ([20], None, "input 20 px, the images' own"),
        ([20], 32, "input 32 px, larger than the images"),
        ([230, 300], None, "input 224 px, smaller than the images"),
    ],
)
def test_summary_says_what_the_input_size_is_to_the_images(
    sides: list[int], asked: int | None, expected: str, make_folder: MakeFolder
) -> None:
    for number, side in enumerate(sides):
        root = make_folder(classes=(f"a{number}", f"b{number}"), count=8, side=side)
    summary = open_images(str(root), seed=0, input_size=asked).summary
    assert summary.lines()[3].partition("; ")[2] == expected


def test_summary_says_how_grey_values_are_read(make_folder: MakeFolder) -> None:
    root = make_folder(count=3)
    for path in root.rglob("*.png"):
        Image.new("I;16", (16, 16), 3000).save(path)
    summary = open_images(str(root), seed=0).summary
    note = "16-bit grey is taken to hold 12 bits, from the greatest value 3000 in the sample"
    assert summary.notes == (note,)
    assert f"note       {note}" in summary.lines()


def test_summary_is_short_whatever_it_says() -> None:
    summary = DataSummary(
        dataset="d",
        classes=tuple(f"class {number}" for number in range(1000)),
        images={"train": 10**6, "val": None},
        origins={"train": "train/", "val": "val/"},
        smallest_class=("class 1", 1),
        largest_class=("class 2", 1000),
        sizes=Sizes((1, 1), (9, 9), 5, 200),
        input_size=224,
        fingerprint="0" * 16,
        notes=("one", "two"),
        left_out=LeftOut.of({f"*.{letter}": ["a", "b", "c", "d"] for letter in "abcdefgh"}),
        skipped=(Skipped("caf\udce9", "cut"),) * 100,
    )
    lines = summary.lines()
    assert len(lines) <= 8
    assert all(len(line) < 150 for line in lines)
    assert "4 *.a (a); 4 *.b (a); 4 *.c (a); 20 more" in lines[5]
    assert "100 unreadable: caf\ufffd (cut), ..." in lines[6]
    assert json.loads(json.dumps(summary.to_dict(), allow_nan=False))["skipped"][0]["file"] == "caf\ufffd"


def test_left_out_has_the_most_frequent_first() -> None:
    found = LeftOut.of({"few": ["a"], "many": ["b", "c", "d", "e"]})
    assert found == (LeftOut("many", 4, ("b", "c", "d")), LeftOut("few", 1, ("a",)))
