"""Runs over each other: their fronts, and the hypervolume that they have with one common reference point."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from math import nan
from typing import Any

import moocore
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..space import COSTS, text
from .figures import best_at_cost, cost_title
from .theme import BLUE, GREY, ORANGE, SKY, VERMILLION, new_figure, say_empty

EXPECTED_TITLE = "expected validation accuracy of the proxy (%)"
_COLOURS = (BLUE, VERMILLION, ORANGE, SKY, GREY)
_SYMBOLS = ("circle", "square", "triangle-up", "x", "star")
_POINTS = 200  # of a line over what was spent


@dataclass(frozen=True)
class Reference:
    """The point that hypervolumes of accuracy and one cost are measured from, and how far they can reach.

    Attributes:
        cost: Name of the cost.
        accuracy: The lowest that is expected of a member of any front, in percent.
        dearest: The highest cost of a compared network of any run.
        best: The highest accuracy expected of a network of any run.
    """

    cost: str
    accuracy: float
    dearest: float
    best: float

    @classmethod
    def of(cls, frame: pd.DataFrame, cost: str) -> "Reference":
        """The one that the runs of a frame share; it has a member of a front with the cost."""
        compared = frame[frame["compared"] & frame[cost].notna()]
        lowest = compared.loc[compared["front"], "expected"].min()
        return cls(cost, float(lowest), float(compared[cost].max()), float(compared["expected"].max()))

    def share(self, rows: pd.DataFrame) -> float:
        """Percent of the area between this point and the best accuracy at no cost that networks dominate.

        Not a number where that area is none.
        """
        whole = (self.best - self.accuracy) * self.dearest
        if not whole > 0:
            return nan
        points = np.column_stack([-rows["expected"].to_numpy(float), rows[self.cost].to_numpy(float)])
        better = points[(points < [-self.accuracy, self.dearest]).all(axis=1)]
        if not len(better):
            return 0.0
        return 100.0 * float(moocore.hypervolume(better, ref=[-self.accuracy, self.dearest])) / whole

    @property
    def said(self) -> str:
        """Where it lies."""
        kind = COSTS[self.cost]
        return f"{text.percent(self.accuracy)} % at {kind.format(self.dearest)} {kind.title}"


def fronts(frame: pd.DataFrame, cost: str) -> go.Figure:
    """The best accuracy at each cost of every run, and the members of its front.

    Args:
        frame: What `comparison_frame` returns.
        cost: Name of the cost.
    """
    figure = new_figure(height=520)
    compared = frame[frame["compared"] & frame[cost].notna()]
    if compared.empty:
        return say_empty(figure)
    dearest = compared[cost].max()
    for name, rows, style in _by_run(frame):
        own = rows[rows["compared"] & rows[cost].notna()]
        if own.empty:
            continue
        best = best_at_cost(own.assign(accuracy=own["expected"]), cost)
        best = pd.concat([best, best.tail(1).assign(cost=dearest)])
        line = {"shape": "hv", "width": 2, "color": style["color"]}
        shared = {"legendgroup": name, "name": escape(name)}
        figure.add_scatter(
            x=best["cost"],
            y=best["accuracy"],
            mode="lines",
            line=line,
            hoverinfo="skip",
            showlegend=False,
            **shared,
        )
        members = own[own["front"]]
        figure.add_scatter(
            x=members[cost],
            y=members["expected"],
            mode="markers",
            marker={"size": 10, **style},
            hovertext=[_hover(name, row, cost) for row in members.to_dict("records")],
            hoverinfo="text",
            **shared,
        )
        unmodified = own[own["unmodified"]]
        figure.add_scatter(
            x=unmodified[cost],
            y=unmodified["expected"],
            mode="markers",
            marker={"size": 13, "color": style["color"], "symbol": "diamond-open", "line": {"width": 2}},
            hovertext=[_hover(name, row, cost) for row in unmodified.to_dict("records")],
            hoverinfo="text",
            showlegend=False,
            **shared,
        )
    figure.update_xaxes(title_text=cost_title(cost), tickformat="~s", rangemode="tozero")
    return figure.update_yaxes(title_text=EXPECTED_TITLE)


def hypervolumes(frame: pd.DataFrame, reference: Reference) -> go.Figure:
    """How the hypervolume of every run grew with what it spent."""
    figure = new_figure(height=420)
    for name, rows, style in _by_run(frame):
        own = rows[rows["compared"] & rows[reference.cost].notna()].sort_values("spent")
        if own.empty:
            continue
        counts = np.unique(np.linspace(1, len(own), min(_POINTS, len(own))).round().astype(int))
        figure.add_scatter(
            x=own["spent"].to_numpy()[counts - 1],
            y=[reference.share(own.head(count)) for count in counts.tolist()],
            mode="lines",
            line={"shape": "hv", "width": 2, "color": style["color"]},
            name=escape(name),
            hovertemplate="%{x} spent: %{y:.1f} %",
        )
    figure.update_xaxes(title_text="spent, in shortest trainings", rangemode="tozero")
    return figure.update_yaxes(title_text="hypervolume (%)", rangemode="tozero")


def _by_run(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, dict[str, Any]]]:
    """The rows of every run, and how it is drawn."""
    for place, (name, rows) in enumerate(frame.groupby("run", sort=False)):
        symbol = _SYMBOLS[(place + place // len(_COLOURS)) % len(_SYMBOLS)]
        yield str(name), rows, {"color": _COLOURS[place % len(_COLOURS)], "symbol": symbol}


def _hover(name: str, row: Mapping[Hashable, Any], cost: str) -> str:
    marks = [mark for mark in ("front", "unmodified") if row[mark]]
    lines = [
        f"<b>{escape(name)}</b>, trial {row['number']}: {' and '.join(marks)}",
        f"expected {text.percent(row['expected'])} ± {row['either_way']:.1f} %, "
        f"{COSTS[cost].format(row[cost])} {COSTS[cost].title}",
    ]
    return "<br>".join(lines)
