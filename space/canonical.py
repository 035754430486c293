"""Which architectures are the same function class, and the hash that names one.

What an operation amounts to at a block is its row's `effect` (`space.operations`); operations with the same
effects in every block of a stage are one there; one of a user's own may be one of the package's, or of its
file's. Five kinds of sameness collapse, each proved in
`tests/models/test_equivalence.py` by mapping the weights of one network onto the other and comparing the
outputs:

- an operation has nothing to act on (no expand conv, no squeeze-and-excitation in the stage);
- two operations build the same layers there (a shortcut where shapes agree, one group, one copy);
- two operations differ by the order of their weights' rows only;
- two operations make the same hidden channels in another order, and all that reads them follows that order;
- two operations read a block's input in another order, and what writes it can write it so (`space.streams`).

Nothing collapses that differs at another input size, so one hash serves every input size.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from .architecture import Architecture, Choice
from .backbones import CHANNEL_MULTIPLE, get_backbone
from .known_operations import get_operation, with_siblings
from .layout import Block
from .operation import READERS, Operation
from .sites import SITE_NAMES, STAGED_SITES
from .streams import INPUT_SIZES, Form, turned


def canonical(architecture: Architecture) -> Architecture:
    """The architecture that stands for all those with the same function class.

    Wherever several operations come to the same, the first in the backbone's list is taken, and a
    per-stage list becomes one operation where one operation says the same.
    """
    return _canonical(architecture)


def _canonical(architecture: Architecture, *, streams: bool = True) -> Architecture:
    backbone = get_backbone(architecture.backbone)
    forms = _all_forms(architecture, _chosen(architecture), streams=streams)
    choices: dict[str, Choice] = {}
    for index, site in enumerate(STAGED_SITES):
        wanted = [form[index] for form in forms]
        choices[site] = tuple(wanted)
        for operation in with_siblings(backbone.operations[site], site, backbone.family, wanted):
            uniform = [(*form[:index], operation, *form[index + 1 :]) for form in forms]
            given = _all_forms(architecture, uniform, streams=streams)
            if [form[index] for form in given] == wanted:
                choices[site] = operation
                break
    for site in SITE_NAMES:
        if site not in STAGED_SITES:
            choices[site] = network_form(
                backbone.name, architecture.width, site, str(getattr(architecture, site))
            )
    return Architecture(backbone=backbone.name, width=architecture.width, **choices)


def architecture_hash(architecture: Architecture) -> str:
    """Twelve hexadecimal digits that name an architecture's canonical form in every file."""
    return _hash(canonical(architecture))


def accepted_hashes(architecture: Architecture) -> tuple[str, ...]:
    """The hash of an architecture, and the one of before orders were followed from block to block.

    Files that were written then hold that one.
    """
    return architecture_hash(architecture), _hash(_canonical(architecture, streams=False))


def _hash(form: Architecture) -> str:
    return hashlib.sha256(json.dumps(form.to_dict(), sort_keys=True).encode()).hexdigest()[:12]


def stage_forms(architecture: Architecture) -> list[Form]:
    """The canonical operations (expand, project, shortcut, se) of every stage."""
    return _all_forms(architecture, _chosen(architecture))


def _chosen(architecture: Architecture) -> list[Form]:
    stages = range(1, get_backbone(architecture.backbone).stages + 1)
    return [tuple(architecture.operation(site, stage) for site in STAGED_SITES) for stage in stages]


def _all_forms(architecture: Architecture, chosen: Sequence[Form], *, streams: bool = True) -> list[Form]:
    """The canonical operations of every stage, of these and what an architecture has once for the network."""
    name, width = architecture.backbone, architecture.width
    forms = [stage_form(name, width, stage, *form) for stage, form in enumerate(chosen, 1)]
    if not streams:
        return forms
    return turned(name, width, str(architecture.first_conv), str(architecture.last_stage), forms)


@cache
def stage_form(
    name: str,
    width: float,
    stage: int,
    expand: str,
    project: str,
    shortcut: str,
    se: str,
    channel_multiple: int = CHANNEL_MULTIPLE,
) -> Form:
    """The canonical operations of one stage, whatever the other stages hold."""
    backbone = get_backbone(name)
    blocks = dict.fromkeys(
        block
        for size in INPUT_SIZES
        for block in backbone.layout(width, size, channel_multiple).blocks
        if block.stage == stage
    )
    chosen = dict(zip(STAGED_SITES, (expand, project, shortcut, se), strict=True))

    def named(site: str, *amounts: Callable[[Operation], Iterable[object]]) -> str:
        others = with_siblings(backbone.operations[site], site, backbone.family, [chosen[site]])
        wanted = get_operation(site, chosen[site])
        return _first_alike([get_operation(site, other) for other in others], wanted, *amounts)

    def effects(operation: Operation) -> Iterable[object]:
        return (operation.effect(block) for block in blocks)

    # Of equal ones the first, since one of a user's own may say less of orders than it could.
    readers = [get_operation(site, named(site, effects)) for site in READERS]

    def order_left(operation: Operation, block: Block) -> tuple[int, ...]:
        order = operation.order_at(block)
        absorbed = order and all(reader.follows_order(block, order) for reader in readers)
        return () if absorbed else order

    def orders(operation: Operation) -> Iterable[object]:
        return (order_left(operation, block) for block in blocks)

    return tuple(named(site, effects, orders) for site in STAGED_SITES)


@cache
def network_form(
    name: str, width: float, site: str, operation: str, channel_multiple: int = CHANNEL_MULTIPLE
) -> str:
    """The canonical operation of a site that occurs once in a network."""
    backbone = get_backbone(name)
    layouts = [backbone.layout(width, size, channel_multiple) for size in INPUT_SIZES]
    others = with_siblings(backbone.operations[site], site, backbone.family, [operation])
    return _first_alike(
        [get_operation(site, other) for other in others],
        get_operation(site, operation),
        lambda operation: (operation.effect(layout) for layout in layouts),
    )


def _first_alike(
    operations: Iterable[Operation], wanted: Operation, *amounts: Callable[[Operation], Iterable[object]]
) -> str:
    """The name of the first operation that amounts to the same as the wanted one."""
    return next(
        operation.name
        for operation in operations
        if operation == wanted or all(list(amount(operation)) == list(amount(wanted)) for amount in amounts)
    )
