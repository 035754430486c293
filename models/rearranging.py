"""Modules that are the same but for the order of their channels: weights carried along, outputs compared."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, islice, product

import torch
from torch import Tensor, nn

from ..space.channels import Order, keeps_groups, modulo

Axes = tuple[Tensor | None, Tensor | None]  # orders of shape (rows,) and (rows, columns), None for as it is

MOST = 4096  # rearrangements to try: all of them, but for operations of many layers

equal = partial(torch.allclose, rtol=1e-10, atol=1e-10)


def randomise(module: nn.Module) -> nn.Module:
    """Make a module float64, in eval mode, with batch norms that differ from channel to channel."""
    for layer in module.double().eval().modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight.data, layer.running_var):
                tensor.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            for tensor in (layer.bias.data, layer.running_mean):
                tensor.normal_(0.0, 0.3)  # type: ignore[union-attr]
    return module


def load(module: nn.Module, values: Sequence[Tensor]) -> None:
    """Give a module the numbers of its state, in the order of the state."""
    module.load_state_dict(dict(zip(module.state_dict(), values, strict=True)))


def matching(made: Tensor, expected: Tensor) -> Tensor | None:
    """The channel (axis 1) of `expected` that each channel of `made` equals, None where one equals none."""
    apart = torch.cdist(made.transpose(0, 1).flatten(1), expected.transpose(0, 1).flatten(1))
    rows = apart.argmin(1)
    matches = torch.equal(rows.sort().values, torch.arange(len(rows))) and equal(made, expected[:, rows])
    return rows if matches else None


def rearrangements(module: nn.Module, order: Order) -> Iterator[list[Tensor]]:
    """The module's weights permuted along with its input channels, in every way that makes sense.

    An axis as long as `order` is permuted by it, a shorter one by what it does to the channels modulo its
    length, the columns of a grouped conv within each group; any may also stay as it is. The tensors of one
    layer share the choice for their first axis, which is its output. At most `MOST` are made.
    """
    layers = [
        (getattr(module.get_submodule(name), "groups", 1), [value.clone() for _, value in entries])
        for name, entries in groupby(module.state_dict().items(), lambda entry: entry[0].rpartition(".")[0])
    ]
    for chosen in islice(product(*(_axes(state[0], groups, order) for groups, state in layers)), MOST):
        yield [
            _along(value, *axes) for (_, state), axes in zip(layers, chosen, strict=True) for value in state
        ]


def _axes(weight: Tensor, groups: int, order: Order) -> list[Axes]:
    rows = _moves(len(weight), order)
    if len(weight) < len(order):
        rows.reverse()  # most layers mix their inputs, and their outputs stay where they are
    if weight.dim() < 2:
        return [(row, None) for row in rows]
    width = weight.shape[1]
    columns: list[Tensor | None]
    if groups > 1 and groups * width == len(order) and keeps_groups(order, groups):
        within = torch.tensor(order).view(groups, width) % width
        columns = [within.repeat_interleave(len(weight) // groups, dim=0), None]
    else:
        columns = [None if move is None else move.expand(len(weight), width) for move in _moves(width, order)]
    return list(product(rows, columns))


def _moves(length: int, order: Order) -> list[Tensor | None]:
    moved = order if length == len(order) else modulo(order, length) if 1 < length < len(order) else None
    return [None] if moved is None else [torch.tensor(moved), None]


def _along(value: Tensor, rows: Tensor | None, columns: Tensor | None) -> Tensor:
    if columns is not None and value.dim() > 1:
        value = value[torch.arange(len(value))[:, None], columns]
    return value if rows is None or value.dim() == 0 else value[rows]
