"""A rehearsal as a table on the terminal."""

from typing import Any

from rich.table import Table

from .console import make_console


def print_rehearsal(results: dict[str, Any]) -> None:
    """Print what `rehearse` returns: a column for each sampler, a row for each number of evaluations."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("evaluations", style="dim", no_wrap=True)
    for name in results:
        table.add_column(name, justify="right")
    each = list(results.values())
    for evaluations in each[0]["share"]:
        shares = [result["share"][evaluations] for result in each]
        # A narrow terminal has the least on a line of its own.
        table.add_row(
            evaluations,
            *(
                f"{share['mean']:.3f}\N{NO-BREAK SPACE}±{share['std']:.3f} ≥{share['min']:.3f}"
                for share in shares
            ),
        )
    for percent in each[0]["evaluations_to"]:
        needed = [result["evaluations_to"][percent] for result in each]
        table.add_row(f"to {percent} %", *("-" if count is None else f"{count:.0f}" for count in needed))
    table.add_row("epochs trained", *(f"{100 * result['epochs']:.0f} %" for result in each))
    table.add_row("s/proposal", *(f"{result['seconds_per_proposal']:.3f}" for result in each))
    console = make_console()
    console.print(table)
    console.print(
        "share of the best possible hypervolume: mean ± deviation over seeds, and ≥ the least", style="dim"
    )
