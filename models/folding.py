"""What folds: one table of neighbours in a traced network, and the rule that makes them less.

Batch norms go into the convolutions before them. Tiles and shuffles move towards the classifier until a layer
takes them into its weights: past activations and pools, which then do less, past depthwise convolutions and
gates, whose channels then change places, and into the columns of a dense layer. What nothing takes stays.

Weights are folded in float64 and rounded once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..space.channels import modulo
from .layers import Tile
from .traced import Traced

Rule = Callable[[Traced, fx.Node, fx.Node], bool]  # of a node and one that reads it: whether it applied


def norm_into_convolution(traced: Traced, before: fx.Node, norm: fx.Node) -> bool:
    """BN(W x) is a convolution with a bias."""
    convolution, layer = traced.layer(before), traced.layer(norm)
    if len(before.users) > 1 or not isinstance(convolution, nn.Conv2d):
        return False
    scale = _or(layer.weight, 1.0) / (layer.running_var.double() + layer.eps).sqrt()
    bias = (_or(convolution.bias, 0.0) - layer.running_mean.double()) * scale + _or(layer.bias, 0.0)
    traced.put(before, remade(convolution, convolution.weight.double() * scale.view(-1, 1, 1, 1), bias))
    traced.replace(norm, before)
    return True


def input_into_convolution(traced: Traced, before: fx.Node, add: fx.Node) -> bool:
    """W x + x is (W + 1) x."""
    grouped, x = traced.layer(before), before.all_input_nodes[0]
    if len(before.users) > 1 or set(add.args) != {before, x} or grouped.kernel_size != (1, 1):
        return False
    weight = grouped.weight.double()
    rows = torch.arange(len(weight), device=weight.device)
    weight[rows, rows % weight.shape[1]] += 1.0
    traced.put(before, remade(grouped, weight, grouped.bias))
    traced.replace(add, before)
    return True


def nothing(traced: Traced, before: fx.Node, node: fx.Node) -> bool:
    """What does nothing in eval mode."""
    traced.replace(node, before)
    return True


def selections_into_one(traced: Traced, first: fx.Node, second: fx.Node) -> bool:
    """A selection of a selection is one."""
    layer, order = traced.layer(first), traced.layer(first).order
    chosen = [order[channel] for channel in traced.layer(second).order]
    traced.skip(second, first)
    traced.replace(second, traced.select(second.all_input_nodes[0], layer.in_channels, chosen))
    return True


def permutation_into_rows(traced: Traced, before: fx.Node, selection: fx.Node) -> bool:
    """The filters of a convolution go in the order in which its output is read."""
    order = traced.layer(selection).order
    while traced.kind(before) == "alike" and len(before.users) == 1:
        before = before.all_input_nodes[0]
    if traced.kind(before) != "dense" or len(before.users) > 1 or not _permutes(order):
        return False
    layer = traced.layer(before)
    traced.put(before, remade(layer, layer.weight[order], _rows(layer.bias, order)))
    traced.replace(selection, selection.all_input_nodes[0])
    return True


def selection_past_alike(traced: Traced, selection: fx.Node, reader: fx.Node) -> bool:
    """What does the same to every channel does it before they are copied."""
    layer = traced.layer(selection)
    traced.skip(reader, selection)
    traced.select_after(reader, layer.in_channels, layer.order)
    return True


def selection_into_columns(traced: Traced, selection: fx.Node, reader: fx.Node) -> bool:
    """W'[o, c] is the sum of W[o, j] over the copies j of channel c."""
    layer, dense = traced.layer(selection), traced.layer(reader)
    weight = dense.weight.double()
    columns = weight.new_zeros(len(weight), layer.in_channels, *weight.shape[2:])
    columns.index_add_(1, torch.tensor(layer.order, device=weight.device), weight)
    traced.put(reader, remade(dense, columns, dense.bias))
    traced.skip(reader, selection)
    return True


def selection_into_groups(traced: Traced, selection: fx.Node, reader: fx.Node) -> bool:
    """Groups that read copies of the same block of channels are one group with the filters of all."""
    layer, grouped = traced.layer(selection), traced.layer(reader)
    weight, size = grouped.weight, grouped.weight.shape[1]
    read = [layer.order[start : start + size] for start in range(0, len(layer.order), size)]
    blocks, rest = divmod(layer.in_channels, size)
    first = [min(channels) for channels in read]
    readers = [[group for group, start in enumerate(first) if start == size * b] for b in range(blocks)]
    whole = all(sorted(r) == list(range(start, start + size)) for r, start in zip(read, first, strict=True))
    if rest or not whole or len({len(groups) for groups in readers}) > 1:
        return False
    rows, together = len(weight) // grouped.groups, [group for groups in readers for group in groups]
    filters = [weight[g * rows : (g + 1) * rows, _inverse(read[g])] for g in together]
    placed = [group * rows + row for group in together for row in range(rows)]
    traced.put(reader, remade(grouped, torch.cat(filters), _rows(grouped.bias, placed), groups=blocks))
    traced.skip(reader, selection)
    traced.select_after(reader, len(placed), _inverse(placed))
    return True


