"""`cheapsearch report`: write a run's report.html again."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Declare the command's flags."""
    report = commands.add_parser("report", help="write a run's report.html again")
    report.add_argument("run", metavar="RUN", type=Path, help="a run folder")


def perform(options: argparse.Namespace) -> int:
    """Write it, and print where it is."""
    from ...reports import write_report
    from ..insight.writing import write_insight

    write_insight(options.run)
    print(write_report(options.run))
    return 0
