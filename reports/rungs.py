"""How the trainings of one length agree with those of another: networks that were trained at both."""

import pandas as pd
import plotly.graph_objects as go

from ..space import text
from .theme import FRONT_MARKER, OF_TRIALS, TRIAL_MARKER, UNMODIFIED_MARKER, new_figure


def rungs_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Networks trained at the shortest rung and at a longer one, the longest that any of them has.

    Args:
        frame: What `trials_frame` returns.

    Returns:
        One row for each network, in the order of its longer trial: `number` and `hash` of that, `front`,
        `unmodified`, `shorter` and `longer`, the two rungs, and the accuracies there, `before` and `after`,
        in percent.
    """
    complete = frame[frame["state"] == "complete"]
    shortest = complete["rung"].min()
    before = complete[complete["rung"] == shortest].drop_duplicates("hash")
    after = complete[(complete["rung"] > shortest) & complete["hash"].isin(before["hash"])]
    after = after[after["rung"] == after["rung"].max()]
    found: pd.DataFrame = after[["number", "hash", "front", "unmodified"]].assign(
        shorter=shortest,
        longer=after["rung"],
        before=after["hash"].map(before.set_index("hash")["accuracy"]),
        after=after["accuracy"],
    )
    return found.set_index(pd.RangeIndex(len(found)))


def longest_against_shortest(frame: pd.DataFrame) -> go.Figure:
    """Accuracy after the longest trainings over that after the shortest.

    Args:
        frame: What `rungs_frame` returns, with a row at least.
    """
    figure = new_figure(height=440)
    shorter, longer = (text.times(int(frame[name].iloc[0])) for name in ("shorter", "longer"))
    plain = ~frame["front"] & ~frame["unmodified"]
    for name, rows, marker in (
        ("network", frame[plain], TRIAL_MARKER),
        ("on the front", frame[frame["front"]], FRONT_MARKER),
        ("unmodified network", frame[frame["unmodified"]], UNMODIFIED_MARKER),
    ):
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["before"],
            y=rows["after"],
            mode="markers",
            marker=marker,
            hovertext=[
                f"<b>trial {row['number']}</b> {row['hash']}<br>{shorter}: {text.percent(row['before'])} %"
                f"<br>{longer}: {text.percent(row['after'])} %"
                for row in rows.to_dict("records")
            ],
            hoverinfo="text",
            customdata=rows["number"].tolist(),
            meta=OF_TRIALS,
            name=name,
        )
    figure.update_xaxes(title_text=f"validation accuracy, trainings {shorter} (%)")
    figure.update_yaxes(title_text=f"validation accuracy, trainings {longer} (%)")
    return figure
