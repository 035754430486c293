"""`cheapsearch latency`: measure the latencies of a run's front."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import text
from ...space.device_table import said_of
from .parser import add_json

if TYPE_CHECKING:
    from ..latency import FrontLatency


def add(commands: Any) -> None:
    """Declare the command's flags."""
    latency = commands.add_parser(
        "latency",
        help="measure the latencies of a run's front",
        description="Measure the front of a finished run in ONNX Runtime, in turn with the unmodified "
        "network, and write its report again. Once more: whether the order stays.",
        examples=("cheapsearch latency runs/mobilenet_v2-digits",),
    )
    latency.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    for name, what in (("batch", "images in an answer"), ("threads", "threads that make it")):
        latency.add_argument(
            f"--latency-{name}", type=int, metavar="N", help=f"{what} (default: as the run says)"
        )
    add_json(latency)


def perform(options: argparse.Namespace) -> int:
    """Measure, and print what there is."""
    from ...reports import write_report
    from ..latency import measure_front
    from .console import make_console, print_json

    console = make_console(stderr=options.json, markup=False)
    found = measure_front(
        options.run,
        threads=options.latency_threads,
        batch=options.latency_batch,
        say=lambda line: console.print(line, style="dim"),
    )
    write_report(options.run)
    if options.json:
        print_json(found.to_dict())
    else:
        print_latency(found)
    return 0


def print_latency(found: "FrontLatency") -> None:
    """Print what was measured, from the fastest network on, and what becomes of the order."""
    from rich.table import Table

    from .console import make_console, print_table
    from .search_display import latency

    console = make_console(markup=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("trial", "latency", "before", "predicted"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("hash")
    for network in found.networks:
        table.add_row(
            "unmodified" if network.trial is None else str(network.trial),
            latency(network.now),
            latency(network.before),
            text.MISSING if network.predicted is None else text.measured(network.predicted, "ms"),
            network.hash,
        )
    print_table(console, table)
    for line in found.lines():
        console.print(line)
    console.print(
        "median of rounds in which all run in turn, ± half the width of its 95 % interval; "
        f"{said_of(found.facts)}",
        style="dim",
    )
