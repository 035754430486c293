from dataclasses import replace

import pytest

from cheapsearch.reports import front_frame, trials_frame
from cheapsearch.space import PRESETS, SITE_NAMES, Cost, TrialRecord, architecture_hash
from cheapsearch.space.saved_run import load_run


def test_trials_frame_holds_every_trial_with_the_columns_of_the_file(make_run):
    run = load_run(make_run())
    frame = trials_frame(run)
    assert frame["number"].tolist() == [trial.number for trial in run.trials]
    assert frame["hash"].tolist() == [trial.hash for trial in run.trials]
    assert set(TrialRecord.columns()) <= set(frame.columns)
    assert frame["state"].tolist() == ["complete"] * 4 + ["failed", "refused", "complete"]


def test_trials_frame_gives_differences_to_the_unmodified_network(make_run):
    run = load_run(make_run())
    frame = trials_frame(run).set_index("number")
    assert frame["unmodified"].tolist() == [True] + [False] * 6
    expected = run.claims.expected
    assert frame.loc[1, "expected"] == expected[1].mean
    assert frame.loc[1, "either_way"] == pytest.approx((expected[1].high - expected[1].low) / 2)
    assert frame.loc[1, "accuracy_difference"] == pytest.approx(expected[1].mean - expected[0].mean)
    assert frame.loc[1, "params_difference"] == pytest.approx(-50.0)  # 1 M of 2 M
    assert frame.loc[1, "flops_difference"] == pytest.approx(-50.0)  # 45 M of 90 M
    assert frame["accuracy_difference"].isna().tolist() == frame["accuracy"].isna().tolist()


def test_trials_frame_knows_the_costs_of_a_refused_unmodified_network(make_run, make_trial):
    trials = [
        make_trial(0, None, 200, 400, state="refused"),
        make_trial(1, 70.0, 100, 300, expand="reuse"),
    ]
    frame = trials_frame(load_run(make_run(trials)))
    assert frame["accuracy_difference"].isna().all()
    assert frame["params_difference"].tolist() == [0.0, -50.0]
    assert frame["flops_difference"].tolist() == [0.0, -25.0]


def test_trials_frame_has_no_differences_where_the_unmodified_network_is_unknown(make_run, make_trial):
    frame = trials_frame(load_run(make_run([make_trial(0, 70.0, 100, 300, expand="reuse")])))
    for name in ("accuracy", "params", "flops"):
        assert frame[f"{name}_difference"].isna().all()


@pytest.mark.parametrize("width", [1.0, 0.5])
def test_trials_frame_names_presets_at_the_width_of_the_run(make_run, width):
    wanted = replace(PRESETS["cheap_v2"], width=width)
    other = replace(wanted, project="reduce")
    trials = [
        TrialRecord(number, architecture, "complete", "tpe", Cost(params=10, flops=10), accuracy=70.0)
        for number, architecture in enumerate([wanted, other])
    ]
    frame = trials_frame(load_run(make_run(trials, width=width)))
    assert frame["preset"].tolist() == ["cheap_v2", ""]


def test_trials_frame_names_a_preset_by_its_canonical_form(make_run, make_trial):
    same = make_trial(0, 70.0, 10, 10, expand="shuffle_reuse", shortcut="reuse", last_stage="reuse")
    assert architecture_hash(same.architecture) == architecture_hash(PRESETS["cheap_v2"])
    assert trials_frame(load_run(make_run([same])))["preset"].tolist() == ["cheap_v2"]


def test_trials_frame_of_no_trials_has_columns_and_types(make_run):
    frame = trials_frame(load_run(make_run(())))
    assert frame.empty
    assert set(SITE_NAMES) <= set(frame.columns)
    assert frame["accuracy"].dtype == "float64"
    assert frame["front"].dtype == "bool"


def test_front_frame_holds_what_no_trial_beats_cheapest_first(make_run):
    front = front_frame(load_run(make_run()))
    # Trial 0 is beaten by 3, 2 and 6 by 1; 4 and 5 were not trained.
    assert front["number"].tolist() == [1, 3]
    assert front["preset"].tolist() == ["cheap_v2", ""]


def test_front_frame_looks_at_the_objectives_of_the_run(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 200, 500),
        make_trial(1, 71.0, 100, 400, expand="reuse"),
        make_trial(2, 71.5, 150, 300, expand="ghost"),
    ]
    run = load_run(make_run(trials, objectives=("accuracy", "flops")))
    # With parameters as well, trial 1 would be a member: it has the fewest.
    assert front_frame(run)["number"].tolist() == [2, 0]


@pytest.mark.parametrize("state", ["failed", "duplicate", "refused"])
def test_front_frame_leaves_out_what_was_not_trained(make_run, make_trial, state):
    trials = [
        make_trial(0, 72.0, 200, 500),
        make_trial(1, 99.0, 1, 1, state=state, expand="reuse"),
    ]
    run = load_run(make_run(trials))
    assert front_frame(run)["number"].tolist() == [0]
    assert len(trials_frame(run)) == 2


def test_trials_frame_compares_complete_trials_alone(make_run):
    frame = trials_frame(load_run(make_run()))
    assert frame["compared"].tolist() == (frame["state"] == "complete").tolist()


def test_trials_frame_compares_at_the_longest_length_that_three_have(lengths_run):
    run = load_run(lengths_run)
    frame = trials_frame(run).set_index("number")
    assert frame.index[frame["compared"]].tolist() == [5, 6, 7]
    # Trial 2 is the most accurate by far, and cheapest, of all that were trained as shortly.
    assert frame.index[frame["front"]].tolist() == [6, 7]
    assert (frame.loc[6, "accuracy"], frame.loc[6, "seeds"]) == ((58 + 60) / 2, 2)
    assert (frame.loc[1, "accuracy"], frame.loc[1, "seeds"]) == (49.0, 1)
    assert frame["expected"].notna().tolist() == frame["compared"].tolist()
    expected = run.claims.expected
    assert frame.loc[7, "accuracy_difference"] == pytest.approx(expected[7].mean - expected[5].mean)


def test_trials_frame_compares_short_trainings_while_few_are_longer(make_run, make_trial):
    trials = [
        make_trial(0, 50.0, 20, 30),
        make_trial(1, 51.0, 10, 15, expand="reuse"),
        make_trial(2, 60.0, 20, 30, rung=4, origin="longer"),
    ]
    frame = trials_frame(load_run(make_run(trials, rungs=(1, 4))))
    assert frame["compared"].tolist() == [True, True, False]
