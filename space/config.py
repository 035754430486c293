"""An architecture as a file: what it takes to build the network again, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from .architecture import Architecture, parse_yaml
from .backbones import MIN_INPUT
from .canonical import architecture_hash
from .costs import COSTS, Cost, check_cost, flattened, gathered, in_every_file
from .errors import UserError, check_keys, check_name
from .presets import PRESETS


@dataclass(frozen=True)
class ArchitectureConfig:
    """An exported architecture.

    Attributes:
        num_classes: Number of classes, 2 or more.
        input_size: Side of the input in pixels that the costs are counted at.
        costs: Of the network, for one image.
        hash: Hash of the canonical form.
        version: The cheapsearch that wrote it.
        origin: Where the architecture came from: run, trial, accuracy, data and so on.
    """

    architecture: Architecture
    num_classes: int
    input_size: int
    costs: Cost
    version: str
    hash: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_cost(self.costs)
        for name, least in (("num_classes", 2), ("input_size", MIN_INPUT)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UserError(f"{name}: must be a whole number from {least}, got {value!r}")
        if not isinstance(self.origin, Mapping):
            raise UserError(f"origin: must be a mapping, got {self.origin!r}")
        actual = architecture_hash(self.architecture)
        if self.hash not in ("", actual):
            raise UserError(
                f"hash: must be {actual} for this architecture, got {self.hash}; "
                "the file was changed by hand, remove the line 'hash' to accept the change"
            )
        object.__setattr__(self, "hash", actual)

    def to_yaml(self) -> str:
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data |= {"architecture": self.architecture.to_dict(), "origin": dict(self.origin)}
        return yaml.safe_dump(flattened(data), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, source: str | Path = "config") -> "ArchitectureConfig":
        """Inverse of `to_yaml`.

        Raises:
            UserError: If the text is no YAML, a key is unknown or missing, or a value does not
                validate; the message names `source`.
        """
        data = parse_yaml(text, source)
        if not isinstance(data, Mapping):
            raise UserError(f"{source}: must be an exported architecture, got {type(data).__name__}")
        names = [name for f in fields(cls) for name in (COSTS if f.name == "costs" else [f.name])]
        check_keys(str(source), data, names)
        later = [name for name in COSTS if name not in in_every_file()]
        for name in names:
            if name not in data and name not in ("hash", "origin", *later):
                raise UserError(f"{source}: the key {name!r} is missing; export the architecture again")
        try:
            return cls(**{**gathered(data), "architecture": Architecture.from_dict(data["architecture"])})
        except UserError as error:
            raise UserError(f"{source}: {error}") from None


def read_config(path: str | Path) -> ArchitectureConfig:
    """Read an exported architecture.

    Raises:
        UserError: If the file cannot be read or does not validate.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UserError(f"{path}: must be a readable YAML file ({reason}); check the path") from None
    return ArchitectureConfig.from_yaml(text, path)


def find_architecture(reference: str) -> Architecture | ArchitectureConfig:
    """What ARCH means on the command line: a preset's name, or the path of an exported YAML.

    Raises:
        UserError: If it is neither.
    """
    if reference in PRESETS:
        return PRESETS[reference]
    if reference.endswith((".yaml", ".yml")) or Path(reference).is_file():
        return read_config(reference)
    return PRESETS[check_name("ARCH", reference, [*PRESETS])]
