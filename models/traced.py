"""A traced network whose layers are told apart by what may be done to them, replaced and rewired.

Tiles and shuffles are *selections*: output channel j is input channel `order[j]`.
"""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from .layers import ChannelConv, DepthwiseConv2d, GroupSum, Shuffle, Tile


class Select(nn.Module):
    """Output channel j is input channel `order[j]`: (N, `in_channels`, ...) to (N, len(`order`), ...)."""

    index: Tensor

    def __init__(self, in_channels: int, order: Sequence[int], device: torch.device) -> None:
        super().__init__()
        self.in_channels, self.order = in_channels, list(order)
        self.register_buffer("index", torch.tensor(self.order, device=device))

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(1, self.index)


# What a layer is to the rules of `models.folding`; a convolution is `dense`, `grouped` or `depthwise`.
KINDS: dict[type[nn.Module], str] = {
    nn.BatchNorm2d: "norm",
    nn.Linear: "dense",
    # These do the same to every channel.
    nn.ReLU: "alike",
    nn.ReLU6: "alike",
    nn.Hardswish: "alike",
    nn.Hardsigmoid: "alike",
    nn.AvgPool2d: "alike",
    nn.AdaptiveAvgPool2d: "alike",
    nn.Identity: "nothing",
    nn.Dropout: "nothing",
    ChannelConv: "neighbours",
    GroupSum: "sum",
    Tile: "selection",
    Shuffle: "selection",
    Select: "selection",
}
CONVOLUTIONS = (nn.Conv2d, DepthwiseConv2d)
IN_PLACE = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid)
FUNCTIONS: dict[Callable[..., Any] | str, str] = {operator.add: "add", operator.mul: "scale"}


class Tracer(fx.Tracer):
    """Looks into modules down to the layers of `KINDS` and those that hold no others."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in KINDS or not any(m.children())


class Traced:
    """A network as a graph.

    Args:
        network: In eval mode; its layers are changed with the graph.
    """

    def __init__(self, network: nn.Module) -> None:
        self.module = fx.GraphModule(network, Tracer().trace(network), "Deployed")
        self.graph = self.module.graph
        calls = [str(node.target) for node in self.graph.nodes if node.op == "call_module"]
        self._calls = Counter(calls)
        self._layers = {name: self.module.get_submodule(name) for name in calls}
        for layer in self._layers.values():
            if isinstance(layer, IN_PLACE):
                layer.inplace = False  # others may come to read what it reads

    def layer(self, node: fx.Node) -> Any:
        """What a node of op `call_module` calls."""
        return self._layers[str(node.target)]

    def kind(self, node: fx.Node) -> str:
        """What a node is to the rules, `other` where they do not know it."""
        if node.op == "call_function":
            return FUNCTIONS.get(node.target, "other")
        if (node.op, node.target, node.args[1:]) == ("call_method", "flatten", (1,)):
            return "alike"  # of single pixels
        if node.op != "call_module" or self._calls[str(node.target)] > 1:
            return "other"
        layer = self.layer(node)
        if type(layer) not in CONVOLUTIONS:
            return KINDS.get(type(layer), "other")
        if layer.groups == 1:
            return "dense"
        return "depthwise" if layer.groups == layer.in_channels == layer.out_channels else "grouped"

    def channels(self, node: fx.Node) -> int | None:
        """How many a node's output has, None where that is not known."""
        while (kind := self.kind(node)) in ("alike", "neighbours"):
            (node,) = node.all_input_nodes
        if kind == "selection":
            return len(self.layer(node).order)
        convolution = kind in ("dense", "grouped", "depthwise") and isinstance(self.layer(node), nn.Conv2d)
        return self.layer(node).out_channels if convolution else None

    def put(self, node: fx.Node, layer: nn.Module) -> None:
        """Have a node call another layer."""
        self._layers[str(node.target)] = layer
        self.module.set_submodule(str(node.target), layer)

    def select(self, x: fx.Node, in_channels: int, order: Sequence[int]) -> fx.Node:
        """A selection of the channels of `x`, behind it; `x` itself where that is all of them in order."""
        order = list(order)
        if order == list(range(in_channels)):
            return x
        layer: Tile | Select = Tile(in_channels, len(order))
        if layer.order != order:
            device = next((weight.device for weight in self.module.parameters()), torch.device("cpu"))
            layer = Select(in_channels, order, device)
        name = f"selection_{len(self._layers)}"
        self._layers[name] = layer
        self.module.add_submodule(name, layer)
        with self.graph.inserting_after(x):
            return self.graph.call_module(name, (x,))

    def select_after(self, node: fx.Node, channels: int, order: Sequence[int]) -> None:
        """Have the readers of a node read a selection of its channels."""
        selected = self.select(node, channels, order)
        node.replace_all_uses_with(selected, delete_user_cb=lambda reader: reader is not selected)

    def skip(self, reader: fx.Node, node: fx.Node) -> None:
        """Have a reader of a node read the node's input, and drop the node if nothing else reads it."""
        reader.replace_input_with(node, node.all_input_nodes[0])
        if not node.users:
            self.graph.erase_node(node)

    def replace(self, node: fx.Node, other: fx.Node) -> None:
        """Have the readers of a node read another one instead, and drop the node."""
        node.replace_all_uses_with(other)
        self.graph.erase_node(node)
