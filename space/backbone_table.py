"""The table of a backbone of a user's own: what it may say, and the backbone that it makes."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from .backbones import BACKBONES, Backbone, BlockRow
from .errors import UserError, check_keys, check_name
from .known_operations import MARK, offered
from .layout import Activation
from .operation import Family

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _one_of(*allowed: object) -> tuple[str, Callable[[Any], bool]]:
    rule = f"one of {', '.join(map(str, allowed))}"
    return rule, lambda v: any(type(v) is type(value) and v == value for value in allowed)  # 2.0 is not 2


def _whole(least: int) -> tuple[str, Callable[[Any], bool]]:
    return f"a whole number from {least}", lambda v: type(v) is int and v >= least


_CHANNELS = _whole(8)  # gates have an eighth of them, at least one
# What a value is by its name, and whether it is that.
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("stem_channels", "last_channels", "last_hidden", "out_channels"), _CHANNELS),
    **dict.fromkeys(("blocks", "stage"), _whole(1)),
    "expand_ratio": ("a number from 1 to 32", lambda v: type(v) in (int, float) and 1 <= v <= 32),
    "kernel_size": _one_of(3, 5, 7),
    "stride": _one_of(1, 2, "s"),
    "squeeze_excitation": ("true or false", lambda v: isinstance(v, bool)),
    "activation": _one_of(*get_args(Activation)),
}


@dataclass(frozen=True)
class TableRow:
    """Blocks of one stage that are alike, but that the first one alone strides and changes the channels.

    Attributes:
        out_channels: Of every block.
        expand_ratio: Hidden channels to a block's input channels, 1 or more.
        blocks: How many.
        stride: Of the first; s is 1 for images up to 64 pixels and 2 above.
        kernel_size: Of the depthwise convolutions: 3, 5 or 7.
        squeeze_excitation: Whether they have it; of the family v3.
        activation: Theirs; None for the backbone's.
        stage: That they are of; None for the next.
    """

    out_channels: int
    expand_ratio: float = 6.0
    blocks: int = 1
    stride: int | str = 1
    kernel_size: int = 3
    squeeze_excitation: bool = False
    activation: str | None = None
    stage: int | None = None

    def __post_init__(self) -> None:
        if type(self.expand_ratio) is int:  # so that 6 and 6.0 have one hash
            object.__setattr__(self, "expand_ratio", float(self.expand_ratio))


@dataclass(frozen=True)
class BackboneTable:
    """A backbone of a user's own.

    Attributes:
        name: What it is called, without the hash.
        family: Whose operations it offers, and whose blocks it has: v2 or v3.
        stem_channels: Output channels of the first convolution, which strides as s.
        rows: The blocks, in order.
        last_channels: Input channels of the classifier.
        last_hidden: Of v3, channels of the 1x1 convolution before the pooling; None of v2.
        activation: Of stem and last stage; None for relu of v2, hardswish of v3.

    Raises:
        UserError: If a value is none that may be, or does not fit the family.
    """

    name: str
    family: Family
    stem_channels: int
    rows: tuple[TableRow, ...]
    last_channels: int
    last_hidden: int | None = None
    activation: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self.name)) or self.name in BACKBONES:
            raise UserError(
                f"name: must be of small letters, digits and _, and none of cheapsearch's, got {self.name!r}"
            )
        check_name("family", self.family, get_args(Family))
        if (self.last_hidden is None) != (self.family == "v2"):
            raise UserError(
                f"last_hidden: must be given of family v3, and of it alone, got {self.last_hidden} of "
                f"{self.family}"
            )
        _check(self, "")
        if not self.rows:
            raise UserError("rows: must be one or more, got none")
        stage = 0
        for number, row in enumerate(self.rows, 1):
            where = f"rows, {number}: "
            _check(row, where)
            if row.squeeze_excitation and self.family == "v2":
                raise UserError(f"{where}squeeze_excitation is of family v3, got it of v2; leave it out")
            allowed = sorted({max(stage, 1), stage + 1})
            if row.stage is not None and row.stage not in allowed:
                raise UserError(f"{where}stage must be {' or '.join(map(str, allowed))}, got {row.stage}")
            stage = stage + 1 if row.stage is None else row.stage

    @property
    def full_name(self) -> str:
        """With the hash."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return f"{self.name}{MARK}{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def backbone(self) -> Backbone:
        """What networks are built by: its own blocks, and all else as the family's own backbones have it."""
        first = next(known for known in BACKBONES.values() if known.family == self.family)
        activation = self.activation or first.activation
        return Backbone(
            name=self.full_name,
            family=self.family,
            source="a table of a user's own",
            rows=tuple(self._blocks(activation)),
            stem_channels=self.stem_channels,
            activation=activation,  # type: ignore[arg-type]
            last_hidden=self.last_hidden,
            last_channels=self.last_channels,
            last_shrinks=first.last_shrinks,
            keeps_ratio=True,
            expands_equal=first.expands_equal,
            activation_after_reuse=first.activation_after_reuse,
            last_tiles=first.last_tiles,
            operations=offered(self.family),
        )

    def _blocks(self, activation: str) -> list[BlockRow]:
        made: list[BlockRow] = []
        channels, stage = self.stem_channels, 0
        for row in self.rows:
            stage = stage + 1 if row.stage is None else row.stage
            for index in range(row.blocks):
                made.append(
                    BlockRow(
                        stage=stage,
                        kernel_size=row.kernel_size,
                        hidden=round(row.expand_ratio * channels),
                        out_channels=row.out_channels,
                        squeeze_excitation=row.squeeze_excitation,
                        activation=row.activation or activation,  # type: ignore[arg-type]
                        stride=row.stride if index == 0 else 1,  # type: ignore[arg-type]
                    )
                )
                channels = row.out_channels
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain data; what a row leaves as it is, is left out."""
        kept = {name: value for name, value in asdict(self).items() if value is not None}
        plain = {f.name: f.default for f in fields(TableRow)}
        rows = [{n: v for n, v in asdict(row).items() if v != plain[n]} for row in self.rows]
        return kept | {"rows": rows}

    @classmethod
    def from_dict(cls, data: Any, *, name: str = "") -> "BackboneTable":
        """Inverse of `to_dict`.

        Args:
            name: Where the data says none.

        Raises:
            UserError: If a key is unknown or missing, or a value is none that may be.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"must be a table of a backbone, got {data!r:.100}")
        data = {"name": name, **data}
        check_keys("backbone", data, [f.name for f in fields(cls)])
        for key in ("family", "stem_channels", "rows", "last_channels"):
            if key not in data:
                raise UserError(f"the key {key!r} is missing")
        if not isinstance(data["rows"], list) or not all(isinstance(row, Mapping) for row in data["rows"]):
            raise UserError("rows: must be a list of mappings, a row each")
        for number, row in enumerate(data["rows"], 1):
            check_keys(f"rows, {number}", row, [f.name for f in fields(TableRow)])
            if "out_channels" not in row:
                raise UserError(f"rows, {number}: the key 'out_channels' is missing")
        return cls(**{**data, "rows": tuple(TableRow(**row) for row in data["rows"])})


def _check(record: BackboneTable | TableRow, where: str) -> None:
    """Make sure of each value by its name; None is one where it is the default.

    Raises:
        UserError: If one is none that may be.
    """
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name not in _RULES or (value is None and field.default is None):
            continue
        rule, fits = _RULES[field.name]
        if not fits(value):
            raise UserError(f"{where}{field.name} must be {rule}, got {value!r}")
