"""The figures that compare operations: by site for the whole network, or stage by stage."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..space import COSTS, text
from .figures import ACCURACY_TITLE
from .operations import operation_means
from .theme import BLUE, GREY, INK, OF_TRIALS, PALE, SKY, TEMPLATE, VERMILLION, new_figure, say_empty

_ROW, _CELL = 38, 46  # pixels for one operation, as a row of points and as a row of cells
_GAP, _CELL_GAP = 30, 56  # pixels between two sites
_GOLDEN = 0.618034  # its multiples spread evenly between 0 and 1, so points scatter without chance


def operations_by_site(operations: pd.DataFrame) -> go.Figure:
    """Accuracy of every complete trial by operation, and mean costs, for the whole-network choices.

    Args:
        operations: What `operation_frame` returns.
    """
    whole = operations[operations["stage"] == 0]
    means = operation_means(whole)
    if means.empty:
        return say_empty(new_figure(height=200))
    kinds = [kind for name, kind in COSTS.items() if name in means]
    sites = list(means.groupby("site", sort=False))
    heights = [len(rows) for _, rows in sites]
    figure = make_subplots(
        rows=len(sites),
        cols=1 + len(kinds),
        row_heights=heights,
        column_widths=[0.5, *[0.5 / len(kinds)] * len(kinds)],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=_GAP / (_ROW * sum(heights) + _GAP * len(sites)),
    )
    for row, (site, rows) in enumerate(sites, 1):
        _draw_site(figure, row, str(site), rows.reset_index(drop=True), whole[whole["site"] == site])
    figure.update_layout(
        template=TEMPLATE,
        height=_ROW * sum(heights) + _GAP * len(sites) + 100,
        margin={"t": 30, "r": 20, "b": 50},
        bargap=0.45,
        showlegend=False,
    )
    # In two lines, for at a phone's width they stand close together.
    headings = [f"mean {kind.heading}".replace(" (", "<br>(") for kind in kinds]
    for column, title in enumerate((ACCURACY_TITLE.replace(" of ", "<br>of "), *headings), 1):
        figure.update_xaxes(title_text=title, row=len(sites), col=column)
    for column in range(2, 2 + len(kinds)):
        figure.update_xaxes(rangemode="tozero", tickformat="~s", nticks=4, col=column)
    return figure


def operations_by_stage(operations: pd.DataFrame) -> go.Figure:
    """Mean accuracy by stage and operation, for the choices that are made stage by stage.

    Args:
        operations: What `operation_frame` returns.
    """
    means = operation_means(operations[operations["stage"] > 0])
    if means.empty:
        return say_empty(new_figure(height=200))
    sites = list(means.groupby("site", sort=False))
    heights = [rows["operation"].nunique() for _, rows in sites]
    spacing = _CELL_GAP / (_CELL * sum(heights) + _CELL_GAP * len(sites))
    figure = make_subplots(rows=len(sites), cols=1, row_heights=heights, vertical_spacing=spacing)
    for row, (site, rows) in enumerate(sites, 1):
        figure.add_heatmap(
            x=rows["stage"],
            y=rows["operation"],
            z=rows["accuracy"],
            text=[
                f"{mean:.1f} <i>({trials})</i>"
                for mean, trials in zip(rows["accuracy"], rows["trials"], strict=True)
            ],
            texttemplate="%{text}",
            textfont={"color": INK},
            hovertemplate="stage %{x}, %{y}: %{z:.2f} %<extra></extra>",
            coloraxis="coloraxis",
            xgap=2,
            ygap=2,
            row=row,
            col=1,
        )
        _name_site(figure, row, str(site))
    figure.update_xaxes(showgrid=False, dtick=1)
    figure.update_xaxes(title_text="stage", row=len(sites))
    figure.update_yaxes(showgrid=False, autorange="reversed")
    figure.update_layout(
        template=TEMPLATE,
        height=_CELL * sum(heights) + _CELL_GAP * len(sites) + 60,
        margin={"t": 40},
        coloraxis={"colorscale": [PALE, SKY], "colorbar": {"title": {"text": "mean %"}, "thickness": 12}},
    )
    return figure


def _draw_site(figure: go.Figure, row: int, site: str, means: pd.DataFrame, trials: pd.DataFrame) -> None:
    place = {operation: index for index, operation in enumerate(means["operation"])}
    spread = [
        round(place[operation] + 0.5 * (number * _GOLDEN % 1 - 0.5), 2)
        for operation, number in zip(trials["operation"], trials["number"], strict=True)
    ]
    figure.add_scatter(
        x=trials["accuracy"],
        y=spread,
        mode="markers",
        marker={"size": 5, "color": GREY, "opacity": 0.55},
        customdata=trials["number"].tolist(),
        meta=OF_TRIALS,
        hovertemplate="trial %{customdata}: %{x:.2f} %<extra></extra>",
        row=row,
        col=1,
    )
    figure.add_scatter(
        x=means["accuracy"],
        y=list(place.values()),
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 12,
            "color": [VERMILLION if unmodified else BLUE for unmodified in means["unmodified"]],
        },
        hovertemplate="mean %{x:.2f} %<extra></extra>",
        row=row,
        col=1,
    )
    kinds = [kind for name, kind in COSTS.items() if name in means]
    for column, kind in enumerate(kinds, 2):
        figure.add_bar(
            x=means[kind.name],
            y=list(place.values()),
            orientation="h",
            marker={"color": [VERMILLION if unmodified else SKY for unmodified in means["unmodified"]]},
            text=[kind.format(value) for value in means[kind.name]],
            hovertemplate="mean %{text}<extra></extra>",
            row=row,
            col=column,
        )
    reference = means[means["unmodified"]]
    if not reference.empty:
        line = {"color": VERMILLION, "width": 1, "dash": "dot"}
        figure.add_vline(x=reference["accuracy"].iloc[0], line=line, row=row, col=1)
    labels = [
        f"{row['operation']}<br><span style='font-size:11px'>{_numbers(row)}</span>"
        for row in means.to_dict("records")
    ]
    figure.update_yaxes(
        tickvals=list(place.values()),
        ticktext=labels,
        range=[len(place) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        row=row,
    )
    _name_site(figure, row, site)


def _numbers(row: Mapping[Hashable, Any]) -> str:
    """How many trials a mean is of, and what the pairs of them say that differ in nothing else."""
    said = f"{row['trials']} trial{'' if row['trials'] == 1 else 's'}"
    if row["unmodified"] or not row["pairs"]:
        return said
    pairs = f"{row['pairs']} pair{'' if row['pairs'] == 1 else 's'}"
    return f"{said}; {pairs}: {text.signed(row['matched'], 2)}"


def _name_site(figure: go.Figure, row: int, site: str) -> None:
    figure.add_annotation(
        text=f"<b>{site}</b>",
        x=0,
        y=1,
        xref="x domain",
        yref="y domain",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        row=row,
        col=1,
    )
