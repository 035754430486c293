"""The Pareto front against a plain check of every pair, and the rules that pick from it."""

import random
from dataclasses import dataclass, replace
from math import log1p

import pytest

from cheapsearch.space import (
    DEFAULT_OBJECTIVES,
    PICKS,
    Architecture,
    Cost,
    TrialRecord,
    UserError,
    check_objectives,
    pareto_front,
    pick,
)
from cheapsearch.space.claims import Claims

UNMODIFIED = Architecture("mobilenet_v2")
SUBSETS = [("accuracy", "params", "flops"), ("accuracy", "params"), ("accuracy", "flops")]


def trial(
    number: int, accuracy: float | None, params: int, flops: int, state: str = "complete"
) -> TrialRecord:
    return TrialRecord(number, UNMODIFIED, state, "random", Cost(params=params, flops=flops), accuracy)  # type: ignore[arg-type]


def random_trials(seed: int, count: int, values: int) -> list[TrialRecord]:
    """Trials with `values` different values per objective, accuracies spread over 0 to 100 percent.

    Few values make ties and duplicates.
    """
    rng = random.Random(seed)
    trials = []
    for number in range(count):
        state = rng.choice(["complete", "complete", "complete", "failed", "refused", "duplicate"])
        accuracy = 100 * rng.randint(0, values - 1) / (values - 1) if state == "complete" else None
        params, flops = rng.randint(0, values - 1), rng.randint(0, values - 1)
        trials.append(trial(number, accuracy, params, flops, state))
    return trials


def losses(record: TrialRecord, objectives: tuple[str, ...]) -> tuple[float, ...]:
    values = {"accuracy": -(record.accuracy or 0.0), **record.costs}
    return tuple(values[name] for name in objectives)


def naive_front(records: list[TrialRecord], objectives: tuple[str, ...]) -> set[int]:
    """Numbers of the complete records that no other dominates, the first of equals."""
    complete = [record for record in records if record.state == "complete"]
    kept = set()
    for index, record in enumerate(complete):
        mine = losses(record, objectives)
        beaten = any(
            (theirs != mine or other < index) and all(a <= b for a, b in zip(theirs, mine, strict=True))
            for other, theirs in enumerate(losses(record, objectives) for record in complete)
        )
        if not beaten:
            kept.add(record.number)
    return kept


@pytest.mark.parametrize("objectives", SUBSETS)
@pytest.mark.parametrize("values", [2, 6, 1000])
def test_front_is_that_of_comparing_every_pair(objectives: tuple[str, ...], values: int) -> None:
    for seed in range(30):
        records = random_trials(seed, 40, values)
        front = pareto_front(records, objectives)
        assert {record.number for record in front} == naive_front(records, objectives)
        assert len({record.number for record in front}) == len(front)


@pytest.mark.parametrize("objectives", SUBSETS)
def test_front_starts_with_the_cheapest(objectives: tuple[str, ...]) -> None:
    for seed in range(10):
        front = pareto_front(random_trials(seed, 60, 50), objectives)
        costs = [tuple(record.costs[name] for name in objectives[1:]) for record in front]
        assert costs == sorted(costs)
        if len(objectives) == 2:  # then more cost must buy more accuracy
            accuracies = [record.accuracy for record in front if record.accuracy is not None]
            assert len(accuracies) == len(front)
            assert accuracies == sorted(accuracies)


def test_front_uses_all_objectives_by_default() -> None:
    records = random_trials(1, 60, 10)
    assert pareto_front(records) == pareto_front(records, DEFAULT_OBJECTIVES)
    assert SUBSETS[0] == DEFAULT_OBJECTIVES


@dataclass(frozen=True)
class Point:
    """A trial of something that is no architecture."""

    number: int
    accuracy: float | None
    costs: dict[str, float]
    state: str = "complete"
    origin: str = "random"
    reason: str = ""
    rung: int = 1
    right: bytes = b""

    @property
    def hash(self) -> str:
        return str(self.costs)


def test_front_and_its_certainty_are_those_of_any_records() -> None:
    points = [Point(0, 70.0, {"ms": 2.5}), Point(1, 60.0, {"ms": 1.5}), Point(2, 65.0, {"ms": 3.5})]
    points.append(Point(3, 72.0, {"ms": 2.5}, "repeat"))
    objectives = ("accuracy", "ms")
    front = pareto_front(points, objectives)
    assert front == [points[1], replace(points[0], accuracy=71.0)]
    assert pick(points, "accuracy", objectives) == front[1]
    assert pick(points, "trial=2", objectives) == points[2]
    assert pick(points, "knee", objectives) in front
    claims = Claims.of(points, objectives)
    assert claims.cheapest == {1}
    assert claims.front[1] == 1.0
    assert claims.ties(front) == {}
    assert claims.most_unsettled(points, {}) == points[2]


def test_front_keeps_the_first_of_equals() -> None:
    records = [trial(3, 50.0, 10, 10), trial(1, 50.0, 10, 10), trial(2, 50.0, 10, 10)]
    assert [record.number for record in pareto_front(records)] == [3]


