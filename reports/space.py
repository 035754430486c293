"""A search space as two figures and a page: the range of its costs, and what each operation costs."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..space import COSTS, shown_costs, write_text
from .drawn import Drawn
from .template import render
from .theme import BLUE, ORANGE, SKY, TEMPLATE, TRIAL_MARKER, UNMODIFIED_MARKER


def range_of_costs(facts: Mapping[str, Any], costs: Sequence[Mapping[str, float]]) -> go.Figure:
    """The first cost against each of the others, a point for each network, the unmodified one marked.

    Args:
        facts: `ranges`, by cost the least, unmodified and most.
        costs: Costs by name of the networks to draw.
    """
    first, *others = _drawn(facts)
    figure = make_subplots(cols=len(others), shared_yaxes=True, horizontal_spacing=0.04)
    unmodified = {name: span["unmodified"] for name, span in facts["ranges"].items()}
    for column, other in enumerate(others, 1):
        values = f"%{{y:,}} {COSTS[first].title}, %{{x:,}} {COSTS[other].title}<extra></extra>"
        for name, drawn, marker, said in (
            ("networks of the space", costs, TRIAL_MARKER, values),
            ("unmodified", [unmodified], UNMODIFIED_MARKER, f"unmodified: {values}"),
        ):
            figure.add_scatter(
                x=[cost[other] for cost in drawn],
                y=[cost[first] for cost in drawn],
                mode="markers",
                marker=marker,
                name=name,
                hovertemplate=said,
                showlegend=column == 1,
                row=1,
                col=column,
            )
        figure.update_xaxes(title_text=COSTS[other].heading, col=column)
    figure.update_layout(template=TEMPLATE, height=480)
    figure.update_yaxes(title_text=COSTS[first].heading, col=1)
    return figure.update_xaxes(rangemode="tozero").update_yaxes(rangemode="tozero")


def cost_by_operation(facts: Mapping[str, Any]) -> go.Figure:
    """What each operation costs at its site, all stages together, in percent of the unmodified network."""
    rows = [
        (f"{site}: {operation}", cost)
        for site, part in facts["sites"].items()
        for operation, cost in part["operations"].items()
        if len(part["operations"]) > 1
    ]
    names = _drawn(facts)
    figure = make_subplots(
        cols=len(names), shared_yaxes=True, subplot_titles=[COSTS[name].title for name in names]
    )
    for column, (name, colour) in enumerate(zip(names, cycle((BLUE, ORANGE, SKY)), strict=False), 1):
        whole = facts["ranges"][name]["unmodified"] or 1
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


def _drawn(facts: Mapping[str, Any]) -> list[str]:
    return [name for name in shown_costs() if name in facts["ranges"]]


def write_space(facts: Mapping[str, Any], costs: Sequence[Mapping[str, float]], path: Path) -> Path:
    """Write a search space as one self-contained HTML page.

    Args:
        facts: What `cheapsearch space --json` prints.
        costs: As for `range_of_costs`.
    """
    kinds = [COSTS[name] for name in _drawn(facts)]
    conventions = "".join(f" {kind.title}: {kind.convention}." for kind in kinds if kind.convention)
    title = f"{facts['backbone']} at width {facts['width']:g}"
    drawn = "all of them" if len(costs) == facts["distinct"] else f"{len(costs):,} random ones"
    lede = (
        f"{facts['size']:,} architectures, {facts['distinct']:,} distinct networks; "
        f"{facts['num_classes']} classes, {facts['input_size']} pixels."
    )
    drawings = [
        Drawn(
            range_of_costs(facts, costs),
            ident="costs",
            label="Costs of the networks of the space",
            caption=f"A point is a distinct network, {drawn}.{conventions}",
        ),
        Drawn(
            cost_by_operation(facts),
            ident="operations",
            label="Cost of each operation at each site in percent of the unmodified network",
            caption="All stages together, in percent of the unmodified network's whole cost. The depthwise "
            "convolutions, which no site replaces, are left out; the last stage includes the classifier.",
            wide=True,
        ),
    ]
    write_text(path, render("space.html.j2", figures=True, title=title, lede=lede, drawings=drawings))
    return path
