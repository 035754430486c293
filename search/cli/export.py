"""`cheapsearch export`: an architecture as a config, or a network as a file that another runtime opens."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...devices.formats import FORMATS, RANDOM
from ...space import PICKS
from .parser import add_json, add_network, names

if TYPE_CHECKING:
    from ...devices.export import Exported


def add(commands: Any) -> None:
    """Declare the command's flags."""
    export = commands.add_parser(
        "export",
        help="export an architecture as a config, or a network as a file that runs elsewhere",
        description="Export an architecture as a config that builds it anywhere, or a network as a file with "
        "the weights of a training, of the best retraining of a run's trial, or random ones to measure with.",
    )
    export.add_argument(
        "source",
        metavar="RUN|ARCH|TRAINING",
        help="the folder of a run or a training, a preset's name, an exported YAML or a best.safetensors",
    )
    export.add_argument("--pick", metavar="RULE", help=f"of a run: {names(PICKS)}")
    export.add_argument(
        "--format",
        metavar="FORMAT",
        help=f"{names(FORMATS)} (default: what -o ends in, else yaml)",
    )
    export.add_argument(
        "--deploy", action="store_true", help="the smaller form that answers the same, of a graph"
    )
    export.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where to write it (default: SOURCE.FORMAT here; a yaml is printed)",
    )
    add_network(export, default=None)
    add_json(export)


def perform(options: argparse.Namespace) -> int:
    """Print the config, or write the file and print what it is."""
    from ..study.export import chosen_format, export, find_source
    from .console import print_facts, print_json

    what = {name: getattr(options, name) for name in ("pick", "num_classes", "input_size")}
    if options.output is None and chosen_format(options.format, None) == "yaml" and not options.deploy:
        config = find_source(options.source, **what, weighed=False).config
        if options.json:
            print_json(config.to_dict())
        else:
            print(config.to_yaml(), end="")
        return 0
    written = export(options.source, options.output, format=options.format, deploy=options.deploy, **what)
    return print_facts(written.to_dict(), lambda facts: print_file(written), as_json=options.json)


def print_file(written: "Exported") -> None:
    """What a file is; of a config its path alone."""
    print(written.path)
    if written.format == "yaml":
        return
    print(f"form     {written.form}, {written.path.stat().st_size / 1e6:.2f} MB")
    note = " (seed 0): to measure with, its answers mean nothing" if written.weights == RANDOM else ""
    print(f"weights  {written.weights}{note}")
    if written.difference is not None:
        print(f"checked  run after writing, its answers are the network's up to {written.difference:.0e}")
