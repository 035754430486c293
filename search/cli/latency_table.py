"""`cheapsearch latency-table`: what the pieces of a space's networks take, here or on another device."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from ...space import STAGED_SITES, SearchSpace, UserError, write_text
from ...space.own_backbones import named_backbone
from .parser import BACKBONE_HELP, add_network, add_ops, loaded_ops, names, words


def add(commands: Any) -> None:
    """Declare the command's flags."""
    table = commands.add_parser(
        "latency-table",
        usage="%(prog)s [options]",
        help="latencies of the pieces that networks are made of, here or on another device",
        description="Measure the pieces of all networks of a space on this machine; or write them as ONNX "
        "files with a script that does it on a device with onnxruntime and numpy alone.",
        examples=(
            "cheapsearch latency-table -o here.csv",
            "cheapsearch latency-table --input-size 224 --num-classes 1000 --write phone",
        ),
    )
    table.add_argument("--backbone", default="mobilenet_v2", metavar="NAME", help=BACKBONE_HELP)
    table.add_argument("--width", type=float, default=1.0, help="width multiplier (default 1)")
    table.add_argument("--per-stage", type=words, default=(), metavar="SITES", help=names(STAGED_SITES))
    add_ops(table)
    add_network(table, default=(10, 32))
    table.add_argument(
        "--latency-batch", type=int, default=1, metavar="N", help="images in an answer (default 1)"
    )
    table.add_argument(
        "--latency-threads", type=int, default=1, metavar="N", help="threads that make it (default 1)"
    )
    table.add_argument("--write", type=Path, metavar="FOLDER", help="write what to run there instead")
    table.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the table there too")


def perform(options: argparse.Namespace) -> int:
    """Make the table or the folder, and say what there is."""
    from ...devices.latency_table import TableRequest, latency_table, some_networks, write_folder
    from .console import make_console

    console = make_console(markup=False)
    request = TableRequest(
        SearchSpace(
            named_backbone(options.backbone), options.width, tuple(options.per_stage), loaded_ops(options)
        ),
        options.num_classes,
        options.input_size,
        options.latency_batch,
        options.latency_threads,
    )

    def say(line: str) -> None:
        console.print(line, style="dim")

    if options.write is not None:
        folder = options.write
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(
                f"--write: must be a new or an empty folder, {folder} is not; choose another or empty it"
            )
        if options.output is not None:
            raise UserError("--output: must be left out with --write; the script on the device takes it")
        count = write_folder(request, folder, some_networks(request), say=say)
        console.print(f"{count} files in {folder}; on the device, with onnxruntime and numpy:")
        script = shlex.quote(f"{folder.name}/measure.py")
        console.print(f"    python {script} --threads {options.latency_threads} -o latency.csv")
        console.print("and here: cheapsearch run --latency-table latency.csv ...")
        return 0
    table = latency_table(request, say=say)
    predictor = request.predictor(table)
    console.print(f"{len(request.pieces)} pieces, {predictor.said}")
    if options.output is not None:
        write_text(options.output, table.to_text())
        console.print(f"written to {options.output}")
    return 0
