import json
from pathlib import Path

import pytest
from PIL import Image

from cheapsearch.search.cli import data
from cheapsearch.search.cli.command_line import Parser
from cheapsearch.space import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Classes cat and dog in train, six grey images each."""
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / "train" / name).mkdir(parents=True)
        for index in range(6):
            path = tmp_path / "pets" / "train" / name / f"{index}.png"
            Image.new("L", (16, 16), 100 * label + index).save(path)
    return tmp_path / "pets"


def perform(*arguments: str) -> int:
    parser = Parser()
    data.add(parser.add_subparsers())
    return data.perform(parser.parse_args(["data", *arguments]))


def test_data_prints_what_was_understood(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(str(root)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"data       {root}: 2 classes (cat, dog)"
    # A fifth of 12, raised to one of each class.
    assert lines[1] == "images     train 10 (train/); validation 2 (20% of the training images, by the seed)"


def test_data_names_every_unreadable_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cat/1.png", "dog/2.png"):
        (root / "train" / name).write_bytes(b"no image")
    with pytest.raises(UserError) as error:
        perform(str(root))
    assert error.value.at_terminal == (
        "DATASET: every image must be readable, 2 are not, the first: 'train/cat/1.png' (its content is no "
        "image's); replace or delete them, or leave them out with --skip-corrupt"
    )
    out = capsys.readouterr().out
    assert "unreadable train/cat/1.png (its content is no image's)\n" in out
    assert "unreadable train/dog/2.png (its content is no image's)\n" in out
    assert perform(str(root), "--skip-corrupt") == 0


def test_data_prints_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "train" / "cat" / "1.png").write_bytes(b"no image")
    assert perform(str(root), "--json", "--skip-corrupt") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["classes"] == ["cat", "dog"]
    assert facts["splits"]["train"] == {"images": 9, "from": "train/"}
    assert facts["skipped"] == [{"file": "train/cat/1.png", "reason": "its content is no image's"}]


def test_data_writes_a_contact_sheet(root: Path, tmp_path: Path) -> None:
    assert perform(str(root), "-o", str(tmp_path / "sheet.html")) == 0
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert page.count('<img alt="cat" src="data:image/png;base64,') == 6
    assert page.count('<img alt="dog" src="data:image/png;base64,') == 6
    assert "<h1>pets</h1>" in page
