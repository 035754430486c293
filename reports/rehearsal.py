"""A rehearsal of samplers as a figure and a page."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ..space import write_text
from . import sections
from .template import page
from .theme import BLUE, GREY, ORANGE, SKY, TEMPLATE, VERMILLION

_COLOURS = (BLUE, VERMILLION, ORANGE, SKY, GREY)


def rehearsal_frame(results: Mapping[str, Any]) -> pd.DataFrame:
    """The shares of a rehearsal, one row for each sampler and number of evaluations.

    Args:
        results: By sampler, `share` by number of evaluations with mean, min and std.
    """
    return pd.DataFrame(
        [
            {"sampler": name, "evaluations": int(count), **share}
            for name, result in results.items()
            for count, share in result["share"].items()
        ],
        columns=["sampler", "evaluations", "mean", "min", "std"],
    )


def share_of_hypervolume(frame: pd.DataFrame) -> go.Figure:
    """Mean share of the best possible hypervolume over evaluations, a line for each sampler."""
    figure = go.Figure()
    for number, (name, rows) in enumerate(frame.groupby("sampler", sort=False)):
        figure.add_scatter(
            x=rows["evaluations"],
            y=rows["mean"],
            error_y={"array": rows["std"], "thickness": 1, "width": 3},
            mode="lines+markers",
            name=str(name),
            line={"color": _COLOURS[number % len(_COLOURS)]},
            customdata=rows["min"],
            hovertemplate="%{x} evaluations: %{y:.3f}, at least %{customdata:.3f}",
        )
    figure.update_layout(
        template=TEMPLATE,
        height=460,
        xaxis_title="evaluations",
        yaxis_title="share of the best possible hypervolume",
    )
    return figure


def write_rehearsal(results: Mapping[str, Any], path: Path, *, title: str) -> Path:
    """Write a rehearsal as one self-contained HTML page.

    Args:
        results: As for `rehearsal_frame`.
        title: What was replayed.
    """
    frame = rehearsal_frame(results)
    body = f"<header><h1>Samplers rehearsed on {escape(title)}</h1></header>" + sections.figure(
        share_of_hypervolume(frame),
        ident="shares",
        label="Share of the best possible hypervolume over evaluations",
        caption="Mean over seeds; the bars are one standard deviation.",
    )
    write_text(path, page(f"{title}: samplers rehearsed", body))
    return path
