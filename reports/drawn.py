"""A figure in its place on a page, and what the page's script knows of the trials that it shows."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from ..space import COSTS, shown_costs
from ..space.saved_run import SavedRun
from .figures import HOVER_OF_TRIALS, hover_texts
from .run_tables import searched_sites
from .template import data_json

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


@dataclass(frozen=True)
class Budget:
    """A limit that a reader sets in a figure: a line to drag, and an input.

    Attributes:
        cost: Name of the cost.
        scale: How many of it one of the input is.
        unit: What the input counts: `M parameters`.
        step: Of the input.
    """

    cost: str
    scale: float
    unit: str
    step: float


@dataclass(frozen=True)
class Drawn:
    """A figure with what stands beside it.

    Attributes:
        label: What it shows, for readers who do not see it.
        budget: Of the cost that it draws along its horizontal axis.
        wide: Whether a phone scrolls it rather than shrinks it.
    """

    figure: go.Figure
    ident: str
    label: str
    caption: str
    budget: Budget | None = None
    wide: bool = False

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.figure.layout.height)

    @property
    def json(self) -> str:
        """What plotly.js draws; texts of trials are left to the page, which has each once."""
        drawn = self.figure.to_plotly_json()
        for trace in drawn["data"]:
            if trace.get("meta") == HOVER_OF_TRIALS:
                del trace["hovertext"]
        return data_json(drawn)


def budget_of(frame: pd.DataFrame, cost: str) -> Budget:
    """The budget of a cost, in a unit that its values are short in.

    Args:
        frame: What `trials_frame` returns, with a compared trial.
    """
    kind, most = COSTS[cost], float(frame.loc[frame["compared"], cost].max())
    scale, prefix = next((found for found in _UNITS if most >= found[0]), _UNITS[-1])
    if kind.type is float:
        scale, prefix = 1.0, ""
    unit = f"{prefix} {kind.heading}".strip()
    return Budget(cost, scale, unit, 0.01 if most / scale >= 1 else 0.0001)


def trial_data(run: SavedRun, frame: pd.DataFrame) -> str:
    """Every trial for the page's script, as JSON of columns.

    Returns:
        `number`; `network`, the number of the first trial of the same network; `hover`, what a point says of
        it; whether it is `compared` with others, and on the `front`; `expected`, accuracy in percent, null
        where it is not compared; `costs` by name, those that have a budget; `sites` by name, its choices.
    """
    return data_json(
        {
            "number": frame["number"].tolist(),
            "network": frame.groupby("hash")["number"].transform("first").tolist(),
            "hover": hover_texts(frame),
            "compared": frame["compared"].tolist(),
            "front": frame["front"].tolist(),
            "expected": frame["expected"].tolist(),
            "costs": {name: frame[name].tolist() for name in shown_costs(run.record.settings.objectives)},
            "sites": {site: frame[site].tolist() for site in searched_sites(run)},
        }
    )
