"""A search of a table goes as a search of networks does."""

from dataclasses import replace

import numpy as np
import pytest

from cheapsearch.search.rehearsal import replay as replay_module
from cheapsearch.search.rehearsal.replay import Replay, replay
from cheapsearch.search.rehearsal.result_table import load_table
from cheapsearch.search.study import driver
from cheapsearch.search.study import run as run_module
from cheapsearch.search.study.plan import Plan

PLAN = Plan("random", seed=3, budget=12, in_flight=2)


def test_replay_tries_what_the_table_puts_first_first(path):
    table = replace(load_table(path), first={7: "unmodified", 4: "preset b"})
    assert replay(table, PLAN).order[:2] == [7, 4]
    assert replay(table, replace(PLAN, sampler="cost_aware")).order[:2] == [7, 4]


@pytest.mark.parametrize("sampler", ["cost_aware", "random"])
def test_replay_repeats_the_first_points_early_and_others_at_the_end(path, sampler):
    found = replay(load_table(path), replace(PLAN, sampler=sampler, repeats=4))
    new = list(dict.fromkeys(found.order))
    assert len(new) == 8
    assert len(found.order) == 12
    early = [point for place, point in enumerate(found.order) if point in found.order[:place]][:2]
    assert early == new[:2]
    assert set(found.order[-2:]) <= set(found.order[:-2])
    assert found.finished(12) == new


def test_replay_counts_stopped_trainings_and_their_epochs(curved):
    table = load_table(curved)
    found = replay(table, replace(PLAN, budget=30, stopping=True))
    stopped = {point for point, seen in zip(found.order, found.observed, strict=True) if seen is None}
    assert stopped
    assert len(found.order) == len(set(found.order)) == 30
    # A stopped one trains one or two of three epochs.
    least, most = 30 * 3 - 2 * len(stopped), 30 * 3 - len(stopped)
    assert least <= round(found.epochs * 90, 6) <= most
    assert set(found.finished(30)) == set(found.order) - stopped
    assert set(found.reported(30, table.costs)) <= set(found.finished(30))


def test_replay_keeps_the_run_that_each_training_drew(path):
    table = load_table(path)
    found = replay(table, replace(PLAN, repeats=4))
    for point, seen in zip(found.order, found.observed, strict=True):
        assert seen in table.runs[1][point]


def test_replay_is_the_same_again_and_another_with_another_seed(path):
    table = load_table(path)
    orders = [replay(table, replace(PLAN, seed=seed)).order for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2]


def test_replay_goes_through_the_search_that_runs_networks(path, monkeypatch):
    for name in ("Search", "run_search"):
        assert vars(replay_module)[name] is vars(run_module)[name] is vars(driver)[name]
    asked = []

    class Recording(driver.Search):
        def next(self):
            asked.append(super().next())
            return asked[-1]

    monkeypatch.setattr(replay_module, "Search", Recording)
    found = replay(load_table(path), PLAN)
    jobs = [job for job in asked if job is not None]
    numbers = {tuple(point.values()): number for number, point in enumerate(load_table(path).points)}
    assert [numbers[job.subject] for job in jobs] == found.order


def test_finished_are_the_distinct_points_that_were_not_stopped():
    found = Replay([4, 2, 4, 7, 2, 1], [50.0, 60.0, 70.0, None, 50.0, 40.0], seconds=0.1, epochs=1.0)
    assert found.finished(1) == [4]
    assert found.finished(5) == [4, 2]
    assert found.finished(6) == [4, 2, 1]


def test_reported_is_the_front_by_the_mean_of_what_was_drawn():
    # 2 costs most, then 4; 1 is the cheapest, 7 would beat all but was stopped.
    costs = np.array([[0.0], [1.0], [9.0], [0.0], [5.0], [0.0], [0.0], [1.0]])
    found = Replay([4, 2, 4, 7, 2, 1], [50.0, 60.0, 70.0, None, 50.0, 40.0], seconds=0.1, epochs=1.0)
    assert found.reported(1, costs) == [4]
    assert found.reported(2, costs) == [4, 2]
    assert found.reported(3, costs) == [4]  # both at 60 now, and 4 is the cheaper one
    assert found.reported(6, costs) == [4, 1]
