"""`cheapsearch export`: an architecture as a config, or a network as a file that another runtime opens."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...devices.formats import FORMATS, RANDOM
from ...space import PICKS, text
from .parser import add_json, add_network, add_ops, loaded_ops, names

if TYPE_CHECKING:
    from ...devices.export import Exported


_OF_INT8 = ("dataset", "data_dir", "skip_corrupt")


def add(commands: Any) -> None:
    """Declare the command's flags."""
    export = commands.add_parser(
        "export",
        usage="%(prog)s [options] RUN|ARCH|TRAINING",
        help="export an architecture as a config, or a network as a file that runs elsewhere",
        description="Export an architecture as a config that builds it anywhere, or a network as a file with "
        "the weights of a training, of the best retraining of a run's trial, or random ones to measure with.",
        examples=(
            "cheapsearch export runs/mobilenet_v2-digits --pick knee -o best.yaml",
            "cheapsearch export cheap_v2 --deploy -o cheap_v2.onnx",
        ),
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
    export.add_argument(
        "--int8",
        action="store_true",
        help="an ONNX file in int8, calibrated on the network's own training images; says what that costs",
    )
    export.add_argument(
        "--dataset", metavar="DATA", help="where these images are (default: where the training had them)"
    )
    export.add_argument("--data-dir", type=Path, metavar="DIR", help="as for train")
    export.add_argument("--skip-corrupt", action="store_true", help="as for train")
    add_ops(export)
    add_network(export, default=None)
    add_json(export)


def perform(options: argparse.Namespace) -> int:
    """Print the config, or write the file and print what it is."""
    from ..study.export import chosen_format, export, find_source
    from .console import busy, print_facts, print_json

    loaded_ops(options)
    what = {name: getattr(options, name) for name in ("pick", "num_classes", "input_size")}
    printed = options.output is None and chosen_format(options.format, None) == "yaml"
    # What says nothing of a config is refused below.
    if printed and all(getattr(options, name) in (None, False) for name in ("deploy", "int8", *_OF_INT8)):
        config = find_source(options.source, **what, weighed=False).config
        if options.json:
            print_json(config.to_dict())
        else:
            print(config.to_yaml(), end="")
        return 0
    what |= {name: getattr(options, name) for name in ("format", "deploy", "int8", *_OF_INT8)}
    with busy("writing the file, and trying it where that can be done"):
        written = export(
            options.source, options.output, **what, say=lambda line: print(line, file=sys.stderr)
        )
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
        run = "in float, " if written.int8 else ""
        print(
            f"checked  {run}run after writing, its answers are the network's up to {written.difference:.0e}"
        )
    if written.int8 is not None:
        top1, exact = written.int8["top1"], written.int8["float_top1"]
        print(
            f"int8     validation {text.percent(top1)} %, float {text.percent(exact)} %; the same class for "
            f"{text.percent(written.int8['same'])} % of {written.int8['val_images']:,} images"
        )
