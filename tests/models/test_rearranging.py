"""Permuted modules are found out, with their weights carried along."""

import torch
from torch import nn

from cheapsearch.models.rearranging import equal, load, matching, randomise, rearrangements


def test_randomise_makes_every_channel_of_a_batch_norm_different() -> None:
    module = randomise(nn.Sequential(nn.Conv2d(2, 5, 1), nn.BatchNorm2d(5)))
    assert not any(layer.training for layer in module.modules())
    for name, value in module[1].state_dict().items():  # type: ignore[index]
        if name != "num_batches_tracked":
            assert value.dtype == torch.float64
            assert len(value.unique()) == 5


def test_matching_finds_the_permutation_and_nothing_else() -> None:
    expected = torch.randn(2, 4, 3, 3, dtype=torch.float64)
    order = torch.tensor([2, 0, 3, 1])
    found = matching(expected[:, order], expected)
    assert found is not None
    assert torch.equal(found, order)
    assert matching(expected[:, [2, 0, 2, 1]], expected) is None  # one twice
    assert matching(expected[:, order] + 1e-6, expected) is None


def finds(module: nn.Module, order: list[int]) -> bool:
    """Whether some rearrangement undoes the order of the input channels."""
    randomise(module)
    x = torch.randn(2, len(order), 1, 1, dtype=torch.float64)
    expected = module(x)
    for weights in list(rearrangements(module, order)):
        load(module, weights)
        if equal(module(x[:, order]), expected):
            return True
    return False


@torch.no_grad()
def test_rearrangements_undo_an_order_where_the_layer_allows() -> None:
    assert finds(nn.Conv2d(6, 4, 1), [5, 4, 3, 2, 1, 0])
    assert finds(nn.Sequential(nn.Conv2d(6, 6, 1), nn.Conv2d(6, 2, 1)), [1, 0, 2, 3, 5, 4])
    assert finds(nn.Conv2d(6, 4, 1, groups=2), [2, 1, 0, 4, 3, 5])  # inside the groups
    assert not finds(nn.Conv2d(6, 4, 1, groups=2), [5, 1, 2, 3, 4, 0])


@torch.no_grad()
def test_rearrangements_carry_along_what_copies_do() -> None:
    class Folded(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x[:, :3] + x[:, 3:])

    assert finds(Folded(3, 4, 1), [2, 0, 1, 5, 3, 4])
    assert not finds(Folded(3, 4, 1), [2, 0, 1, 3, 4, 5])
