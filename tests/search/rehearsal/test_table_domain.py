"""A table in the place of networks: its points as a search sees them, and what a training of one comes to."""

import random
from dataclasses import replace

import numpy as np
import pytest

from cheapsearch.search.rehearsal.result_table import ResultTable, load_table
from cheapsearch.search.rehearsal.table_domain import TableDomain, TableExecutor
from cheapsearch.search.workers.jobs import Job, Stopped, Trained


@pytest.fixture
def table(curved) -> ResultTable:
    """Some points are left out, and two come first."""
    whole = load_table(curved)
    return replace(
        whole,
        points=whole.points[:20],
        runs={1: whole.runs[1][:20]},
        costs=whole.costs[:20],
        curves=None if whole.curves is None else whole.curves[:20],
        first={5: "unmodified", 2: "preset b"},
    )


def test_domain_is_that_of_the_table(table):
    domain = TableDomain(table)
    assert domain.objectives == ("accuracy", "flops", "params")
    assert domain.parameters == table.parameters
    assert domain.first() == [("unmodified", table.points[5]), ("preset b", table.points[2])]
    for number, point in enumerate(table.points):
        subject = domain.subject(point)
        assert domain.numbers[subject] == number
        assert list(domain.costs(subject).values()) == table.costs[number].tolist()
        assert domain.refusal(subject) == ""
        record = domain.record(subject, number=9, state="complete", origin="random", accuracy=50.0)
        assert record.hash == domain.key(subject)
        assert domain.choices(domain.subject_of(record)) == point
        assert record.costs == domain.costs(subject)
    assert len({domain.key(subject) for subject in domain.numbers}) == 20


def test_domain_refuses_a_combination_that_the_table_leaves_out(table):
    domain = TableDomain(table)
    missing = ("c", "y", "r", "1")
    assert domain.refusal(missing) == "a combination that the table leaves out"
    assert dict(domain.costs(missing)) == {"flops": 0.0, "params": 0.0}


def test_domain_draws_every_untried_point_once(table):
    domain, rng, tried = TableDomain(table), random.Random(0), set()
    while (drawn := domain.untried(tried, rng)) is not None:
        key = domain.key(domain.subject(drawn))
        assert key not in tried
        tried.add(key)
    assert tried == {domain.key(subject) for subject in domain.numbers}


def test_executor_draws_one_of_the_runs(table):
    domain = TableDomain(table)
    executor = TableExecutor(domain, seed=0, stopping=False)
    subject = list(domain.numbers)[3]
    for index in range(30):
        executor.submit(Job(index, subject, index))
    outcomes = executor.collect()
    curve = tuple(table.curves[3].tolist())
    assert {outcome.accuracy for outcome in outcomes} == set(table.runs[1][3].tolist())
    assert all(outcome == Trained(outcome.index, outcome.accuracy, curve) for outcome in outcomes)
    assert executor.epochs == 30 * 3


def test_executor_that_stops_has_taken_its_share_of_the_time(table):
    timed = replace(table, seconds={1: np.full(len(table.points), 30.0)})
    domain = TableDomain(timed)
    executor = TableExecutor(domain, seed=0, stopping=True)
    subject = domain.subject(timed.points[0])
    for index, floors in enumerate(((0.0, 0.0), (0.0, 99.0), (99.0, 0.0))):
        executor.submit(Job(index, subject, 0, floors))
    # Of three epochs all, two and one.
    assert [found.seconds for found in executor.collect()] == [30.0, 20.0, 10.0]


def test_executor_that_stops_takes_the_run_with_the_curve(table):
    domain = TableDomain(table)
    executor = TableExecutor(domain, seed=0, stopping=True)
    subject, curve = list(domain.numbers)[3], tuple(table.curves[3].tolist())
    executor.submit(Job(0, subject, 0, (curve[0], curve[1] + 1)))
    executor.submit(Job(1, subject, 0, (curve[0] + 1, 0.0)))
    executor.submit(Job(2, subject, 0, curve[:2]))
    assert executor.collect(0) == [
        Stopped(0, curve[:2]),
        Stopped(1, curve[:1]),
        Trained(2, table.runs[1][3, 0], curve),
    ]
    assert executor.epochs == 2 + 1 + 3