def test_front_drops_what_is_worse_in_one_objective_and_equal_in_the_rest() -> None:
    records = [trial(0, 50.0, 10, 10), trial(1, 50.0, 10, 11), trial(2, 49.0, 10, 10), trial(3, 50.0, 9, 11)]
    assert [record.number for record in pareto_front(records)] == [3, 0]


def test_front_counts_only_complete_trials() -> None:
    records = [trial(0, 50.0, 10, 10), trial(1, 99.0, 1, 1, "failed"), trial(2, None, 1, 1, "refused")]
    assert [record.number for record in pareto_front(records)] == [0]


def test_front_of_nothing_complete_is_empty() -> None:
    assert pareto_front([]) == []
    assert pareto_front([trial(0, None, 1, 1, "failed")]) == []


def test_front_does_not_depend_on_the_order_of_distinct_records() -> None:
    records = random_trials(5, 40, 10**6)
    shuffled = random.Random(0).sample(records, len(records))
    assert pareto_front(records) == pareto_front(shuffled)


# --- picking ----------------------------------------------------------------------------------------


def test_pick_accuracy_takes_the_most_accurate_and_of_equals_a_cheap_one() -> None:
    records = [trial(0, 40.0, 1, 1), trial(1, 60.0, 30, 30), trial(2, 60.0, 20, 20), trial(3, 50.0, 10, 10)]
    assert pick(records, "accuracy").number == 2
    for seed in range(20):
        records = random_trials(seed, 30, 20)
        accuracies = [record.accuracy for record in records if record.accuracy is not None]
        assert pick(records, "accuracy").accuracy == max(accuracies)


def test_pick_knee_takes_the_corner() -> None:
    # From (10 %, 1e3) to (90 %, 1e6), the corner at 80 % for twice the least cost
    records = [trial(0, 10.0, 1_000, 1_000), trial(1, 80.0, 2_000, 2_000), trial(2, 90.0, 10**6, 10**6)]
    assert pick(records, "knee").number == 1


@pytest.mark.parametrize(("reference", "number"), [(None, 1), (80.0, 1), (80.1, 2), (95.0, 1)])
def test_pick_knee_leaves_out_what_is_below_the_reference(reference: float | None, number: int) -> None:
    records = [trial(0, 10.0, 1_000, 1_000), trial(1, 80.0, 2_000, 2_000), trial(2, 90.0, 10**6, 10**6)]
    assert pick(records, "knee", reference_accuracy=reference).number == number


def test_pick_knee_measures_costs_in_logarithms() -> None:
    # The logarithm is of 1 + cost. From 1 + cost = 1 to 10^4, 10^2 is half way in logarithms but a
    # hundredth of the way itself. The point (75 %, 10^2) is at squared distance 0.25^2 + 0.5^2 = 0.3125
    # from the best of both, (45 %, 10) at 0.55^2 + 0.25^2 = 0.365, (93 %, 10^3.6) at 0.07^2 + 0.9^2.
    records = [
        trial(0, 0.0, 0, 5),
        trial(1, 45.0, 9, 5),
        trial(2, 75.0, 99, 5),
        trial(3, 93.0, round(10**3.6) - 1, 5),
        trial(4, 100.0, 9_999, 5),
    ]
    assert pick(records, "knee", ("accuracy", "params")).number == 2
    # Here plain costs would choose (70 %, 10^2) at 0.0901, logarithms choose (60 %, 10) at 0.2225 < 0.34
    records = [trial(0, 0.0, 0, 5), trial(1, 60.0, 9, 5), trial(2, 70.0, 99, 5), trial(3, 100.0, 9_999, 5)]
    assert pick(records, "knee", ("accuracy", "params")).number == 1


def test_pick_knee_does_not_stretch_costs_that_are_nearly_equal() -> None:
    # 0.3 % of the parameters would be as far as 25 points, were they stretched to the whole scale
    records = [trial(0, 65.6, 100_000, 5), trial(1, 90.7, 100_300, 5)]
    assert pick(records, "knee", ("accuracy", "params")).number == 1
    # Were 0.5 points the whole scale, (66.0 %, 2e5) was at 0.2^2 + 0.5^2 = 0.29 from the best of both and the
    # cheapest at 1; of a whole point they are at 0.1^2 + 0.5^2 = 0.26 and at 0.25
    records = [trial(0, 65.6, 100_000, 5), trial(1, 66.0, 200_000, 5), trial(2, 66.1, 400_000, 5)]
    assert pick(records, "knee", ("accuracy", "params")).number == 0


def test_pick_knee_tells_small_costs_apart() -> None:
    # Four times as much, if of 0.001: at 1 from the best in cost, and the cheapest at 0.6 of its point
    records = [trial(0, 69.4, 1, 1), trial(1, 70.0, 1, 1)]
    small = [
        replace(record, costs=Cost(**record.costs, latency_ms=cost))
        for record, cost in zip(records, (0.001, 0.004), strict=True)
    ]
    assert pick(small, "knee", ("accuracy", "latency_ms")).number == 0


