"""What several tests of the space layer need: backbones by name, and random architectures."""

import random
from collections.abc import Callable

import pytest

from cheapsearch.space import BACKBONES, SITES, Architecture, Choice, get_backbone


@pytest.fixture(params=list(BACKBONES))
def backbone_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
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
