"""One look for every figure: colours, sizes and the base layout."""

import plotly.graph_objects as go

# Okabe and Ito's colours ("Color universal design", 2002), told apart by colour-blind readers; the
# blue is a little lighter than theirs, to stand out from a dark page too.
BLUE, SKY, ORANGE, VERMILLION = "#1F88C9", "#56B4E9", "#E69F00", "#D55E00"

# Cells of a table of colours, and text that can be read on all of them.
PALE, INK = "#F1F5F9", "#17202B"

# Greys that can be read on white and on a dark page: figures outside the page have no style sheet.
GREY, TEXT, GRID = "#8b95a3", "#747c87", "rgba(128,138,150,0.28)"
BAND = "rgba(86,180,233,0.16)"

TRIAL_MARKER = {"size": 7, "color": GREY, "opacity": 0.65, "symbol": "circle"}
OTHER_MARKER = {"size": 5, "color": GREY, "opacity": 0.6, "symbol": "circle"}
FRONT_MARKER = {"size": 11, "color": SKY, "symbol": "circle", "line": {"color": BLUE, "width": 2}}
UNMODIFIED_MARKER = {"size": 14, "color": VERMILLION, "symbol": "diamond"}
PICK_MARKER = {"size": 9, "color": VERMILLION, "symbol": "star", "line": {"color": "white", "width": 1}}
PRESET_MARKER = {"size": 13, "color": ORANGE, "symbol": "square"}

# `meta` of a trace whose customdata are numbers of trials, or begin with one: a page ties it to its tables.
OF_TRIALS = {"of": "trials"}

# Titles are small, so that the longest fits a phone.
_AXIS = {
    **dict.fromkeys(("gridcolor", "linecolor", "zerolinecolor"), GRID),
    **{"ticks": "", "automargin": True, "title": {"font": {"size": 12}}},
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13, "color": TEXT},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "hoverlabel": {
            "bgcolor": "#1f2733",
            "bordercolor": "#1f2733",
            "font": {"color": "#f2f4f7"},
            "align": "left",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
        "margin": {"l": 10, "r": 16, "t": 70, "b": 10},
        "hovermode": "closest",
    }
)


def new_figure(height: int) -> go.Figure:
    """An empty figure with the report's look, `height` pixels high and as wide as its place."""
    return go.Figure(layout={"template": TEMPLATE, "height": height})


def say_empty(figure: go.Figure) -> go.Figure:
    """Write into a figure without data why it has none."""
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(text="No trial is complete yet.", showarrow=False, x=0.5, y=0.5)
