"""docs/reliability.md names tests that are there; pages that are named are there and say something."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
RELIABILITY = ROOT / "docs" / "reliability.md"


def test_every_fault_names_a_test_that_is_there() -> None:
    rows = [line for line in RELIABILITY.read_text("utf-8").splitlines() if line.startswith("| ")]
    faults = [row for row in rows if not row.startswith("| what goes wrong ")]
    named = [re.findall(r"`([^`]+\.py)::(test_\w+)`( \*\(slow\)\*)?", row.split("|")[-2]) for row in faults]
    assert all(named)
    assert len(faults) > 40
    for path, name, slow in (test for row in named for test in row):
        text = (TESTS / path).read_text("utf-8")
        assert f"def {name}(" in text, f"{path}::{name}"
        assert bool(slow) is ("pytestmark = pytest.mark.slow" in text), f"{path}::{name}"


def test_every_table_has_a_header() -> None:
    """Rows without one are not a table, but a paragraph with bars in it."""
    found = 0
    for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")):
        text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
            found += 1
            assert re.match(r"\|.*\n\|[-|: ]*---[-|: ]*\n", table), f"{path.name}: {table.splitlines()[0]}"
    assert found > 20


def test_every_page_that_is_named_is_there_and_none_is_empty() -> None:
    folders = ("space", "models", "devices", "search", "reports", "docs", "tests")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md")
    ]
    named = {
        name
        for path in (*files, *ROOT.glob("*.py"), *ROOT.glob("*.md"))
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text("utf-8"))
    }
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
    assert [page for page in (ROOT / "docs").glob("*.md") if not page.read_text("utf-8").strip()] == []
