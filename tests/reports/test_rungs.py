"""Networks that were trained for two lengths."""

from pathlib import Path

import pandas as pd
import pytest

from cheapsearch.reports import longest_against_shortest, rungs_frame, trials_frame
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times


@pytest.fixture
def frame(lengths_run: Path) -> pd.DataFrame:
    return rungs_frame(trials_frame(load_run(lengths_run)))


def test_rungs_frame_has_the_networks_with_both_lengths(frame: pd.DataFrame) -> None:
    assert frame["number"].tolist() == [5, 6, 7]
    assert frame["before"].tolist() == [50.0, 49.0, 51.0]
    assert frame["after"].tolist() == [60.0, (58 + 60) / 2, 63.0]
    assert set(zip(frame["shorter"], frame["longer"], strict=True)) == {(1, 4)}
    assert frame["unmodified"].tolist() == [True, False, False]
    assert frame["front"].tolist() == [False, True, True]


def test_rungs_frame_takes_the_longest_that_any_network_has(make_run, make_trial) -> None:
    trials = [
        make_trial(0, 50.0, 20, 30),
        make_trial(1, 40.0, 10, 20, expand="reuse"),
        make_trial(2, 60.0, 20, 30, rung=4),
        make_trial(3, 70.0, 20, 30, rung=8),
        make_trial(4, 55.0, 10, 20, rung=4, expand="reuse"),
        make_trial(5, 80.0, 5, 10, rung=8, expand="ghost"),  # nothing shorter is known of it
    ]
    found = rungs_frame(trials_frame(load_run(make_run(trials, rungs=(1, 4, 8)))))
    assert found[["number", "shorter", "longer", "before", "after"]].values.tolist() == [[3, 1, 8, 50, 70]]


@pytest.mark.parametrize("trials", ["some", "none"])
def test_rungs_frame_of_one_length_is_empty(make_run, trials: str) -> None:
    folder = make_run() if trials == "some" else make_run(())
    assert rungs_frame(trials_frame(load_run(folder))).empty


def test_longest_against_shortest_draws_every_network(frame: pd.DataFrame) -> None:
    figure = longest_against_shortest(frame)
    found = {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    assert found == {"on the front": [(49.0, 59.0), (51.0, 63.0)], "unmodified network": [(50.0, 60.0)]}
    assert times(1) in figure.layout.xaxis.title.text
    assert times(4) in figure.layout.yaxis.title.text
    hover = figure.data[0].hovertext[0]
    for said in ("trial 6", f"{times(1)}: 49.00 %", f"{times(4)}: 59.00 %"):
        assert said in hover
