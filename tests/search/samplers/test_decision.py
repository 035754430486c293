from itertools import product

import moocore
import numpy as np
import pytest

from cheapsearch.search.samplers.cost_aware import START, CostAware
from cheapsearch.search.samplers.decision import decide
from cheapsearch.search.samplers.rungs import Trainings

OPTIONS = [[f"{choice}{option}" for option in "abc"] for choice in range(5)]
RUNGS = (1, 4, 16)
REFERENCE = 60.0


@pytest.fixture(scope="module")
def table():
    """Option numbers, costs, and accuracies at three rungs: the shorter, the lower, and in another order."""
    choices = np.array(list(product(range(3), repeat=5)))
    costs = np.column_stack([1.0 + choices.sum(1) + 0.1 * choices[:, 0], 10.0 + choices @ [3, 2, 1, 1, 2]])
    of_top = 4 * choices @ np.array([1.0, 0.8, 0.1, 0.5, 0.2]) - 3 * (choices[:, 0] == choices[:, 1])
    other = 2.0 * (choices[:, 2] == 1) - 1.5 * (choices[:, 3] == 2)
    return choices, costs, np.array([35 + 0.8 * of_top + other, 50 + 0.9 * of_top + 0.4 * other, 65 + of_top])


def _core(table):
    choices, costs, _ = table
    return CostAware(choices, OPTIONS, costs, reference=REFERENCE)


def _known(rows, pending=(), closed=()):
    """Of (network, rung, accuracy) rows."""
    networks, rungs, accuracies = ([row[i] for row in rows] for i in range(3))
    waiting, at = np.array(pending, dtype=np.int64).reshape(-1, 2).T
    return Trainings(
        np.array(networks, dtype=np.int64),
        np.array(rungs, dtype=np.int64),
        np.array(accuracies, dtype=np.float64),
        waiting,
        at,
        np.array(closed, dtype=np.int64),
    )


def _search(table, budget, *, rungs=RUNGS, seed=0, noise=0.3, told=None, closed=()):
    """The trainings until nothing is proposed, and what was left before each."""
    core, rows, lefts, left = _core(table), [], [], budget
    rng = np.random.default_rng(seed)
    accuracies = table[2][-len(rungs) :]
    while True:
        known = _known(rows, closed=closed)
        choice = decide(core, known, rungs=rungs, left=left, seed=1000 * seed + len(rows), noise=told)
        if choice is None:
            return rows, lefts, left
        number = rungs.index(choice.rung)
        lefts.append(left)
        left -= choice.rung
        accuracy = accuracies[number, choice.index] + noise * rng.normal()
        rows.append((choice.index, number, float(accuracy)))


def _volume(table, networks):
    costs = table[1] / table[1].max(axis=0)
    points = np.column_stack([-table[2][-1][networks], costs[networks]])
    return moocore.hypervolume(points, ref=[-REFERENCE, 1.0, 1.0])


def _reported(table, rows):
    """Of the networks trained at the top those that no other one beats there."""
    at_top = {x: accuracy for x, number, accuracy in rows if number == len(RUNGS) - 1}
    networks = np.array(list(at_top))
    points = np.column_stack([-np.array(list(at_top.values())), table[1][networks]])
    return networks[moocore.is_nondominated(points)]


@pytest.mark.parametrize("budget", [16, 20, 21, 50, 107])
@pytest.mark.parametrize("told", [None, 0.3])
def test_decide_never_spends_more_than_is_left_and_ends_with_a_front(table, budget, told):
    rows, _, left = _search(table, budget, told=told)
    assert left == budget - sum(RUNGS[number] for _, number, _ in rows)
    assert 0 <= left < RUNGS[-1]
    assert any(number == 2 for _, number, _ in rows)


def test_decide_starts_with_short_trainings_spread_over_the_costs(table):
    rows, _, _ = _search(table, 100)
    assert [number for _, number, _ in rows[:START]] == [0] * START
    order = np.argsort(np.argsort(table[1].mean(axis=1)))
    assert np.ptp(order[[x for x, _, _ in rows[:START]]]) > 0.6 * len(order)


def test_decide_plans_the_end_and_begins_it_early(table):
    rows, lefts, _ = _search(table, 160)
    at_top = [left for left, (_, number, _) in zip(lefts, rows, strict=True) if number == 2]
    # A user who interrupts it halfway has a front, and what is left in the end is spent on it.
    assert sum(left > 80 for left in at_top) >= 2
    assert at_top[-1] < 32
    last = [number for left, (_, number, _) in zip(lefts, rows, strict=True) if left <= 64]
    assert sum(number == 2 for number in last) >= 3
    # Nothing goes to the top untried.
    for at, (network, number, _) in enumerate(rows):
        assert number == 0 or network in {x for x, _, _ in rows[:at]}


