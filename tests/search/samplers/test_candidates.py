import math
import random

import numpy as np
import pytest

from cheapsearch.models import cost_table
from cheapsearch.search.samplers import cost_aware
from cheapsearch.search.samplers.candidates import ListedCandidates, make_candidates
from cheapsearch.search.samplers.history import History, encode
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.samplers.sampled import SampledCandidates
from cheapsearch.space import SearchSpace, architecture_hash

COST_NAMES = ["params", "flops"]
LIMITS = Limits({"params": 900_000})


def _accuracy(name):
    return 40 + 50 * random.Random(name).random()


def _proposals(candidates, space, count):
    """Propose one after another, with raw choices in the history; hashes and choices in order."""
    names, points, accuracies = [], [], []
    for seed in range(count):
        found = candidates.propose(History(points, accuracies, [0.0] * len(points), [], []), seed=seed)
        if found is None:
            break
        choices, _ = found
        name = architecture_hash(space.architecture(choices))
        names.append(name)
        points.append(choices)
        accuracies.append(_accuracy(name))
    return names, points


@pytest.fixture(scope="module")
def table():
    return cost_table("mobilenet_v2")


@pytest.mark.parametrize("per_stage", [(), ("expand", "shortcut")])
def test_candidates_are_distinct_and_within_the_limits(table, per_stage):
    space = SearchSpace("mobilenet_v2", per_stage=per_stage)
    candidates = make_candidates(space, table, LIMITS, COST_NAMES, seed=0)
    assert isinstance(candidates, SampledCandidates if per_stage else ListedCandidates)
    names, points = _proposals(candidates, space, 9)
    assert len(set(names)) == 9
    assert all(not LIMITS.refusal(table.cost(space.architecture(point))) for point in points)


@pytest.mark.parametrize("per_stage", [(), ("expand",)])
def test_candidates_give_the_same_after_a_resume(table, per_stage):
    space = SearchSpace("mobilenet_v2", per_stage=per_stage)
    names, points = _proposals(make_candidates(space, table, LIMITS, COST_NAMES, seed=3), space, 8)
    fresh = make_candidates(space, table, LIMITS, COST_NAMES, seed=3)
    history = History(points[:7], [_accuracy(name) for name in names[:7]], [0.0] * 7, [], [])
    assert fresh.propose(history, seed=7)[0] == points[7]


def test_listed_candidates_are_all_there_are(table):
    limits = Limits({"params": 330_000})
    space = SearchSpace("mobilenet_v2")
    affordable = {
        architecture_hash(architecture)
        for architecture in space
        if table.cost(architecture).params <= limits["params"]
    }
    names, _ = _proposals(make_candidates(space, table, limits, COST_NAMES, seed=0), space, 1000)
    assert len(names) == len(affordable)
    assert set(names) == affordable


@pytest.mark.parametrize("per_stage", [(), ("expand",)])
def test_candidates_know_an_architecture_under_any_of_its_names(table, per_stage):
    space = SearchSpace("mobilenet_v2", per_stage=per_stage)
    candidates = make_candidates(space, table, Limits(), COST_NAMES, seed=0)
    rng = random.Random(5)
    raw = [{name: rng.choice(options) for name, options in space.parameters.items()} for _ in range(40)]
    known = {architecture_hash(space.architecture(point)) for point in raw}
    accuracies = [_accuracy(architecture_hash(space.architecture(point))) for point in raw[:20]]
    choices, _ = candidates.propose(History(raw[:20], accuracies, [0.0] * 20, raw[20:30], raw[30:]), seed=0)
    assert architecture_hash(space.architecture(choices)) not in known