def permutation_past_depthwise(traced: Traced, selection: fx.Node, reader: fx.Node) -> bool:
    """A tile in another order is a tile before the convolution and the order behind it."""
    layer, depthwise = traced.layer(selection), traced.layer(reader)
    if isinstance(layer, Tile):
        return False
    channels, copies = layer.in_channels, [0] * layer.in_channels
    order = []  # channel j is channel order[j] of the tile
    for channel in layer.order:
        order.append(channel + channels * copies[channel])
        copies[channel] += 1
    if not _permutes(order):
        return False
    back = _inverse(order)
    traced.put(reader, remade(depthwise, depthwise.weight[back], _rows(depthwise.bias, back)))
    traced.skip(reader, selection)
    x = reader.all_input_nodes[0]
    reader.replace_input_with(x, traced.select(x, channels, [j % channels for j in range(len(order))]))
    traced.select_after(reader, len(order), order)
    return True


def permutation_past_sum(traced: Traced, selection: fx.Node, reader: fx.Node) -> bool:
    """Where the copies of a channel go the same way, their sum goes that way."""
    order, channels = traced.layer(selection).order, traced.layer(reader).channels
    moved = modulo(order, channels)
    if not _permutes(order) or moved is None:
        return False
    traced.skip(reader, selection)
    traced.select_after(reader, channels, moved)
    return True


def permutation_past_gate(traced: Traced, selection: fx.Node, scale: fx.Node) -> bool:
    """The gates go in the order before the selection, and their products in the one after it."""
    order = traced.layer(selection).order
    gate = scale.args[1]
    if scale.args[0] is not selection or not isinstance(gate, fx.Node) or not _permutes(order):
        return False
    if traced.channels(gate) != len(order):
        return False
    traced.skip(scale, selection)
    scale.replace_input_with(gate, traced.select(gate, len(order), _inverse(order)))
    traced.select_after(scale, len(order), order)
    return True


# Kinds of a layer and of one that reads it (`models.traced`), and what is done; tried in this order.
FOLDS: tuple[tuple[str, str, Rule], ...] = (
    ("dense", "norm", norm_into_convolution),
    ("grouped", "norm", norm_into_convolution),
    ("depthwise", "norm", norm_into_convolution),
    ("grouped", "add", input_into_convolution),
    ("any", "nothing", nothing),
    # Before a selection has other readers than the weights that take it.
    ("dense", "selection", permutation_into_rows),
    ("alike", "selection", permutation_into_rows),
    ("selection", "selection", selections_into_one),
    ("selection", "alike", selection_past_alike),
    ("selection", "dense", selection_into_columns),
    ("selection", "grouped", selection_into_groups),
    ("selection", "depthwise", permutation_past_depthwise),
    ("selection", "sum", permutation_past_sum),
    ("selection", "scale", permutation_past_gate),
)


def fold(traced: Traced) -> None:
    """Apply the table until nothing in it applies."""
    with torch.no_grad():
        while sum(_applied(traced, *row) for row in FOLDS):
            pass


def _applied(traced: Traced, first: str, second: str, rule: Rule) -> int:
    """How often a rule applied, once through the network."""
    found = 0
    for node in list(traced.graph.nodes):
        if node._erased or traced.kind(node) != second:
            continue
        for before in node.all_input_nodes:
            if first in ("any", traced.kind(before)) and rule(traced, before, node):
                found += 1
                break
    return found


def remade(layer: Any, weight: Tensor, bias: Tensor | None, groups: int | None = None) -> nn.Module:
    """A convolution or linear layer like another one, with these weights."""
    options: dict[str, Any] = {"device": "meta", "bias": bias is not None}  # where no weights are drawn
    kind: type[nn.Module] = nn.Linear
    if isinstance(layer, nn.Conv2d):
        kind = nn.Conv2d  # not a kind of it that trains faster
        options |= {name: getattr(layer, name) for name in ("kernel_size", "stride", "padding", "dilation")}
        options |= {"padding_mode": layer.padding_mode, "groups": groups or layer.groups}
    channels = weight.shape[1] * options.get("groups", 1)
    made = kind(channels, len(weight), **options)
    made.weight = nn.Parameter(weight.to(layer.weight.dtype))
    if bias is not None:
        made.bias = nn.Parameter(bias.to(layer.weight.dtype))
    return made


def _or(tensor: Tensor | None, value: float) -> Any:
    return value if tensor is None else tensor.double()


def _rows(bias: Tensor | None, order: Sequence[int]) -> Tensor | None:
    return None if bias is None else bias[list(order)]


def _permutes(order: Sequence[int]) -> bool:
    return sorted(order) == list(range(len(order)))


def _inverse(order: Sequence[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
