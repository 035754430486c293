"""`cheapsearch show`: what an architecture is and costs, site by site."""

import argparse
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ...space import (
    COSTS,
    FLOPS_CONVENTION,
    PRESETS,
    SITE_NAMES,
    Architecture,
    Cost,
    additive_costs,
    architecture_hash,
    canonical,
    join_choice,
    shown_costs,
)
from ...space.costs import exact
from ...space.device_table import DeviceTable
from .parser import add_json, add_network, add_ops, add_tables, given_architecture, given_tables, loaded_ops

if TYPE_CHECKING:
    from rich.table import Table


def add(commands: Any) -> None:
    """Declare the command's flags."""
    show = commands.add_parser(
        "show",
        help="what an architecture is and costs, site by site",
        examples=(
            "cheapsearch show cheap_v2 --num-classes 1000 --input-size 224",
            "cheapsearch show runs/mobilenet_v2-digits/best.yaml",
        ),
    )
    show.add_argument("arch", metavar="ARCH", help="a preset's name or an exported YAML")
    add_network(show, default=None)
    add_ops(show)
    add_tables(show)
    add_json(show)


def perform(options: argparse.Namespace) -> int:
    """Print the facts."""
    from .console import busy, print_facts

    loaded_ops(options)
    architecture, num_classes, input_size = given_architecture(options.arch, options)
    with busy("counting what the network costs"):
        facts = architecture_facts(
            architecture, num_classes=num_classes, input_size=input_size, tables=given_tables(options)
        )
    return print_facts(facts, print_architecture, as_json=options.json)


def architecture_facts(
    architecture: Architecture, *, num_classes: int, input_size: int, tables: Sequence[DeviceTable] = ()
) -> dict[str, Any]:
    """What an architecture is and costs, in all and site by site.

    Args:
        tables: Of costs on a device.

    Returns:
        Every cost by name, `hash`, `sites` (by site: operation, canonical operation, additive costs and
        their shares of the whole), `rest` (the depthwise convolutions, which no site replaces),
        `same_as` (presets that are the same network), what they were counted for, and how far off those are
        that tables of a device predict.

    Raises:
        UserError: If a number is out of range, or a table lacks a piece of the network.
    """
    from ...models import cost_table

    table = cost_table(
        architecture.backbone, width=architecture.width, num_classes=num_classes, input_size=input_size
    ).with_tables(tables)
    total = table.cost(architecture)
    form = canonical(architecture)
    by_site = table.by_site(architecture)
    name = architecture_hash(architecture)

    def shares(cost: Cost) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in cost.items():
            found |= {name: value, f"{name}_share": value / total[name]}
        return found

    return {
        "backbone": architecture.backbone,
        "width": architecture.width,
        "num_classes": num_classes,
        "input_size": input_size,
        "hash": name,
        "same_as": [preset for preset, other in PRESETS.items() if architecture_hash(other) == name],
        **total,
        "flops_convention": FLOPS_CONVENTION,
        "predicted": {name: predictor.said for name, predictor in table.on_device.items()},
        "sites": {
            site: {
                "operation": getattr(architecture, site),
                "canonical": getattr(form, site),
                **shares(by_site[site]),
            }
            for site in SITE_NAMES
        },
        "rest": {"depthwise": shares(by_site["depthwise"])},
    }


def print_architecture(facts: dict[str, Any]) -> None:
    """Print `architecture_facts`."""
    from .console import fits, make_console, print_table

    console = make_console()
    console.print(
        f"[bold]{facts['backbone']}[/] at width {facts['width']:g}, {facts['num_classes']} classes, "
        f"{facts['input_size']} px   hash {facts['hash']}"
    )
    if facts["same_as"]:
        console.print(f"published as {', '.join(facts['same_as'])}")
    for deploy in (False, True):
        names = [name for name, kind in COSTS.items() if kind.deploy is deploy and name in facts]
        console.print("   ".join(f"{name} [bold]{exact(name, facts[name])}[/]" for name in names))
    for name, said in facts["predicted"].items():
        console.print(f"{name}: {said}", style="dim")
    table = _site_table(facts, additive_costs())
    if not fits(console, table):
        table = _site_table(facts, [name for name in shown_costs() if name in additive_costs()])
    print_table(console, table)
    for site, part in facts["sites"].items():
        if part["operation"] != part["canonical"]:
            console.print(
                f"{site}: {join_choice(part['operation'])} is the same function class here as "
                f"{join_choice(part['canonical'])}; the hash is that network's, and it is trained once"
            )
    console.print(
        f"flops: {facts['flops_convention']}; last_stage includes the classifier; deploy_: of what "
        "cheapsearch.deploy makes of it",
        style="dim",
    )


def _site_table(facts: dict[str, Any], costs: list[str]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("site")
    table.add_column("operation")
    for name in costs:
        table.add_column(name, justify="right", no_wrap=True)
        table.add_column("%", justify="right", no_wrap=True)
    rows = [(site, join_choice(part["operation"]), part) for site, part in facts["sites"].items()]
    rows += [("(depthwise convs)", "", facts["rest"]["depthwise"])]
    for site, operation, part in rows:
        numbers = ((f"{part[name]:,}", f"{100 * part[f'{name}_share']:.1f}") for name in costs)
        table.add_row(site, operation, *chain.from_iterable(numbers))
    return table
