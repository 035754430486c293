"""The figures that show trials one by one: accuracy against a cost, and the progress of the search."""

from collections.abc import Hashable, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ..space import COSTS, SITE_NAMES, check_name, shown_costs, text
from .theme import (
    BAND,
    BLUE,
    FRONT_MARKER,
    GREY,
    OF_TRIALS,
    OTHER_MARKER,
    PICK_MARKER,
    PRESET_MARKER,
    TRIAL_MARKER,
    UNMODIFIED_MARKER,
    VERMILLION,
    new_figure,
    say_empty,
)

ACCURACY_TITLE = "validation accuracy of the proxy (%)"
HOVER_OF_TRIALS = OF_TRIALS | {"hover": "trials"}  # of traces whose points say what `hover_texts` writes
_NO_RESULT = {
    "pruned": "triangle-down-open",
    "duplicate": "circle-open",
    "refused": "square-open",
    "failed": "x-thin-open",
}


def best_at_cost(frame: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The best accuracy that the compared trials reach at each cost.

    Returns:
        Columns `cost` and `accuracy`: a row for each cost at which the best improves, and one that
        takes the last accuracy to the highest cost of all.
    """
    ordered = frame[frame["compared"]].sort_values([cost, "accuracy"], ascending=[True, False])
    improves = ordered["accuracy"] > ordered["accuracy"].cummax().shift(fill_value=-1.0)
    steps = ordered.loc[improves, [cost, "accuracy"]]
    end = ordered[[cost]].tail(1).assign(accuracy=steps["accuracy"].max())
    return pd.concat([steps, end], ignore_index=True).rename(columns={cost: "cost"})


def best_so_far(frame: pd.DataFrame) -> pd.DataFrame:
    """The best accuracy after each compared trial: columns `number` and `accuracy`."""
    compared = frame[frame["compared"]].sort_values("number")
    return compared[["number"]].assign(accuracy=compared["accuracy"].cummax()).reset_index(drop=True)


def accuracy_against_cost(
    frame: pd.DataFrame, cost: str, *, gap: float, pick: int | None = None
) -> go.Figure:
    """Every compared trial, its accuracy against one of its costs.

    The line is the best accuracy observed at each cost; it looks at this cost alone, so a front of
    three objectives also has members below it.

    Args:
        frame: What `trials_frame` returns.
        cost: Its name.
        gap: Points between two trainings below which they are not told apart.
        pick: Number of the compared trial to mark with a star.

    Raises:
        UserError: If there is no such cost.
    """
    check_name("cost", cost, COSTS)
    figure = new_figure(height=520)
    compared = frame[frame["compared"]]
    if compared.empty:
        return say_empty(figure)

    best = best_at_cost(compared, cost)
    line = {"x": best["cost"], "mode": "lines", "hoverinfo": "skip"}
    figure.add_scatter(
        **line, y=best["accuracy"], line={"shape": "hv", "color": BLUE, "width": 2}, name="best at each cost"
    )
    figure.add_scatter(
        **line,
        y=best["accuracy"] - gap,
        line={"shape": "hv", "width": 0, "color": BAND},
        fill="tonexty",
        fillcolor=BAND,
        name=f"less than {gap:.1f} points below it",
    )
    preset = (compared["preset"] != "") & ~compared["unmodified"]
    plain = ~compared["front"] & ~compared["unmodified"] & ~preset
    middle = (compared[cost].min() + compared[cost].max()) / 2
    for name, rows, marker, labels in (
        ("trial", compared[plain], TRIAL_MARKER, None),
        ("on the front", compared[compared["front"]], FRONT_MARKER, None),
        ("published network", compared[preset], PRESET_MARKER, compared.loc[preset, "preset"]),
        ("unmodified network", compared[compared["unmodified"]], UNMODIFIED_MARKER, "unmodified"),
    ):
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows[cost],
            y=rows["accuracy"],
            mode="markers" if labels is None else "markers+text",
            marker=marker,
            text=labels,
            # Towards the middle, so that no label runs out of the figure.
            textposition=["middle left" if value > middle else "middle right" for value in rows[cost]],
            **_trials(rows),
            name=name,
        )
    star = compared[compared["number"] == pick]
    if not star.empty:
        figure.add_scatter(
            x=star[cost],
            y=star["accuracy"],
            mode="markers",
            marker=PICK_MARKER,
            hoverinfo="skip",  # the point below it says who it is
            name="the pick",
        )
    figure.update_xaxes(title_text=cost_title(cost), tickformat="~s")
    if compared[cost].nunique() == 1:  # else the ticks would differ in their seventh digit
        figure.update_xaxes(range=[0.9 * middle, 1.1 * middle])
    figure.update_yaxes(title_text=ACCURACY_TITLE)
    return figure


def progress(frame: pd.DataFrame) -> go.Figure:
    """Accuracy over the number of the trial, with the best so far; below it, what was not trained to the end.

    Trainings of another length than the compared ones are small points, and no part of the best.
    """
    figure = new_figure(height=420)
    compared = frame[frame["compared"]]
    if compared.empty:
        return say_empty(figure)

    best = best_so_far(compared)
    figure.add_scatter(
        x=best["number"],
        y=best["accuracy"],
        mode="lines",
        line={"shape": "hv", "color": BLUE, "width": 2},
        name="best so far",
        hoverinfo="skip",
    )
    other = frame[(frame["state"] == "complete") & ~frame["compared"]]
    for name, rows, marker in (
        *((("another length", other, OTHER_MARKER),) if not other.empty else ()),
        ("trial", compared[~compared["front"]], TRIAL_MARKER),
        ("on the front", compared[compared["front"]], FRONT_MARKER),
    ):
        figure.add_scatter(
            x=rows["number"],
            y=rows["accuracy"],
            mode="markers",
            marker=marker,
            **_trials(rows),
            name=name,
        )
    for state, symbol in _NO_RESULT.items():
        rows = frame[frame["state"] == state]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["number"],
            y=[state] * len(rows),
            yaxis="y2",
            mode="markers",
            marker={"symbol": symbol, "size": 8, "color": VERMILLION if state == "failed" else GREY},
            **_trials(rows),
            showlegend=False,
        )
    figure.update_layout(xaxis_title_text="number of the trial", yaxis_title_text="accuracy (%)", margin_t=45)
    if frame["state"].isin(_NO_RESULT).any():
        figure.update_layout(
            xaxis_anchor="y2",
            yaxis_domain=[0.26, 1],
            yaxis2={
                "domain": [0, 0.2],
                "type": "category",
                "dtick": 1,
                "showgrid": False,
                "fixedrange": True,
            },
        )
    return figure


def cost_title(cost: str) -> str:
    """Of an axis."""
    return f"{COSTS[cost].heading} of the full network"


def _trials(frame: pd.DataFrame) -> dict[str, Any]:
    """What makes the points of a trace those of trials: the numbers tie figures and tables together."""
    return {
        "customdata": frame["number"].tolist(),
        "hovertext": hover_texts(frame),
        "hoverinfo": "text",
        "meta": HOVER_OF_TRIALS,
    }


def hover_texts(frame: pd.DataFrame) -> list[str]:
    """What a point says of its trial: who it is, its results and its operations."""
    # A site that no network has, as `se` of a V2, says nothing.
    sites = [site for site in SITE_NAMES if not (frame[site] == "none").all()]
    return [_hover_text(row, sites) for row in frame.to_dict("records")]


def _hover_text(row: Mapping[Hashable, Any], sites: Sequence[str]) -> str:
    marks = [row["preset"]] if row["preset"] else []
    marks += ["unmodified"] if row["unmodified"] else []
    marks += ["on the front"] if row["front"] else []
    lines = [
        f"<b>trial {row['number']}</b> {row['hash']}",
        escape(", ".join([row["origin"], *marks])),
        f"accuracy {text.percent(row['accuracy'])} %"
        + (f", training {text.times(row['rung'])}" if row["rung"] > 1 else ""),
        ", ".join(f"{COSTS[name].format(row[name])} {COSTS[name].title}" for name in shown_costs()),
        *(escape(f"{site}: {text.choice(row[site])}") for site in sites),
        *(escape(line) for line in wrap(row["reason"], 60)),
    ]
    return "<br>".join(lines)