@pytest.mark.parametrize(
    ("per_stage", "kind"), [((), ListedCandidates), (("expand", "project"), SampledCandidates)]
)
@pytest.mark.parametrize("reference", [None, 55.5])
def test_candidates_below_the_reference_are_worth_nothing(table, monkeypatch, per_stage, kind, reference):
    worthless = []

    def recording(accuracy, costs, worst, warp):
        worthless.append(worst)
        return front(accuracy, costs, worst, warp)

    front = cost_aware.Front
    monkeypatch.setattr(cost_aware, "Front", recording)
    space = SearchSpace("mobilenet_v2", per_stage=per_stage)
    candidates = make_candidates(space, table, Limits(), COST_NAMES, seed=0, reference=reference)
    assert isinstance(candidates, kind)
    _proposals(candidates, space, cost_aware.START + 2)
    assert len(worthless) == 2
    assert all((worst == 55.5) is (reference is not None) for worst in worthless)


def test_sampled_candidates_cover_the_range_of_cost(table):
    space = SearchSpace("mobilenet_v2", per_stage=("expand", "project"))
    candidates = make_candidates(space, table, Limits(), ["params"], seed=0)
    _, points = _proposals(candidates, space, 10)
    params = sorted(table.cost(space.architecture(point)).params for point in points)
    assert params[0] < 500_000
    assert params[-1] > 1_700_000


def test_encode_numbers_the_options():
    parameters = {"a": ("x", "y"), "b": ("u", "v", "w")}
    points = [{"b": "w", "a": "x"}, {"a": "y", "b": "u"}]
    assert np.array_equal(encode(parameters, points), [[0, 2], [1, 0]])


def _decisions(candidates, space, budget, *, noise=None):
    """Decide one after another on accuracies that grow with the rung; the history, and what was left."""
    points, accuracies, rungs, left = [], [], [], budget
    while True:
        history = History(points, accuracies, [0.0] * len(points), [], [], noise, rungs)
        found = candidates.decide(history, rungs=(1, 4, 16), left=left, seed=len(points))
        if found is None:
            return points, accuracies, rungs, left
        choices, suggestion = found
        points.append(choices)
        rungs.append(suggestion.rung)
        left -= suggestion.rung
        name = architecture_hash(space.architecture(choices))
        accuracies.append(_accuracy(name) / 2 + 5 * math.log2(suggestion.rung))


@pytest.mark.parametrize("per_stage", [(), ("expand", "project")])
def test_candidates_decide_within_the_limits_and_the_budget(table, per_stage):
    space = SearchSpace("mobilenet_v2", per_stage=per_stage)
    candidates = make_candidates(space, table, LIMITS, COST_NAMES, seed=0)
    points, _, rungs, left = _decisions(candidates, space, 60)
    assert sum(rungs) + left == 60
    assert 0 <= left < 16
    assert set(rungs) >= {1, 16}
    assert all(not LIMITS.refusal(table.cost(space.architecture(point))) for point in points)


@pytest.mark.parametrize("per_stage", [(), ("expand",)])
def test_candidates_decide_the_same_after_a_resume(table, per_stage):
    space = SearchSpace("mobilenet_v2", per_stage=per_stage)
    made = [make_candidates(space, table, LIMITS, COST_NAMES, seed=3) for _ in range(2)]
    points, accuracies, rungs, _ = _decisions(made[0], space, 50)
    count = len(points) - 2
    history = History(points[:count], accuracies[:count], [0.0] * count, [], [], None, rungs[:count])
    left = 50 - sum(rungs[:count])
    choices, suggestion = made[1].decide(history, rungs=(1, 4, 16), left=left, seed=count)
    assert choices == points[count]
    assert suggestion.rung == rungs[count]


def test_candidates_decide_leaves_out_trainings_of_other_lengths(table):
    space = SearchSpace("mobilenet_v2")
    candidates = make_candidates(space, table, LIMITS, COST_NAMES, seed=0)
    points, accuracies, rungs, _ = _decisions(candidates, space, 40)
    pending = [points[0]]

    def decide(observed, told, lengths, waiting, at):
        history = History(observed, told, [0.0] * len(observed), waiting, [], None, lengths, at)
        return candidates.decide(history, rungs=(1, 4, 16), left=40, seed=1)

    known = decide(points, accuracies, rungs, pending, [16])
    others = decide([*points, points[0]], [*accuracies, 99.0], [*rungs, 8], [*pending, points[1]], [16, 2])
    assert others == known
