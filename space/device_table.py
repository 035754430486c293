"""Costs of the pieces of networks on a device, as a CSV file: what is measured, and what is predicted by it.

Columns are `operation`, `shape` and the name of the cost; a row is a piece, a lead (`space.pieces`), or a
whole network. Further columns may say how wide the interval of a value is (`spread`) and on what it was
measured; they are the same in every row, since numbers of two machines do not add up.

A network costs the sum of its pieces without their leads. What pieces have in common when they are run one by
one, and what caches take from a whole, is a line through the whole networks that were measured too; how far
off it is, is told by leaving each of them out in turn.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from .architecture import Architecture, Choice
from .canonical import canonical
from .costs import table_costs
from .errors import UserError, check_name, nearest_path
from .pieces import Name, pieces_of
from .records import join_choice, split_choice
from .sites import SITE_NAMES

if TYPE_CHECKING:
    import numpy as np

FACTS = ("machine", "runtime", "threads", "batch")
FEWEST_NETWORKS = 8  # for a line and its error; with fewer a network is the plain sum
NETWORK = "network"


@dataclass(frozen=True)
class Value:
    """What was measured of a piece or a network.

    Attributes:
        value: In the unit of the cost.
        spread: Half the width of the 95 % interval of the value; None where that is not known.
    """

    value: float
    spread: float | None = None


@dataclass(frozen=True)
class PredictionError:
    """How far predictions are from whole networks that were left out, as shares of what was measured.

    Attributes:
        networks: How many were measured.
        typical: Half of them are nearer.
        large: Nine of ten are nearer.
        largest: Of all.
    """

    networks: int
    typical: float
    large: float
    largest: float

    def __str__(self) -> str:
        return (
            f"{100 * self.typical:.1f} % off in the median of {self.networks} whole networks, nine of ten "
            f"within {100 * self.large:.1f} %, the worst {100 * self.largest:.1f} %"
        )


@dataclass(frozen=True)
class DeviceTable:
    """What pieces and networks cost on one device.

    Attributes:
        cost: Name of the cost.
        values: By operation and shape.
        facts: On what they were measured, by `FACTS`; what is not known is left out.
        source: What a message calls it.
    """

    cost: str
    values: Mapping[Name, Value] = field(repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)
    source: str = "the table"

    def __add__(self, other: "DeviceTable") -> "DeviceTable":
        """Both, the values of the other where both have one."""
        return DeviceTable(self.cost, {**self.values, **other.values}, self.facts or other.facts, self.source)

    def only(self, names: Iterable[Name]) -> "DeviceTable":
        """The rows of these names that there are."""
        kept = {name: self.values[name] for name in dict.fromkeys(names) if name in self.values}
        return DeviceTable(self.cost, kept, self.facts, self.source)

    def to_text(self) -> str:
        """As a CSV file."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["operation", "shape", self.cost, "spread", *self.facts])
        for (operation, shape), found in self.values.items():
            spread = "" if found.spread is None else f"{found.spread:.6g}"
            writer.writerow([operation, shape, f"{found.value:.6g}", spread, *self.facts.values()])
        return text.getvalue()


def read_device_table(path: Path, cost: str, flag: str) -> DeviceTable:
    """Read a CSV file of what pieces cost.

    Args:
        cost: Name of the column and of the cost.
        flag: What a message calls the file's argument.

    Raises:
        UserError: If the file cannot be read, lacks a column, or holds what is no number from 0, two values
            of one name, or values of two machines.
    """
    check_name(flag, cost, table_costs())
    where = f"{flag}: {path}"
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{flag}: must be a CSV file that can be read, got {path} ({error}){nearest_path(path)}"
        ) from None
    for column in ("operation", "shape", cost):
        if column not in (reader.fieldnames or ()):
            raise UserError(
                f"{where}: must have the columns operation, shape and {cost}, {column} is missing"
            )
    values: dict[Name, Value] = {}
    facts: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        name = (str(row["operation"]), str(row["shape"]))
        if name[0].startswith(f"{NETWORK} ") and _sites(name[0]) is None:
            raise UserError(
                f"{where}, line {line}: must say the operation at every site of a whole network, as "
                f"`cheapsearch latency-table` writes it, got {name[0]}"
            )
        if name in values:
            raise UserError(f"{where}, line {line}: must name a piece once, got {' '.join(name)} again")
        values[name] = Value(
            _number(row[cost], f"{where}, line {line}: {cost}"),
            _number(row["spread"], f"{where}, line {line}: spread") if row.get("spread") else None,
        )
        for fact in FACTS:
            if row.get(fact) and facts.setdefault(fact, row[fact]) != row[fact]:
                raise UserError(
                    f"{where}, line {line}: must be of one {fact}, {facts[fact]}, got {row[fact]}; "
                    "measure all of it on one device"
                )
    return DeviceTable(cost, values, facts, str(path))


