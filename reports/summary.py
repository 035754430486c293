"""A run as a few lines of HTML, for a notebook: what was found, and the front."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from ..space import COSTS, FLOPS_CONVENTION, SITE_NAMES, join_choice, shown_costs, text
from ..space.saved_run import SavedRun
from ..space.verdict import verdict
from .table import front_of, trials_frame
from .template import render

SHOWN = 12  # members of the front; the others are in the report


@dataclass(frozen=True)
class SummaryRow:
    """A network in the table.

    Attributes:
        number: Of its trial.
        kind: `picked`, `unmodified` where that stands below the front, or nothing.
        values: Accuracy and costs, each with how it differs from the unmodified network's.
        operations: Those that differ from the unmodified network's.
    """

    number: int
    kind: str
    values: list[tuple[str, str]]
    operations: str


def summary(run: SavedRun, picked: int | None) -> str:
    """What a run comes to: the verdict, and its front against the unmodified network.

    Args:
        run: The run.
        picked: Number of the trial that was exported, None for none.

    Returns:
        HTML without scripts that stands alone.
    """
    frame, settings = trials_frame(run), run.record.settings
    front, costs = front_of(frame, run), shown_costs(settings.objectives)
    members = front[(front.index < SHOWN) | (front["number"] == picked)]
    rest = frame[frame["unmodified"] & frame["compared"] & ~frame["front"]].head(1)
    return render(
        "summary.html.j2",
        backbone=settings.backbone,
        dataset=settings.dataset,
        objectives=", ".join(settings.objectives),
        verdict=verdict(run),
        heads=["expected accuracy", *(COSTS[cost].title for cost in costs)],
        rows=[_row(run, row, costs, picked) for part in (members, rest) for row in part.to_dict("records")],
        members=len(front),
        more=len(front) - len(members),
        picked=picked is not None,
        convention=FLOPS_CONVENTION,
        length=text.times(run.rung) if settings.has_rungs else "",
    )


def _row(run: SavedRun, row: Mapping[Hashable, Any], costs: list[str], picked: int | None) -> SummaryRow:
    unmodified = run.space.unmodified
    accuracy = f"{text.percent(row['expected'])} ± {row['either_way']:.1f} %"
    changed = [
        f"{site} {text.choice(row[site])}"
        for site in SITE_NAMES
        if row[site] != join_choice(getattr(unmodified, site))
    ]
    return SummaryRow(
        number=row["number"],
        kind="picked" if row["number"] == picked else "" if row["front"] else "unmodified",
        values=[
            (accuracy, _difference(row["accuracy_difference"], 1, "")),
            *(
                (COSTS[cost].format(row[cost]), _difference(row[f"{cost}_difference"], 0, " %"))
                for cost in costs
            ),
        ],
        operations=", ".join(changed) or "unmodified",
    )


def _difference(value: float, digits: int, unit: str) -> str:
    return "" if isnan(value) or not value else text.signed(value, digits) + unit
