import re
from base64 import b64decode
from pathlib import Path

from cheapsearch.reports import write_contact_sheet


def test_write_contact_sheet_holds_every_image_and_loads_nothing(tmp_path: Path) -> None:
    rows = [("cat", {"train": 1200, "test": 3}, [b"one", b"two"]), ("<dog>", {"train": 1}, [b"three"])]
    where = write_contact_sheet(rows, tmp_path / "sheet.html", title="a & b", lines=["2 classes", "<none>"])
    page = where.read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]*)"', page)
    assert [b64decode(source.removeprefix("data:image/png;base64,")) for source in sources] == [
        b"one",
        b"two",
        b"three",
    ]
    assert "train 1,200, test 3" in page
    assert "&lt;dog&gt;" in page
    assert "<dog>" not in page
    assert "a &amp; b" in page
    assert "2 classes\n&lt;none&gt;" in page
