"""What an architecture, a space and the presets are, as plain data and as tables."""

import random
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ...models import CostTable, cost_table
from ...space import (
    FLOPS_CONVENTION,
    PRESETS,
    SITE_NAMES,
    SITES,
    Architecture,
    Cost,
    SearchSpace,
    architecture_hash,
    canonical,
    get_backbone,
    join_choice,
)
from ..samplers.limits import LISTABLE, cheapest_architecture
from .console import make_console

_DRAWN = 2_000  # networks drawn at most


def architecture_facts(architecture: Architecture, *, num_classes: int, input_size: int) -> dict[str, Any]:
    """What an architecture is and costs, in all and site by site.

    Returns:
        `params`, `flops`, `hash`, `sites` (by site: operation, canonical operation, params, flops and
        their shares of the whole), `rest` (the depthwise convolutions, which no site replaces),
        `same_as` (presets that are the same network) and what they were counted for.

    Raises:
        UserError: If a number is out of range.
    """
    table = _table(architecture, num_classes, input_size)
    total = table.cost(architecture)
    form = canonical(architecture)
    by_site = table.by_site(architecture)
    name = architecture_hash(architecture)

    def shares(cost: Cost) -> dict[str, Any]:
        return {
            "params": cost.params,
            "params_share": cost.params / total.params,
            "flops": cost.flops,
            "flops_share": cost.flops / total.flops,
        }

    return {
        "backbone": architecture.backbone,
        "width": architecture.width,
        "num_classes": num_classes,
        "input_size": input_size,
        "hash": name,
        "same_as": [preset for preset, other in PRESETS.items() if architecture_hash(other) == name],
        "params": total.params,
        "flops": total.flops,
        "flops_convention": FLOPS_CONVENTION,
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
    console = make_console()
    console.print(
        f"[bold]{facts['backbone']}[/] at width {facts['width']:g}, {facts['num_classes']} classes, "
        f"{facts['input_size']} px   hash {facts['hash']}"
    )
    if facts["same_as"]:
        console.print(f"published as {', '.join(facts['same_as'])}")
    console.print(f"params [bold]{facts['params']:,}[/]   flops [bold]{facts['flops']:,}[/]")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("site")
    table.add_column("operation")
    for column in ("params", "%", "flops", "%"):
        table.add_column(column, justify="right")
    rows = [(site, join_choice(part["operation"]), part) for site, part in facts["sites"].items()]
    rows += [("(depthwise convs)", "", facts["rest"]["depthwise"])]
    for site, operation, part in rows:
        table.add_row(
            site,
            operation,
            f"{part['params']:,}",
            f"{100 * part['params_share']:.1f}",
            f"{part['flops']:,}",
            f"{100 * part['flops_share']:.1f}",
        )
    console.print(table)
    for site, part in facts["sites"].items():
        if part["operation"] != part["canonical"]:
            console.print(
                f"{site}: {join_choice(part['operation'])} is the same function class here as "
                f"{join_choice(part['canonical'])}; the hash is that network's, and it is trained once"
            )
    console.print(f"flops: {facts['flops_convention']}; last_stage includes the classifier", style="dim")


def space_facts(
    backbone: str, *, width: float, per_stage: Sequence[str], num_classes: int, input_size: int
) -> dict[str, Any]:
    """How large a space is and what its architectures cost.

    Returns:
        `size`, `distinct` (after collapsing what is the same function class), the range of each cost
        with the architectures at its ends, and by site the operations with the cost of each, all
        stages together.

    Raises:
        UserError: If a name is unknown or a number is out of range.
    """
    space = SearchSpace(backbone, width, tuple(per_stage))
    table = _table(space.unmodified, num_classes, input_size)
    unmodified = table.cost(space.unmodified)
    ranges = {}
    for name in ("params", "flops"):
        low = cheapest_architecture(space, table, {name: 1.0})
        high = cheapest_architecture(space, table, {name: -1.0})
        ranges[name] = {
            "least": getattr(table.cost(low), name),
            "unmodified": getattr(unmodified, name),
            "most": getattr(table.cost(high), name),
        }
    sites = {}
    for site in SITE_NAMES:
        operations = {}
        for operation in get_backbone(backbone).operations[site]:
            cost = table.by_site(Architecture(backbone, width, **{site: operation}))[site]
            operations[operation] = {"params": cost.params, "flops": cost.flops}
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
        "sites": sites,
    }


def space_costs(
    backbone: str, *, width: float, per_stage: Sequence[str], num_classes: int, input_size: int
) -> list[Cost]:
    """Costs of every distinct network, of random ones where these are too many."""
    space = SearchSpace(backbone, width, tuple(per_stage))
    table = _table(space.unmodified, num_classes, input_size)
    rng = random.Random(0)
    if space.size <= LISTABLE:
        networks = list(space.distinct())
        networks = networks if len(networks) <= _DRAWN else rng.sample(networks, _DRAWN)
    else:
        options = space.parameters.items()
        networks = [
            space.architecture({name: rng.choice(operations) for name, operations in options})
            for _ in range(_DRAWN)
        ]
    return list(map(table.cost, networks))


def print_space(facts: dict[str, Any]) -> None:
    """Print `space_facts`."""
    console = make_console()
    console.print(
        f"[bold]{facts['backbone']}[/] at width {facts['width']:g}, {facts['num_classes']} classes, "
        f"{facts['input_size']} px: {facts['size']:,} architectures, {facts['distinct']:,} distinct networks"
    )
    for name, span in facts["ranges"].items():
        console.print(
            f"{name} from {span['least']:,} to {span['most']:,}, unmodified [bold]{span['unmodified']:,}[/]"
        )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("site", "operation", "what it is"):
        table.add_column(column)
    for column in ("params", "flops"):
        table.add_column(column, justify="right", no_wrap=True)
    for site, part in facts["sites"].items():
        label = f"{site} (per stage)" if part["per_stage"] else site
        for operation, cost in part["operations"].items():
            what = SITES[site].operations[operation]
            table.add_row(label, operation, what, f"{cost['params']:,}", f"{cost['flops']:,}")
            label = ""
        table.add_section()
    console.print(table)
    console.print(f"costs of a site, all stages together; flops: {facts['flops_convention']}", style="dim")


def preset_facts(*, num_classes: int, input_size: int) -> dict[str, Any]:
    """The published networks with their costs.

    Raises:
        UserError: If a number is out of range.
    """
    presets = {}
    for name, architecture in PRESETS.items():
        cost = _table(architecture, num_classes, input_size).cost(architecture)
        presets[name] = {
            **architecture.to_dict(),
            "hash": architecture_hash(architecture),
            "params": cost.params,
            "flops": cost.flops,
        }
    return {
        "num_classes": num_classes,
        "input_size": input_size,
        "flops_convention": FLOPS_CONVENTION,
        "presets": presets,
    }


def print_presets(facts: dict[str, Any]) -> None:
    """Print `preset_facts`."""
    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("preset", "backbone", *SITE_NAMES):
        table.add_column(column)
    for column in ("params", "flops"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, preset in facts["presets"].items():
        sites = (join_choice(preset[site]) for site in SITE_NAMES)
        table.add_row(name, preset["backbone"], *sites, f"{preset['params']:,}", f"{preset['flops']:,}")
    console.print(table)
    console.print(
        f"{facts['num_classes']} classes, {facts['input_size']} px; flops: {facts['flops_convention']}",
        style="dim",
    )


def _table(architecture: Architecture, num_classes: int, input_size: int) -> CostTable:
    return cost_table(
        architecture.backbone, width=architecture.width, num_classes=num_classes, input_size=input_size
    )
