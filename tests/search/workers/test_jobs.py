"""Jobs and their outcomes."""

from cheapsearch.search.workers.jobs import is_stopped


def test_is_stopped_looks_at_the_last_epoch() -> None:
    at = (10.0, 20.0)
    assert is_stopped([9.0], at)
    assert not is_stopped([10.0], at)
    assert is_stopped([15.0, 19.0], at)
    assert not is_stopped([5.0, 20.0], at)
    assert not is_stopped([5.0, 5.0, 5.0], at)
    assert not is_stopped([5.0], ())
    assert not is_stopped([], at)
