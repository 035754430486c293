"""The page that compares runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from cheapsearch.reports import write_comparison
from cheapsearch.reports.compare import _differences, cautions, comparison, comparison_frame, named_runs
from cheapsearch.space import TrialRecord, UserError
from cheapsearch.space.saved_run import SavedRun, load_run

Change = Callable[..., SavedRun]


@pytest.fixture
def first(make_run: Callable[..., Path]) -> SavedRun:
    return load_run(make_run())


def changed(run: SavedRun, *, trials: Sequence[TrialRecord] | None = None, **changes: Any) -> SavedRun:
    """The same with other facts of its record, or settings of it."""
    own = {name: changes.pop(name) for name in list(changes) if hasattr(run.record.settings, name)}
    settings = replace(run.record.settings, **own)
    found = run.trials if trials is None else tuple(trials)
    return replace(run, record=replace(run.record, settings=settings, **changes), trials=found)


def test_frame_has_every_trial_with_what_was_spent(first: SavedRun) -> None:
    frame = comparison_frame({"a": first, "b": changed(first, trials=first.trials[:2])})
    assert list(frame["run"]) == ["a"] * 7 + ["b"] * 2
    # Five are trained; the failed and the refused one cost nothing.
    assert list(frame["spent"]) == [1, 2, 3, 4, 4, 4, 5, 1, 2]


def test_frame_counts_longer_trainings_by_their_length(lengths_run: Path) -> None:
    frame = comparison_frame({"a": load_run(lengths_run)})
    assert list(frame["spent"]) == [1, 2, 3, 4, 5, 9, 13, 17, 21]


def test_runs_alike_need_no_caution_and_differ_in_nothing(first: SavedRun) -> None:
    assert cautions({"a": first, "b": first}) == []
    page = comparison({"a": first, "b": first})
    assert "They were asked for the same, of the same images." in page
    assert 'class="caution"' not in page


def test_files_differ_by_what_is_in_them_not_by_where_they_lie(first: SavedRun) -> None:
    def with_files(folder: str, own: str, table: str) -> SavedRun:
        # Not a setting's own check, which would look for an operation of the file.
        run = changed(first)
        object.__setattr__(run.record.settings, "ops", {f"{folder}/own.py": own})
        object.__setattr__(run.record.settings, "latency_table", Path(folder) / f"{table}.csv")
        object.__setattr__(run.record.settings, "cost_table", {"energy": Path(folder) / f"{table}.csv"})
        return run

    one = with_files("here", "0123abcd", "phone")
    assert _differences({"a": one, "b": with_files("there", "0123abcd", "phone")}) == {}
    assert _differences({"a": one, "b": with_files("here", "4567abcd", "board")}) == {
        "ops": ["own.py@0123abcd", "own.py@4567abcd"],
        "latency_table": ["phone.csv", "board.csv"],
        "cost_table": ["energy=phone.csv", "energy=board.csv"],
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"fingerprint": "00ff", "dataset": "flowers"},
            "saw other images (a: cifar10, 9c2f0b1d; b: flowers, 00ff)",
        ),
        ({"seed": 8}, "Their seeds differ"),
        ({"metric": "macro_f1"}, "of different kinds: a is accuracy, b is macro F1"),
        ({"proxy": {"epochs": 6, "input_size": 16}}, "a 3 epochs, b 6 epochs at 16 pixels. Longer ones"),
        ({"input_size": 64}, "a 32 pixels, 10 classes; b 64 pixels, 10 classes"),
        ({"trials": ()}, "No trial of b is complete yet."),
    ],
)
def test_caution_says_what_cannot_be_compared(first: SavedRun, changes: Any, said: str) -> None:
    runs = {"a": first, "b": changed(first, **changes)}
    (line,) = cautions(runs)
    assert said in line
    assert line in comparison(runs).replace("&#39;", "'")


def test_page_names_the_reference_point_what_was_spent_and_what_differs(first: SavedRun) -> None:
    page = comparison({"a": first, "b": changed(first, trials=first.trials[:3], budget=50)})
    frame = comparison_frame({"a": first})
    lowest = frame.loc[frame["front"], "expected"].min()
    assert f"The reference point is {lowest:.2f} % at 2 M parameters" in page.replace("2.000 M", "2 M")
    assert "<td>5 of 40</td><td>3 of 50</td>" in page
    assert '<th scope="row">budget</th><td>40</td><td>50</td>' in page
    assert '<th scope="row">seed</th>' not in page


def test_page_of_runs_without_a_trial(first: SavedRun) -> None:
    page = comparison({"a": changed(first, trials=()), "b": changed(first, trials=())})
    assert "No trial of a is complete yet." in page
    assert "Fronts over each other" not in page
    assert "<td>0 of 40</td>" in page


def test_page_escapes_names(first: SavedRun) -> None:
    page = comparison({"<script>x": first, "b": changed(first, dataset="<img src=x>", fingerprint="00")})
    assert "<script>x" not in page
    assert "<img" not in page


def test_write_comparison_names_runs_by_what_tells_them_apart(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run()
    (tmp_path / "more").mkdir()
    other, third = copytree(run, tmp_path / "more" / "run"), copytree(run, tmp_path / "third")
    assert list(named_runs([run, other, third])) == [str(run), str(other), "third"]
    target = tmp_path / "compare.html"
    assert write_comparison([run, third], target) == target
    assert "<title>2 runs compared: cheapsearch</title>" in target.read_text("utf-8")
    with pytest.raises(UserError, match=r"^run: must be different folders, got .* twice; leave one out"):
        named_runs([run, run / ".." / "run"])
