"""How many trainings fit into the time that is left."""

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any, cast

from cheapsearch.search.study.opening import open_run
from cheapsearch.search.study.pace import Pace, pace_of, spent_seconds, with_workers
from cheapsearch.space import PRESETS, Cost, RunRecord, RunSettings, TrialRecord

RECORD = RunRecord("1", "", RunSettings(input_size=32, workers=1, hours=1.0), "", 4, 1000, 100)


def a_trial(seconds: float) -> TrialRecord:
    return TrialRecord(0, PRESETS["cheap_v2"], "complete", "random", Cost(), 50.0, seconds)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pace_leaves_room_for_what_ends_in_time() -> None:
    clock = Clock()
    pace = Pace(60.0, workers=2, expected=10.0, clock=clock)
    assert pace.room(0) == 12
    assert pace.room(4) == 8
    clock.now += 45
    assert pace.room(0) == 3
    assert pace.room(2) == 1
    clock.now += 20
    assert pace.room(0) == 0


def test_pace_goes_by_what_trainings_took() -> None:
    pace = Pace(60.0, workers=1, expected=1.0, clock=Clock())
    pace.told(20.0)
    assert (pace.each, pace.room(0)) == (20.0, 3)
    pace.told(10.0)
    assert (pace.each, pace.room(1)) == (15.0, 3)


def test_pace_begins_no_training_that_would_end_late() -> None:
    clock = Clock()
    pace = Pace(60.0, workers=8, expected=10.0, clock=clock)
    assert pace.fits(6)
    clock.now += 25
    assert (pace.fits(3), pace.fits(4)) == (True, False)
    assert pace.room(0) == 28  # of short ones: a longer one takes one worker, however many there are


def test_pace_of_no_time_has_no_room() -> None:
    assert Pace(-5.0, workers=2, expected=0.0, clock=Clock()).room(0) == 0


def test_pace_has_room_for_what_is_known() -> None:
    pace = Pace(-5.0, workers=2, expected=1.0, known=2, clock=Clock())
    assert [pace.room(under_way) for under_way in (0, 1, 2)] == [2, 1, 0]
    pace.told(10.0)
    assert pace.room(0) == 1


def test_pace_counts_a_longer_training_by_its_length() -> None:
    pace = Pace(60.0, workers=1, expected=1.0, clock=Clock())
    pace.told(5.0)
    pace.told(35.0, 4)
    each = (5.0 + 35.0) / (1 + 4)
    assert pace.each == each
    assert pace.room(4) == int(60.0 / each) - 4


def test_time_spent_is_divided_by_the_workers_that_did_the_trials() -> None:
    record = RECORD
    trials = [a_trial(seconds=600.0), a_trial(seconds=300.0)]
    more = with_workers(record, 4, trials)
    assert spent_seconds(record, trials) == spent_seconds(more, trials) == 900.0
    trials.append(a_trial(seconds=400.0))
    assert spent_seconds(more, trials) == 900.0 + 400.0 / 4
    fewer = with_workers(more, 2, trials)
    assert spent_seconds(fewer, [*trials, a_trial(seconds=50.0)]) == 900.0 + 400.0 / 4 + 50.0 / 2
    pace = pace_of(fewer, trials, workers=2, spent=spent_seconds(fewer, trials), known=0)
    assert pace is not None
    assert 2599.0 < pace.left <= 3600.0 - 1000.0


class Killed:
    """An executor in whose first training, after a quarter of a second, the search is killed.

    Attributes:
        kept: What the file says of the time while it trains.
    """

    def __init__(self, file: Path) -> None:
        self.jobs: Sequence[Any] = ()
        self.file, self.kept = file, -1.0

    def submit(self, job: Any) -> None:
        self.jobs = (*self.jobs, job)

    def collect(self, timeout: float | None = None) -> list[Any]:
        sleep(0.25)
        self.kept = float(self.file.read_text())
        raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_time_of_a_search_is_used_up_also_by_trainings_that_were_killed(tmp_path: Path) -> None:
    """None of them ends; eight of them take the two seconds that there are."""
    given: dict[str, Any] = {
        **{"dataset": "digits", "budget": 3, "workers": 0, "device": "cpu"},
        "proxy": {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20},
    }
    with open_run(given, out=tmp_path / "run"):
        pass
    killed, kept, file = 0, [0.0], tmp_path / "run" / "elapsed.txt"
    while True:
        dies = Killed(file)
        with open_run({"hours": 2 / 3600}, out=tmp_path / "run", make_executor=lambda *_, it=dies: it) as run:
            try:
                assert list(run.search()) == []
                break
            except KeyboardInterrupt:
                killed += 1
                kept.append(dies.kept)  # also if nobody had closed it
                assert killed <= 8, "never ends"
    assert float(file.read_text()) >= 0.25 * killed > 0
    assert all(later - before >= 0.25 for before, later in pairwise(kept[1:]))


def test_time_of_a_search_that_was_left_and_taken_up_again_counts_once(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        **{"dataset": "digits", "budget": 4, "workers": 0, "device": "cpu"},
        "proxy": {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20},
    }
    with open_run(given, out=tmp_path / "run"):
        pass
    began = monotonic()
    with open_run({"hours": 1, "workers": 0}, out=tmp_path / "run") as run:
        for _ in range(4):
            with closing(cast(Generator[TrialRecord, None, None], run.search())) as search:
                next(search)
            sleep(0.3)
    took, kept = monotonic() - began, float((tmp_path / "run" / "elapsed.txt").read_text())
    assert 0.0 < kept < took - 3 * 0.3 + 0.2  # what passed between them is nobody's


def test_time_of_a_run_from_before_it_was_kept_is_that_of_its_trials() -> None:
    trials = [a_trial(seconds=600.0)]
    assert spent_seconds(RECORD, trials, None) == 600.0
    assert spent_seconds(RECORD, trials, 900.0) == 900.0
