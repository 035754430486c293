"""How long a job may take, by how long others took."""

from math import inf

import pytest

from cheapsearch.search.training.proxy import CPU
from cheapsearch.search.training.timing import TimingJob
from cheapsearch.search.workers.jobs import Failed, Job, Stopped, Trained
from cheapsearch.search.workers.time_limit import LEAST_SECONDS, LOOK_SECONDS, TIMES_LONGEST, TimeLimit
from cheapsearch.space import Architecture

JOB, LONGER = Job(0, None, 0), Job(1, None, 0, rung=4)


def test_limit_is_worked_out_from_the_longest_training_of_its_length() -> None:
    limit = TimeLimit()
    assert limit.of(JOB) is None  # nothing is known yet
    limit.told(JOB, Trained(0, 50.0, seconds=30.0))
    limit.told(LONGER, Trained(1, 50.0, seconds=80.0))  # 20 of a training of the shortest length
    assert limit.of(JOB) == TIMES_LONGEST * 30.0
    assert limit.of(LONGER) == 4 * TIMES_LONGEST * 30.0


def test_limit_knows_the_trainings_of_before_and_is_no_shorter_than_a_minute() -> None:
    assert TimeLimit(known=[(8.0, 4), (1.0, 1)]).of(JOB) == LEAST_SECONDS  # 20 s
    assert TimeLimit(known=[(80.0, 4)]).of(JOB) == TIMES_LONGEST * 20.0


def test_limit_takes_no_account_of_what_ended_early() -> None:
    limit = TimeLimit()
    for outcome in (Failed(0, "lost", seconds=900.0), Stopped(0, (1.0,), seconds=900.0)):
        limit.told(JOB, outcome)
    assert limit.of(JOB) is None


def test_limit_is_of_trainings_alone() -> None:
    steps = TimingJob(0, Architecture("mobilenet_v2"), CPU)
    limit = TimeLimit(5.0)
    assert limit.of(steps) is None
    assert limit.left(steps, limit.now()) == inf


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `time.monotonic` says."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_limit_that_is_given_holds_from_the_first_training(clock: list[float]) -> None:
    limit = TimeLimit(5.0)
    assert (limit.of(JOB), limit.of(LONGER)) == (5.0, 20.0)
    began = limit.now()
    clock[0] += 3.0
    assert (limit.left(JOB, began), TimeLimit().left(JOB, began)) == (2.0, inf)
    clock[0] += 4.0
    assert limit.left(JOB, began) == 0.0
    assert limit.failure(JOB, began).reason == "timed out: ended after 7 s (as --trial-timeout says)"
    assert "10 times the longest training so far" in TimeLimit(known=[(9.0, 1)]).failure(JOB, 0.0).reason


def test_limit_does_not_count_the_time_in_which_nobody_could_look(clock: list[float]) -> None:
    """After Ctrl-Z and an hour, the jobs of workers that were stopped too have not taken an hour."""
    limit = TimeLimit(60.0)
    began = limit.now()
    clock[0] += 3600.0
    assert limit.left(JOB, began) == 60.0 - 2 * LOOK_SECONDS
    for _ in range(9):
        clock[0] += LOOK_SECONDS
        assert limit.left(JOB, began) > 0.0
    clock[0] += LOOK_SECONDS
    assert limit.left(JOB, began) == 0.0
