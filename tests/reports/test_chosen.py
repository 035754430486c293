from dataclasses import replace

import pytest

from cheapsearch.reports import chosen, trials_frame
from cheapsearch.space import LATENCY, pick
from cheapsearch.space.device_table import Value
from cheapsearch.space.saved_run import SavedRun, load_run
from cheapsearch.space.text import percent
from cheapsearch.space.verdict import verdict


@pytest.fixture
def run(make_run):
    return load_run(make_run())


def cards(run):
    return {card.number: card for card in chosen.highlights(run, trials_frame(run))}


def test_picked_is_what_best_yaml_holds(run):
    found = chosen.picked(run, trials_frame(run))
    assert found.number == pick(run.trials, "knee").number
    assert (found.name, found.is_unmodified) == ("cheap_v2", False)
    accuracy, params, flops = found.rows
    own, base = run.claims.expected[1], run.claims.expected[0]
    assert accuracy.pick == f"{percent(own.mean)} ± {(own.high - own.low) / 2:.1f}"
    assert accuracy.unmodified == f"{percent(base.mean)} ± {(base.high - base.low) / 2:.1f}"
    assert accuracy.difference.endswith(" points")
    minus = "\N{MINUS SIGN}"
    assert (params.pick, params.unmodified, params.difference) == ("1.000 M", "2.000 M", f"{minus}50.0 %")
    assert flops.quantity == "FLOPs (multiply-adds)"


def test_picked_is_the_most_accurate_where_costs_are_limited(make_run):
    run = load_run(make_run(limits={"params": 1_900_000}))
    assert chosen.picked(run, trials_frame(run)).number == pick(run.trials, "accuracy").number == 3


def test_picked_says_why_the_verdict_names_another(make_run):
    run = load_run(make_run(limits={"params": 1_900_000}))  # so that the most accurate is picked, trial 3
    frame = trials_frame(run)
    run.__dict__["claims"] = replace(run.claims, equals=(1, 3))
    found = chosen.picked(run, frame)
    assert "the cheapest of them is trial 1" in verdict(run)[0]
    assert (found.number, found.named) == (3, 1)
    assert found.why_another.startswith("Trial 1, named above, is the cheapest of those")
    run.__dict__["claims"] = replace(run.claims, equals=(3,))
    assert chosen.picked(run, frame).named is None


def test_picked_is_compared_with_the_unmodified_network_where_it_is_known(make_run, make_trial):
    run = load_run(make_run([make_trial(0, 70.0, 10, 20, expand="reuse")]))
    assert {(row.unmodified, row.difference) for row in chosen.picked(run, trials_frame(run)).rows} == {
        ("", "")
    }


def test_picked_takes_costs_of_an_unmodified_network_that_failed(make_run, make_trial):
    run = load_run(make_run([make_trial(0, 70.0, 10, 20, expand="reuse"), make_trial(1, None, 20, 40)]))
    accuracy, params, _ = chosen.picked(run, trials_frame(run)).rows
    assert (accuracy.unmodified, params.unmodified) == ("", "20")


def test_picked_shows_a_measured_latency(run, monkeypatch):
    known = {run.trials[0].hash: Value(8.0, 0.2), run.trials[1].hash: Value(4.0, 0.1)}
    monkeypatch.setattr(SavedRun, "front_latency", property(lambda _: known))
    row = chosen.picked(run, trials_frame(run)).rows[-1]
    assert row.quantity.startswith("latency (ms) measured")
    assert (row.pick, row.unmodified) == ("4.00 ± 0.1", "8.00 ± 0.2")
    assert row.difference == "\N{MINUS SIGN}50.0 %"
    assert LATENCY not in run.record.settings.objectives


def test_highlights_names_three_members_of_the_front(run):
    found = cards(run)
    # Trial 1 is 1 point below the unmodified network, with the fewest parameters, and the knee:
    # of the two front members it is best in two objectives, the other in one.
    assert list(found) == [3, 1]
    assert found[3].title == "Most accurate"
    assert found[3].expected == percent(run.claims.expected[3].mean)
    assert "knee" in found[1].title
    assert "Lowest in parameters of those not surely worse than unmodified" in found[1].title
    assert found[1].name == "cheap_v2"


def test_highlights_compares_with_the_unmodified_network_only_where_it_was_trained(make_run, make_trial):
    (card,) = cards(load_run(make_run([make_trial(0, 70.0, 10, 20, expand="reuse")]))).values()
    assert "Most accurate" in card.title
    assert "unmodified" not in card.title
    assert card.difference == ""


def test_highlights_leaves_out_what_is_surely_worse_than_the_unmodified_network(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 20, 30),
        make_trial(1, 52.0, 10, 20, expand="reuse"),
        make_trial(2, 71.9, 15, 25, expand="ghost"),
    ]
    found = cards(load_run(make_run(trials)))
    assert [number for number, card in found.items() if "Lowest in" in card.title] == [2]


@pytest.mark.parametrize(("reference", "knee"), [(None, 1), (70.0, 2)])
def test_highlights_has_no_compromise_below_the_reference(make_run, make_trial, reference, knee):
    trials = [
        make_trial(0, 20.0, 1_000, 1_000, expand="reuse"),
        make_trial(1, 69.0, 2_000, 2_000, expand="ghost"),
        make_trial(2, 72.0, 90_000, 90_000, expand="shuffle_reuse"),
        make_trial(3, 90.0, 10**6, 10**6),
    ]
    found = cards(load_run(make_run(trials, reference_accuracy=reference)))
    assert [number for number, card in found.items() if "knee" in card.title] == [knee]


def test_highlights_are_of_the_length_that_is_compared(lengths_run):
    found = cards(load_run(lengths_run))
    assert 7 in found
    assert 2 not in found  # after the shortest training the most accurate, and cheapest
    assert any("not surely worse than unmodified" in card.title for card in found.values())
