from itertools import product

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from cheapsearch.search.samplers import cost_aware
from cheapsearch.search.samplers.cost_aware import START, CostAware

OPTIONS = [[f"{choice}{option}" for option in "abc"] for choice in range(5)]


@pytest.fixture(scope="module")
def table():
    choices = np.array(list(product(range(3), repeat=5)))
    costs = np.column_stack([1.0 + choices.sum(1) + 0.1 * choices[:, 0], 10.0 + choices @ [3, 2, 1, 1, 2]])
    accuracy = 60 + 4 * choices @ np.array([1.0, 0.8, 0.1, 0.5, 0.2]) - 3 * (choices[:, 0] == choices[:, 1])
    return choices, costs, accuracy


def _search(core, accuracy, budget, in_flight=1, seed=0):
    observed, pending, proposals = [], [], []
    while len(observed) < budget:
        while len(pending) < in_flight and len(observed) + len(pending) < budget:
            choice = core.propose(
                observed,
                accuracy[observed].tolist(),
                pending=pending,
                closed=[],
                seed=1000 * seed + len(proposals),
            )
            pending.append(choice.index)
            proposals.append(choice)
        observed.append(pending.pop(0))
    return observed, proposals


def test_start_takes_one_of_each_part_of_the_costs(table):
    choices, costs, accuracy = table
    observed, _ = _search(CostAware(choices, OPTIONS, costs), accuracy, START, seed=3)
    logs = np.log(costs)
    scaled = ((logs - logs.min(0)) / (logs.max(0) - logs.min(0))).mean(1)
    ranks = np.empty(len(costs), dtype=int)
    ranks[np.argsort(scaled, kind="stable")] = np.arange(len(costs))
    assert sorted(ranks[observed] * START // len(costs)) == list(range(START))


@pytest.mark.parametrize("in_flight", [1, 4])
def test_propose_never_repeats_and_finds_the_front(table, in_flight):
    choices, costs, accuracy = table
    observed, _ = _search(CostAware(choices, OPTIONS, costs), accuracy, 60, in_flight=in_flight)
    assert len(set(observed)) == 60
    import moocore

    def volume(chosen):
        points = np.column_stack([-accuracy[chosen], costs[chosen] / costs.max(0)])
        return moocore.hypervolume(points, ref=[-55.0, 1.0, 1.0])

    rng = np.random.default_rng(0)
    whole = volume(np.arange(len(costs)))
    drawn = max(volume(rng.choice(len(costs), 60, replace=False)) for _ in range(20))
    assert volume(observed) > 0.99 * whole
    assert volume(observed) > drawn


def test_propose_depends_on_what_is_known_and_the_seed_alone(table):
    choices, costs, accuracy = table
    observed, proposals = _search(CostAware(choices, OPTIONS, costs), accuracy, 30)
    fresh = CostAware(choices, OPTIONS, costs)
    for count in (START - 1, START, 19, 29):
        known = observed[:count]
        again = fresh.propose(known, accuracy[known].tolist(), pending=[], closed=[], seed=count)
        assert again.index == proposals[count].index


def test_propose_computes_on_one_thread_and_leaves_the_others_as_they_were(table, monkeypatch):
    def threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    seen = []

    def recording(*arguments):
        seen.append(threads())
        return largest(*arguments)

    largest = cost_aware.largest_improvement
    monkeypatch.setattr(cost_aware, "largest_improvement", recording)
    choices, costs, accuracy = table
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        _search(CostAware(choices, OPTIONS, costs), accuracy, START + 1)
        assert threads() == before
    assert before
    assert seen == [[1] * len(before)]


def test_propose_spends_less_below_the_reference(table):
    choices, costs, accuracy = table
    reference = np.quantile(accuracy, 0.8)
    below = []
    for known in (None, reference):
        core = CostAware(choices, OPTIONS, costs, reference=known)
        observed, _ = _search(core, accuracy, 40)
        below.append((accuracy[observed[START:]] < reference - 1).mean())
    assert below[1] < 0.6 * below[0]


def test_propose_tells_what_it_expects(table):
    choices, costs, accuracy = table
    _, proposals = _search(CostAware(choices, OPTIONS, costs), accuracy, 50)
    assert all(choice.gain is None for choice in proposals[:START])
    late = proposals[30:]
    errors = [abs(choice.accuracy - accuracy[choice.index]) for choice in late]
    assert np.mean(errors) < 1.0
    assert all(choice.deviation > 0 and choice.gain >= 0 for choice in late)


def test_propose_tells_what_it_expects_in_points_where_some_candidates_are_hopeless(table):
    choices, costs, accuracy = table
    # Below the middle every point of accuracy is four.
    hopeless = accuracy - 3 * np.maximum(np.median(accuracy) - accuracy, 0.0)
    core = CostAware(choices, OPTIONS, costs)
    _, proposals = _search(core, hopeless, 60)
    assert min(warp.slope for _, warp in core._kernels.values()) < 0.7
    late = proposals[30:]
    errors = np.array([choice.accuracy - hopeless[choice.index] for choice in late])
    assert np.abs(errors).mean() < 1.5
    # A deviation is in points too: the errors are of that size.
    assert 0.2 < np.sqrt((errors**2).mean() / np.mean([choice.deviation**2 for choice in late])) < 3.0


def test_propose_counts_pending_ones_in(table):
    choices, costs, accuracy = table
    observed, _ = _search(CostAware(choices, OPTIONS, costs), accuracy, 20)
    core = CostAware(choices, OPTIONS, costs)
    pending = []
    for seed in range(6):
        choice = core.propose(observed, accuracy[observed].tolist(), pending=pending, closed=[], seed=seed)
        pending.append(choice.index)
    assert len(set(pending)) == 6
    assert not set(pending) & set(observed)


def test_propose_leaves_closed_ones_alone_until_nothing_is_left(table):
    choices, costs, accuracy = table
    core = CostAware(choices[:12], OPTIONS, costs[:12])
    closed = list(range(6))
    found = []
    while (
        choice := core.propose(found, accuracy[found].tolist(), pending=[], closed=closed, seed=len(found))
    ) is not None:
        found.append(choice.index)
    assert sorted(found) == list(range(6, 12))


@pytest.mark.parametrize("noise", [None, 1.5])
def test_propose_bears_noise_failures_and_perfect_scores(table, noise):
    choices, costs, _ = table
    rng = np.random.default_rng(1)
    core = CostAware(choices, OPTIONS, costs)
    observed, accuracies = [], []
    for seed in range(25):
        choice = core.propose(observed, accuracies, pending=[], closed=[], seed=seed, noise=noise)
        observed.append(choice.index)
        accuracies.append(float(rng.choice([10.0, 55.0, 100.0])))
    assert len(set(observed)) == 25


def test_propose_counts_nothing_below_the_least_accurate_candidates(table, monkeypatch):
    choices, costs, accuracy = table
    floors = []

    class Recorded(cost_aware.Front):
        def __init__(self, accuracy, costs, worthless, warp):
            floors.append((accuracy.min(), worthless))
            super().__init__(accuracy, costs, worthless, warp)

    monkeypatch.setattr(cost_aware, "Front", Recorded)
    # One candidate, observed among others, is far worse than any other.
    observed = [0, *range(20, 240, 20)]
    told = [5.0, *accuracy[observed[1:]]]
    CostAware(choices, OPTIONS, costs).propose(observed, told, pending=[], closed=[], seed=0)
    ((least, worthless),) = floors
    assert least < 10.0
    assert worthless > 20.0


def _posterior(core, *args, **kwargs):
    """What a proposal was made by."""
    seen, method = [], core._posterior
    core._posterior = lambda *given: seen.append(method(*given)) or seen[-1]
    core.propose(*args, **kwargs)
    return seen[-1]


def test_propose_takes_a_noise_that_is_known(table):
    choices, costs, accuracy = table
    observed, _ = _search(CostAware(choices, OPTIONS, costs), accuracy, 30)
    core = CostAware(choices, OPTIONS, costs)
    deviations = []
    for noise in (0.1, 5.0):
        history = {"pending": [], "closed": [], "seed": 0, "noise": noise}
        posterior = _posterior(core, observed, accuracy[observed].tolist(), **history)
        deviations.append(posterior.variance[observed].mean())
    assert deviations[0] < deviations[1]


def test_propose_fits_anew_where_the_first_observations_change(table):
    # As in a study of several processes, where a trial that was begun early ends late.
    choices, costs, accuracy = table
    observed = np.random.default_rng(0).choice(len(costs), 20, replace=False).tolist()
    late = [observed[-1], *observed[:-1]]

    def propose(core, known):
        return core.propose(known, accuracy[known].tolist(), pending=[], closed=[], seed=1)

    core = CostAware(choices, OPTIONS, costs)
    before = propose(core, observed)
    again = propose(core, late)
    assert again == propose(CostAware(choices, OPTIONS, costs), late)
    assert again.deviation != before.deviation


def test_propose_bears_equal_accuracies(table):
    choices, costs, _ = table
    core = CostAware(choices, OPTIONS, costs)
    observed = []
    for seed in range(START + 5):
        choice = core.propose(observed, [50.0] * len(observed), pending=[], closed=[], seed=seed)
        observed.append(choice.index)
    assert len(set(observed)) == START + 5


def test_propose_trusts_a_doubtful_accuracy_less(table):
    """A false accuracy of one candidate pulls the prediction of its like, less so the more it is doubted."""
    choices, costs, accuracy = table
    observed, _ = _search(CostAware(choices, OPTIONS, costs), accuracy, 30)
    told = accuracy[observed].tolist()
    false = told[-1] - 20  # the last one is said to be much worse than it is
    # All are closed but one that differs from the last one in one choice.
    (like, *_) = (
        index
        for index in range(len(choices))
        if index not in observed and (choices[index] != choices[observed[-1]]).sum() == 1
    )
    closed = [index for index in range(len(choices)) if index != like and index not in observed]

    def predicted(last, doubt):
        core = CostAware(choices, OPTIONS, costs)
        doubts = [0.0] * 29 + [doubt]
        choice = core.propose(observed, [*told[:-1], last], pending=[], closed=closed, seed=0, doubts=doubts)
        assert choice.index == like
        return choice

    pulled = {doubt: predicted(false, doubt) for doubt in (0.0, 3.0, 50.0)}
    assert pulled[0.0].accuracy < pulled[3.0].accuracy < pulled[50.0].accuracy
    # What is doubted beyond measure counts for nothing, whatever it says.
    assert pulled[50.0].accuracy == pytest.approx(predicted(told[-1], 50.0).accuracy, abs=0.5)
    assert abs(pulled[50.0].accuracy - accuracy[like]) < abs(pulled[0.0].accuracy - accuracy[like])
    assert predicted(told[-1], 0.0).deviation < predicted(told[-1], 50.0).deviation


@pytest.mark.parametrize("noise", [None, 1.5])
def test_propose_is_the_same_after_a_resume_whatever_is_doubted(table, noise):
    choices, costs, _ = table
    rng = np.random.default_rng(2)
    core = CostAware(choices, OPTIONS, costs)
    observed, accuracies, doubts = [], [], []
    for seed in range(30):
        history = {"pending": [], "closed": [], "seed": seed, "noise": noise, "doubts": doubts}
        choice = core.propose(observed, accuracies, **history)
        assert CostAware(choices, OPTIONS, costs).propose(observed, accuracies, **history) == choice
        observed.append(choice.index)
        # Far apart, so that the scale of what is known changes with every observation.
        accuracies.append(float(rng.uniform(20, 99)))
        doubts.append(float(rng.choice([0.0, 0.0, 4.0])))
