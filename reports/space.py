"""A search space as two figures and a page: the range of its costs, and what each operation costs."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..space import COSTS, write_text
from . import sections
from .template import page
from .theme import BLUE, ORANGE, TEMPLATE, TRIAL_MARKER, UNMODIFIED_MARKER, new_figure


def range_of_costs(facts: Mapping[str, Any], costs: Sequence[tuple[int, int]]) -> go.Figure:
    """Parameters against FLOPs, a point for each network, the unmodified one marked.

    Args:
        facts: `ranges`, by cost the least, unmodified and most.
        costs: Parameters and multiply-adds of the networks to draw.
    """
    figure = new_figure(480)
    figure.add_scatter(
        x=[flops for _, flops in costs],
        y=[params for params, _ in costs],
        mode="markers",
        marker=TRIAL_MARKER,
        name="networks of the space",
        hovertemplate="%{y:,} parameters, %{x:,} multiply-adds<extra></extra>",
    )
    figure.add_scatter(
        x=[facts["ranges"]["flops"]["unmodified"]],
        y=[facts["ranges"]["params"]["unmodified"]],
        mode="markers",
        marker=UNMODIFIED_MARKER,
        name="unmodified",
        hovertemplate="unmodified: %{y:,} parameters, %{x:,} multiply-adds<extra></extra>",
    )
    figure.update_layout(xaxis_title="FLOPs (multiply-adds)", yaxis_title="parameters")
    return figure.update_xaxes(rangemode="tozero").update_yaxes(rangemode="tozero")


def cost_by_operation(facts: Mapping[str, Any]) -> go.Figure:
    """What each operation costs at its site, all stages together, in percent of the unmodified network."""
    rows = [
        (f"{site}: {operation}", cost)
        for site, part in facts["sites"].items()
        for operation, cost in part["operations"].items()
        if len(part["operations"]) > 1
    ]
    figure = make_subplots(cols=2, shared_yaxes=True, subplot_titles=("parameters", "FLOPs"))
    for column, (name, colour) in enumerate(zip(COSTS, (BLUE, ORANGE), strict=True), 1):
        whole = facts["ranges"][name]["unmodified"]
        figure.add_bar(
            x=[100 * cost[name] / whole for _, cost in rows],
            y=[label for label, _ in rows],
            orientation="h",
            marker_color=colour,
            customdata=[cost[name] for _, cost in rows],
            hovertemplate="%{y}: %{customdata:,}, %{x:.1f} % of the unmodified network<extra></extra>",
            col=column,
            row=1,
        )
    figure.update_layout(template=TEMPLATE, height=120 + 22 * len(rows), showlegend=False, bargap=0.35)
    return figure.update_yaxes(autorange="reversed").update_xaxes(ticksuffix=" %")


def write_space(facts: Mapping[str, Any], costs: Sequence[tuple[int, int]], path: Path) -> Path:
    """Write a search space as one self-contained HTML page.

    Args:
        facts: What `cheapsearch space --json` prints.
        costs: As for `range_of_costs`.
    """
    title = f"{facts['backbone']} at width {facts['width']:g}"
    drawn = "all of them" if len(costs) == facts["distinct"] else f"{len(costs):,} random ones"
    body = (
        f"<header><h1>{escape(title)}</h1>"
        f'<p class="lede">{facts["size"]:,} architectures, {facts["distinct"]:,} distinct networks; '
        f"{facts['num_classes']} classes, {facts['input_size']} pixels.</p></header>"
    )
    body += sections.figure(
        range_of_costs(facts, costs),
        ident="costs",
        label="Parameters against multiply-adds of the networks of the space",
        caption=f"A point is a distinct network, {drawn}. FLOPs: {facts['flops_convention']}.",
    )
    body += sections.figure(
        cost_by_operation(facts),
        ident="operations",
        label="Cost of each operation at each site in percent of the unmodified network",
        caption="All stages together, in percent of the unmodified network's whole cost. The depthwise "
        "convolutions, which no site replaces, are left out; the last stage includes the classifier.",
    )
    write_text(path, page(f"{title}: the search space", body))
    return path
