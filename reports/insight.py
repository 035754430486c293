"""What a run's surrogate knows, as frames for figures and as sentences."""

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from ..space import COSTS, text
from ..space.insight import Knowledge

# Half the width of the intervals of a normal variable that hold so much of it in percent, in deviations.
INTERVALS = {50: 0.6745, 95: 1.96}


def effects_frame(known: Knowledge) -> pd.DataFrame:
    """Effects of operations, those left out that make the same networks as the unmodified network's.

    Returns:
        Columns `site`, `operation`, `accuracy`, `low` and `high` in points, `trained`, and a column for each
        cost, in percent of the unmodified network's; sites in their order, the best operation of each first.
    """
    rows = [
        {name: value for name, value in asdict(effect).items() if name != "costs"} | dict(effect.costs)
        for effect in known.effects
        if not effect.equal
    ]
    if not rows:
        return pd.DataFrame(columns=["site", "operation", "accuracy", "low", "high", "trained"])
    frame = pd.DataFrame(rows)
    order = {site: place for place, site in enumerate(dict.fromkeys(frame["site"]))}
    return frame.sort_values(
        ["site", "accuracy"],
        ascending=[True, False],
        key=lambda column: column.map(order) if column.name == "site" else column,
        ignore_index=True,
    )


def importance_frame(known: Knowledge) -> pd.DataFrame:
    """Columns `site` and `share`, of the variance of accuracies by itself in percent, the largest first."""
    shares = {site: 100.0 * share for site, share in known.importance.items()}
    return pd.DataFrame({"site": list(shares), "share": list(shares.values())})


def hypervolume_frame(known: Knowledge) -> pd.DataFrame:
    """Columns `spent`, `found`, and of random searches `random`, `low` and `high`, NaN where not known."""
    columns = ["spent", "found", "random", "low", "high"]
    return pd.DataFrame([asdict(point) for point in known.progress], columns=columns).astype(float)


def predictions_frame(known: Knowledge, lengths: Mapping[int, str]) -> pd.DataFrame:
    """Columns `trial`, `predicted`, `deviation`, `observed`, `off` by how many deviations, and `length`.

    Args:
        lengths: What is said of how long each trial's training was, by number, where these differ.
    """
    columns = ["trial", "predicted", "deviation", "observed"]
    frame = pd.DataFrame([asdict(own) for own in known.predictions], columns=columns)
    return frame.assign(
        off=[own.off for own in known.predictions],
        length=[lengths.get(own.trial, "") for own in known.predictions],
    )


def said_of_predictions(known: Knowledge) -> str:
    """How often predictions held; empty where none were made."""
    count = len(known.predictions)
    if not count:
        return ""
    said = text.listed(
        [
            f"{held} ({100 * held / count:.0f} %) lay within their {share} % interval"
            for share, held in ((share, known.within(width)) for share, width in INTERVALS.items())
        ]
    )
    return (
        f"Of {count} trainings with a prediction {said}. An interval is of what one training gives: of the "
        "prediction made before it, and of the noise between seeds as it was inferred at the end."
    )


def said_of_random_search(known: Knowledge) -> str:
    """The last look at both hypervolumes; empty where there was none to compare with."""
    looks = [point for point in known.progress if point.random is not None]
    if not looks:
        return ""
    last = looks[-1]
    assert last.low is not None
    assert last.high is not None
    end = (
        ""
        if last is known.progress[-1]
        else " Beyond that nothing is said of them: they would have trained all networks that were drawn for "
        "them from the space."
    )
    return (
        f"For {last.spent:,} units of the shortest training the front has a hypervolume of {last.found:.2f}. "
        f"Random searches for as much are expected to have {last.random:.2f} in the mean, and eight of ten "
        f"of them from {last.low:.2f} to {last.high:.2f}. They were not made: they are drawn from what the "
        "model believes of the networks of the space, and train each once, as long as those that are "
        "compared. The hypervolume is in points of observed accuracy above "
        f"{text.percent(known.reference_accuracy)} % times shares of the largest costs.{end}"
    )


def said_of_interactions(known: Knowledge) -> list[str]:
    """Pairs of operations that do together what they do not do alone, a line each."""
    return [
        f"{pair.site} {pair.operation} with {pair.other_site} {pair.other_operation}: "
        f"{text.signed(pair.accuracy)} points beyond the sum of the two "
        f"(95 %: {text.signed(pair.low)} to {text.signed(pair.high)})"
        for pair in known.interactions
    ]


def costs_of(effects: pd.DataFrame) -> list[str]:
    """The costs that a frame of effects has."""
    return [name for name in COSTS if name in effects]
