"""docs/reliability.md names tests that are there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
RELIABILITY = TESTS.parent / "docs" / "reliability.md"


def test_every_fault_names_a_test_that_is_there() -> None:
    rows = [line for line in RELIABILITY.read_text("utf-8").splitlines() if line.startswith("| ")]
    faults = [row for row in rows if not row.startswith("| what goes wrong ")]
    named = [match for row in faults if (match := re.search(r"\| `([^`]+\.py)::(test_\w+)` \|$", row))]
    assert len(named) == len(faults) > 40
    for path, name in (match.groups() for match in named):
        assert f"def {name}(" in (TESTS / path).read_text("utf-8"), f"{path}::{name}"
