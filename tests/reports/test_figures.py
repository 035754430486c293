import numpy as np
import pytest

from cheapsearch.reports import accuracy_against_cost, progress, trials_frame
from cheapsearch.reports.figures import best_at_cost, best_so_far, hover_texts
from cheapsearch.space import UserError
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times

GAP = 1.5  # points


@pytest.fixture
def frame(make_run):
    return trials_frame(load_run(make_run()))


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_best_at_cost_steps_up_and_ends_at_the_highest_cost(frame):
    steps = best_at_cost(frame, "params")
    # 71 at 1 M, 66 at 1.2 M and 68 at 1.5 M are no better, 73 at 1.8 M, 72 at 2 M is the last.
    assert list(zip(steps["cost"], steps["accuracy"], strict=True)) == [
        (1_000_000, 71.0),
        (1_800_000, 73.0),
        (2_000_000, 73.0),
    ]


def test_best_at_cost_takes_the_better_of_two_at_one_cost(make_run, make_trial):
    trials = [make_trial(0, 70.0, 5, 9), make_trial(1, 71.0, 5, 8, expand="reuse")]
    steps = best_at_cost(trials_frame(load_run(make_run(trials))), "params")
    assert steps["accuracy"].tolist() == [71.0, 71.0]
    assert steps["cost"].tolist() == [5, 5]


def test_best_at_cost_looks_at_all_trials_not_the_front_of_all_objectives(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 200, 500),
        make_trial(1, 71.0, 300, 100, expand="reuse"),  # on the front for its flops
    ]
    frame = trials_frame(load_run(make_run(trials)))
    assert frame["front"].all()
    assert best_at_cost(frame, "params")["accuracy"].tolist() == [72.0, 72.0]


def test_best_so_far_follows_the_numbers(frame):
    best = best_so_far(frame.iloc[::-1])
    assert best["number"].tolist() == [0, 1, 2, 3, 6]
    assert best["accuracy"].tolist() == [72.0, 72.0, 72.0, 73.0, 73.0]


@pytest.mark.parametrize("cost", ["params", "flops"])
def test_accuracy_against_cost_shows_each_complete_trial(frame, cost):
    found = traces(accuracy_against_cost(frame, cost, gap=GAP))
    rows = frame.set_index("number")
    for name, numbers in {
        "trial": [2, 6],
        "on the front": [1, 3],
        "published network": [1],
        "unmodified network": [0],
    }.items():
        assert list(found[name].x) == rows.loc[numbers, cost].tolist()
        assert list(found[name].y) == rows.loc[numbers, "accuracy"].tolist()
    assert list(found["published network"].text) == ["cheap_v2"]
    assert found["unmodified network"].text == "unmodified"
    symbols = {found[name].marker.symbol for name in ("trial", "published network", "unmodified network")}
    assert len(symbols) == 3


def test_accuracy_against_cost_marks_the_pick(frame):
    star = traces(accuracy_against_cost(frame, "params", gap=GAP, pick=3))["the pick"]
    row = frame.set_index("number").loc[3]
    assert (list(star.x), list(star.y), star.marker.symbol) == ([row["params"]], [row["accuracy"]], "star")


def test_hover_texts_leave_out_a_site_that_no_network_has(frame):
    assert not any("se: none" in said for said in hover_texts(frame))  # a V2
    mixed = frame.assign(se=["none"] + ["eca"] * (len(frame) - 1))
    assert "se: none" in hover_texts(mixed)[0]


def test_accuracy_against_cost_draws_the_steps_and_the_band_of_noise(frame):
    line, band = accuracy_against_cost(frame, "params", gap=GAP).data[:2]
    assert line.line.shape == band.line.shape == "hv"
    assert np.allclose(np.array(line.y) - np.array(band.y), GAP)
    assert band.fill == "tonexty"


def test_accuracy_against_cost_names_the_axes_with_their_units(frame):
    layout = accuracy_against_cost(frame, "flops", gap=GAP).layout
    assert "multiply-adds" in layout.xaxis.title.text
    assert layout.yaxis.title.text.endswith("(%)")


