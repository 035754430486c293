"""What several tests of the models layer need: one thread, random architectures, random weights."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import nn

from cheapsearch.space import SITES, Architecture, Choice, get_backbone


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def random_architecture() -> Callable[[random.Random, str, float], Architecture]:
    """Draw any architecture: each staged site uniform half of the time, else stage by stage."""

    def draw(rng: random.Random, name: str, width: float) -> Architecture:
        backbone = get_backbone(name)
        choices: dict[str, Choice] = {}
        for site, operations in backbone.operations.items():
            if SITES[site].staged and rng.random() < 0.5:
                choices[site] = tuple(rng.choice(operations) for _ in range(backbone.stages))
            else:
                choices[site] = rng.choice(operations)
        return Architecture(name, width, **choices)

    return draw


@pytest.fixture(scope="session")
def randomised() -> Callable[[nn.Module, int], nn.Module]:
    """Make a module float64 and redraw its batch norms, which start alike in every channel."""

    def redraw(module: nn.Module, seed: int) -> nn.Module:
        generator = torch.Generator().manual_seed(seed)
        module.double()
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                for tensor in (layer.weight.data, layer.running_var):
                    tensor.uniform_(0.5, 1.5, generator=generator)
                for tensor in (layer.bias.data, layer.running_mean):
                    tensor.normal_(0.0, 0.3, generator=generator)
        return module

    return redraw
