"""What the flags of several commands share."""

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from inspect import getdoc
from pathlib import Path
from typing import Any

from ...space import BACKBONES, LATENCY, PRETRAINED, Architecture, RunSettings, flag
from ...space.config import sized_architecture
from ...space.device_table import DeviceTable, read_device_table
from ...space.setting import Kind, Setting
from ...space.table_settings import check_tables
from ..training.policies import POLICY_NAMES
from ..training.policy import CHOICES, Policy

BACKBONE_HELP = f"{', '.join(BACKBONES)}, or the YAML table of one's own"


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_network(parser: argparse.ArgumentParser, *, default: tuple[int, int] | None) -> None:
    """`--num-classes` and `--input-size`."""
    classes, size = default or (None, None)
    said = (f" (default {classes})", f" (default {size})") if default else ("", "")
    parser.add_argument("--num-classes", type=int, default=classes, metavar="N", help=f"classes{said[0]}")
    parser.add_argument("--input-size", type=int, default=size, metavar="N", help=f"pixels a side{said[1]}")


def add_tables(parser: argparse.ArgumentParser) -> None:
    """`--latency-table` and `--cost-table`."""
    declared = RunSettings.declared()
    parser.add_argument("--latency-table", type=Path, metavar="FILE", help="latencies of pieces on a device")
    add_setting(parser, "cost_table", declared["cost_table"])


def given_tables(options: argparse.Namespace) -> list[DeviceTable]:
    """The tables of costs on a device.

    Raises:
        UserError: If one cannot be read.
    """
    own = check_tables(options.cost_table or {}, ())
    tables = [read_device_table(path, name, "--cost-table") for name, path in own.items()]
    if options.latency_table is None:
        return tables
    return [read_device_table(options.latency_table, LATENCY, "--latency-table"), *tables]


def add_ops(parser: argparse.ArgumentParser) -> None:
    """`--ops`."""
    parser.add_argument(
        "--ops", type=words, default=(), metavar="FILE,...", help="Python files of operations of one's own"
    )


def loaded_ops(options: argparse.Namespace) -> tuple[str, ...]:
    """Load the files of `--ops`, and give their hashes.

    Raises:
        UserError: If one cannot be loaded.
    """
    if not options.ops:
        return ()
    from ...models.own_operations import load_files

    return tuple(load_files(options.ops).values())


def given_architecture(reference: str, options: argparse.Namespace) -> tuple[Architecture, int, int]:
    """ARCH with its number of classes and input size: what was asked, else its own, else 10 and 32.

    Raises:
        UserError: If ARCH is neither a preset nor an exported file.
    """
    return sized_architecture(reference, options.num_classes, options.input_size)


def add_training(parser: argparse.ArgumentParser, *, pretrained: str | None, begins: str) -> None:
    """Seeds, device, pretrained weights and policy, with a flag for each of the policy's fields.

    Args:
        pretrained: The default of `--pretrained`.
        begins: What that is, for its help.
    """
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="train each network N times (default 1)"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:N, mps")
    parser.add_argument(
        "--pretrained",
        choices=PRETRAINED,
        default=pretrained,
        metavar="NAME",
        help=f"weights to begin with: {names(PRETRAINED)} ({begins})",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="begin with those of this file instead")
    parser.add_argument(
        "--policy",
        choices=POLICY_NAMES,
        metavar="NAME",
        help=f"{names(POLICY_NAMES)} (default: by the data set; with pretrained weights finetune)",
    )
    group = parser.add_argument_group("policy", "fields to change, from those of --policy")
    kinds: dict[object, Any] = {int: int, float: number}
    said = said_of_fields(Policy)
    for field in fields(Policy):
        name = flag(field.name)
        where: dict[str, Any] = {"dest": f"policy_{field.name}", "default": argparse.SUPPRESS}
        where["help"] = said.get(field.name, "").replace("%", "%%")
        if field.type is bool:
            group.add_argument(name, action=argparse.BooleanOptionalAction, **where)
        elif field.type in kinds:
            group.add_argument(name, type=kinds[field.type], metavar="N", **where)
        else:
            group.add_argument(name, choices=CHOICES[field.name], **where)
    add_json(parser)


def given_training(options: argparse.Namespace) -> dict[str, Any]:
    """What `add_training` added and was typed, by the names of the arguments in Python."""
    found = {name: getattr(options, name) for name in ("seeds", "device", "pretrained", "weights", "policy")}
    changes = {
        name.removeprefix("policy_"): value
        for name, value in vars(options).items()
        if name.startswith("policy_")
    }
    return found | changes


