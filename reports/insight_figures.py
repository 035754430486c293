"""Figures of what a run's surrogate knows."""

from collections.abc import Hashable, Mapping
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..space import COSTS, text
from ..space.known_operations import MARK
from .insight import INTERVALS, costs_of
from .theme import BAND, BLUE, GREY, OF_TRIALS, ORANGE, SKY, TEMPLATE, VERMILLION, new_figure

_ROW = 25  # pixels of an operation
_SHOWN = 400  # predictions at most; more make a page slow
# Of costs, taken in turn: of different numbers, so that a dozen can be told apart.
_COLOURS = (ORANGE, SKY, GREY, VERMILLION)
_SYMBOLS = ("square", "diamond", "triangle-up", "cross", "star", "hexagon")


def operation_effects(frame: pd.DataFrame) -> go.Figure:
    """What each operation does to accuracy, with its 95 % interval, and beside it to the costs.

    Args:
        frame: What `effects_frame` returns.
    """
    if frame.empty:
        return _nothing("Every operation makes the same network as the unmodified network's.")
    places, ticks, row = [], [], 0
    for site, rows in frame.groupby("site", sort=False):
        ticks.append((row, f"<b>{site}</b>"))
        for operation in rows["operation"]:
            row += 1
            places.append(row)
            ticks.append((row, str(operation).partition(MARK)[0]))
        row += 1
    figure = make_subplots(cols=2, shared_yaxes=True, column_widths=[0.6, 0.4], horizontal_spacing=0.08)
    for name, chosen, colour in (
        ("better", frame["low"] > 0, BLUE),
        ("worse", frame["high"] < 0, VERMILLION),
        ("better or worse", (frame["low"] <= 0) & (frame["high"] >= 0), GREY),
    ):
        rows = frame[chosen]
        figure.add_scatter(
            x=rows["accuracy"],
            y=np.array(places)[chosen],
            mode="markers",
            marker={"color": colour, "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": rows["high"] - rows["accuracy"],
                "arrayminus": rows["accuracy"] - rows["low"],
                "color": colour,
                "thickness": 2,
                "width": 0,
            },
            text=[_told(own) for own in rows.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
            name=name,
            row=1,
            col=1,
        )
    for cost, colour, symbol in zip(costs_of(frame), cycle(_COLOURS), cycle(_SYMBOLS), strict=False):
        title = COSTS[cost].title
        figure.add_scatter(
            x=frame[cost],
            y=places,
            mode="markers",
            marker={"color": colour, "size": 8, "symbol": symbol},
            text=frame["site"] + " " + frame["operation"],
            hovertemplate=f"<b>%{{text}}</b><br>%{{x:+.1f}} % {title}<extra></extra>",
            name=title,
            row=1,
            col=2,
        )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(title_text="accuracy (points)", nticks=5, row=1, col=1)
    figure.update_xaxes(title_text="cost (%)", nticks=3, tickangle=0, row=1, col=2)
    figure.update_yaxes(
        tickvals=[place for place, _ in ticks],
        ticktext=[label for _, label in ticks],
        range=[row - 0.3, -0.7],
        zeroline=False,
    )
    height = _ROW * (row + 1) + 150
    return figure.update_layout(template=TEMPLATE, height=height, margin={"t": 80, "b": 50})


def _told(row: Mapping[Hashable, Any]) -> str:
    """Of an operation that is pointed at."""
    return (
        f"<b>{row['site']} {row['operation']}</b><br>{text.signed(row['accuracy'])} points, 95 %: "
        f"{text.signed(row['low'])} to {text.signed(row['high'])}<br>trained in {row['trained']} networks"
    )


def importance(frame: pd.DataFrame) -> go.Figure:
    """How much of the variance of accuracies each site accounts for by itself.

    Args:
        frame: What `importance_frame` returns.
    """
    if frame.empty:
        return _nothing("Accuracies do not differ.")
    figure = new_figure(height=34 * len(frame) + 90)
    figure.add_bar(
        x=frame["share"],
        y=frame["site"],
        orientation="h",
        marker={"color": BLUE},
        text=[f"{share:.0f} %" for share in frame["share"]],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="<b>%{y}</b><br>%{x:.1f} % of the variance<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text="share of the variance of accuracies (%)", rangemode="tozero")
    return figure.update_layout(margin={"t": 20, "r": 50, "b": 50}, bargap=0.35)


def hypervolume_over_trials(frame: pd.DataFrame) -> go.Figure:
    """The hypervolume of the front as the search went on, and what random searches are expected to have.

    Args:
        frame: What `hypervolume_frame` returns.
    """
    if frame.empty:
        return _nothing("Of so many costs no hypervolume is worked out.")
    figure = new_figure(height=420)
    random = frame[frame["random"].notna()]
    band = {"x": random["spent"], "mode": "lines", "hoverinfo": "skip", "line": {"width": 0, "color": SKY}}
    figure.add_scatter(**band, y=random["high"], showlegend=False)
    figure.add_scatter(
        **band, y=random["low"], fill="tonexty", fillcolor=BAND, name="eight of ten random searches"
    )
    figure.add_scatter(
        x=random["spent"],
        y=random["random"],
        mode="lines",
        line={"color": GREY, "width": 2, "dash": "dash"},
        customdata=random[["low", "high"]],
        hovertemplate="random search, by the model<br>%{y:.2f} in the mean, eight of ten from "
        "%{customdata[0]:.2f} to %{customdata[1]:.2f}<extra></extra>",
        name="random search, expected by the model",
    )
    figure.add_scatter(
        x=frame["spent"],
        y=frame["found"],
        mode="lines",
        line={"color": BLUE, "width": 3, "shape": "hv"},
        hovertemplate="this search<br>%{y:.2f} for %{x} units<extra></extra>",
        name="this search",
    )
    figure.update_xaxes(title_text="trainings, in units of the shortest", rangemode="tozero")
    return figure.update_yaxes(title_text="hypervolume (points times shares of costs)", rangemode="tozero")


def predicted_against_observed(frame: pd.DataFrame) -> go.Figure:
    """What was predicted before each training, with its 95 % interval, and what it gave.

    Args:
        frame: What `predictions_frame` returns; of very many an even share is drawn.
    """
    if frame.empty:
        return _nothing("Nothing was predicted: the sampler has no model, or was not asked yet.")
    kept = np.linspace(0, len(frame) - 1, min(len(frame), _SHOWN)).astype(int)
    shown, width = frame.iloc[kept], INTERVALS[95]
    figure = new_figure(height=460)
    ends = [
        float(min(shown["observed"].min(), shown["predicted"].min())),
        float(max(shown["observed"].max(), shown["predicted"].max())),
    ]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": GREY, "width": 1, "dash": "dot"}, name="as predicted"
    )
    held = shown["off"].abs() <= width
    for name, rows, colour, symbol in (
        ("in the 95 % interval", shown[held], BLUE, "circle"),
        ("outside it", shown[~held], VERMILLION, "x"),
    ):
        figure.add_scatter(
            x=rows["predicted"],
            y=rows["observed"],
            mode="markers",
            marker={"color": colour, "size": 8, "symbol": symbol},
            error_x={"type": "data", "array": width * rows["deviation"], "thickness": 1, "width": 0},
            customdata=rows[["trial", "deviation", "length"]],
            meta=OF_TRIALS,
            hovertemplate="<b>trial %{customdata[0]}</b>%{customdata[2]}<br>predicted %{x:.2f} % with a "
            "deviation of %{customdata[1]:.2f}<br>observed %{y:.2f} %<extra></extra>",
            name=name,
        )
    figure.update_xaxes(title_text="predicted (%)")
    return figure.update_yaxes(title_text="observed (%)")


def _nothing(why: str) -> go.Figure:
    figure = new_figure(height=160)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(text=why, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
