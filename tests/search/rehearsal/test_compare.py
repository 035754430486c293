"""Samplers compared on a table: what is scored, told and refused."""

from dataclasses import replace

import numpy as np
import pytest

from cheapsearch.search.rehearsal import compare, replay
from cheapsearch.search.rehearsal.compare import rehearse
from cheapsearch.search.rehearsal.replay import Replay
from cheapsearch.search.rehearsal.result_table import ResultTable, load_table
from cheapsearch.space import UserError


@pytest.mark.parametrize("sampler", ["cost_aware", "tpe", "random"])
def test_rehearse_reaches_everything_with_the_whole_table(path, sampler):
    table = load_table(path)
    result = rehearse(table, samplers=[sampler], budget=1000, seeds=1)[sampler]
    last = str(len(table.points))
    assert result["share_tried"][last] == {
        name: pytest.approx(value) for name, value in (("mean", 1.0), ("min", 1.0), ("std", 0.0))
    }
    # The runs that were drawn may put another front in the place of the true one.
    assert 0.9 < result["share"][last]["mean"] <= result["share_tried"][last]["mean"]
    assert result["seconds_per_proposal"] > 0


def test_rehearse_replays_a_sampler_named_twice_once(path, monkeypatch):
    names = []

    def recording(table, plan):
        names.append(plan.sampler)
        return replay.replay(table, plan)

    monkeypatch.setattr("cheapsearch.search.rehearsal.compare.replay", recording)
    rehearse(load_table(path), samplers=["random", "cost_aware", "random"], budget=2, seeds=1)
    assert names == ["random", "cost_aware"]


def test_rehearse_prefers_the_sampler_that_knows_the_costs(path):
    found = rehearse(load_table(path), samplers=["cost_aware", "random"], budget=18, seeds=4)
    assert found["cost_aware"]["share"]["18"]["mean"] > found["random"]["share"]["18"]["mean"]


def test_rehearse_gives_the_same_again(path):
    settings = {"samplers": ["cost_aware"], "budget": 14, "seeds": 2, "in_flight": 3}
    first, second = (rehearse(load_table(path), **settings)["cost_aware"]["share"] for _ in range(2))
    assert first == second


def test_rehearse_scores_against_the_reference(path):
    table = load_table(path, ["flops"])
    assert table.cost_names == ("flops",)
    mean = table.truth
    # One cost: the share is an area, the best accuracy reached at each cost above the reference.
    reference = 55.0
    order = np.argsort(table.costs[:, 0])
    steps = np.maximum.accumulate(np.maximum(mean[order], reference)) - reference
    widths = np.diff(np.append(table.costs[order, 0], table.costs.max()))
    assert (steps * widths).sum() > 0
    result = rehearse(table, samplers=["random"], budget=1, seeds=1, reference_accuracy=reference)["random"]
    shares = {
        (max(0.0, mean[i] - reference) * (table.costs.max() - table.costs[i, 0])) / (steps * widths).sum()
        for i in range(len(mean))
    }
    assert min(abs(share - result["share"]["1"]["mean"]) for share in shares) < 1e-9


def test_rehearse_scores_the_front_that_is_reported_and_what_was_tried(monkeypatch):
    """Two points of equal costs, and one that is worth nothing; the second is better, but drew a bad run."""
    table = ResultTable(
        parameters={"a": ("u", "v", "w")},
        points=[{"a": name} for name in "uvw"],
        runs={1: np.array([[60.0, 60.0], [50.0, 90.0], [40.0, 40.0]])},
        costs=np.array([[1.0], [1.0], [2.0]]),
        cost_names=("x",),
    )
    drawn = Replay([0, 1, 1, 2], [60.0, 50.0, 90.0, 40.0], seconds=0.1, epochs=1.0)
    monkeypatch.setattr("cheapsearch.search.rehearsal.compare.replay", lambda table, plan: drawn)
    monkeypatch.setattr("cheapsearch.search.rehearsal.compare.CHECKPOINTS", (1, 2, 3))
    found = rehearse(table, samplers=["random"], budget=3, seeds=1, reference_accuracy=40.0)["random"]
    # The true accuracies are 60 and 70, 20 and 30 above the reference.
    of_first = pytest.approx(20 / 30)
    reported, tried = ([found[key][str(n)]["mean"] for n in (1, 2, 3)] for key in ("share", "share_tried"))
    assert reported == [of_first, of_first, 1.0]
    assert tried == [of_first, 1.0, 1.0]
    assert found["evaluations_to"] == {"95": 3.0, "99": 3.0}


