"""Figures of several runs: fronts over each other, and hypervolumes from one reference point."""

from math import isnan

import pandas as pd
import pytest

from cheapsearch.reports.comparison_figures import Reference, fronts, hypervolumes


def rows(run: str, *points: tuple[float, float, bool], **more: object) -> pd.DataFrame:
    """Compared networks of a run by cost, expected accuracy and being on the front; each took 2."""
    return pd.DataFrame(
        [
            {
                "run": run,
                "number": number,
                "params": cost,
                "expected": accuracy,
                "either_way": 1.0,
                "front": front,
                "compared": True,
                "unmodified": number == 0,
                "spent": 2 * (number + 1),
            }
            | more
            for number, (cost, accuracy, front) in enumerate(points)
        ]
    )


A = rows("a", (100.0, 80.0, True), (40.0, 70.0, True), (60.0, 60.0, False))
B = rows("b", (90.0, 60.0, True), (20.0, 50.0, True))
BOTH = pd.concat([A, B], ignore_index=True)


def test_reference_is_the_worst_of_all_runs_and_shares_are_of_what_could_be() -> None:
    reference = Reference.of(BOTH, "params")
    assert reference == Reference("params", 50.0, 100.0, 80.0)
    # Of the 30 points by 100 parameters: a has 20 by 60 below its cheaper member, none of the dearest one;
    # b has 10 by 10, and none by its least accurate member.
    assert reference.share(A) == pytest.approx(100 * 20 * 60 / 3000)
    assert reference.share(B) == pytest.approx(100 * 10 * 10 / 3000)
    assert reference.share(B.head(0)) == 0.0
    assert reference.said == "50.00 % at 100 parameters"


def test_share_of_no_area_is_not_a_number() -> None:
    alone = rows("a", (100.0, 80.0, True))
    assert isnan(Reference.of(alone, "params").share(alone))


def test_fronts_has_a_line_and_the_members_of_each_run() -> None:
    figure = fronts(BOTH, "params")
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines"}
    assert list(lines) == ["a", "b"]
    # To the dearest of all, so that both lines end together.
    assert list(lines["a"].x) == [40.0, 100.0, 100.0, 100.0]
    assert list(lines["a"].y) == [70.0, 80.0, 80.0, 80.0]
    assert list(lines["b"].x)[-1] == 100.0
    members = {
        trace.name: trace for trace in figure.data if trace.mode == "markers" and trace.showlegend is None
    }
    assert list(members["a"].x) == [100.0, 40.0]
    assert members["a"].marker.color == lines["a"].line.color != lines["b"].line.color
    assert members["a"].marker.symbol != members["b"].marker.symbol
    assert (
        members["a"].hovertext[1].startswith("<b>a</b>, trial 1: front<br>expected 70.00 ± 1.0 %, 40 param")
    )


def test_fronts_of_nothing_says_so_and_names_are_escaped() -> None:
    nothing = BOTH.assign(compared=False)
    assert fronts(nothing, "params").layout.annotations[0].text == "No trial is complete yet."
    hostile = fronts(rows("<b>", (1.0, 2.0, True)), "params")
    assert {trace.name for trace in hostile.data} == {"&lt;b&gt;"}


def test_hypervolumes_grow_with_what_was_spent() -> None:
    reference = Reference.of(BOTH, "params")
    first, second = hypervolumes(BOTH, reference).data
    assert (first.name, list(first.x)) == ("a", [2, 4, 6])
    assert list(first.y) == pytest.approx([0.0, 40.0, 40.0])
    assert (second.name, list(second.x)) == ("b", [2, 4])
    long = rows("a", *((1000.0 - number, 50.0 + number / 100, True) for number in range(900)))
    (line,) = hypervolumes(long, Reference.of(long, "params")).data
    assert len(line.x) <= 200
    assert (line.x[0], line.x[-1]) == (2, 1800)
