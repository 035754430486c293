"""An architecture: a backbone, a width, and an operation for each site."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from .backbones import Backbone, check_width, get_backbone
from .errors import UserError, check_keys, check_name
from .known_operations import hashes_in, own_name
from .own_backbones import backbone_data, known_backbone
from .sites import SITE_NAMES, SITES

Choice = str | tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """A point of the search space, validated when it is made.

    A site that is left out keeps the operation of the unmodified network. The sites `expand`,
    `project`, `shortcut` and `se` take one operation for the whole network or a sequence with one
    per stage. An operation of one's own, once its file is loaded, may be said without the hash of the file.

    Raises:
        UserError: If a name is unknown, an operation does not apply to the backbone, a per-stage
            list has the wrong length, or the width is out of range.
    """

    backbone: str
    width: float = 1.0
    first_conv: Choice = ""
    expand: Choice = ""
    project: Choice = ""
    shortcut: Choice = ""
    last_stage: Choice = ""
    se: Choice = ""

    def __post_init__(self) -> None:
        backbone = get_backbone(self.backbone)
        object.__setattr__(self, "width", check_width(self.width))
        for site in SITE_NAMES:
            object.__setattr__(self, site, _check_choice(backbone, site, getattr(self, site)))

    def operation(self, site: str, stage: int) -> str:
        """The operation at a site of a stage, counted from 1 (any number where there is one choice)."""
        choice = getattr(self, site)
        return choice if isinstance(choice, str) else choice[stage - 1]

    @property
    def own(self) -> tuple[str, ...]:
        """Hashes of the files of a user's own that operations of it are of."""
        return hashes_in(getattr(self, site) for site in SITE_NAMES)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for YAML and JSON: per-stage choices are lists, one's own backbone is its table."""
        data = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return data | {"backbone": backbone_data(self.backbone)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Architecture":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, has an unknown key, or does not validate.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"architecture: must be a mapping of sites to operations, got {data!r}")
        check_keys("architecture", data, [field.name for field in fields(cls)])
        if "backbone" not in data:
            raise UserError("architecture: the key 'backbone' is missing; name one, e.g. mobilenet_v2")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**values | {"backbone": known_backbone(data["backbone"])})

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    @classmethod
    def from_yaml(cls, text: str, source: str | Path = "architecture") -> "Architecture":
        """Inverse of `to_yaml`.

        Raises:
            UserError: If the text is no YAML, or does not validate; `source` names it.
        """
        try:
            return cls.from_dict(parse_yaml(text, source))
        except UserError as error:
            raise UserError(f"{source}: {str(error).removeprefix(f'{source}: ')}") from None


def parse_yaml(text: str, source: str | Path) -> Any:
    """Parse YAML, turning a syntax error into a user's error that names the source and the line."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise UserError(f"{source}: must be YAML, but it has a syntax error{line}; mend it") from None


def _check_choice(backbone: Backbone, site: str, choice: object) -> Choice:
    allowed = backbone.operations[site]
    if choice == "":
        return allowed[0]
    if isinstance(choice, (list, tuple)):
        if not SITES[site].staged:
            raise UserError(f"{site}: takes one operation, it does not occur per stage; got {list(choice)}")
        if len(choice) != backbone.stages:
            raise UserError(
                f"{site}: a per-stage list for {backbone.name} needs {backbone.stages} operations, "
                f"got {len(choice)}"
            )
        operations = tuple(
            _check_operation(backbone, f"{site}, stage {stage}", site, operation)
            for stage, operation in enumerate(choice, 1)
        )
        return operations[0] if len(set(operations)) == 1 else operations
    return _check_operation(backbone, site, site, choice)


def _check_operation(backbone: Backbone, argument: str, site: str, operation: object) -> str:
    if isinstance(operation, str) and operation not in SITES[site].operations:
        own = own_name(argument, site, backbone.family, operation)
        if own is not None:
            return own
    check_name(argument, operation, SITES[site].operations)
    return check_name(f"{argument} of {backbone.name}", operation, backbone.operations[site])
