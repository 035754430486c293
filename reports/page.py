"""One run as one self-contained HTML page."""

from pathlib import Path

import pandas as pd

from ..space import COSTS, shown_costs, text, write_text
from ..space.saved_run import SavedRun, load_run
from . import run_tables, sections
from .figures import accuracy_against_cost, progress
from .operation_figures import operations_by_site, operations_by_stage
from .operations import operation_frame, operation_means, operations_rung
from .retraining import Training, curves_frame, load_trainings, retraining_frame
from .retraining_figures import learning_curves, proxy_against_retrained, retrained_front
from .rungs import longest_against_shortest, rungs_frame
from .table import trials_frame
from .template import page

REPORT_FILE = "report.html"


def write_report(run_path: Path) -> Path:
    """Write the report of a run into its folder, replacing an earlier one at once.

    Args:
        run_path: The folder with run.yaml and trials.csv.

    Returns:
        The path of report.html.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.
    """
    run = load_run(run_path)
    target = run.path / REPORT_FILE
    write_text(target, render(run))
    return target


def render(run: SavedRun) -> str:
    """The page of a run as HTML."""
    frame = trials_frame(run)
    any_complete = bool(frame["compared"].any())
    trainings = load_trainings(run.path)
    length = f" Lengths are multiples of the shortest; networks are compared at {text.times(run.rung)}."
    parts = [
        sections.header(run, frame),
        sections.said_first(run),
        sections.highlights(run, frame),
        sections.caution(run) if any_complete else _nothing_yet(run),
        sections.facts(run, frame),
        *(_results(run, frame, trainings) if any_complete else []),
        "<h2>All trials</h2>",
        "<p>Members of the front are set in bold. Duplicates (networks already known) and refused ones (over "
        "a limit of cost) were not trained. Pruned ones were stopped, since their learning curve "
        "could not reach the front. A repeat is a further training of a known network with another "
        "seed; the accuracy of a network that was repeated is the mean."
        f"{length if run.record.settings.has_rungs else ''}</p>",
        run_tables.trials_table(run, frame),
        "<h2>To repeat this run</h2>",
        sections.repeat(run),
    ]
    return page(
        f"{run.record.settings.backbone} on {run.record.settings.dataset}: cheapsearch",
        "\n".join(part for part in parts if part),
        figures=any_complete,
    )


def _nothing_yet(run: SavedRun) -> str:
    return (
        '<aside class="caution"><p><strong>No trial is complete yet</strong>, so there is no front to show. '
        "The same command again goes on with the run.</p></aside>"
    )


def _results(run: SavedRun, frame: pd.DataFrame, trainings: list[Training]) -> list[str]:
    settings = run.record.settings
    objectives, several = settings.objectives, settings.has_rungs
    length = f" All are trainings {text.times(run.rung)}." if several else ""
    others = f" Small points are trainings of another length than {text.times(run.rung)}." if several else ""
    operations = operation_frame(run)
    means = operation_means(operations)
    return [
        "<h2>Accuracy against cost</h2>",
        '<div class="pair">',
        *(
            _cost_figure(frame, cost, cost in objectives, run.claims.gap, length)
            for cost in shown_costs(objectives)
        ),
        "</div>",
        "<h2>The front</h2>",
        f"<p>What no trial beats in all of {', '.join(objectives)}. Differences are to the unmodified "
        "network, which stands below the others where it is no member. Expected is the accuracy on new "
        "images in the mean over seeds, with 95 % either way; observed is what was measured. Sure is the "
        "probability that a member really is on the front, by the noise of seeds and of the validation "
        "images, on which networks are compared one by one; ~ N marks one that is not surely better than "
        f"trial N, which is cheaper. Nothing rivals the cheapest.{length}</p>",
        run_tables.front_table(run, frame),
        "<p>To train the front in full, to export one of its members, and to search on:</p>",
        sections.next_steps(run),
        *_lengths(run, frame),
        *_retrained(run, frame, trainings),
        *(_operations(run, operations, means) if not means.empty else []),
        "<h2>Progress</h2>",
        sections.figure(
            progress(frame),
            ident="progress",
            label="Accuracy over the number of the trial",
            caption="Accuracy of each trial and the best so far; below, the proposals that were not trained."
            + others,
        ),
    ]


