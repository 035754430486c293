"""What a network takes over from the trained weights of its backbone's unmodified network.

Where an operation is the unmodified network's, its layers are the same and so are their weights. A cheap
operation begins with what the table says: with rows and columns of the dense layer in whose place it stands,
or fresh.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..space import STAGED_SITES
from .layers import Ghost, Shuffle, Tile
from .network import Network

Rule = Callable[[nn.Module, nn.Module], Iterator[tuple[Tensor, Tensor]]]  # tensors to fill, and with what


def same_layers(module: nn.Module, trained: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """All there is, in the order of the layers."""
    return zip(_tensors(module), _tensors(trained), strict=True)


def diagonal_blocks(module: nn.Module, trained: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of dense 1x1 convs, of which each keeps the columns that its group reads."""
    for (conv, norm, read, made), (dense, dense_norm, *_) in zip(
        _convs(module), _convs(trained), strict=True
    ):
        rows = torch.tensor(made).argsort()  # output channel j is row made[j]
        group = torch.arange(conv.out_channels) // (conv.out_channels // conv.groups)
        columns = torch.tensor(read).view(conv.groups, -1)[group]
        yield conv.weight, dense.weight[rows].gather(1, columns[:, :, None, None])
        for mine, theirs in ((conv, dense), (norm, dense_norm)):
            vectors = zip(_tensors(mine), _tensors(theirs), strict=True)
            yield from ((vector, value[rows]) for vector, value in vectors if vector.dim() == 1)


def first_rows(module: nn.Module, trained: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of the channels that a ghost module makes by its 1x1 conv."""
    assert isinstance(module, Ghost)
    for mine, theirs in zip(_tensors(module.primary), _tensors(trained), strict=True):
        yield mine, theirs[: len(mine)]


def mean_of_copies(module: nn.Module, trained: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """The mean of the columns whose inputs are summed: the same answers, where these inputs are alike."""
    (weight, dense), *others = zip(_tensors(module), _tensors(trained), strict=True)
    read = torch.arange(dense.shape[1]) % weight.shape[1]
    summed = torch.zeros_like(weight).index_add_(1, read, dense)
    yield weight, summed / torch.bincount(read).view(1, -1, 1, 1)
    yield from others


# What an operation takes from the unmodified network's at its site; one that is not here begins fresh.
CARRIED: dict[tuple[str, str], Rule] = {
    ("expand", "reuse_group"): diagonal_blocks,
    ("expand", "group_conv"): diagonal_blocks,
    ("expand", "ghost"): first_rows,
    ("project", "conv_shuffle"): diagonal_blocks,
    ("project", "group_conv"): diagonal_blocks,
    ("project", "reduce"): mean_of_copies,
    ("last_stage", "pool_first"): same_layers,
    ("last_stage", "group_conv"): diagonal_blocks,
}


@dataclass(frozen=True)
class Carried:
    """What a network has taken over.

    Attributes:
        whole: Names of the tensors that are those of the unmodified network.
        partly: Names of those that hold some of its numbers.
        tensors: How many a network has; counters of batches are none.
    """

    whole: frozenset[str]
    partly: frozenset[str]
    tensors: int

    def in_words(self) -> str:
        """How many, on one line."""
        fresh = self.tensors - len(self.whole) - len(self.partly)
        return f"{len(self.whole)} of {self.tensors} tensors whole, {len(self.partly)} in part, {fresh} fresh"

    def to_dict(self) -> dict[str, int]:
        return {"whole": len(self.whole), "partly": len(self.partly), "tensors": self.tensors}


@torch.no_grad()
def carry(network: Network, trained: Network, *, classifier: bool) -> Carried:
    """Give a network what it can take over from the unmodified one of its backbone and width.

    Args:
        classifier: Whether the classes are the same.
    """
    filled: dict[int, bool] = {}  # by identity of a tensor, whether it is the same

    def fill(rule: Rule | None, module: nn.Module | None, like: nn.Module | None) -> None:
        if rule is None or module is None or like is None:
            return
        for tensor, value in rule(module, like):
            tensor.copy_(value)
            filled[id(tensor)] = rule is same_layers

    def rule(site: str, stage: int = 0) -> Rule | None:
        chosen = network.architecture.operation(site, stage)
        kept = chosen == trained.architecture.operation(site, stage)
        return same_layers if kept else CARRIED.get((site, chosen))

    for site in ("first_conv", "last_stage"):
        fill(rule(site), getattr(network, site), getattr(trained, site))
    for block, mine, theirs in zip(network.layout.blocks, network.blocks, trained.blocks, strict=True):
        fill(same_layers, mine.depthwise, theirs.depthwise)  # type: ignore[arg-type]
        for site in STAGED_SITES:
            fill(rule(site, block.stage), getattr(mine, site), getattr(theirs, site))
    if classifier and network.classifier.weight.shape == trained.classifier.weight.shape:
        fill(same_layers, network.classifier, trained.classifier)
    names = {name: id(tensor) for name, tensor in network.state_dict(keep_vars=True).items() if tensor.dim()}
    return Carried(
        whole=frozenset(name for name, tensor in names.items() if filled.get(tensor) is True),
        partly=frozenset(name for name, tensor in names.items() if filled.get(tensor) is False),
        tensors=len(names),
    )


def _tensors(module: nn.Module) -> list[Tensor]:
    """Weights and statistics in the order of the layers, without the counters of batches."""
    return [tensor for tensor in module.state_dict(keep_vars=True).values() if tensor.dim()]


def _convs(module: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.Module, list[int], list[int]]]:
    """Each convolution, what normalises it, and the channels that its inputs and then its outputs are."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, Shuffle, Tile)
    layers: list[Any] = [layer for layer in module.modules() if isinstance(layer, kinds)]
    for place, conv in enumerate(layers):
        if isinstance(conv, nn.Conv2d):
            before = layers[place - 1] if place else None
            norm: nn.Module = nn.Identity()
            shuffle: Shuffle | None = None
            for layer in layers[place + 1 :]:
                if isinstance(layer, nn.BatchNorm2d):
                    norm = layer
                elif isinstance(layer, Shuffle):
                    shuffle = layer
                else:
                    break
            read = before.order if isinstance(before, Tile) else list(range(conv.in_channels))
            made = list(range(conv.out_channels)) if shuffle is None else shuffle.order
            yield conv, norm, read, made