def said_of(facts: Mapping[str, str]) -> str:
    """On what something was measured, for a reader: machine and runtime, threads 1, batch 1."""
    named = {"threads": "threads ", "batch": "batch "}
    return ", ".join(f"{named.get(name, '')}{facts[name]}" for name in FACTS if name in facts)


def _number(text: str | None, where: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = float("nan")
    if not 0 <= number < float("inf"):
        raise UserError(f"{where} must be a number from 0, got {text!r}")
    return number


def network_name(architecture: Architecture, *, num_classes: int, input_size: int) -> Name:
    """The operation and shape of a whole network: those of its canonical form."""
    form = canonical(architecture)
    sites = " ".join(f"{site}={join_choice(getattr(form, site))}" for site in SITE_NAMES)
    return f"{NETWORK} {sites}", _network_shape(form, num_classes, input_size)


def _sites(operation: str) -> dict[str, Choice] | None:
    """The choice at every site of a whole network, None of what is none."""
    kind, *words = operation.split(" ")
    chosen = {site: split_choice(name) for site, _, name in (word.partition("=") for word in words)}
    return chosen if kind == NETWORK and tuple(chosen) == SITE_NAMES and all(chosen.values()) else None


def _network_shape(architecture: Architecture, num_classes: int, input_size: int) -> str:
    return f"{architecture.backbone} width={architecture.width:g} classes={num_classes} side={input_size}"


@dataclass(frozen=True)
class Predictor:
    """What the architectures of a backbone and width cost by a table; call it with one.

    Raises:
        UserError: When called, if the table lacks one of the architecture's pieces.
    """

    table: DeviceTable
    backbone: str
    width: float
    num_classes: int
    input_size: int

    def __call__(self, architecture: Architecture) -> float:
        offset, factor = self.line
        return max(0.0, offset + factor * self.sum_of(architecture))

    def sum_of(self, architecture: Architecture) -> float:
        """The pieces without their leads."""
        values, total = self.table.values, 0.0
        for piece in pieces_of(architecture, num_classes=self.num_classes, input_size=self.input_size):
            found = values.get(piece.name)
            if found is None:
                raise UserError(
                    f"{self.table.source}: must have {self.table.cost} of every piece of the networks, lacks "
                    f"{' '.join(piece.name)}; `cheapsearch latency-table --write FOLDER` lists them"
                )
            # A table that was not made by running the pieces' files has no leads.
            lead = values.get(piece.lead_name) if piece.lead_name else None
            total += found.value - (0.0 if lead is None else lead.value)
        return total

    @cached_property
    def networks(self) -> dict[Architecture, Value]:
        """Whole networks that were measured, of this backbone, width, classes and input size."""
        plain = Architecture(self.backbone, self.width)
        shape = _network_shape(plain, self.num_classes, self.input_size)
        found = {}
        for (operation, where), value in self.table.values.items():
            if where == shape and (chosen := _sites(operation)) is not None:
                found[Architecture(self.backbone, self.width, **chosen)] = value
        return found

    @cached_property
    def line(self) -> tuple[float, float]:
        """What is added to the sum, and what the sum is multiplied by."""
        if len(self.networks) < FEWEST_NETWORKS:
            return 0.0, 1.0
        return _line(*self._measured)

    @cached_property
    def error(self) -> PredictionError | None:
        """None where too few networks were measured."""
        if len(self.networks) < FEWEST_NETWORKS:
            return None
        import numpy as np

        sums, measured = self._measured
        errors = []
        for index, (own, value) in enumerate(zip(sums, measured, strict=True)):
            offset, factor = _line(np.delete(sums, index), np.delete(measured, index))
            errors.append(abs(offset + factor * own - value) / value)
        large = float(np.quantile(errors, 0.9))
        return PredictionError(len(errors), median(errors), large, max(errors))

    @property
    def said(self) -> str:
        """On what, and how far off, for a reader."""
        facts, error = self.table.facts, self.error
        where = said_of(facts) or self.table.source
        off = "how far off is not known" if error is None else str(error)
        return f"predicted for {where}: {off}"

    @property
    def _measured(self) -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        values = np.array([value.value for value in self.networks.values()])
        return np.array([self.sum_of(architecture) for architecture in self.networks]), values


def _line(sums: "np.ndarray", measured: "np.ndarray") -> tuple[float, float]:
    """Offset and factor with the least squares of relative errors."""
    import numpy as np

    columns = np.column_stack([np.ones_like(sums), sums]) / measured[:, None]
    offset, factor = np.linalg.lstsq(columns, np.ones_like(sums), rcond=None)[0]
    return float(offset), float(factor)
