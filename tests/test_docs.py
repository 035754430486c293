"""docs/reliability.md names tests that are there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
RELIABILITY = TESTS.parent / "docs" / "reliability.md"


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
