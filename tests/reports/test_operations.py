import math

import pytest

from cheapsearch.reports import operation_frame, operation_means
from cheapsearch.reports.operations import operations_rung
from cheapsearch.space.saved_run import load_run


def test_operation_frame_has_a_row_for_each_complete_trial_and_choice(make_run):
    run = load_run(make_run())
    operations = operation_frame(run)
    complete = [trial.number for trial in run.trials if trial.state == "complete"]
    assert operations["choice"].unique().tolist() == list(run.space.parameters)
    assert len(operations) == len(complete) * len(run.space.parameters)
    expand = operations[operations["site"] == "expand"].set_index("number")["operation"]
    assert expand.to_dict() == {0: "conv", 1: "reuse", 2: "ghost", 3: "conv", 6: "conv"}


def test_operation_frame_marks_the_operations_of_the_unmodified_network(make_run):
    operations = operation_frame(load_run(make_run()))
    expand = operations[operations["site"] == "expand"]
    assert expand["unmodified"].tolist() == (expand["operation"] == "conv").tolist()


def test_operation_frame_counts_an_operation_as_what_it_amounts_to(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 5, 9, expand="shuffle_reuse"),  # before a dense projection: reuse
        make_trial(1, 71.0, 5, 9, expand="shuffle_reuse", project="group_conv"),  # not so
        make_trial(2, 70.0, 5, 9, project="conv_shuffle"),
    ]
    operations = operation_frame(load_run(make_run(trials)))
    by_site = operations.groupby("site")["operation"].agg(list)
    assert by_site["expand"] == ["reuse", "shuffle_reuse", "conv"]
    assert by_site["project"] == ["conv", "group_conv", "conv"]


def test_operation_frame_takes_choices_stage_by_stage(make_run, make_trial):
    staged = ("conv", "reuse", "ghost", *["conv"] * 4)
    trials = [make_trial(0, 72.0, 5, 9), make_trial(1, 70.0, 4, 8, expand=staged)]
    operations = operation_frame(load_run(make_run(trials, per_stage=("expand",))))
    second = operations[(operations["site"] == "expand") & (operations["number"] == 1)]
    assert second["stage"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert second["operation"].tolist() == list(staged)
    assert set(operations.loc[operations["site"] == "project", "stage"]) == {0}


def test_operation_frame_matches_trials_that_differ_in_one_choice(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 5, 9),
        make_trial(1, 70.5, 5, 9, expand="reuse"),
        make_trial(2, 69.0, 5, 9, expand="reuse", project="reduce"),
        make_trial(3, 68.0, 5, 9, project="group_conv", expand="ghost"),
    ]
    matched = operation_frame(load_run(make_run(trials))).set_index(["site", "number"])["matched"]
    assert matched["expand", 1] == pytest.approx(70.5 - 72.0)
    assert matched["project", 2] == pytest.approx(69.0 - 70.5)
    for lonely in (("expand", 0), ("expand", 2), ("expand", 3), ("project", 3)):
        assert math.isnan(matched[lonely])


def test_operation_frame_of_no_complete_trial_is_empty(make_run):
    operations = operation_frame(load_run(make_run(())))
    assert operations.empty
    assert operation_means(operations).empty


def test_operation_means_averages_over_trials_and_pairs(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 100, 1000),
        make_trial(1, 70.0, 50, 500, expand="reuse"),
        make_trial(2, 66.0, 30, 400, expand="reuse", project="reduce"),
    ]
    means = operation_means(operation_frame(load_run(make_run(trials)))).set_index(["site", "operation"])
    reuse = means.loc["expand", "reuse"]
    assert (reuse["trials"], reuse["accuracy"]) == (2, (70 + 66) / 2)
    assert (reuse["params"], reuse["flops"]) == ((50 + 30) / 2, (500 + 400) / 2)
    assert (reuse["pairs"], reuse["matched"]) == (1, 70 - 72)


def test_operation_means_puts_the_unmodified_first_and_drops_what_cannot_be_compared(make_run):
    means = operation_means(operation_frame(load_run(make_run())))
    assert means["site"].unique().tolist() == ["expand", "project", "shortcut", "last_stage"]
    for _, rows in means.groupby("site"):
        assert rows["unmodified"].tolist() == [True] + [False] * (len(rows) - 1)
        others = rows["accuracy"].tolist()[1:]
        assert others == sorted(others, reverse=True)


def test_operation_frame_compares_at_the_length_with_the_most_networks(lengths_run):
    run = load_run(lengths_run)
    assert operations_rung(run) == 1
    operations = operation_frame(run)
    assert operations["number"].unique().tolist() == [0, 1, 2, 3, 4]
    matched = operations.set_index(["site", "number"])["matched"]
    assert matched["shortcut", 3] == 51 - 50
