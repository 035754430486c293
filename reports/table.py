"""The trials of a run as tables: all of them, and the front against the unmodified network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ..space import (
    COSTS,
    PRESETS,
    SITE_NAMES,
    accuracies,
    architecture_hash,
    averaged,
    pareto_front,
)
from ..space.saved_run import SavedRun

_TYPES = {
    "number": "int64",
    "rung": "int64",
    "compared": "bool",
    "accuracy": "float64",
    "seconds": "float64",
    "predicted": "float64",
    "deviation": "float64",
    "gain": "float64",
    "unmodified": "bool",
    "front": "bool",
    "seeds": "int64",
    "probability": "float64",
    "tie": "int64",
    "cheapest": "bool",
    "equal": "bool",
    "expected": "float64",
    "either_way": "float64",
    "accuracy_difference": "float64",
}


def trials_frame(run: SavedRun) -> pd.DataFrame:
    """All trials of a run, whatever their state, one row each, in the order of the file.

    Returns:
        The columns of trials.csv, the accuracy of a complete trial being the mean over the trainings of
        its architecture at its rung, and `seeds`, how many those are; `compared`, whether it is complete and
        of the rung that networks are compared at, as are the members of the `front` of the run's objectives;
        `probability`, of really being there; `cheapest`, whether no network rivals it; `tie`, the cheaper
        member it does not surely beat, -1 for none; `equal`, whether it is not surely worse than the most
        accurate; `expected`, the accuracy to expect on new images, and `either_way`, half its 95 % interval;
        `preset` (names of the published networks a trial is, at the run's width; empty if none);
        `unmodified`; `accuracy_difference` (points of what is expected) and of each cost its `_difference`
        (percent) to the unmodified network, not a number where the run does not know it.
    """
    presets = _preset_names(run)
    unmodified = architecture_hash(run.space.unmodified)
    objectives = run.record.settings.objectives
    front = pareto_front(run.trials, objectives)
    claims = run.claims
    members, tied = {trial.number for trial in front}, claims.ties(front)
    runs = accuracies(run.trials, every_rung=True)
    means = {trial.number: trial.accuracy for trial in averaged(run.trials, every_rung=True)}
    rows = []
    for trial in run.trials:
        row = trial.to_row()
        row["preset"] = presets.get(row["hash"], "")
        row["unmodified"] = row["hash"] == unmodified
        row["compared"] = trial.state == "complete" and trial.rung == run.rung
        row["front"] = trial.number in members
        row["accuracy"] = means.get(trial.number, trial.accuracy)
        row["seeds"] = len(runs.get(trial.number, ()))
        row["probability"] = claims.front.get(trial.number)
        row["tie"] = tied.get(trial.number, -1)
        row["cheapest"] = trial.number in claims.cheapest
        row["equal"] = trial.number in claims.equals
        expected = claims.expected.get(trial.number)
        row["expected"] = None if expected is None else expected.mean
        row["either_way"] = None if expected is None else (expected.high - expected.low) / 2
        rows.append(row)
    frame = _frame(rows)

    # Costs are known of a network that was refused or failed too; its accuracy is not.
    known = frame[frame["unmodified"] & (frame[next(iter(COSTS))] > 0)]
    trained = known[known["compared"]]
    if not trained.empty:
        frame["accuracy_difference"] = frame["expected"] - trained["expected"].iloc[0]
    if not known.empty:
        for cost in COSTS:
            whole = known[cost].iloc[0]
            if whole > 0:
                frame[f"{cost}_difference"] = 100 * (frame[cost] / whole - 1)
    return frame


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    columns = [
        *(
            "number",
            "hash",
            "state",
            "origin",
            "rung",
            "compared",
            "preset",
            "unmodified",
            "front",
            "seeds",
            "probability",
            "tie",
            "cheapest",
            "equal",
            "expected",
            "either_way",
        ),
        *("accuracy", *COSTS),
        *(f"{name}_difference" for name in ("accuracy", *COSTS)),
        *SITE_NAMES,
        *("seconds", "predicted", "deviation", "gain", "reason"),
    ]
    frame = pd.DataFrame(rows, columns=columns)
    # An older file lacks a cost that got its row later.
    whole = {name: kind.type is int and bool(frame[name].notna().all()) for name, kind in COSTS.items()}
    costs = {name: "int64" if whole[name] else "float64" for name in COSTS}
    return frame.astype(_TYPES | costs | {f"{name}_difference": "float64" for name in COSTS})


def front_frame(run: SavedRun) -> pd.DataFrame:
    """The front of the run's objectives, the cheapest first, with the columns of `trials_frame`."""
    return front_of(trials_frame(run), run)


def front_of(frame: pd.DataFrame, run: SavedRun) -> pd.DataFrame:
    """The front within a frame that `trials_frame` made of the same run."""
    costs = [name for name in run.record.settings.objectives if name != "accuracy"]
    return frame[frame["front"]].sort_values([*costs, "number"], ignore_index=True)


def _preset_names(run: SavedRun) -> dict[str, str]:
    names: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        if preset.backbone == run.record.settings.backbone:
            key = architecture_hash(replace(preset, width=run.record.settings.width))
            names.setdefault(key, []).append(name)
    return {key: ", ".join(found) for key, found in names.items()}
