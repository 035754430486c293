"""Which operation does what: the complete trials of one rung, gathered by the operations they use."""

from collections.abc import Iterable

import pandas as pd

from ..space import (
    COSTS,
    STAGED_SITES,
    Architecture,
    averaged,
    canonical,
    join_choice,
    shown_costs,
    text,
)
from ..space.canonical import stage_forms
from ..space.rungs import fullest, networks_at
from ..space.saved_run import SavedRun


def operation_frame(run: SavedRun) -> pd.DataFrame:
    """Complete trials by the operations they use, one row for each trial and choice of the space.

    They are of one rung, that with the most networks.

    An operation that changes nothing in a network, beside what else the network has, counts as the one
    it amounts to: `shuffle_reuse` before a dense projection as `reuse`.

    Returns:
        Columns `choice` (`expand`, or `expand.1` where a site goes stage by stage), `site`, `stage` (0
        for the whole network), `operation`, `number`, `accuracy`, the costs to show, `unmodified`
        (whether the unmodified network uses the operation there) and `matched`: the difference in
        accuracy to the trial that differs in nothing but having the unmodified network's operation
        there, not a number where there is none.
    """
    searched = run.space.parameters
    costs = shown_costs(run.record.settings.objectives)
    rung = operations_rung(run)
    complete = [trial for trial in averaged(run.trials, every_rung=True) if trial.rung == rung]
    chosen = pd.DataFrame(
        [_operations(trial.architecture, searched) for trial in complete],
        columns=list(searched),
        dtype=object,
    )
    results = pd.DataFrame(
        [(trial.number, trial.accuracy, *(trial.costs.get(name) for name in costs)) for trial in complete],
        columns=["number", "accuracy", *costs],
    ).astype({"accuracy": "float64"} | dict.fromkeys(costs, "float64"))
    parts = []
    for name, operations in searched.items():
        site, _, stage = name.partition(".")
        part = results.assign(choice=name, site=site, stage=int(stage or 0), operation=chosen[name])
        part["unmodified"] = part["operation"] == operations[0]
        part["matched"] = _matched(chosen, name, operations[0], results["accuracy"])
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def operations_rung(run: SavedRun) -> int:
    """The rung that operations are compared at: more networks say more of them than longer trainings do."""
    return fullest(networks_at(run.trials))


def operation_means(operations: pd.DataFrame) -> pd.DataFrame:
    """Means over the trials that use an operation, in the order of `operation_frame`'s choices.

    Returns:
        Columns `choice`, `site`, `stage`, `operation`, `unmodified`, `trials`, mean `accuracy`,
        costs, and `pairs` and mean `matched` over the matched pairs. A choice of which
        only one operation occurs is left out: there is nothing to compare.
    """
    kept = operations[operations.groupby("choice")["operation"].transform("nunique") > 1]
    means = kept.groupby(["choice", "site", "stage", "operation", "unmodified"], sort=False).agg(
        trials=("number", "size"),
        accuracy=("accuracy", "mean"),
        **{name: (name, "mean") for name in COSTS if name in operations},
        pairs=("matched", "count"),
        matched=("matched", "mean"),
    )
    order = {name: index for index, name in enumerate(dict.fromkeys(operations["choice"]))}
    means = means.reset_index().assign(order=lambda rows: rows["choice"].map(order))
    return means.sort_values(
        ["order", "unmodified", "accuracy"], ascending=[True, False, False], ignore_index=True
    ).drop(columns="order")


def _operations(architecture: Architecture, searched: Iterable[str]) -> list[str]:
    form, stages = canonical(architecture), stage_forms(architecture)
    found = []
    for name in searched:
        site, _, stage = name.partition(".")
        if stage:
            found.append(stages[int(stage) - 1][STAGED_SITES.index(site)])
            continue
        # Where the operation amounts to another one in some stages only, it keeps its own name.
        uniform = isinstance(getattr(form, site), str)
        found.append(text.choice(join_choice(getattr(form if uniform else architecture, site))))
    return found


def _matched(chosen: pd.DataFrame, name: str, default: str, accuracy: "pd.Series[float]") -> list[float]:
    keys = list(chosen.drop(columns=name).itertuples(index=False, name=None))
    unmodified = (chosen[name] == default).tolist()
    base = {key: value for key, same, value in zip(keys, unmodified, accuracy, strict=True) if same}
    return [
        float("nan") if same else value - base.get(key, float("nan"))
        for key, same, value in zip(keys, unmodified, accuracy, strict=True)
    ]
