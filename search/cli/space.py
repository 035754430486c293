"""`cheapsearch space`: sites, operations, size and range of costs of a search space."""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import (
    FLOPS_CONVENTION,
    SITE_NAMES,
    SITES,
    STAGED_SITES,
    Architecture,
    Cost,
    SearchSpace,
    additive_costs,
    get_operation,
    shown_costs,
)
from ...space.costs import exact
from ...space.device_table import DeviceTable
from ...space.own_backbones import named_backbone
from .parser import (
    BACKBONE_HELP,
    add_json,
    add_network,
    add_ops,
    add_tables,
    given_tables,
    loaded_ops,
    names,
    words,
)

if TYPE_CHECKING:
    from rich.table import Table

    from ...models import CostTable

_DRAWN = 2_000  # networks drawn at most


def add(commands: Any) -> None:
    """Declare the command's flags."""
    space = commands.add_parser(
        "space",
        help="sites, operations, size and range of costs of a search space",
        examples=(
            "cheapsearch space",
            "cheapsearch space --backbone mobilenet_v3_small --per-stage se -o space.html",
        ),
    )
    space.add_argument("--backbone", default="mobilenet_v2", metavar="NAME", help=BACKBONE_HELP)
    space.add_argument("--width", type=float, default=1.0, help="width multiplier (default 1)")
    space.add_argument("--per-stage", type=words, default=(), metavar="SITES", help=names(STAGED_SITES))
    add_network(space, default=(10, 32))
    add_ops(space)
    add_tables(space)
    space.add_argument("-o", "--output", type=Path, metavar="FILE", help="draw it too: an HTML page")
    add_json(space)


def perform(options: argparse.Namespace) -> int:
    """Print the facts, and draw them where that is asked."""
    from .console import busy, print_facts

    keys = ("width", "per_stage", "num_classes", "input_size")
    settings: dict[str, Any] = {name: getattr(options, name) for name in keys}
    settings |= {"tables": given_tables(options), "own": loaded_ops(options)}
    backbone = named_backbone(options.backbone)
    with busy("counting networks and what they cost"):
        facts = space_facts(backbone, **settings)
        if options.output is not None:
            from ...reports import write_space

            write_space(facts, space_costs(backbone, **settings), options.output)
    return print_facts(facts, print_space, as_json=options.json)


def space_facts(
    backbone: str,
    *,
    width: float,
    per_stage: Sequence[str],
    num_classes: int,
    input_size: int,
    tables: Sequence[DeviceTable] = (),
    own: tuple[str, ...] = (),
) -> dict[str, Any]:
    """How large a space is and what its architectures cost.

    Returns:
        `size`, `distinct` (after collapsing what is the same function class), the range of each cost
        with the architectures at its ends, and by site the operations with the cost of each, all
        stages together.

    Raises:
        UserError: If a name is unknown or a number is out of range.
    """
    from ..samplers.limits import cheapest_architecture

    space = SearchSpace(backbone, width, tuple(per_stage), own)
    table = _table(space.unmodified, num_classes, input_size).with_tables(tables)
    unmodified = table.cost(space.unmodified)
    ranges = {}
    for name in additive_costs():
        low = cheapest_architecture(space, table, {name: 1.0})
        high = cheapest_architecture(space, table, {name: -1.0})
        ranges[name] = {
            "least": table.cost(low)[name],
            "unmodified": unmodified[name],
            "most": table.cost(high)[name],
        }
    if tables:  # known of whole networks alone
        networks = _networks(space)
        for name in table.on_device:
            values = [table.cost(network, [name])[name] for network in networks]
            ranges[name] = {"least": min(values), "unmodified": unmodified[name], "most": max(values)}
    sites = {}
    for site in SITE_NAMES:
        operations = {}
        for operation in space.operations[site]:
            cost = table.by_site(Architecture(backbone, width, **{site: operation}))[site]
            operations[operation] = dict(cost)
        sites[site] = {
            "where": SITES[site].where,
            "per_stage": site in space.per_stage,
            "operations": operations,
        }
    return {
        "backbone": backbone,
        "width": space.width,
        "num_classes": num_classes,
        "input_size": input_size,
        "size": space.size,
        "distinct": space.distinct_size,
        "ranges": ranges,
        "flops_convention": FLOPS_CONVENTION,
        "predicted": {name: predictor.said for name, predictor in table.on_device.items()},
        "sites": sites,
    }


def space_costs(
    backbone: str,
    *,
    width: float,
    per_stage: Sequence[str],
    num_classes: int,
    input_size: int,
    tables: Sequence[DeviceTable] = (),
    own: tuple[str, ...] = (),
) -> list[Cost]:
    """Costs of every distinct network, of random ones where these are too many."""
    space = SearchSpace(backbone, width, tuple(per_stage), own)
    table = _table(space.unmodified, num_classes, input_size).with_tables(tables)
    return list(map(table.cost, _networks(space)))


def _networks(space: SearchSpace) -> list[Architecture]:
    """Every distinct network, or random ones where these are too many."""
    from ..samplers.limits import LISTABLE

    rng = random.Random(0)
    if space.size <= LISTABLE:
        networks = list(space.distinct())
        return networks if len(networks) <= _DRAWN else rng.sample(networks, _DRAWN)
    options = space.parameters.items()
    return [
        space.architecture({name: rng.choice(operations) for name, operations in options})
        for _ in range(_DRAWN)
    ]


def print_space(facts: dict[str, Any]) -> None:
    """Print `space_facts`."""
    from .console import fits, make_console, print_table

    console = make_console()
    console.print(
        f"[bold]{facts['backbone']}[/] at width {facts['width']:g}, {facts['num_classes']} classes, "
        f"{facts['input_size']} px: {facts['size']:,} architectures, {facts['distinct']:,} distinct networks"
    )
    for name, span in facts["ranges"].items():
        console.print(
            f"{name} from {exact(name, span['least'])} to {exact(name, span['most'])}, "
            f"unmodified [bold]{exact(name, span['unmodified'])}[/]"
        )
    for name, said in facts["predicted"].items():
        console.print(f"{name}: {said}", style="dim")
    table = _site_table(facts, additive_costs())
    if not fits(console, table):
        table = _site_table(facts, [name for name in shown_costs() if name in additive_costs()])
    print_table(console, table)
    console.print(f"costs of a site, all stages together; flops: {facts['flops_convention']}", style="dim")


def _site_table(facts: dict[str, Any], costs: Sequence[str]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("site", "operation", "what it is"):
        table.add_column(column)
    for column in costs:
        table.add_column(column, justify="right", no_wrap=True)
    for site, part in facts["sites"].items():
        label = f"{site} (per stage)" if part["per_stage"] else site
        for operation, cost in part["operations"].items():
            what = get_operation(site, operation).what
            table.add_row(label, operation, what, *(f"{cost[name]:,}" for name in costs))
            label = ""
        table.add_section()
    return table


def _table(unmodified: Architecture, num_classes: int, input_size: int) -> "CostTable":
    from ...models import cost_table

    return cost_table(
        unmodified.backbone, width=unmodified.width, num_classes=num_classes, input_size=input_size
    )
