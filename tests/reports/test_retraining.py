"""Networks trained in full, beside what their proxies said."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cheapsearch.reports import load_trainings, proxy_against_retrained, retraining_frame, trials_frame
from cheapsearch.reports.retraining import curves_frame, proxy_of, proxy_rungs
from cheapsearch.reports.run_tables import retrained_table
from cheapsearch.space import UserError
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times


def frame_of(run: Path) -> pd.DataFrame:
    return retraining_frame(trials_frame(load_run(run)), load_trainings(run))


def test_load_trainings_leaves_out_what_has_not_ended(retrained: Path) -> None:
    (retrained / "retrain" / "unfinished").mkdir()
    found = [(t.result.settings.trial, t.result.settings.seed) for t in load_trainings(retrained)]
    assert found == [(0, 7), (0, 8), (1, 7), (2, 7)]


@pytest.mark.parametrize(
    ("name", "text"), [("result.json", "{}"), ("result.json", "["), ("metrics.csv", "a\n1\n")]
)
def test_load_trainings_refuses_a_damaged_file(retrained: Path, name: str, text: str) -> None:
    path = next((retrained / "retrain").glob(f"*/{name}"))
    path.write_text(text)
    with pytest.raises(UserError, match=f"{path}: must be what a training wrote"):
        load_trainings(retrained)


@pytest.mark.parametrize(("key", "value"), [("val_top1", "high"), ("test_top1", [1]), ("val_top1", None)])
def test_load_trainings_refuses_what_is_no_number(retrained: Path, key: str, value: object) -> None:
    path = next((retrained / "retrain").glob("*/result.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(UserError, match=f"{path}: .*{key}: must be a number"):
        load_trainings(retrained)


def test_retraining_frame_has_mean_and_deviation_over_seeds(retrained: Path) -> None:
    frame = frame_of(retrained).set_index("number")
    trials = load_run(retrained).trials
    assert list(frame.index) == [0, 1, 2]
    assert list(frame["accuracy"]) == [trial.accuracy for trial in trials[:3]]
    assert list(frame["seeds"]) == [2, 1, 1]
    assert (frame.loc[0, "val"], frame.loc[0, "test"]) == (95.0, 93.5)
    assert frame.loc[0, "val_std"] == pytest.approx(2**0.5)  # of 94 and 96, n - 1
    assert math.isnan(frame["val_std"].loc[1])


def test_a_trial_at_two_widths_is_two_networks(retrained: Path) -> None:
    source = next((retrained / "retrain").glob("*-seed8"))
    narrow = source.with_name("narrow")
    shutil.copytree(source, narrow)
    data = json.loads((narrow / "result.json").read_text())
    data["settings"]["architecture"]["width"] = 0.5
    data["settings"]["params"] = 600_000
    (narrow / "result.json").write_text(json.dumps(data))
    rows = frame_of(retrained).set_index("params").loc[[2_000_000, 600_000]]
    assert list(rows["number"]) == [0, 0]
    assert list(rows["seeds"]) == [2, 1]  # seeds 7 and 8 at full width, 8 alone at half
    assert list(rows["val"]) == [95.0, 96.0]
    curves = curves_frame(load_trainings(retrained))
    narrow_curve = curves[curves["hash"] == rows.loc[600_000, "hash"]]
    assert narrow_curve["val_score"].tolist() == [20.0, 60.0]


def test_curves_frame_is_a_mean_over_seeds(retrained: Path) -> None:
    curves = curves_frame(load_trainings(retrained))
    assert curves[curves["number"] == 0]["val_score"].tolist() == [15.0, 45.0]


def test_retraining_frame_finds_every_length_of_a_network(
    lengths_run: Path, write_training: Callable[..., Path]
) -> None:
    for number in (1, 2, 7):  # cheap_v2 by its short trial, trial 2 that has no long one
        write_training(lengths_run, number, 7, 90.0 + number, None)
    frame = frame_of(lengths_run).set_index("number")
    assert frame["accuracy_1"].tolist() == [49.0, 75.0, 51.0]
    assert frame["accuracy_4"].dropna().to_dict() == {1: (58 + 60) / 2, 7: 63.0}
    # All three were trained for the shortest length, so that is what is compared.
    assert frame["rung"].unique().tolist() == [1]
    assert frame["accuracy"].tolist() == frame["accuracy_1"].tolist()
    assert proxy_of(frame) == f"proxy {times(1)}"


def test_retraining_frame_prefers_the_longest_of_what_all_have(
    lengths_run: Path, write_training: Callable[..., Path]
) -> None:
    for number in (5, 6, 7):
        write_training(lengths_run, number, 7, 90.0 + number, None)
    frame = frame_of(lengths_run)
    assert frame["accuracy"].tolist() == [60.0, 59.0, 63.0]
    assert proxy_rungs(frame) == [1, 4]
    assert proxy_of(frame) == f"proxy {times(4)}"
    figure = proxy_against_retrained(frame)
    assert figure.layout.xaxis.title.text == f"validation accuracy of the proxy {times(4)} (%)"
    assert f"proxy {times(4)} 63.00 %" in figure.data[0].hovertext[-1]
    assert f"proxy {times(4)} %" in [column.title for column in retrained_table(frame).columns]


def test_proxies_of_one_length_have_no_other_name(retrained: Path) -> None:
    frame = frame_of(retrained)
    assert (proxy_rungs(frame), proxy_of(frame)) == ([1], "proxy")
