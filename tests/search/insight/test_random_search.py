"""The hypervolume as a search goes on, and what random search would have had."""

import numpy as np
import pytest

from cheapsearch.search.insight.asked import Asked
from cheapsearch.search.insight.random_search import progress, reference_accuracy
from cheapsearch.space import Architecture, SearchSpace, pareto_front

SPACE = SearchSpace("mobilenet_v2")
# By the costs that are made up here, the unmodified network is the cheapest.
CHEAP, DEAR = Architecture("mobilenet_v2"), Architecture("mobilenet_v2", expand="reuse", project="reduce")


def asked(run, parts, whole=SPACE):
    return Asked(whole, [trial.architecture for trial in run.trials], parts.total, seed=0)


def test_progress_is_the_hypervolume_above_the_reference_and_below_the_largest_cost(make_run, parts):
    trials = [{}, {}, {"state": "failed", "accuracy": None}, {"state": "repeat"}]
    run = make_run(
        [(DEAR, 70.0), (CHEAP, 60.0), (DEAR, 0.0), (CHEAP, 66.0)],
        trials=trials,
        objectives=("accuracy", "params"),
    )
    own = asked(run, parts)
    most = max(cost["params"] for cost in own.costs)
    dear, cheap = (parts.total(network)["params"] / most for network in (DEAR, CHEAP))
    first, second, third = progress(run, own, np.full((5, len(own)), 55.0), reference=50.0, seed=0)
    assert [first.spent, second.spent, third.spent] == [1, 2, 3]  # the failed one cost nothing
    assert first.found == pytest.approx(20 * (1 - dear), abs=1e-3)

    def both(accuracy: float) -> float:
        """Of the dear one at 70 % and the cheap one."""
        assert cheap < dear
        return 20 * (1 - dear) + (accuracy - 50) * (dear - cheap)

    assert second.found == pytest.approx(both(60.0), abs=1e-3)
    assert third.found == pytest.approx(both(63.0), abs=1e-3)  # the mean of two trainings


def test_progress_has_networks_that_a_training_stands_for_too(make_run, parts):
    copy = {"reason": "as trial 0: the proxy cannot tell them apart"}
    run = make_run([(DEAR, 70.0), (CHEAP, 70.0)], trials=[{}, copy], objectives=("accuracy", "params"))
    assert [trial.number for trial in pareto_front(run.trials, ("accuracy", "params"))] == [1]
    own = Asked(SPACE, [DEAR], parts.total, seed=0)
    (point,) = progress(run, own, np.full((5, len(own)), 55.0), reference=50.0, seed=0)
    most = own.cost(["params"]).max()
    assert point.spent == 1
    assert point.found == pytest.approx(20 * (1 - parts.total(CHEAP)["params"] / most), abs=1e-3)


def test_random_search_is_of_draws_and_grows_to_what_the_space_has(make_run, parts):
    run = make_run([(network, 70.0) for network in SPACE.distinct()], objectives=("accuracy", "params"))
    own = asked(run, parts)
    draws = np.random.default_rng(0).normal(60, 5, (50, len(own)))
    found = progress(run, own, draws, reference=50.0, seed=0)
    means = [point.random for point in found]
    assert means == sorted(means)
    assert all(point.low <= point.random <= point.high for point in found)
    # When everything is trained, every search of a draw has that draw's whole front, whatever its order.
    scaled = own.cost(["params"])[:, 0] / own.cost(["params"]).max()
    order = np.argsort(scaled)

    def whole(accuracies):
        best = np.maximum.accumulate(np.maximum(accuracies[order] - 50, 0))
        return float(np.sum(best * np.diff(np.append(scaled[order], 1.0))))

    assert means[-1] == pytest.approx(np.mean([whole(row) for row in draws]), abs=1e-3)


def test_random_search_keeps_limits_and_trains_as_long_as_is_compared(make_run, parts):
    limit = parts.total(CHEAP)["params"]
    networks = list(SPACE.distinct())[:8]
    trials = [*[{}] * 5, *[{"rung": 4}] * 3]
    run = make_run(
        [(network, 60.0) for network in [*networks[:5], *networks[:3]]],
        trials=trials,
        rungs=(1, 4),
        objectives=("accuracy", "params"),
    )
    own = asked(run, parts)
    points = progress(run, own, np.full((5, len(own)), 60.0), reference=50.0, seed=0)
    assert run.rung == 4
    # Four units buy a random search its first training, and the run its first that is compared.
    assert [point.spent for point in points] == [1, 2, 3, 4, 5, 9, 13, 17]
    assert [point.random > 0 for point in points] == [point.spent >= 4 for point in points]
    assert [point.found > 0 for point in points] == [point.spent > 5 for point in points]
    narrow = make_run([(CHEAP, 60.0)], objectives=("accuracy", "params"), limits={"params": limit})
    (point,) = progress(narrow, own, np.full((5, len(own)), 60.0), reference=50.0, seed=0)
    most = own.cost(["params"]).max()
    assert point.low >= 10 * (1 - limit / most) - 1e-3


def test_reference_accuracy_is_the_runs_or_a_tenth_of_the_networks_are_below(make_run, parts):
    run = make_run([(DEAR, 70.0)])
    own = asked(run, parts)
    ranks = np.linspace(0, 100, len(own))
    assert reference_accuracy(run, own, np.stack([ranks, ranks])) == pytest.approx(10.0)
    told = make_run([(DEAR, 70.0)], reference_accuracy=42.0)
    assert reference_accuracy(told, own, np.stack([ranks, ranks])) == 42.0