def test_pick_knee_takes_a_cost_of_nothing() -> None:
    # 1 + cost is 1, 2, 1024: (50 %, 2) is at 0.5^2 + 0.1^2 = 0.26 from the best of both, the ends at 1
    records = [trial(0, 0.0, 0, 0), trial(1, 50.0, 1, 1), trial(2, 100.0, 1_023, 1_023)]
    assert pick(records, "knee").number == 1
    assert pick(records, "knee", ("accuracy", "flops")).number == 1
    # The ends of a front of two are (1, 0, 0) and (0, 1, 1) from the best of all three
    assert pick([records[0], records[2]], "knee").number == 0


@pytest.mark.parametrize("objectives", SUBSETS)
def test_pick_knee_is_nearest_to_the_best_of_every_objective(objectives: tuple[str, ...]) -> None:
    for seed in range(20):
        records = random_trials(seed, 40, 1000)
        front = pareto_front(records, objectives)
        points = [
            [-r.accuracy if n == "accuracy" else log1p(r.costs[n]) for n in objectives]  # type: ignore[operator]
            for r in front
        ]
        columns = list(zip(*points, strict=True))
        distances = [
            sum(
                ((value - min(column)) / ((max(column) - min(column)) or 1.0)) ** 2
                for value, column in zip(point, columns, strict=True)
            )
            for point in points
        ]
        best = distances[front.index(pick(records, "knee", objectives))]
        assert best == pytest.approx(min(distances))


def test_pick_knee_of_a_single_point_is_that_point() -> None:
    assert pick([trial(4, 50.0, 10, 10)], "knee").number == 4


def test_pick_trial_takes_any_complete_one_by_number() -> None:
    records = [trial(0, 50.0, 10, 10), trial(5, 40.0, 20, 20), trial(6, None, 1, 1, "failed")]
    assert pick(records, "trial=0").number == 0
    assert pick(records, "trial=5").number == 5  # not on the front


@pytest.mark.parametrize("number", ["6", "7", "99"])
def test_pick_trial_refuses_one_that_is_not_complete_and_says_which_are(number: str) -> None:
    records = [trial(2, 50.0, 10, 10), trial(5, 40.0, 20, 20), trial(6, None, 1, 1, "failed")]
    with pytest.raises(UserError) as caught:
        pick(records, f"trial={number}")
    assert str(caught.value) == (
        f"pick: trial must be a complete one, got {number}; the run has 2, from 2 to 5"
    )


@pytest.mark.parametrize(
    "rule", ["best", "", "trial", "trial=", "trial=N", "trial=-1", "trial=1.5", "trail=1"]
)
def test_pick_refuses_an_unknown_rule(rule: str) -> None:
    with pytest.raises(UserError) as caught:
        pick([trial(1, 50.0, 10, 10)], rule)
    assert str(caught.value).startswith("pick: must be one of accuracy, knee, trial=N, got ")
    assert repr(rule) in str(caught.value)


def test_pick_names_the_nearest_rule() -> None:
    with pytest.raises(UserError, match=r"did you mean 'accuracy'\?"):
        pick([trial(1, 50.0, 10, 10)], "acuracy")


@pytest.mark.parametrize("rule", ["accuracy", "knee", "trial=0"])
def test_pick_needs_a_complete_trial(rule: str) -> None:
    with pytest.raises(UserError, match=r"^pick: needs a complete trial"):
        pick([trial(0, None, 1, 1, "failed")], rule)


def test_picks_are_the_rules_of_the_command_line() -> None:
    # design.md, "The command line": `--pick accuracy|knee|trial=N`
    assert PICKS == ("accuracy", "knee", "trial=N")


# --- objectives -------------------------------------------------------------------------------------


@pytest.mark.parametrize("objectives", SUBSETS)
def test_check_objectives_returns_them_in_standard_order(objectives: tuple[str, ...]) -> None:
    assert check_objectives(objectives) == objectives
    assert check_objectives(list(reversed(objectives))) == objectives
    assert check_objectives([*objectives, *objectives]) == objectives


@pytest.mark.parametrize("objectives", [[], ["accuracy"], ["params"], ["params", "flops"], ["accuracy"] * 2])
def test_check_objectives_needs_accuracy_and_a_cost(objectives: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        check_objectives(objectives)
    assert str(caught.value) == (
        "objectives: must be accuracy and at least one of params, flops, deploy_params, deploy_flops, "
        "latency_ms, energy_mj, own_cost, got " + repr(",".join(objectives))
    )


def test_check_objectives_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^objectives: must be one of .*'flop'; did you mean 'flops'\?"):
        check_objectives(["accuracy", "flop"])


def test_pick_takes_a_trial_of_any_rung_by_its_number() -> None:
    trials = [
        *(trial(n, 50.0 + n, n + 1, n + 1) for n in range(3)),
        *(replace(trial(3 + n, 60.0 + n, n + 1, n + 1), rung=4) for n in range(3)),
    ]
    assert [pick(trials, f"trial={n}").rung for n in range(6)] == [1] * 3 + [4] * 3
    assert pick(trials, "accuracy").number == 5
    with pytest.raises(UserError, match="got 9; the run has 6, from 0 to 5"):
        pick(trials, "trial=9")
