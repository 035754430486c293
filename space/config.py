"""An architecture as a file: what it takes to build the network again, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import yaml

from .architecture import Architecture, parse_yaml
from .backbones import MIN_INPUT
from .canonical import accepted_hashes, architecture_hash
from .costs import COSTS, Cost, check_cost, flattened, gathered, in_every_file
from .errors import UserError, check_keys, check_name, nearest, nearest_path
from .names import is_shown_whole
from .own_backbones import load_backbone
from .preprocessing import Preprocessing
from .presets import PRESETS
from .schema import stamped, unstamped

# May be missing from a file.
_OPTIONAL = ("hash", "origin", "classes", "preprocessing")


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
        classes: Names of the classes in the order of the outputs, None where they are not known.
        preprocessing: How an image becomes the input, None where no weights were trained with any.
    """

    architecture: Architecture
    num_classes: int
    input_size: int
    costs: Cost
    version: str = field(repr=False)
    hash: str = ""
    # Not in what Python shows: it fills a screen.
    origin: Mapping[str, Any] = field(default_factory=dict, repr=False)
    classes: tuple[str, ...] | None = field(default=None, repr=False)
    preprocessing: Preprocessing | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_cost(self.costs)
        for name, least in (("num_classes", 2), ("input_size", MIN_INPUT)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UserError(f"{name}: must be a whole number from {least}, got {value!r}")
        if not isinstance(self.origin, Mapping):
            raise UserError(f"origin: must be a mapping, got {self.origin!r}")
        actual = architecture_hash(self.architecture)
        if self.hash not in ("", *accepted_hashes(self.architecture)):
            raise UserError(
                f"hash: must be {actual} for this architecture, got {self.hash}; "
                "the file was changed by hand, remove the line 'hash' to accept the change"
            )
        object.__setattr__(self, "hash", actual)
        if self.classes is not None:
            object.__setattr__(self, "classes", check_classes(self.classes, self.num_classes))
        if self.preprocessing is not None and self.preprocessing.input_size != self.input_size:
            raise UserError(
                f"preprocessing: input_size must be the network's, {self.input_size}, got "
                f"{self.preprocessing.input_size}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what is not known."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data |= {"architecture": self.architecture.to_dict(), "origin": dict(self.origin)}
        del data["classes"], data["preprocessing"]
        if self.classes is not None:
            data["classes"] = list(self.classes)
        if self.preprocessing is not None:
            data["preprocessing"] = self.preprocessing.to_dict()
        return stamped("architecture", flattened(data))

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, source: str | Path = "config") -> "ArchitectureConfig":
        """Inverse of `to_yaml`.

        Raises:
            UserError: If the text is no YAML, or as `from_dict`.
        """
        return cls.from_dict(parse_yaml(text, source), source)

    @classmethod
    def from_dict(cls, data: Any, source: str | Path = "config") -> "ArchitectureConfig":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, a key is unknown or missing, or a value does not
                validate; the message names `source`.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"{source}: must be an exported architecture, got {type(data).__name__}")
        names = [name for f in fields(cls) for name in (COSTS if f.name == "costs" else [f.name])]
        data = unstamped("architecture", data, source)
        check_keys(str(source), data, names)
        later = [name for name in COSTS if name not in in_every_file()]
        for name in names:
            if name not in data and name not in (*_OPTIONAL, *later):
                raise UserError(f"{source}: the key {name!r} is missing; export the architecture again")
        try:
            made: dict[str, Any] = {"architecture": Architecture.from_dict(data["architecture"])}
            if data.get("preprocessing") is not None:
                made["preprocessing"] = Preprocessing.from_dict(data["preprocessing"])
            return cls(**{**gathered(data), **made})
        except UserError as error:
            raise UserError(f"{source}: {error}") from None


def check_classes(classes: object, num_classes: int) -> tuple[str, ...]:
    """Names of classes that a file and a terminal can take, one for each output.

    Raises:
        UserError: If there are more or fewer, two are equal, or one is empty or cannot be shown.
    """
    if not isinstance(classes, (list, tuple)) or len(classes) != num_classes:
        raise UserError(f"classes: must be {num_classes} names, one for each class, got {classes!r:.100}")
    for name in classes:
        if not isinstance(name, str) or not name or not is_shown_whole(name):
            raise UserError(
                "classes: must be names without control characters and bytes that are not UTF-8, got "
                f"{name!a:.100}; rename it"
            )
    if len(set(classes)) < len(classes):
        twice = next(name for index, name in enumerate(classes) if name in classes[:index])
        raise UserError(f"classes: must differ, got {twice!r} twice")
    return tuple(classes)


def read_config(path: str | Path) -> ArchitectureConfig:
    """Read an exported architecture.

    Raises:
        UserError: If the file cannot be read or does not validate.
    """
    return ArchitectureConfig.from_dict(read_yaml(path), path)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises:
        UserError: If it cannot be read or is none.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UserError(
            f"{path}: must be a readable YAML file ({reason}); check the path{nearest_path(path)}"
        ) from None
    return parse_yaml(text, path)


def find_architecture(reference: str) -> Architecture | ArchitectureConfig:
    """What ARCH means on the command line: a preset's name, or the path of an exported YAML.

    The path of a YAML table of a backbone is its unmodified network.

    Raises:
        UserError: If it is neither.
    """
    if reference in PRESETS:
        return PRESETS[reference]
    if reference.endswith((".yaml", ".yml")) or Path(reference).is_file():
        data = read_yaml(reference)
        if isinstance(data, Mapping) and "rows" in data:
            return Architecture(load_backbone(reference))
        return ArchitectureConfig.from_dict(data, reference)
    if (Path(reference) / "run.yaml").is_file():
        raise UserError(
            f"ARCH: must be a preset's name or an exported YAML, and {reference!r} is the folder of a run; "
            f"its pick is `{Path(reference) / 'best.yaml'}`"
        )
    near = nearest_path(reference)
    if near and ("/" in reference or not nearest(reference, PRESETS)):
        raise UserError(f"ARCH: must be a preset's name or an exported YAML, got {reference!r}{near}")
    return PRESETS[check_name("ARCH", reference, [*PRESETS])]


def sized_architecture(
    reference: str, num_classes: int | None = None, input_size: int | None = None
) -> tuple[Architecture, int, int]:
    """What ARCH means, with its number of classes and input size: as asked, else its own, else 10 and 32.

    Raises:
        UserError: If it is neither a preset nor an exported file.
    """
    found = find_architecture(reference)
    own = (found.num_classes, found.input_size) if isinstance(found, ArchitectureConfig) else (10, 32)
    architecture = found.architecture if isinstance(found, ArchitectureConfig) else found
    given = (num_classes, input_size)
    num_classes, input_size = (mine if it is None else it for it, mine in zip(given, own, strict=True))
    return architecture, num_classes, input_size


def named_architecture(arch: Architecture | str | PathLike[str]) -> tuple[Architecture, str]:
    """What ARCH means, or an architecture itself, and what to call it in a folder's name.

    Raises:
        UserError: If it is none.
    """
    if isinstance(arch, Architecture):
        return arch, architecture_hash(arch)
    found = find_architecture(fspath(arch))
    return found.architecture if isinstance(found, ArchitectureConfig) else found, Path(arch).stem
