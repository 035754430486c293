"""`cheapsearch report`: write a run's report.html again."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Declare the command's flags."""
    report = commands.add_parser("report", help="write a run's report.html again")
    report.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    holds = report.add_mutually_exclusive_group()
    holds.add_argument(
        "--full",
        dest="plotly",
        action="store_const",
        const="full",
        default="packed",
        help="pack nothing, for browsers of before 2023 (5 MB and more)",
    )
    holds.add_argument(
        "--cdn",
        dest="plotly",
        action="store_const",
        const="cdn",
        help="load plotly.js from cdn.plot.ly: a small file that draws figures only with a network",
    )


def perform(options: argparse.Namespace) -> int:
    """Write it, and print where it is."""
    from ...reports import write_report

    print(write_report(options.run, plotly=options.plotly))
    return 0
