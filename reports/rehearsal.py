"""A rehearsal of samplers as a figure and a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ..space import write_text
from .drawn import Drawn
from .template import render
from .theme import BLUE, GREY, ORANGE, SKY, TEMPLATE, VERMILLION

_COLOURS = (BLUE, VERMILLION, ORANGE, SKY, GREY)
_SCORED = {"share": "front reported", "share_tried": "all tried"}


def rehearsal_frame(results: Mapping[str, Any]) -> pd.DataFrame:
    """The shares of a rehearsal, one row for each sampler, what is scored, and budget.

    Args:
        results: By sampler, `share` of the front reported and `share_tried` by what was spent, with
            mean, min and std.
    """
    return pd.DataFrame(
        [
            {"sampler": name, "scored": scored, "evaluations": int(count), **share}
            for name, result in results.items()
            for key, scored in _SCORED.items()
            for count, share in result[key].items()
        ],
        columns=["sampler", "scored", "evaluations", "mean", "min", "std"],
    )


def share_of_hypervolume(frame: pd.DataFrame) -> go.Figure:
    """Mean share of the best possible hypervolume over the budget, two lines for each sampler.

    The solid one is of the front reported, the dotted one of all that was tried.
    """
    figure = go.Figure()
    for number, (name, of_sampler) in enumerate(frame.groupby("sampler", sort=False)):
        for scored, rows in of_sampler.groupby("scored", sort=False):
            reported = scored == _SCORED["share"]
            figure.add_scatter(
                x=rows["evaluations"],
                y=rows["mean"],
                error_y={"array": rows["std"], "thickness": 1, "width": 3, "visible": reported},
                mode="lines+markers" if reported else "lines",
                name=str(name) if reported else f"{name}, {scored}",
                line={
                    "color": _COLOURS[number % len(_COLOURS)],
                    "dash": "solid" if reported else "dot",
                },
                customdata=rows["min"],
                hovertemplate="budget %{x}: %{y:.3f}, at least %{customdata:.3f}",
            )
    figure.update_layout(
        template=TEMPLATE,
        height=460,
        xaxis_title="budget: evaluations, or units of the shortest",
        yaxis_title="share of the best possible hypervolume",
    )
    return figure


def write_rehearsal(results: Mapping[str, Any], path: Path, *, title: str) -> Path:
    """Write a rehearsal as one self-contained HTML page.

    Args:
        results: As for `rehearsal_frame`.
        title: What was replayed.
    """
    drawn = Drawn(
        share_of_hypervolume(rehearsal_frame(results)),
        ident="shares",
        label="Share of the best possible hypervolume over the budget",
        caption="Solid: what the front reported is worth by its true accuracies, the mean of all runs in the "
        "table. Dotted: the same of all that was tried, as if a search knew which of it is best. Means over "
        "seeds; the bars are one standard deviation.",
    )
    write_text(path, render("rehearsal.html.j2", figures=True, title=title, shares=drawn))
    return path
