"""Backbones of a user's own, from YAML tables of their rows (`space.backbone_table`).

They are data: whatever is written of a network with such a backbone holds the whole table, so nothing else is
needed to build it again. Its name ends in the hash of the table, `my_net@3f2a91c4`, and so means the same
everywhere.
"""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

import yaml

from .backbone_table import BackboneTable
from .backbones import make_backbone_known
from .errors import UserError

_ENDINGS = (".yaml", ".yml")

_TABLES: dict[str, BackboneTable] = {}  # by whole name


def load_backbone(path: str | PathLike[str]) -> str:
    """Make the backbone of a YAML table, or that of a run.yaml or an exported YAML, known in this process.

    Returns:
        Its name, which ends in the hash of the table, for `cheapsearch.Architecture` and others; of a run or
        an export with one of the package's, the name of that.

    Raises:
        UserError: If the file cannot be read or does not validate.
    """
    where = f"--backbone: {path}"
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
        data = yaml.safe_load(text)
        holder = (
            data.get("architecture", data) if isinstance(data, dict) else None
        )  # that of an exported YAML
        if isinstance(holder, dict) and "backbone" in holder:
            return known_backbone(holder["backbone"])
        return known_backbone(data, name=Path(path).stem)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UserError(f"{where} must be a readable YAML file ({reason}); check the path") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise UserError(f"{where} must be YAML, but it has a syntax error{line}; mend it") from None
    except UserError as error:
        raise UserError(f"{where}: {error.at_terminal}") from None


def named_backbone(given: str | PathLike[str]) -> str:
    """The name of a backbone that is said by its name or by the path of its YAML table.

    Raises:
        UserError: As `load_backbone`.
    """
    return load_backbone(given) if fspath(given).endswith(_ENDINGS) else fspath(given)


def known_backbone(data: Any, *, name: str = "") -> str:
    """Make the backbone of a table in a file known, and give its name; a name is one already.

    Raises:
        UserError: If the table does not validate.
    """
    if isinstance(data, str) and not name:
        return data
    table = BackboneTable.from_dict(data, name=name)
    if table.full_name not in _TABLES:
        _TABLES[table.full_name] = table
        make_backbone_known(table.backbone())
    return table.full_name


def backbone_data(name: str) -> str | dict[str, Any]:
    """What a file holds of a backbone: the name of one of the package's, the table of one of a user's own."""
    return _TABLES[name].to_dict() if name in _TABLES else name


def known_tables() -> tuple[BackboneTable, ...]:
    """The backbones of a user's own that are known."""
    return tuple(_TABLES.values())
