"""`cheapsearch report`: write a run's report.html again, watch one grow, or compare runs."""

import argparse
from pathlib import Path
from typing import Any

from ...space import UserError

_COMPARISON = Path("compare.html")


def add(commands: Any) -> None:
    """Declare the command's flags."""
    report = commands.add_parser(
        "report",
        help="write a run's report.html again, watch it grow, or compare runs",
        description="Write report.html of a run again; with --watch, serve it while the run goes on; of "
        "several runs, write a page that compares them.",
        examples=(
            "cheapsearch report runs/mobilenet_v2-digits",
            "cheapsearch report runs/mobilenet_v2-digits runs/mobilenet_v3_small-digits -o both.html",
        ),
    )
    report.add_argument(
        "runs", metavar="RUN", type=Path, nargs="+", help="run folders; of several: compare them"
    )
    report.add_argument(
        "--watch",
        action="store_true",
        help="serve the report to a browser on this machine, and keep it up to date while the run goes on",
    )
    report.add_argument(
        "--port", type=int, metavar="N", help="with --watch: listen there (default: any that is free)"
    )
    report.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help=f"of the comparison (default {_COMPARISON})"
    )
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
    """Write what was asked for and print where it is, or serve it until Ctrl-C."""
    several = len(options.runs) > 1
    if options.watch and several:
        raise UserError(f"--watch: must be of one RUN, got {len(options.runs)}; watch each on its own")
    if options.port is not None and not options.watch:
        raise UserError(f"--port: is for --watch, got {options.port} without it")
    if options.output is not None and not several:
        raise UserError(
            f"--output: is for several RUNs, got {options.output}; the report of one lies in its folder"
        )
    if options.watch:
        return _watch(options.runs[0], options.port or 0, options.plotly)
    from ...reports import write_comparison, write_report
    from ..insight.writing import write_insight
    from .console import busy

    with busy("writing the page"):
        if several:
            page = write_comparison(options.runs, options.output or _COMPARISON, plotly=options.plotly)
        else:
            write_insight(options.runs[0])
            page = write_report(options.runs[0], plotly=options.plotly)
    print(page)
    return 0


def _watch(run: Path, port: int, plotly: str) -> int:
    from ...reports import LiveReport, ReportServer

    with ReportServer(LiveReport(run, plotly=plotly), port=port) as server:
        print(
            f"{server.url}  the report of {run}, kept up to date; Ctrl-C ends this, not the run", flush=True
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"no longer watched; `cheapsearch report {run}` writes the report to its folder")
    return 0