def test_accuracy_against_cost_keeps_labels_inside(frame):
    found = traces(accuracy_against_cost(frame, "params", gap=GAP))
    assert found["unmodified network"].textposition == ("middle left",)  # the most expensive of all
    assert found["published network"].textposition == ("middle right",)  # the cheapest


def test_accuracy_against_cost_of_one_trial_gives_its_axis_a_width(make_run, make_trial):
    frame = trials_frame(load_run(make_run([make_trial(0, 70.0, 1000, 2000)])))
    low, high = accuracy_against_cost(frame, "params", gap=GAP).layout.xaxis.range
    assert low < 1000 < high


def test_accuracy_against_cost_refuses_another_cost(frame):
    with pytest.raises(UserError, match=r"cost: must be one of params, flops, .*, got 'latency'"):
        accuracy_against_cost(frame, "latency", gap=GAP)


def test_figures_say_that_no_trial_is_complete(frame):
    waiting = frame[frame["state"] != "complete"]
    for figure in (accuracy_against_cost(waiting, "params", gap=GAP), progress(waiting)):
        assert not figure.data
        assert figure.layout.annotations[0].text == "No trial is complete yet."


def test_progress_shows_trained_trials_and_below_them_the_others(frame):
    figure = progress(frame)
    found = traces(figure)
    assert list(found["trial"].x) == [0, 2, 6]
    assert list(found["on the front"].x) == [1, 3]
    below = {trace.y[0]: list(trace.x) for trace in figure.data if trace.yaxis == "y2"}
    assert below == {"refused": [5], "failed": [4]}


def test_progress_keeps_no_room_below_where_all_were_trained(frame):
    figure = progress(frame[frame["state"] == "complete"])
    assert "yaxis2" not in figure.layout


def test_hover_texts_say_everything_about_a_trial(frame):
    hover = hover_texts(frame)[1]
    for part in ("trial 1", frame["hash"][1], "tpe, cheap_v2, on the front", "71.00 %", "1.000 M", "45.00 M"):
        assert part in hover
    assert "expand: reuse" in hover


def test_hover_texts_escape_what_comes_from_a_file(make_run, make_trial):
    trials = [make_trial(0, None, 5, 9, origin="<a href='x'>me</a>", reason="<b>loud</b>")]
    (hover,) = hover_texts(trials_frame(load_run(make_run(trials))))
    assert "&lt;a href=" in hover
    assert "&lt;b&gt;loud" in hover


def test_figures_compare_trainings_of_one_length(lengths_run):
    frame = trials_frame(load_run(lengths_run))
    steps = best_at_cost(frame, "params")
    # The mean of 58 and 60 at 1 M, 63 at 1.8 M, 60 at 2 M; trial 2 has 75 at 0.9 M after a shorter training.
    assert list(zip(steps["cost"], steps["accuracy"], strict=True)) == [
        (1_000_000, 59.0),
        (1_800_000, 63.0),
        (2_000_000, 63.0),
    ]
    assert best_so_far(frame)["number"].tolist() == [5, 6, 7]
    points = [t for t in accuracy_against_cost(frame, "params", gap=GAP).data if "markers" in t.mode]
    assert {y for trace in points for y in trace.y} == {59.0, 60.0, 63.0}


def test_progress_shows_other_lengths_as_small_points(lengths_run):
    figure = progress(trials_frame(load_run(lengths_run)))
    found = traces(figure)
    assert list(found["another length"].x) == [0, 1, 2, 3, 4]
    assert found["another length"].marker.size < found["trial"].marker.size
    assert max(found["best so far"].y) == 63.0
    assert "yaxis2" not in figure.layout  # a repeat is no proposal that was not trained


def test_progress_of_one_length_has_no_other(frame):
    assert "another length" not in traces(progress(frame))


def test_hover_texts_say_how_long_a_longer_training_was(lengths_run):
    hover = hover_texts(trials_frame(load_run(lengths_run)))
    assert ["training" in said for said in hover] == [False] * 5 + [True] * 4
    assert f"63.00 %, training {times(4)}<br>" in hover[7]