def test_decide_takes_the_best_of_what_is_left_over_from_its_plan(table):
    """With units for one training of the top rung, it is one of the top rung."""
    rows, lefts, _ = _search(table, 160)
    before = [row for row, left in zip(rows, lefts, strict=True) if left > 64]
    choice = decide(_core(table), _known(before), rungs=RUNGS, left=16.0, seed=0, noise=None)
    assert choice.rung == 16
    assert choice.index not in {x for x, number, _ in before if number == 2}
    assert decide(_core(table), _known(before), rungs=RUNGS, left=15.9, seed=0, noise=None) is None


def test_decide_depends_on_what_is_known_and_the_seed_alone(table):
    rows, lefts, _ = _search(table, 120)
    for count in (START - 1, START, 17, len(rows) - 1):
        known = _known(rows[:count])
        choice = decide(_core(table), known, rungs=RUNGS, left=lefts[count], seed=count, noise=None)
        assert (choice.index, RUNGS.index(choice.rung)) == rows[count][:2]


def test_decide_tells_what_it_expects_at_the_rung_it_suggests(table):
    rows, lefts, _ = _search(table, 200)
    errors, deviations = [], []
    for count in range(20, len(rows)):
        known = _known(rows[:count])
        choice = decide(_core(table), known, rungs=RUNGS, left=lefts[count], seed=count, noise=None)
        errors.append(choice.accuracy - table[2][RUNGS.index(choice.rung), choice.index])
        deviations.append(choice.deviation)
        assert choice.gain > 0
    # Rungs are 15 points apart.
    assert np.abs(errors).mean() < 1.5
    assert 0.2 < np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(deviations))) < 3.0


def test_decide_never_suggests_closed_ones(table):
    best = [int(x) for x in np.argsort(-table[2][-1])[:60]]
    rows, _, _ = _search(table, 100, closed=best)
    assert not {x for x, _, _ in rows} & set(best)
    everything = _known(rows, closed=range(243))
    assert decide(_core(table), everything, rungs=RUNGS, left=100.0, seed=0, noise=None) is None


def test_decide_trains_again_where_chance_is_large(table):
    """All that is free is known at every rung; what is left to learn is which of them is the better one."""
    choices, costs, accuracies = table
    few = np.arange(0, 243, 27)
    small = choices[few], costs[few], accuracies[:, few]
    rng = np.random.default_rng(0)
    rows = [(x, n, float(small[2][n, x] + 4 * rng.normal())) for x in range(len(few)) for n in range(3)]
    choice = decide(_core(small), _known(rows), rungs=RUNGS, left=64.0, seed=0, noise=4.0)
    assert choice is not None
    assert choice.gain > 0
    # Without chance there is less to learn from it.
    sure = decide(_core(small), _known(rows), rungs=RUNGS, left=64.0, seed=0, noise=0.05)
    assert sure is None or sure.gain < 0.1 * choice.gain


def test_decide_counts_pending_trainings_in(table):
    rows, lefts, _ = _search(table, 120)
    count = next(i for i, left in enumerate(lefts) if left <= 64)
    pending, left = [], 64.0
    for seed in range(3):
        known = _known(rows[:count], pending)
        choice = decide(_core(table), known, rungs=RUNGS, left=left, seed=seed, noise=None)
        pending.append((choice.index, RUNGS.index(choice.rung)))
        left -= choice.rung
    assert len(set(pending)) == 3


def test_decide_bears_networks_known_at_the_top_alone(table):
    rows = [(x, 2, float(table[2][2, x])) for x in (0, 242)]
    choice = decide(_core(table), _known(rows), rungs=RUNGS, left=100.0, seed=0, noise=None)
    assert choice.rung == 1
    assert choice.index not in (0, 242)
    every = [(x, 2, float(table[2][2, x])) for x in range(243)]
    assert decide(_core(table), _known(every), rungs=RUNGS, left=100.0, seed=0, noise=None).rung == 1


def test_decide_goes_on_with_what_is_new_where_there_is_one_rung(table):
    rows, _, left = _search(table, 20, rungs=(1,))
    assert left == 0
    assert len({x for x, _, _ in rows}) > 15


def test_decide_beats_as_many_units_of_random_trainings_at_the_top(table):
    rng = np.random.default_rng(0)
    whole = _volume(table, np.arange(243))
    found = [_volume(table, _reported(table, _search(table, 160, seed=seed)[0])) for seed in range(3)]
    drawn = [_volume(table, rng.choice(243, 10, replace=False)) for _ in range(50)]
    assert min(found) > np.quantile(drawn, 0.9)
    # Ten networks, all that could be trained at the top without any other, reach 0.96 at most.
    assert np.mean(found) > 0.85 * whole
