"""A rehearsal as a table on the terminal."""

from typing import Any

from rich.table import Table

from .console import make_console


def print_rehearsal(results: dict[str, Any]) -> None:
    """Print what `rehearse` returns."""
    checkpoints = list(next(iter(results.values()))["share"])
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("sampler")
    columns = [f"@{n}" for n in checkpoints] + ["to 95 %", "to 99 %", "epochs", "s/proposal"]
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, result in results.items():
        shares = [f"{share['mean']:.3f} ±{share['std']:.3f}" for share in result["share"].values()]
        needed = [f"{n:.0f}" if n is not None else "-" for n in result["evaluations_to"].values()]
        table.add_row(
            name, *shares, *needed, f"{100 * result['epochs']:.0f} %", f"{result['seconds_per_proposal']:.3f}"
        )
    console = make_console()
    console.print(table)
    console.print("share of the best possible hypervolume, mean and deviation over seeds", style="dim")
