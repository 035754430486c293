"""What the surrogate knows, as frames, sentences and figures."""

from dataclasses import replace

import numpy as np
import pytest

from cheapsearch.reports import insight, insight_figures
from cheapsearch.space.insight import Effect, Interaction, Knowledge, Prediction, Progress


def effect(site, operation, accuracy, half, params=0.0, flops=0.0):
    costs = {"params": params, "flops": flops}
    return Effect(site, operation, accuracy, accuracy - half, accuracy + half, costs, 3)


KNOWN = Knowledge(
    rung=1,
    networks=20,
    effects=(
        effect("shortcut", "reuse", 1.0, 2.0, -3.0, -4.0),
        effect("shortcut", "pool_reuse", 5.0, 2.0, -3.0, -4.0),
        effect("project", "reduce", -3.0, 1.0, -35.0, -29.0),
        effect("project", "conv_shuffle", 0.0, 0.0),
    ),
    interactions=(Interaction("expand", "ghost", "project", "reduce", -2.04, -3.0, -1.0),),
    whole_space=True,
    importance={"shortcut": 0.66, "project": 0.06},
    importance_rung=1,
    progress=(
        Progress(1, 0.0, 1.0, 0.0, 3.0),
        Progress(2, 2.0, 2.5, 1.0, 4.0),
        Progress(40, 9.0, None, None, None),
    ),
    reference_accuracy=56.0,
    predictions=(
        Prediction(5, 70.0, 2.0, 71.0),
        Prediction(6, 70.0, 2.0, 73.0),
        Prediction(9, 60.0, 2.0, 50.0),
    ),
)
NOTHING = replace(
    KNOWN, effects=KNOWN.effects[3:], interactions=(), importance={}, progress=(), predictions=()
)


def named(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_effects_frame_has_the_best_of_each_site_first_and_no_equals():
    frame = insight.effects_frame(KNOWN)
    assert frame["operation"].tolist() == ["pool_reuse", "reuse", "reduce"]
    assert frame["params"].tolist() == [-3.0, -3.0, -35.0]
    assert insight.costs_of(frame) == ["params", "flops"]


def test_operation_effects_colours_what_is_surely_better_or_worse():
    traces = named(insight_figures.operation_effects(insight.effects_frame(KNOWN)))
    assert traces["better"].x.tolist() == [5.0]
    assert traces["worse"].x.tolist() == [-3.0]
    assert traces["better or worse"].x.tolist() == [1.0]
    assert traces["worse"].error_x.array.tolist() == traces["worse"].error_x.arrayminus.tolist() == [1.0]
    assert traces["FLOPs"].x.tolist() == [-4.0, -4.0, -29.0]
    rows = [*traces["better"].y, *traces["better or worse"].y, *traces["worse"].y]
    assert list(traces["parameters"].y) == rows


def test_operation_effects_name_each_row():
    figure = insight_figures.operation_effects(insight.effects_frame(KNOWN))
    labels = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    assert list(labels.values()) == ["<b>shortcut</b>", "pool_reuse", "reuse", "<b>project</b>", "reduce"]
    assert labels[named(figure)["worse"].y[0]] == "reduce"


def test_importance_shows_shares_in_percent():
    (bars,) = insight_figures.importance(insight.importance_frame(KNOWN)).data
    assert bars.y.tolist() == ["shortcut", "project"]
    assert bars.x.tolist() == pytest.approx([66.0, 6.0])


def test_hypervolume_over_trials_has_the_random_band_as_far_as_it_is_known():
    traces = named(insight_figures.hypervolume_over_trials(insight.hypervolume_frame(KNOWN)))
    assert traces["this search"].x.tolist() == [1, 2, 40]
    assert traces["this search"].y.tolist() == [0, 2, 9]
    assert traces["random search, expected by the model"].y.tolist() == [1.0, 2.5]
    assert traces["eight of ten random searches"].y.tolist() == [0.0, 1.0]


def test_predicted_against_observed_marks_what_its_interval_does_not_hold():
    frame = insight.predictions_frame(KNOWN, {9: ", 4 times"})
    assert frame["off"].tolist() == [0.5, 1.5, -5.0]
    assert frame["length"].tolist() == ["", "", ", 4 times"]
    traces = named(insight_figures.predicted_against_observed(frame))
    assert traces["in the 95 % interval"].y.tolist() == [71.0, 73.0]
    assert traces["outside it"].y.tolist() == [50.0]
    assert traces["outside it"].customdata.tolist() == [[9, 2.0, ", 4 times"]]
    assert traces["outside it"].error_x.array.tolist() == pytest.approx([1.96 * 2])


def test_predicted_against_observed_of_very_many_draws_an_even_share():
    many = tuple(Prediction(n, 70.0, 1.0, 70.0 + n / 1000) for n in range(2000))
    figure = insight_figures.predicted_against_observed(
        insight.predictions_frame(replace(KNOWN, predictions=many), {})
    )
    shown = np.concatenate([trace.y for trace in figure.data if trace.mode == "markers"])
    assert len(shown) == 400
    assert (shown.min(), shown.max()) == (70.0, 71.999)


def test_sentences_count_and_compare():
    # 0.5 deviations are within half of all, 1.5 within 95 %.
    said = insight.said_of_predictions(KNOWN)
    assert said.startswith(
        "Of 3 trainings with a prediction 1 (33 %) lay within their 50 % interval and 2 (67 %) lay within "
    )
    # The last look at which random searches are known.
    random = insight.said_of_random_search(KNOWN)
    assert random.startswith("For 2 units of the shortest training the front has a hypervolume of 2.00. ")
    assert "2.50 in the mean, and eight of ten of them from 1.00 to 4.00" in random
    # The last look was beyond what random searches could have trained.
    assert random.endswith("they would have trained all networks that were drawn for them from the space.")
    whole = replace(KNOWN, progress=KNOWN.progress[:2])
    assert insight.said_of_random_search(whole).endswith("times shares of the largest costs.")
    (pair,) = insight.said_of_interactions(KNOWN)
    assert pair.startswith("expand ghost with project reduce: \N{MINUS SIGN}2.0 points beyond the sum")


def test_where_nothing_is_known_nothing_is_said_and_figures_say_why():
    assert insight.said_of_predictions(NOTHING) == insight.said_of_random_search(NOTHING) == ""
    assert insight.said_of_interactions(NOTHING) == []
    for figure in (
        insight_figures.operation_effects(insight.effects_frame(NOTHING)),
        insight_figures.importance(insight.importance_frame(NOTHING)),
        insight_figures.hypervolume_over_trials(insight.hypervolume_frame(NOTHING)),
        insight_figures.predicted_against_observed(insight.predictions_frame(NOTHING, {})),
    ):
        assert len(figure.data) == 0
        assert figure.layout.annotations[0].text.endswith(".")


def test_operation_effects_draws_every_cost_with_a_look_of_its_own():
    costs = {"params": -1.0, "flops": -2.0, "deploy_params": -3.0, "deploy_flops": -4.0, "latency_ms": -5.0}
    known = replace(KNOWN, effects=(replace(KNOWN.effects[0], costs=costs),))
    figure = insight_figures.operation_effects(insight.effects_frame(known))
    drawn = [trace for trace in figure.data if trace.xaxis == "x2"]
    assert sorted(float(trace.x[0]) for trace in drawn) == sorted(costs.values())
    assert len({(trace.marker.color, trace.marker.symbol) for trace in drawn}) == len(costs)