def add_workplace(parser: argparse._ActionsContainer) -> None:
    """Where jobs are done: `--executor` and what belongs to it; only what is typed is an argument."""
    where: dict[str, Any] = {"default": argparse.SUPPRESS}
    parser.add_argument(
        "--executor", metavar="NAME", help="local (default), or ray: workers in a Ray cluster", **where
    )
    parser.add_argument(
        "--ray-address",
        metavar="URL",
        help="of the cluster (default: RAY_ADDRESS, else the latest of this machine, else one begun here)",
        **where,
    )
    parser.add_argument(
        "--ray-cpus", type=float, metavar="N", help="that each worker reserves there (default 1)", **where
    )
    parser.add_argument(
        "--ray-gpus", type=float, metavar="N", help="the same, or a share of one, e.g. 0.25", **where
    )


def add_track(parser: argparse._ActionsContainer) -> None:
    """Where trials and retrainings are logged too."""
    parser.add_argument(
        "--track",
        type=words,
        default=argparse.SUPPRESS,
        metavar="NAMES",
        help="log trials and retrainings there too: mlflow, wandb",
    )


def given_workplace(options: argparse.Namespace) -> dict[str, Any]:
    """What `add_workplace` added and was typed."""
    known = ("executor", "ray_address", "ray_cpus", "ray_gpus")
    return {name: value for name, value in vars(options).items() if name in known}


def said_of_fields(record: type) -> dict[str, str]:
    """What the docstring of a dataclass says of its attributes; nothing where Python leaves them out."""
    _, _, section = (getdoc(record) or "").partition("Attributes:\n")
    section = section.partition("\n\n")[0]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if begins := re.match(r" {4}(\w+): (.*)", line):
            name, found[begins[1]] = begins[1], begins[2]
        elif name:
            found[name] += f" {line.strip()}"
    return found


def names(known: Iterable[str]) -> str:
    """Names as a help text lists them."""
    return ", ".join(known)


def words(text: str) -> tuple[str, ...]:
    """`A,B,...` as a tuple."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def wholes(text: str) -> tuple[int, ...]:
    """`1,4,...` as a tuple."""
    try:
        return tuple(int(word) for word in words(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be whole numbers such as 1,4,16, got {text!r}") from None


def count(text: str) -> int:
    """A whole number, also as 1.2M or 300k."""
    scale = {"k": 10**3, "m": 10**6, "g": 10**9}.get(text[-1:].lower(), 1)
    try:
        return round(float(text[:-1] if scale > 1 else text.replace(",", "").replace("_", "")) * scale)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"must be a number such as 1200000 or 1.2M, got {text!r}") from None


def pairs(text: str) -> dict[str, int | float]:
    """`name=number,...` as a dict."""
    found: dict[str, int | float] = {}
    for name, value in _named(text, "name=number,...").items():
        try:
            found[name] = int(value) if value.isdecimal() else float(value)
        except ValueError:
            given = f"{name}={value}"
            raise argparse.ArgumentTypeError(f"must be name=number,..., got {given!r}") from None
    return found


def files(text: str) -> dict[str, Path]:
    """`name=FILE,...` as a dict."""
    return {name: Path(path) for name, path in _named(text, "COST=FILE,...").items()}


def _named(text: str, form: str) -> dict[str, str]:
    """What is written after each name, which stands once."""
    found: dict[str, str] = {}
    for part in words(text):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not value:
            raise argparse.ArgumentTypeError(f"must be {form}, got {part!r}")
        if name in found:
            raise argparse.ArgumentTypeError(f"must name {name} once, got {text!r}")
        found[name] = value
    return found


def number(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number such as 0.5, without a unit, got {text!r}"
        ) from None


# How the values of a kind of setting are read.
_READ: dict[Kind, Callable[[str], Any]] = {
    "text": str,
    "whole": int,
    "number": number,
    "count": count,
    "words": words,
    "wholes": wholes,
    "path": Path,
    "pairs": pairs,
    "files": files,
    "hashed": words,
}


def add_setting(parser: argparse._ActionsContainer, name: str, declared: Setting) -> None:
    """The flag of a setting."""
    if declared.kind == "switch":
        parser.add_argument(flag(name), action=argparse.BooleanOptionalAction, help=declared.help)
    else:
        read = _READ[declared.kind]
        parser.add_argument(flag(name), type=read, metavar=declared.metavar, help=declared.help)
