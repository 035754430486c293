"""Whether an operation does what its row says: for the operations here and for those that people add.

The checks build the operation everywhere it is offered and compare numbers in float64; what a row claims of
sameness is looked for among rearrangements of the weights.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.fx.proxy import TraceError

from ..space import (
    OPERATIONS,
    Backbone,
    Block,
    Layout,
    Operation,
    UserError,
    conv_groups,
    get_operation,
)
from ..space.channels import Order
from ..space.effects import IDENTITY
from ..space.operation import FOLLOWERS, READERS
from .cost import count_flops
from .deploy import deploy
from .operations import Builder, build_operation
from .places import Place, is_cut, places, shape
from .rearranging import equal, load, matching, randomise, rearrangements


def check_operation(
    operation: Operation, builder: Builder | None = None, *, others: Sequence[Operation] = OPERATIONS
) -> None:
    """Build an operation at every backbone that offers it and compare it with its row.

    Checked are: shapes and, at the last stage, features; that the input of `expand` and `shortcut`, which a
    block reads twice, is left alone; that all its operators are counted; that it deploys to the same answers;
    that all its weights learn; that it computes the same as others of its effect, and as its plain one; and
    the orders it says.

    Args:
        operation: Its row, which need not be in the table yet.
        builder: What builds it, if its row does not say so yet.
        others: That it may be the same as.

    Raises:
        UserError: At the first thing that is not so.
        NotImplementedError: If it runs an operator that `models.cost.HANDLES` does not list.
    """
    alike: dict[object, Place] = {}
    for place in places(operation):
        alike.setdefault((place.backbone.family, shape(place.at)), place)
    counted = set()
    with torch.random.fork_rng(devices=[]):
        for place in alike.values():
            torch.manual_seed(0)
            module = build_operation(operation, place.backbone, place.at, builder)
            if module is None:
                _check_absence(operation, place)
                continue
            _check_shapes(operation, place, randomise(module))
            _check_effect(operation, place, module, others)
            computes = operation.effect(place.at) != IDENTITY
            if operation.site in FOLLOWERS and computes:
                _check_follows(operation, place, module)
            if operation.sorts and computes:
                _check_sorts(operation, place, module)
            if operation.plain is not None:
                _check_reads(operation, place, module)
            kind = (place.backbone.family, operation.effect(place.at), is_cut(place.at))
            if kind not in counted:
                counted.add(kind)
                count_flops(module, place.given)
                _check_deploys(operation, place, module)
                _check_learns(operation, place, module)


def _refuse(operation: Operation, place: Place, rule: str) -> NoReturn:
    raise UserError(f"{operation.site} {operation.name}: {rule}; of {place.backbone.name} at {place.at}")


def _check_absence(operation: Operation, place: Place) -> None:
    expands = isinstance(place.at, Block) and place.at.expands
    if operation.site not in ("shortcut", "se") and (operation.site != "expand" or expands):
        _refuse(operation, place, "effect must not be 'absent' where the network needs its output")


@torch.no_grad()
def _check_shapes(operation: Operation, place: Place, module: nn.Module) -> None:
    if operation.site == "expand" and isinstance(place.at, Block) and not place.at.expands:
        _refuse(operation, place, "effect must be 'absent' in a block that does not expand")
    if operation.site == "se" and isinstance(place.at, Block) and not place.at.squeeze_excitation:
        _refuse(operation, place, "effect must be 'absent' in a block without squeeze-and-excitation")
    x = torch.randn(place.given, dtype=torch.float64)
    given = x.clone()
    y = module(given)
    if tuple(y.shape) != place.wanted:
        _refuse(operation, place, f"must make {place.wanted} of {place.given}, got {tuple(y.shape)}")
    if operation.site in ("expand", "shortcut") and not torch.equal(given, x):
        _refuse(operation, place, "must not write into its input, which the block reads twice")


@torch.no_grad()
def _check_deploys(operation: Operation, place: Place, module: nn.Module) -> None:
    x = torch.randn(place.given, dtype=torch.float64)
    try:
        deployed = deploy(nn.Sequential(module))  # inside another, as in a network
    except TraceError as error:
        _refuse(operation, place, f"must be one that torch.fx can trace ({error})")
    if not equal(deployed(x.clone()), module(x.clone())):
        _refuse(operation, place, "must answer the same in its deploy form (models.folding)")


def _check_learns(operation: Operation, place: Place, module: nn.Module) -> None:
    """As in a training: every weight, and where weights come before it what they made, has a gradient."""
    x = torch.randn(place.given, dtype=torch.float64, requires_grad=operation.site != "first_conv")
    y = module.train()(x.clone())
    (y * torch.randn_like(y)).sum().backward()
    module.eval()
    gradients = {f"weight {name}": value.grad for name, value in module.named_parameters()}
    if x.requires_grad:
        gradients["input"] = x.grad
    for name, gradient in gradients.items():
        if gradient is None or not gradient.isfinite().all():
            _refuse(operation, place, f"its {name} must have a gradient, and a finite one")


@torch.no_grad()
def _check_effect(operation: Operation, place: Place, module: nn.Module, others: Sequence[Operation]) -> None:
    """Compare with the other operations of the same effect there."""
    effect = operation.effect(place.at)
    others = [
        other
        for other in others
        if (other.site, other.name) != (operation.site, operation.name)
        and other.site == operation.site
        and place.backbone.family in other.families
        and other.effect(place.at) == effect
    ]
    x = torch.randn(place.given, dtype=torch.float64)
    for other in others:
        same = randomise(build_operation(other, place.backbone, place.at) or nn.Identity())
        expected = same(x.clone())
        order = [_order(row, place.at, expected.shape[1]) for row in (operation, other)]
        weights = list(same.state_dict().values())
        if [value.shape for value in module.state_dict().values()] != [value.shape for value in weights]:
            _refuse(operation, place, f"has the effect {effect!r} of {other.name} but other weights than it")
        load(module, weights)
        made = module(x.clone())
        # channel j of either is channel order[j] of one and the same
        if equal(made[:, order[0].argsort()], expected[:, order[1].argsort()]):
            continue
        rows = matching(made, expected)
        if operation.order is None and other.order is None and rows is not None:
            load(
                module,
                [
                    value[rows.argsort()] if value.shape[:1] == rows.shape else value
                    for value in same.state_dict().values()
                ],
            )
            if equal(module(x.clone()), expected):
                continue
        _refuse(operation, place, f"has the effect {effect!r} of {other.name} but computes something else")


def _order(operation: Operation, at: Block | Layout, channels: int) -> Tensor:
    order = operation.order_at(at) if isinstance(at, Block) else ()
    return torch.tensor(order or range(channels))


@torch.no_grad()
def _check_follows(operation: Operation, place: Place, module: nn.Module) -> None:
    x = torch.randn(place.given, dtype=torch.float64)
    expected = module(x.clone())
    for order in _orders(operation, place):
        if not operation.follows_order(place.at, order):
            continue
        wanted = expected[:, order] if operation.site == "se" else expected
        any_order = _sorted if operation.site == "last_stage" else Tensor.contiguous
        if not any(
            equal(any_order(made), any_order(wanted)) for made in _rearranged(module, x[:, order], order)
        ):
            _refuse(
                operation,
                place,
                f"follows says that it computes the same from channels in the order {order[:8]}..., but no "
                "rearrangement of its weights does",
            )


@torch.no_grad()
def _check_sorts(operation: Operation, place: Place, module: nn.Module) -> None:
    x = torch.randn(place.given, dtype=torch.float64)
    expected = module(x.clone())
    order = torch.randperm(place.wanted[1]).tolist()
    for made in _rearranged(module, x, order):
        if equal(made, expected[:, order]):
            return
        rows = matching(made, expected)  # sorted before a shuffle, they come in another order
        if rows is not None and not torch.equal(rows, rows.sort().values):
            return
    _refuse(
        operation,
        place,
        "sorts says that it computes its channels in any order, but no rearrangement of its weights does",
    )


@torch.no_grad()
def _check_reads(operation: Operation, place: Place, module: nn.Module) -> None:
    """Compare with the plain operation of the channels that it is said to read."""
    assert operation.reads is not None
    plain = build_operation(get_operation(operation.site, str(operation.plain)), place.backbone, place.at)
    assert plain is not None
    x = torch.randn(place.given, dtype=torch.float64)
    load(randomise(plain), list(module.state_dict().values()))
    if not equal(module(x.clone()), plain(x[:, list(operation.reads(place.given[1]))])):
        _refuse(operation, place, f"is not {operation.plain} of the channels in the order of reads")


def _rearranged(module: nn.Module, x: Tensor, order: Order) -> Iterator[Tensor]:
    """What the module makes of `x` with its weights rearranged in every way; it gets its own back."""
    weights = [value.clone() for value in module.state_dict().values()]
    for rearranged in rearrangements(module, order):
        load(module, rearranged)
        made = module(x.clone())
        load(module, weights)
        yield made


def _sorted(features: Tensor) -> Tensor:
    """Channels by the numbers of the first sample; copies may follow each other in any order."""
    return features[:, features[0].flatten(1)[:, 0].argsort()]


def _orders(operation: Operation, place: Place) -> Iterator[list[int]]:
    """Those that operations at `expand` read, for what gets as many channels; else see `_hidden_orders`."""
    if isinstance(place.at, Block) and operation.site in READERS:
        yield from _hidden_orders(place.at, place.backbone)
        return
    channels = place.given[1]
    for row in OPERATIONS:
        if row.reads is not None and place.backbone.family in row.families:
            yield list(row.reads(channels))
    yield torch.randperm(channels).tolist()


def _hidden_orders(block: Block, backbone: Backbone) -> Iterator[list[int]]:
    """Those of the operations at `expand`, copies moved alike, groups mixed within, and any."""
    hidden, channels = block.hidden, block.in_channels
    for operation in OPERATIONS:
        if operation.site == "expand" and backbone.family in operation.families:
            order = operation.order_at(block)
            if order:
                yield list(order)
    if hidden % channels == 0:
        moved = torch.randperm(channels).tolist()
        yield [moved[j % channels] + j // channels * channels for j in range(hidden)]
    size = hidden // conv_groups(hidden, block.out_channels)
    yield [first + j for first in range(0, hidden, size) for j in torch.randperm(size).tolist()]
    yield torch.randperm(hidden).tolist()