def _lengths(run: SavedRun, frame: pd.DataFrame) -> list[str]:
    said = sections.foretold(run)
    if not said:
        return []
    return [
        "<h2>How lengths agree</h2>",
        said,
        sections.figure(
            longest_against_shortest(rungs_frame(frame)),
            ident="lengths",
            label="Accuracy after the longest trainings against that after the shortest",
            caption="Were the ranking by short trainings perfect, the points would rise from left to right.",
        ),
    ]


def _retrained(run: SavedRun, frame: pd.DataFrame, trainings: list[Training]) -> list[str]:
    retrained = retraining_frame(frame, trainings)
    if retrained.empty:
        return []
    settings = run.record.settings
    published = (
        "" if settings.dataset == "cifar100" else " Published accuracies are known for CIFAR-100 only."
    )
    return [
        "<h2>Retrained</h2>",
        f"<p>{sections.agreement(retrained)}</p>",
        run_tables.retrained_table(retrained),
        '<div class="pair">',
        *(
            sections.figure(
                retrained_front(retrained, cost, dataset=settings.dataset, backbone=settings.backbone),
                ident=f"retrained-{cost}",
                label=f"Retrained accuracy against {COSTS[cost].title}",
                caption="Means over the seeds; bars are one standard deviation." + published,
            )
            for cost in shown_costs(settings.objectives)
        ),
        "</div>",
        '<div class="pair">',
        sections.figure(
            proxy_against_retrained(retrained),
            ident="proxy-retrained",
            label="Retrained accuracy against the proxy's",
            caption="Were the proxy's ranking perfect, the points would rise from left to right.",
        ),
        sections.figure(
            learning_curves(curves_frame(trainings)),
            ident="curves",
            label="Validation accuracy over the epochs",
            caption="Validation accuracy after each epoch, a mean over the seeds.",
        ),
        "</div>",
    ]


def _cost_figure(frame: pd.DataFrame, cost: str, objective: bool, gap: float, length: str) -> str:
    kind = COSTS[cost]
    aside = f" {kind.title}: {kind.convention}." if kind.convention else ""
    aside += "" if objective else " This cost was not an objective of the run."
    return sections.figure(
        accuracy_against_cost(frame, cost, gap=gap),
        ident=f"accuracy-{cost}",
        label=f"Accuracy against {COSTS[cost].title}",
        caption=f"The line is the best accuracy reachable at each cost; trials in the shaded band are less "
        f"than {gap:.1f} points below it.{length}{aside}",
    )


def _operations(run: SavedRun, operations: pd.DataFrame, means: pd.DataFrame) -> list[str]:
    length = f" All are trainings {text.times(operations_rung(run))}, which most networks had."
    parts = [
        "<h2>Operations compared</h2>",
        "<p>The means hide that everything else varies too between trials, and that the sampler prefers some "
        "partners. Matched pairs are free of that: two trials that differ at this site only, one of them "
        "with the unmodified network's operation. Operations that make the same network count as one. "
        f"Trainings that were stopped are left out.{length if run.record.settings.has_rungs else ''}</p>",
    ]
    if (means["stage"] == 0).any():
        parts.append(
            sections.figure(
                operations_by_site(operations),
                ident="by-site",
                label="Accuracy and cost by operation",
                caption="Each dot is a trial, each diamond a mean. The unmodified network's operation is "
                "orange-red, and a dotted line marks its mean.",
            )
        )
    if (means["stage"] > 0).any():
        parts.append(
            sections.figure(
                operations_by_stage(operations),
                ident="by-stage",
                label="Mean accuracy by stage and operation",
                caption="Mean accuracy of the trials with an operation in a stage, their number in brackets. "
                "Where a cell is empty, no trial has the operation, or it is the same there as another.",
            )
        )
    return [*parts, run_tables.operations_table(means)]
