"""Jobs and their outcomes."""

import pytest

from cheapsearch.search.workers.jobs import Failed, is_stopped, reason_of
from cheapsearch.space import UserError


def test_is_stopped_looks_at_the_last_epoch() -> None:
    at = (10.0, 20.0)
    assert is_stopped([9.0], at)
    assert not is_stopped([10.0], at)
    assert is_stopped([15.0, 19.0], at)
    assert not is_stopped([5.0, 20.0], at)
    assert not is_stopped([5.0, 5.0, 5.0], at)
    assert not is_stopped([5.0], ())
    assert not is_stopped([], at)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error:\n  out of\tmemory\n"), "RuntimeError: CUDA error: out of memory"),
        (MemoryError(), "MemoryError: "),
        (ZeroDivisionError("float division by zero"), "ZeroDivisionError: float division by zero"),
        (UserError("width: must be"), "UserError: width: must be"),
        (KeyError("expand"), "KeyError: 'expand'"),
        (RuntimeError("x" * 1000), f"RuntimeError: {'x' * 1000}"[:300]),
        (
            RuntimeError(
                'Caught in worker 0.\nTraceback (most recent call last):\n  File "x", line 1\nOSError: cut'
            ),
            "OSError: cut",  # what another process raised is said by its own last line
        ),
    ],
)
def test_reason_of_an_error_is_one_line(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_failed_keeps_the_reason_and_the_whole_traceback() -> None:
    def inner() -> None:
        raise ValueError("two\nlines")

    try:
        inner()
    except ValueError as error:
        failed = Failed.of(4, error, 1.5)
    assert (failed.index, failed.reason, failed.seconds) == (4, "ValueError: two lines", 1.5)
    assert failed.trace.startswith("Traceback (most recent call last):\n")
    assert "in inner" in failed.trace
    assert failed.trace.endswith("ValueError: two\nlines\n")
