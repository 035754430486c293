"""The table of what the pieces of a space's networks take: made here, or written to be made on a device.

Here it is kept between runs, in the user's cache folder under the machine's name: a file for each processor,
ONNX Runtime, number of threads and batch, and each version of torch and of this package, which write what is
timed. Pieces of another space of the same name are not timed again.
"""

import csv
import os
import platform
import random
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from .. import __version__
from ..models import build, cost_table, deploy
from ..space import Architecture, SearchSpace, UserError, canonical, write_bytes, write_text
from ..space.device_table import DeviceTable, Predictor, Value, network_name, read_device_table
from ..space.extras import imported
from ..space.pieces import IMAGE_CHANNELS, Name, Piece, pieces_of_space
from .onnx_file import onnx_models
from .piece_models import lead_module, piece_module

COST = "latency_ms"
NETWORKS = 24  # that are measured whole, from the smallest to the largest
_DRAWN = 150  # networks of which they are taken
_AT_ONCE = 48  # pieces in an export
NETWORKS_AT_ONCE = 4

Say = Callable[[str], None]
Part = tuple[Name, Callable[[], torch.nn.Module], tuple[int, ...]]  # what makes it, and its input's shape


@dataclass(frozen=True)
class TableRequest:
    """For which networks a table is wanted, and how they will be run."""

    space: SearchSpace
    num_classes: int
    input_size: int
    batch: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        check_counts(batch=self.batch, threads=self.threads)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return pieces_of_space(self.space, num_classes=self.num_classes, input_size=self.input_size)

    def name_of(self, architecture: Architecture) -> Name:
        return network_name(architecture, num_classes=self.num_classes, input_size=self.input_size)

    def predictor(self, table: DeviceTable) -> Predictor:
        return Predictor(table, self.space.backbone, self.space.width, self.num_classes, self.input_size)


def check_counts(**counts: int) -> None:
    """Refuse less than one image or thread, by name.

    Raises:
        UserError: If a number is below 1.
    """
    for name, count in counts.items():
        if count < 1:
            raise UserError(f"--latency-{name}: must be 1 or more, got {count}")


def latency_table(request: TableRequest, *, say: Say) -> DeviceTable:
    """The table of this machine, of which only what is not in the cache is timed.

    Raises:
        UserError: If a number is out of range, or ONNX Runtime or what writes its files is missing.
    """
    measure = measure_module()
    facts = machine_facts(threads=request.threads, batch=request.batch)
    path = cache_file(facts)
    table = DeviceTable(COST, {}, facts, str(path))
    if path.exists():
        table = read_device_table(path, COST, "--latency-table")
    # Those of this space: what another space had measured may say nothing of choices by stage.
    networks = some_networks(request)
    names = [request.name_of(network) for network in networks]
    names += [name for piece in request.pieces for name in (piece.name, piece.lead_name) if name]
    missing = len(set(names) - set(table.values))
    if missing:
        say(f"latency: {missing} files are written and timed for the table of this machine, {path}")
        with TemporaryDirectory() as folder:
            write_folder(request, Path(folder), networks, known=set(table.values), say=say)
            known = {name: value.value for name, value in table.values.items()}
            done = 0
            for rows in measure.time_folder(Path(folder), threads=request.threads, known=known):
                found = {(row[0], row[1]): Value(row[2].median_ms, row[2].spread_ms) for row in rows}
                table += DeviceTable(COST, found, facts)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, table.to_text())
                done += len(rows)
                say(f"latency: {done} of {missing} timed")
    return table.only(names)


def cache_file(facts: dict[str, str]) -> Path:
    """Where the table of this machine is kept."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    words = [platform.node(), facts["machine"], facts["runtime"]]
    words += [f"{facts['threads']} threads", f"batch {facts['batch']}"]
    words += [f"cheapsearch {__version__}", f"torch {torch.__version__}"]
    name = "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", word).strip("_") for word in words)
    return Path(root).expanduser() / "cheapsearch" / "latency" / f"{name}.csv"


def some_networks(request: TableRequest) -> list[Architecture]:
    """The unmodified network, and others from the smallest to the largest; canonical forms."""
    space, rng = request.space, random.Random(0)
    costs = cost_table(
        space.backbone, width=space.width, num_classes=request.num_classes, input_size=request.input_size
    )
    options = space.parameters.items()
    drawn = {
        canonical(space.architecture({name: rng.choice(operations) for name, operations in options})): None
        for _ in range(_DRAWN)
    }
    ordered = sorted(drawn, key=lambda network: costs.cost(network, ["deploy_flops"])["deploy_flops"])
    step = (len(ordered) - 1) / (NETWORKS - 2)
    chosen = [ordered[round(index * step)] for index in range(NETWORKS - 1)]
    return list(dict.fromkeys([canonical(space.unmodified), *chosen]))


def write_folder(
    request: TableRequest,
    folder: Path,
    networks: Sequence[Architecture],
    *,
    known: Collection[Name] = (),
    say: Say,
) -> int:
    """Write what to run as ONNX files, a list of them, and the script that times them.

    The first network is the reference, and is written even where it is known.

    Returns:
        The number of files that are listed.
    """
    batch, side = request.batch, request.input_size
    image = (batch, IMAGE_CHANNELS, side, side)
    whole: list[Part] = [
        (request.name_of(network), partial(_network, request, network), image) for network in networks
    ]
    whole = [whole[0], *(part for part in whole[1:] if part[0] not in known)]
    parts: dict[Name, Part] = {}
    for piece in request.pieces:
        own = (batch, piece.read_channels, piece.side, piece.side)
        parts[piece.name] = (piece.name, partial(piece_module, piece), own)
        if piece.lead_name:
            parts[piece.lead_name] = (piece.lead_name, partial(lead_module, piece), own)
    left = [part for name, part in parts.items() if name not in known]
    measure = measure_module()
    listed: list[tuple[str, str, str]] = []
    for kind, some, at_once in ((measure.NETWORKS, whole, NETWORKS_AT_ONCE), ("pieces", left, _AT_ONCE)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for start in range(0, len(some), at_once):
            group = some[start : start + at_once]
            torch.manual_seed(0)
            models = onnx_models([make() for _, make, _ in group], [shape for _, _, shape in group])
            for number, (name, _, _), model in zip(range(start, len(some)), group, models, strict=False):
                file = f"{kind}/{number:04}.onnx"
                write_bytes(folder / file, model)
                listed.append((file, *name))
            say(f"latency: {len(listed)} of {len(whole) + len(left)} files written")
    with (folder / measure.LIST_FILE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("file", "operation", "shape"), *listed])
    shutil.copy(measure.__file__, folder / "measure.py")
    return len(listed)


def _network(request: TableRequest, network: Architecture) -> torch.nn.Module:
    return deploy(build(network, num_classes=request.num_classes, input_size=request.input_size))


def machine_facts(*, threads: int, batch: int) -> dict[str, str]:
    """On what is measured here: machine, runtime, threads, batch.

    Raises:
        UserError: If ONNX Runtime is missing.
    """
    found: dict[str, str] = measure_module().facts(threads=threads, batch=batch)
    return found


def measure_module() -> Any:
    """The module that times, which needs ONNX Runtime when it is loaded.

    Raises:
        UserError: If that is missing.
    """
    imported("onnxruntime", extra="deploy", argument="latency")
    from . import measure

    return measure
