"""A run in a notebook."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from cheapsearch.reports import front_frame, summary, trials_frame
from cheapsearch.space.saved_run import SavedRun, load_run
from cheapsearch.space.text import times
from cheapsearch.space.verdict import verdict


class Rows(HTMLParser):
    """The rows of a table as texts of their cells, with the class of each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[tuple[str, list[str]]] = []
        self.tags: set[str] = set()
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append((dict(attrs).get("class") or "", []))
        self._open = tag in ("td", "th", "small") and bool(self.rows)
        if tag in ("td", "th"):
            self.rows[-1][1].append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][1][-1] += data.rstrip("\n")


def clothing() -> SavedRun:
    return load_run(Path(__file__).parents[2] / "docs" / "clothing")


def test_summary_has_the_verdict_and_the_front_against_the_unmodified_network() -> None:
    run = clothing()
    frame, front = trials_frame(run), front_frame(run)
    picked = int(front["number"].iloc[-1])
    html = summary(run, picked)
    for line in verdict(run):
        assert line[1:] in html
    (_, heads), *rows = Rows(html).rows
    assert heads == ["trial", "expected accuracy", "parameters", "FLOPs", "operations"]
    unmodified = frame[frame["unmodified"] & frame["compared"]]["number"].tolist()
    numbers = front["number"].tolist()
    assert [int(cells[0]) for _, cells in rows] == numbers + [n for n in unmodified if n not in numbers]
    assert [int(cells[0]) for kind, cells in rows if kind == "picked"] == [picked]
    first = front.iloc[0]
    assert rows[0][1][2].endswith(f"{abs(first['params_difference']):.0f} %)")
    assert rows[0][1][1].startswith(f"{first['expected']:.2f} ± {first['either_way']:.1f} %")
    assert "script" not in Rows(html).tags


def test_summary_says_how_long_trainings_are_where_there_are_several_lengths() -> None:
    run = load_run(Path(__file__).parents[2] / "docs" / "clothing_rungs")
    assert f"accuracies are of short trainings ({times(run.rung)}), on" in summary(run, None)
    assert "accuracies are of short trainings, on" in summary(clothing(), None)


def test_summary_escapes_names_and_says_where_nothing_is_done() -> None:
    run = clothing()
    settings = replace(run.record.settings, dataset="<script>alert(1)</script>")
    hostile = replace(run, record=replace(run.record, settings=settings))
    html = summary(hostile, None)
    assert "&lt;script&gt;" in html
    assert "script" not in Rows(html).tags
    assert "no trial is complete yet" in summary(replace(hostile, trials=()), None)


def test_summary_of_a_long_front_shows_some_and_the_exported_one() -> None:
    run = clothing()
    trained = [trial for trial in run.trials if trial.state == "complete"]
    # Each dearer and better than the one before, so that all are on the front.
    better = [
        replace(
            trial,
            accuracy=50.0 + index,
            costs=type(trial.costs)(dict.fromkeys(trial.costs, 1000 * (index + 1))),
            right=b"",
        )
        for index, trial in enumerate(trained)
    ]
    long = replace(run, trials=tuple(better), validation=None)
    front = front_frame(long)
    assert len(front) == len(better) > 13
    last = int(front["number"].iloc[-1])
    rows = Rows(summary(long, last)).rows[1:]
    shown = [int(cells[0]) for _, cells in rows]
    assert shown == [*front["number"].head(12), last]
    assert f"{len(front) - 13} more on the front" in summary(long, last)