def test_rehearse_counts_the_evaluations_from_which_a_search_stays_at_the_target():
    shares = np.array([[0.1, 0.96, 0.9, 0.97, 0.99], [0.95, 0.95, 0.96, 0.96, 0.96]])
    assert compare._evaluations_to(shares, 0.95) == (4 + 1) / 2
    assert compare._evaluations_to(shares, 0.05) == 1.0
    assert compare._evaluations_to(shares, 0.99) is None


@pytest.mark.parametrize("given", [None, 66.0])
def test_rehearse_tells_the_search_the_reference_that_was_given(path, monkeypatch, given):
    plans = []

    def recording(table, plan):
        plans.append(plan)
        return replay.replay(table, plan)

    monkeypatch.setattr("cheapsearch.search.rehearsal.compare.replay", recording)
    rehearse(load_table(path), samplers=["cost_aware"], budget=2, seeds=2, reference_accuracy=given)
    assert [(plan.seed, plan.reference_accuracy) for plan in plans] == [(0, given), (1, given)]


def test_rehearse_with_repeats_evaluates_fewer_points_and_refuses_too_many(path, monkeypatch):
    runs = []

    def recording(table, plan):
        runs.append(replay.replay(table, plan))
        return runs[-1]

    monkeypatch.setattr("cheapsearch.search.rehearsal.compare.replay", recording)
    table = load_table(path)
    result = rehearse(table, samplers=["random"], budget=12, seeds=2, repeats=4)["random"]
    assert [len(run.order) for run in runs] == [12, 12]
    assert [len(set(run.order)) for run in runs] == [8, 8]
    assert list(result["share"]) == ["10", "12"]
    # Repeats add no point, but may change which are reported.
    assert result["share_tried"]["10"] == result["share_tried"]["12"]
    for repeats in (-1, 12):
        with pytest.raises(UserError, match=r"^repeats: must be from 0 to below the 12 evaluations, got"):
            rehearse(table, samplers=["random"], budget=12, seeds=1, repeats=repeats)


@pytest.mark.parametrize("sampler", ["cost_aware", "random"])
def test_rehearse_with_stopping_trains_fewer_epochs_for_nearly_the_same(curved, sampler):
    results = rehearse(load_table(curved), samplers=[sampler], budget=30, seeds=3, stopping=True)
    assert list(results) == [sampler, f"{sampler}, stopping"]
    whole, stopped = results.values()
    assert whole["epochs"] == 1.0
    assert stopped["epochs"] < 0.95
    assert stopped["share"]["30"]["mean"] > 0.97 * whole["share"]["30"]["mean"]


def test_rehearse_with_stopping_stops_what_cannot_reach_the_reference(curved):
    table = load_table(curved)
    reference = float(np.quantile(table.truth, 0.9))
    results = [
        rehearse(table, samplers=["random"], budget=30, seeds=3, stopping=True, reference_accuracy=given)
        for given in (None, reference)
    ]
    without, told = (found["random, stopping"]["epochs"] for found in results)
    assert told < without


def test_rehearse_with_stopping_needs_curves(path):
    with pytest.raises(UserError, match=r"^stopping: needs columns curve_\*"):
        rehearse(load_table(path), samplers=["random"], budget=5, seeds=1, stopping=True)


@pytest.fixture
def two_lengths(path):
    """The points of the table; a short training is 20 points below a long one, which are three."""
    plain = load_table(path)
    short = plain.runs[1].mean(axis=1, keepdims=True) - 20.0
    seconds = {rung: np.full(len(plain.points), 10.0 * rung) for rung in (1, 4)}
    return replace(plain, runs={1: short, 4: plain.runs[1]}, seconds=seconds)


def test_rehearse_counts_lengths_in_units_of_the_shortest(two_lengths):
    found = rehearse(two_lengths, samplers=["cost_aware", "random"], budget=40, seeds=2)
    assert list(found) == ["cost_aware at 1,4", "random at 4"]
    # Ten trainings that are four times as long; the first of them is not over before.
    assert found["random at 4"]["share"]["10"]["mean"] > 0
    assert found["random at 4"]["training_seconds"] == 10 * 40.0
    assert 400.0 - 4 * 10.0 < found["cost_aware at 1,4"]["training_seconds"] <= 400.0


