from dataclasses import replace

import pytest

from cheapsearch.reports import known, write_report
from cheapsearch.space.insight import Prediction
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times


@pytest.fixture
def run(make_run, write_insight):
    folder = make_run()
    write_insight(folder)
    return load_run(folder)


def test_operations_are_shown_by_their_effects_and_what_they_do_together(run):
    found = known.of_operations(run)
    assert "all networks of the space" in found["effects"].caption
    assert "5 trained networks" in found["effects"].caption
    (line,) = found["interactions"]
    assert line.startswith("Expand reuse with shortcut reuse: ")
    assert "fANOVA" in found["importance"].caption
    assert "by itself" in found["importance"].caption
    assert "stage by stage" not in found["effects"].caption
    counts = [len(options) - 1 for options in run.space.parameters.values()]
    pairs = (sum(counts) ** 2 - sum(count**2 for count in counts)) // 2
    assert found["pairs"] == f"{pairs:,}"
    page = write_report(run.path).read_text(encoding="utf-8")
    assert f"Of the {pairs:,} pairs that were looked at" in page


def test_search_is_shown_beside_random_search_and_its_predictions(run):
    found = known.of_search(run)
    assert "4.00" in found["random_search"]
    assert found["calibration"].startswith("Of 2 trainings with a prediction")
    points = [trace for trace in found["predictions"].figure.data if trace.meta]
    assert [int(row[0]) for trace in points for row in trace.customdata] == [2, 3]


def test_lengths_are_said_where_there_are_several(lengths_run, write_insight):
    write_insight(lengths_run)
    found = known.of_operations(load_run(lengths_run))
    assert f"after trainings {times(1)}" in found["effects"].caption
    assert f"after trainings {times(1)}" in found["importance"].caption
    told = load_run(lengths_run).insight
    assert told is not None
    assert told.knowledge is not None
    knowledge = replace(told.knowledge, predictions=(Prediction(2, 69, 1, 68), Prediction(7, 64, 1, 63)))
    (lengths_run / "insight.json").write_text(replace(told, knowledge=knowledge).to_json())
    found = known.of_search(load_run(lengths_run))
    assert found["predictions"].caption.endswith("Trainings of every length are shown.")
    points = [trace for trace in found["predictions"].figure.data if trace.meta]
    said = {int(row[0]): row[2] for trace in points for row in trace.customdata}
    assert said == {2: f", {times(1)}", 7: f", {times(4)}"}


def test_run_that_knows_nothing_shows_no_figure_and_says_why(make_run, write_insight):
    folder = make_run()
    assert known.of_operations(load_run(folder)) == {"effects": None, "effects_missing": ""}
    assert known.of_search(load_run(folder)) == {"hypervolume": None, "predictions": None}
    write_insight(folder, missing="too few networks")
    assert known.of_operations(load_run(folder))["effects_missing"] == "too few networks"
    page = write_report(folder).read_text(encoding="utf-8")
    assert "says nothing of operations: too few networks." in page
    assert 'id="hypervolume"' not in page


def test_page_has_the_figures_under_their_questions(run):
    page = write_report(run.path).read_text(encoding="utf-8")
    marks = ["each operation buy?</h2>", "effects", "importance", "by-site", "search done?</h2>"]
    marks += ["progress", "hypervolume", "predictions", "I trust it?</h2>"]
    places = [page.index(mark if "<" in mark else f'<div id="{mark}"') for mark in marks]
    assert places == sorted(places)
