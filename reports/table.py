"""The trials of a run as tables: all of them, and the front against the unmodified network."""

from dataclasses import replace

import pandas as pd

from ..space import (
    COSTS,
    PRESETS,
    SITE_NAMES,
    accuracies,
    architecture_hash,
    averaged,
    front_probabilities,
    pareto_front,
    ties,
)
from .run import Run

_TYPES = {
    "number": "int64",
    "accuracy": "float64",
    "params": "int64",
    "flops": "int64",
    "seconds": "float64",
    "predicted": "float64",
    "deviation": "float64",
    "gain": "float64",
    "unmodified": "bool",
    "front": "bool",
    "seeds": "int64",
    "probability": "float64",
    "tie": "int64",
    "accuracy_difference": "float64",
    "params_difference": "float64",
    "flops_difference": "float64",
}
_COLUMNS = (
    *("number", "hash", "state", "origin", "preset", "unmodified", "front", "seeds", "probability", "tie"),
    *("accuracy", "params", "flops"),
    *("accuracy_difference", "params_difference", "flops_difference"),
    *SITE_NAMES,
    *("seconds", "predicted", "deviation", "gain", "reason"),
)


def trials_frame(run: Run) -> pd.DataFrame:
    """All trials of a run, whatever their state, one row each, in the order of the file.

    Returns:
        The columns of trials.csv, the accuracy of a complete trial being the mean over the trainings of
        its architecture, and `seeds`, how many those are; `front`, whether it is on the front of the run's
        objectives; `probability`, of really being there; `tie`, the cheaper member it does not surely
        beat, -1 for none; `preset` (names of the published networks a trial is, at the run's width; empty
        if none); `unmodified`; `accuracy_difference` (points) and `params_difference`, `flops_difference`
        (percent) to the unmodified network, not a number where the run does not know that network.
    """
    presets = _preset_names(run)
    unmodified = architecture_hash(run.space.unmodified)
    objectives = run.record.settings.objectives
    front = pareto_front(run.trials, objectives)
    members, tied = {trial.number for trial in front}, ties(front, run.trials, objectives)
    probabilities = front_probabilities(run.trials, objectives)
    runs = accuracies(run.trials)
    means = {trial.number: trial.accuracy for trial in averaged(run.trials)}
    rows = []
    for trial in run.trials:
        row = trial.to_row()
        row["preset"] = presets.get(row["hash"], "")
        row["unmodified"] = row["hash"] == unmodified
        row["front"] = trial.number in members
        row["accuracy"] = means.get(trial.number, trial.accuracy)
        row["seeds"] = len(runs.get(trial.number, ()))
        row["probability"] = probabilities.get(trial.number)
        row["tie"] = tied.get(trial.number, -1)
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_TYPES)

    # Costs are known of a network that was refused or failed too; its accuracy is not.
    known = frame[frame["unmodified"] & (frame["params"] > 0)]
    trained = known[known["state"] == "complete"]
    if not trained.empty:
        frame["accuracy_difference"] = frame["accuracy"] - trained["accuracy"].iloc[0]
    if not known.empty:
        for cost in COSTS:
            frame[f"{cost}_difference"] = 100 * (frame[cost] / known[cost].iloc[0] - 1)
    return frame


def front_frame(run: Run) -> pd.DataFrame:
    """The front of the run's objectives, the cheapest first, with the columns of `trials_frame`."""
    return front_of(trials_frame(run), run)


def front_of(frame: pd.DataFrame, run: Run) -> pd.DataFrame:
    """The front within a frame that `trials_frame` made of the same run."""
    costs = [name for name in run.record.settings.objectives if name != "accuracy"]
    return frame[frame["front"]].sort_values([*costs, "number"], ignore_index=True)


def _preset_names(run: Run) -> dict[str, str]:
    names: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        if preset.backbone == run.record.settings.backbone:
            key = architecture_hash(replace(preset, width=run.record.settings.width))
            names.setdefault(key, []).append(name)
    return {key: ", ".join(found) for key, found in names.items()}