def test_rehearse_scores_after_equal_times_where_the_table_says_them(two_lengths):
    """Trainings that are four times as long take eight times as long; two of the short ones 5 and 15 s."""
    seconds = {1: np.full(len(two_lengths.points), 10.0), 4: np.full(len(two_lengths.points), 80.0)}
    seconds[1][:2] = 5.0, 15.0
    given = {"samplers": ["random"], "budget": 40, "seeds": 3}
    found = rehearse(replace(two_lengths, seconds=seconds), **given, rungs=[(4,)])["random at 4"]
    in_time = found["share_in_time"]
    assert {count: share.pop("seconds") for count, share in in_time.items()} == {
        "10": 100.0,
        "25": 250.0,
        "40": 400.0,
    }
    # After 100, 250 and 400 seconds there are 1, 3 and 5 of the trainings, which are 4, 12 and 20 units.
    by_units = rehearse(two_lengths, **given | {"budget": 20}, rungs=[(4,)])["random at 4"]["share"]
    assert in_time["40"] == by_units["20"]
    assert in_time["25"]["mean"] < by_units["20"]["mean"]
    assert found["share"]["40"]["mean"] > in_time["40"]["mean"]
    assert found["training_seconds"] == 10 * 80.0
    unsaid = replace(two_lengths, seconds={1: seconds[1]})
    assert "share_in_time" not in rehearse(unsaid, **given, rungs=[(4,)])["random at 4"]


def test_rehearse_scores_every_length_by_the_longest(two_lengths):
    found = rehearse(two_lengths, samplers=["cost_aware"], budget=144, seeds=1, rungs=[(1,), (4,), (1, 4)])
    assert list(found) == ["cost_aware at 1", "cost_aware at 4", "cost_aware at 1,4"]
    # Short trainings order the points of this table as the means of the long ones do, without noise.
    assert found["cost_aware at 1"]["share"]["144"]["mean"] == pytest.approx(1.0)
    assert found["cost_aware at 4"]["share_tried"]["144"]["mean"] == pytest.approx(1.0)


def test_rehearse_refuses_lengths_that_the_table_lacks(two_lengths):
    with pytest.raises(UserError, match="rungs: must be among the lengths of the table, 1, 4, got 16"):
        rehearse(two_lengths, samplers=["cost_aware"], budget=40, seeds=1, rungs=[(1, 16)])
    with pytest.raises(UserError, match="budget: must be at least the length 4, got 3"):
        rehearse(two_lengths, samplers=["random"], budget=3, seeds=1)
    with pytest.raises(UserError, match="rungs: must be one length with random"):
        rehearse(two_lengths, samplers=["random"], budget=40, seeds=1, rungs=[(1, 4)])


def test_rehearse_with_several_lengths_stops_nothing_and_counts_repeats_in_trainings(two_lengths, curved):
    table = replace(two_lengths, curves=load_table(curved).curves)
    given = {"samplers": ["cost_aware"], "budget": 40, "seeds": 1}
    for rungs in ((), [(4,)]):
        with pytest.raises(UserError, match=r"stopping: needs trainings of one length, .* the lengths 1, 4"):
            rehearse(table, **given, rungs=rungs, stopping=True)
    with pytest.raises(UserError, match=r"repeats: must be 0 with several lengths, .* got 2"):
        rehearse(table, **given, repeats=2)
    # A budget of 40 has ten trainings that are four times as long.
    with pytest.raises(UserError, match="repeats: must be from 0 to below the 10 evaluations, got 10"):
        rehearse(table, **given, rungs=[(4,)], repeats=10)
    found = rehearse(table, **given, rungs=[(4,)], repeats=9)["cost_aware at 4"]
    assert found["share"]["40"]["mean"] > 0


def test_within_counts_trainings_by_their_length():
    run = Replay([0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0], seconds=0.0, epochs=1.0, rungs=(1, 4, 1, 4))
    assert [run.within(units) for units in (0, 1, 4, 5, 6, 9, 10, 99)] == [0, 1, 1, 2, 3, 3, 4, 4]
    assert run.runs(3) == {1: {0: [1.0], 2: [3.0]}, 4: {1: [2.0]}}
    timed = replace(run, lasted=(2.0, 9.0, 3.0, 8.0))
    assert [timed.within_seconds(seconds) for seconds in (1.9, 2, 11, 13.9, 14, 99)] == [0, 1, 2, 2, 3, 4]
