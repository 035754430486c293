import pytest

from cheapsearch.reports import operation_frame, operation_means, operations_by_site, operations_by_stage
from cheapsearch.space import text
from cheapsearch.space.saved_run import load_run


@pytest.fixture
def operations(make_run):
    return operation_frame(load_run(make_run()))


def test_operations_by_site_shows_trials_means_and_costs(operations):
    figure = operations_by_site(operations)
    means = operation_means(operations)
    dots, diamonds, params, flops = figure.data[:4]  # of the first site that can be compared
    expand = means[means["site"] == "expand"]
    assert dots.customdata
    assert sorted(dots.x) == sorted(operations.loc[operations["site"] == "expand", "accuracy"])
    assert list(diamonds.x) == expand["accuracy"].tolist()
    assert list(params.x) == expand["params"].tolist()
    assert list(flops.x) == expand["flops"].tolist()
    assert len(figure.data) == 4 * means["site"].nunique()


def test_operations_by_site_puts_each_dot_in_the_row_of_its_operation(operations):
    figure = operations_by_site(operations)
    expand = operations[operations["site"] == "expand"]
    labels = [label.split("<")[0] for label in figure.layout.yaxis.ticktext]
    assert labels[0] == "conv"
    assert [labels[round(y)] for y in figure.data[0].y] == expand["operation"].tolist()


def test_operations_by_site_says_what_matched_pairs_say(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 9, 9),
        make_trial(1, 71.5, 5, 5, expand="reuse"),
        make_trial(2, 70.0, 8, 8, project="reduce"),
        make_trial(3, 68.0, 4, 4, project="reduce", expand="reuse"),
    ]
    labels = operations_by_site(operation_frame(load_run(make_run(trials)))).layout.yaxis.ticktext
    assert "2 trials<" in labels[0]
    assert f"2 trials; 2 pairs: {text.signed((-0.5 - 2.0) / 2, 2)}" in labels[1]


def test_operations_by_site_names_each_site(operations):
    titles = [note.text for note in operations_by_site(operations).layout.annotations]
    assert titles == [f"<b>{site}</b>" for site in ("expand", "project", "shortcut", "last_stage")]


def test_operations_by_stage_shows_the_mean_of_each_stage_and_operation(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 5, 9),
        make_trial(1, 70.0, 4, 8, expand=("conv", "reuse", *["conv"] * 5)),
        make_trial(2, 66.0, 3, 7, expand=("conv", "reuse", "ghost", *["conv"] * 4)),
    ]
    figure = operations_by_stage(operation_frame(load_run(make_run(trials, per_stage=("expand",)))))
    (cells,) = figure.data
    found = dict(zip(zip(cells.x, cells.y, strict=True), cells.z, strict=True))
    assert found == {
        (2, "conv"): 72.0,
        (2, "reuse"): (70.0 + 66.0) / 2,
        (3, "conv"): (72.0 + 70.0) / 2,
        (3, "ghost"): 66.0,
    }
    assert cells.text[0] == "72.0 <i>(1)</i>"


def test_figures_say_that_there_is_nothing_to_show(operations):
    for figure in (operations_by_stage(operations), operations_by_site(operations[:0])):
        assert not figure.data
        assert len(figure.layout.annotations) == 1
