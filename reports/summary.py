"""A run as a few lines of HTML, for a notebook: what was found, and the front."""

from collections.abc import Hashable, Mapping
from html import escape
from math import isnan
from typing import Any

from ..space import COSTS, FLOPS_CONVENTION, SITE_NAMES, join_choice, shown_costs, text
from ..space.saved_run import SavedRun
from ..space.verdict import verdict
from .table import front_of, trials_frame

SHOWN = 12  # members of the front; the others are in the report

# No colours: the notebook's own, light or dark, are inherited.
_STYLE = """<style>
.cheapsearch { max-width: 72em; overflow-x: auto; }
.cheapsearch p { margin: .3em 0; }
.cheapsearch table { border-collapse: collapse; margin: .6em 0; font-size: .92em; }
.cheapsearch td, .cheapsearch th { padding: .25em .7em; text-align: left; vertical-align: top; }
.cheapsearch thead th, .cheapsearch tr.unmodified td { border-top: 1px solid; }
.cheapsearch thead th { border-top: 0; border-bottom: 1px solid; font-weight: 600; }
.cheapsearch .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.cheapsearch td:last-child { min-width: 22em; }
.cheapsearch tr.picked td { font-weight: 600; }
.cheapsearch small { opacity: .8; }
</style>"""


def summary(run: SavedRun, picked: int | None) -> str:
    """What a run comes to: the verdict, and its front against the unmodified network.

    Args:
        run: The run.
        picked: Number of the trial that was exported, None for none.

    Returns:
        HTML without scripts that stands alone, all text of others escaped.
    """
    frame = trials_frame(run)
    settings = run.record.settings
    title = f"<strong>{escape(settings.backbone)} on {escape(settings.dataset)}</strong>"
    if not frame["compared"].any():
        return f'{_STYLE}<div class="cheapsearch"><p>{title}: no trial is complete yet.</p></div>'
    lines = "".join(f"<p>{escape(line[:1].upper() + line[1:])}.</p>" for line in verdict(run))
    front = front_of(frame, run)
    costs = shown_costs(settings.objectives)
    members = front.head(SHOWN)
    if picked is not None and picked not in set(members["number"]):
        members = front[front.index.isin(members.index) | (front["number"] == picked)]
    rest = frame[frame["unmodified"] & frame["compared"] & ~frame["front"]].head(1)
    rows = [*members.to_dict("records"), *rest.to_dict("records")]
    body = "".join(_row(run, row, costs, picked) for row in rows)
    heads = "".join(
        f'<th class="number" scope="col">{escape(head)}</th>'
        for head in ("trial", "expected accuracy", *(COSTS[cost].title for cost in costs))
    )
    more = f"{len(front) - len(members)} more on the front; " if len(front) > len(members) else ""
    marked = "" if picked is None else "in bold what was exported; "
    return (
        f'{_STYLE}<div class="cheapsearch"><p>{title}: {len(front)} on the front of '
        f"{escape(', '.join(settings.objectives))}</p>{lines}"
        f'<table><thead><tr>{heads}<th scope="col">operations</th></tr></thead><tbody>{body}</tbody></table>'
        f"<p><small>{more}{marked}differences are to the unmodified network; accuracies are of short "
        f"trainings, on validation images, ± half a 95 % interval; FLOPs: {escape(FLOPS_CONVENTION)}</small>"
        "</p></div>"
    )


def _row(run: SavedRun, row: Mapping[Hashable, Any], costs: list[str], picked: int | None) -> str:
    kind = "picked" if row["number"] == picked else "" if row["front"] else "unmodified"
    cells = [
        str(row["number"]),
        _differing(
            f"{text.percent(row['expected'])} ± {row['either_way']:.1f} %", row["accuracy_difference"], 1, ""
        ),
        *(_differing(COSTS[cost].format(row[cost]), row[f"{cost}_difference"], 0, " %") for cost in costs),
    ]
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f'<tr class="{kind}">{numbers}<td>{escape(_operations(run, row))}</td></tr>'


def _differing(value: str, difference: float, digits: int, unit: str) -> str:
    """A value, and in small letters how it differs from the unmodified network's."""
    if isnan(difference) or not difference:
        return escape(value)
    return f"{escape(value)} <small>({text.signed(difference, digits)}{unit})</small>"


def _operations(run: SavedRun, row: Mapping[Hashable, Any]) -> str:
    """Those that differ from the unmodified network's."""
    unmodified = run.space.unmodified
    changed = [
        f"{site} {text.choice(row[site])}"
        for site in SITE_NAMES
        if row[site] != join_choice(getattr(unmodified, site))
    ]
    return ", ".join(changed) or "unmodified"
