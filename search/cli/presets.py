"""`cheapsearch presets`: the published networks."""

import argparse
from collections.abc import Callable
from typing import Any

from ...space import COSTS, FLOPS_CONVENTION, PRESETS, SITE_NAMES, architecture_hash, join_choice
from .parser import add_json, add_network


def add(commands: Any) -> None:
    """Declare the command's flags."""
    presets = commands.add_parser(
        "presets",
        help="the published networks",
        examples=("cheapsearch presets --num-classes 1000 --input-size 224",),
    )
    add_network(presets, default=(100, 32))
    add_json(presets)


def perform(options: argparse.Namespace) -> int:
    """Print the facts."""
    from .console import busy, print_facts

    with busy("counting what networks cost") as at:
        facts = preset_facts(num_classes=options.num_classes, input_size=options.input_size, at=at)
    return print_facts(facts, print_presets, as_json=options.json)


def preset_facts(
    *, num_classes: int, input_size: int, at: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """The published networks with their costs.

    Args:
        at: Called with how many are counted, and of how many.

    Raises:
        UserError: If a number is out of range.
    """
    from ...models import cost_table

    presets = {}
    for place, (name, architecture) in enumerate(PRESETS.items()):
        at(place, len(PRESETS))
        cost = cost_table(
            architecture.backbone, width=architecture.width, num_classes=num_classes, input_size=input_size
        ).cost(architecture)
        presets[name] = {
            **architecture.to_dict(),
            "hash": architecture_hash(architecture),
            **cost,
        }
    return {
        "num_classes": num_classes,
        "input_size": input_size,
        "flops_convention": FLOPS_CONVENTION,
        "presets": presets,
    }


def print_presets(facts: dict[str, Any]) -> None:
    """Print `preset_facts`."""
    from rich.table import Table

    from .console import make_console, print_table

    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("preset", "backbone", *SITE_NAMES):
        table.add_column(column)
    costs = [name for name, kind in COSTS.items() if not kind.device]
    for column in costs:
        table.add_column(column, justify="right", no_wrap=True)
    for name, preset in facts["presets"].items():
        sites = (join_choice(preset[site]) for site in SITE_NAMES)
        table.add_row(name, preset["backbone"], *sites, *(f"{preset[cost]:,}" for cost in costs))
    print_table(console, table)
    console.print(
        f"{facts['num_classes']} classes, {facts['input_size']} px; flops: {facts['flops_convention']}",
        style="dim",
    )
