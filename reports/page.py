"""One run as one self-contained HTML page: its sections answer what a user asks, in that order."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from ..space import COSTS, default_rule, shown_costs, text, write_text
from ..space.saved_run import SavedRun, load_run
from ..space.verdict import verdict
from . import chosen, facts, known, run_tables, trust
from .drawn import Drawn, budget_of, trial_data
from .figures import accuracy_against_cost, progress
from .network_drawing import network_svg
from .operation_figures import operations_by_site, operations_by_stage
from .operations import operation_frame, operation_means, operations_rung
from .outcomes import outcomes
from .retraining import Training, curves_frame, load_trainings, retraining_frame
from .retraining_figures import learning_curves, proxy_against_retrained, retrained_front
from .rungs import longest_against_shortest, rungs_frame
from .table import trials_frame
from .template import render as fill

REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Filter:
    """A choice of operation by which a reader narrows what is shown."""

    site: str
    operations: tuple[str, ...]


def write_report(run_path: Path, *, plotly: str = "packed") -> Path:
    """Write the report of a run into its folder, replacing an earlier one at once.

    Args:
        run_path: The folder with run.yaml and trials.csv.
        plotly: How it holds plotly.js: one of `template.PLOTLY`.

    Returns:
        The path of report.html.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.
    """
    run = load_run(run_path)
    target = run.path / REPORT_FILE
    write_text(target, render(run, plotly=plotly))
    return target


def render(run: SavedRun, *, plotly: str = "packed") -> str:
    """The page of a run as HTML; `plotly` as of `write_report`."""
    frame, settings = trials_frame(run), run.record.settings
    complete = bool(frame["compared"].any())
    found: dict[str, Any] = {
        "backbone": settings.backbone,
        "dataset": settings.dataset,
        "headline": facts.headline(run, frame),
        "complete": complete,
        "length": text.times(run.rung) if settings.has_rungs else "",
        "searched": facts.searched(run, frame),
        "outcomes": outcomes(frame),
        "measured": facts.measured(run),
        "costs": facts.costs(run),
        "repeated": facts.repeated(run),
        "command": run.command,
        "trials": run_tables.trials_table(run, frame),
        "trial_data": trial_data(run, frame),
    }
    if complete:
        trainings = load_trainings(run.path)
        picked = chosen.picked(run, frame)
        found |= _got(run, frame, picked) | _choices(run, frame, pick=picked.number)
        found |= _operations(run) | known.of_operations(run)
        found |= _done(run, frame) | known.of_search(run) | _trust(run, frame, trainings)
    return fill("report.html.j2", plotly=plotly, figures=complete, **found)


def _got(run: SavedRun, frame: pd.DataFrame, picked: chosen.Picked) -> dict[str, Any]:
    path = shlex.quote(str(run.path))
    return {
        "verdict": trust.sentences(verdict(run)),
        "picked": picked,
        "path": path,
        "drawing": _drawing(run, picked.number),
        "cards": chosen.highlights(run, frame),
        "next_steps": f"cheapsearch retrain {path}\n"
        f"cheapsearch export {path} --pick {default_rule(run.record.settings.limits)} -o best.yaml\n"
        f"cheapsearch run --out {path} {run.record.settings.twice}",
    }


def _drawing(run: SavedRun, number: int) -> Markup:
    """The network of a trial; empty where the run does not know what its parts cost."""
    if run.insight is None:
        return Markup()
    (trial,) = (trial for trial in run.trials if trial.number == number)
    return Markup(network_svg(trial.architecture, run.insight.parts, name=f"The network of trial {number}"))


def _choices(run: SavedRun, frame: pd.DataFrame, *, pick: int) -> dict[str, Any]:
    objectives = run.record.settings.objectives
    return {
        "objectives": ", ".join(objectives),
        "gap": f"{run.claims.gap:.1f} points",
        "filters": _filters(run),
        "networks": int(frame["compared"].sum()),
        "cost_figures": [_cost_figure(run, frame, cost, pick=pick) for cost in shown_costs(objectives)],
        "front": run_tables.front_table(run, frame),
    }


def _filters(run: SavedRun) -> list[Filter]:
    options: dict[str, tuple[str, ...]] = {}
    for name, operations in run.space.parameters.items():
        site = name.partition(".")[0]
        options[site] = tuple(dict.fromkeys((*options.get(site, ()), *operations)))
    return [Filter(*item) for item in options.items()]


def _cost_figure(run: SavedRun, frame: pd.DataFrame, cost: str, *, pick: int) -> Drawn:
    kind, gap = COSTS[cost], run.claims.gap
    length = f" All are trainings {text.times(run.rung)}." if run.record.settings.has_rungs else ""
    aside = f" {kind.title}: {kind.convention}." if kind.convention else ""
    if cost not in run.record.settings.objectives:
        aside += " This cost was not an objective of the run."
    return Drawn(
        accuracy_against_cost(frame, cost, gap=gap, pick=pick),
        ident=f"accuracy-{cost}",
        label=f"Accuracy against {kind.title}",
        caption=f"The line is the best accuracy observed at each cost; trials in the shaded band are less "
        f"than {gap:.1f} points below it. Members of the front may lie below the line of one cost, by being "
        f"low in another. The star is the pick.{length}{aside}",
        budget=budget_of(frame, cost),
    )


def _operations(run: SavedRun) -> dict[str, Any]:
    operations = operation_frame(run)
    means = operation_means(operations)
    drawn = []
    if (means["stage"] == 0).any():
        drawn.append(
            Drawn(
                operations_by_site(operations),
                ident="by-site",
                label="Accuracy and cost by operation",
                caption="Each dot is a trial, each diamond a mean. The unmodified network's operation is "
                "orange-red, and a dotted line marks its mean. Under an operation: its trials, its matched "
                "pairs, and their mean difference in points of accuracy.",
                wide=True,
            )
        )
    if (means["stage"] > 0).any():
        drawn.append(
            Drawn(
                operations_by_stage(operations),
                ident="by-stage",
                label="Mean accuracy by stage and operation",
                caption="Mean accuracy of the trials with an operation in a stage, in percent, their number "
                "in brackets. Where a cell is empty, no trial has the operation, or it is the same there as "
                "another.",
                wide=True,
            )
        )
    rungs = run.record.settings.has_rungs
    return {
        "operation_figures": drawn,
        "operations_length": text.times(operations_rung(run)) if rungs else "",
    }


def _done(run: SavedRun, frame: pd.DataFrame) -> dict[str, Any]:
    others = f" Small points are trainings of another length than {text.times(run.rung)}."
    return {
        "progress": Drawn(
            progress(frame),
            ident="progress",
            label="Accuracy over the number of the trial",
            caption="Accuracy of each trial and the best so far; below, the proposals that were stopped "
            "(pruned), not trained (duplicate, refused) or failed."
            + (others if run.record.settings.has_rungs else ""),
        )
    }


def _trust(run: SavedRun, frame: pd.DataFrame, trainings: list[Training]) -> dict[str, Any]:
    foretold, retrained = trust.foretold(run), retraining_frame(frame, trainings)
    found: dict[str, Any] = {"caution": trust.caution(run), "foretold": foretold, "agreement": ""}
    if foretold:
        found["lengths"] = Drawn(
            longest_against_shortest(rungs_frame(frame)),
            ident="lengths",
            label="Accuracy after the longest trainings against that after the shortest",
            caption="Were the ranking by short trainings perfect, the points would rise from left to right.",
        )
    if not retrained.empty:
        found["agreement"] = trust.agreement(retrained)
        found["retrained"] = run_tables.retrained_table(retrained)
        found["retrained_figures"] = _retrained(run, retrained, trainings)
    return found


def _retrained(run: SavedRun, retrained: pd.DataFrame, trainings: list[Training]) -> list[Drawn]:
    settings = run.record.settings
    published = (
        "" if settings.dataset == "cifar100" else " Published accuracies are known for CIFAR-100 only."
    )
    return [
        *(
            Drawn(
                retrained_front(retrained, cost, dataset=settings.dataset, backbone=settings.backbone),
                ident=f"retrained-{cost}",
                label=f"Retrained accuracy against {COSTS[cost].title}",
                caption="Means over the seeds; bars are one standard deviation." + published,
            )
            for cost in shown_costs(settings.objectives)
        ),
        Drawn(
            proxy_against_retrained(retrained),
            ident="proxy-retrained",
            label="Retrained accuracy against the proxy's",
            caption="Were the proxy's ranking perfect, the points would rise from left to right.",
        ),
        Drawn(
            learning_curves(curves_frame(trainings)),
            ident="curves",
            label="Validation accuracy over the epochs",
            caption="Validation accuracy after each epoch, a mean over the seeds.",
        ),
    ]
