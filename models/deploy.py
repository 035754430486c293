"""The deploy form of a network: a smaller one that answers the same."""

import operator
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import fx, nn

from ..space import Preprocessing, UserError
from .folding import fold, remade
from .traced import Traced


def deploy(network: nn.Module, *, normalise: bool = False) -> nn.Module:
    """A smaller module with the same outputs in eval mode.

    What folds is one table, `models.folding.FOLDS`; what does not fold stays. The largest difference of an
    output is some 1e-6 of the largest output, in float32.

    Args:
        network: What `build` or `load` made; it is left as it is.
        normalise: Whether the module takes images as values in 0..1, and normalises them as the network's
            `preprocessing` says.

    Returns:
        A traced module in eval mode, on the same device. Its layers have the names of those that they were
        made of, and it has neither batch norm nor dropout, so that training it is no use.

    Raises:
        UserError: If it is to normalise, and the network does not know its preprocessing.
    """
    traced = Traced(deepcopy(network).eval())
    fold(traced)
    if normalise:
        known = getattr(network, "preprocessing", None)
        if known is None:
            raise UserError(
                "normalise: must be left out where the network does not know its preprocessing, as only one "
                "with trained weights does"
            )
        _normalise(traced, known)
    traced.module.delete_all_unused_submodules()
    traced.graph.lint()
    traced.module.recompile()
    return traced.module.eval().requires_grad_(False)


@torch.no_grad()
def _normalise(traced: Traced, preprocessing: Preprocessing) -> None:
    """The division goes into the first convolution; that pads with zeros, so the subtraction comes before."""
    image = next(node for node in traced.graph.nodes if node.op == "placeholder")
    readers = list(image.users)
    centred = _with_channels(traced, operator.sub, image, "mean", preprocessing.mean)
    if any(traced.kind(reader) != "dense" for reader in readers):
        _with_channels(traced, operator.truediv, centred, "std", preprocessing.std)
        return
    for reader in readers:
        layer = traced.layer(reader)
        std = torch.tensor(preprocessing.std, dtype=torch.float64, device=layer.weight.device)
        traced.put(reader, remade(layer, layer.weight / std.view(1, -1, 1, 1), layer.bias))


def _with_channels(
    traced: Traced, function: Callable[..., Any], x: fx.Node, name: str, values: tuple[float, ...]
) -> fx.Node:
    """A function of a value and three numbers, one a channel, which is read in the value's place."""
    like = next(traced.module.parameters())
    numbers = torch.tensor(values, device=like.device, dtype=like.dtype).view(1, -1, 1, 1)
    traced.module.register_buffer(name, numbers)
    with traced.graph.inserting_after(x):
        constant = traced.graph.get_attr(name)
    with traced.graph.inserting_after(constant):
        made = traced.graph.call_function(function, (x, constant))
    x.replace_all_uses_with(made, delete_user_cb=lambda reader: reader is not made)
    return made
