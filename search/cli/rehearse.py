"""`cheapsearch rehearse`: replay samplers on a table of finished results."""

import argparse
from pathlib import Path
from typing import Any

from ...space import text
from .parser import add_json, wholes, words


def add(commands: Any) -> None:
    """Declare the command's flags."""
    rehearse = commands.add_parser(
        "rehearse",
        usage="%(prog)s [options] [TABLE.csv]",
        help="replay samplers on a table of finished results",
        description="Replay samplers on a CSV with columns choice_*, accuracy_* (percent) and cost_*; "
        "accuracy@R_* are of trainings R times as long as the shortest.",
        examples=("cheapsearch rehearse --sampler cost_aware,tpe,random --budget 50 -o rehearsal.html",),
    )
    rehearse.add_argument(
        "table",
        metavar="TABLE.csv",
        type=Path,
        nargs="?",
        help="default: 512 V2 networks, trained on digits",
    )
    rehearse.add_argument(
        "--budget",
        type=int,
        default=100,
        metavar="N",
        help="evaluations, or units of the shortest training (default 100)",
    )
    rehearse.add_argument("--seeds", type=int, default=5, metavar="S", help="searches a sampler (default 5)")
    rehearse.add_argument(
        "--sampler",
        type=words,
        default=("cost_aware", "random"),
        metavar="A,B",
        help="default cost_aware,random",
    )
    rehearse.add_argument(
        "--costs", type=words, default=(), metavar="A,B", help="only these costs (default all)"
    )
    rehearse.add_argument(
        "--reference-accuracy",
        type=float,
        metavar="A",
        help="of no worth, in percent, as for run (default: score by the 10th percentile)",
    )
    rehearse.add_argument(
        "--rungs",
        type=wholes,
        action="append",
        default=[],
        metavar="1,...",
        help="lengths to search with; again for another set (default all, or the longest alone)",
    )
    rehearse.add_argument("--in-flight", type=int, default=1, metavar="N", help="as for run (default 1)")
    rehearse.add_argument("--repeats", type=int, default=0, metavar="N", help="as for run (default 0)")
    rehearse.add_argument("--stopping", action="store_true", help="and each with stopping, by curve_*")
    rehearse.add_argument("-o", "--output", type=Path, metavar="FILE", help="write a report, an HTML page")
    add_json(rehearse)


def perform(options: argparse.Namespace) -> int:
    """Print the shares, and write a page of them where that is asked."""
    from ...reports import write_rehearsal
    from .. import api
    from .console import busy, print_facts

    names = (
        *("budget", "seeds", "sampler", "costs", "rungs"),
        *("reference_accuracy", "in_flight", "repeats", "stopping"),
    )
    with busy("replaying searches") as at:
        result = api.rehearse(options.table, **{name: getattr(options, name) for name in names}, at=at)
    code = print_facts(result.to_dict(), print_rehearsal, as_json=options.json)
    if options.output is not None:  # last, so that a page that cannot be written loses nothing
        write_rehearsal(result.samplers, options.output, title=result.table.name)
    return code


def print_rehearsal(results: dict[str, Any]) -> None:
    """Print what a rehearsal came to: a column for each sampler, a row for each budget."""
    from rich.table import Table

    from .console import make_console, print_table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("budget", style="dim", no_wrap=True)
    for name in results:
        table.add_column(name, justify="right")
    each = list(results.values())

    def add_shares(label: str, shares: list[dict[str, float]]) -> None:
        # A narrow terminal has the least on a line of its own.
        table.add_row(
            label,
            *(
                f"{share['mean']:.3f}\N{NO-BREAK SPACE}±{share['std']:.3f} ≥{share['min']:.3f}"
                for share in shares
            ),
        )

    for budget in each[0]["share"]:
        add_shares(budget, [result["share"][budget] for result in each])
    for count, share in each[0].get("share_in_time", {}).items():
        in_time = [result["share_in_time"][count] for result in each]
        add_shares(f"in {text.duration(share['seconds'])}", in_time)
    last = list(each[0]["share_tried"])[-1]
    add_shares(f"{last}, all tried", [result["share_tried"][last] for result in each])
    for percent in each[0]["evaluations_to"]:
        needed = [result["evaluations_to"][percent] for result in each]
        table.add_row(f"to {percent} %", *("-" if count is None else f"{count:.0f}" for count in needed))
    table.add_row("epochs trained", *(f"{100 * result['epochs']:.0f} %" for result in each))
    if any(result["training_seconds"] for result in each):
        table.add_row("training", *(text.duration(result["training_seconds"]) for result in each))
    table.add_row("s/proposal", *(f"{result['seconds_per_proposal']:.3f}" for result in each))
    console = make_console()
    print_table(console, table)
    console.print(
        "share of the best possible hypervolume that the front reported has by its true accuracies, "
        "and at last all that was tried: mean ± deviation over seeds, and ≥ the least",
        style="dim",
    )
