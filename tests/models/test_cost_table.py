"""The cost table, which adds sites up, against counting the whole network."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import build, cost_table, count, count_params, deploy
from cheapsearch.space import (
    BACKBONES,
    PRESETS,
    SITE_NAMES,
    SITES,
    STAGED_SITES,
    Architecture,
    Cost,
    UserError,
    canonical,
    get_backbone,
)
from cheapsearch.space.part_costs import PartCosts

TRACED = 1  # random architectures per backbone at 32 pixels, counted by fvcore
DRAWS = 10  # and counted layer by layer as they run, which is ten times as fast
FEW = 1  # and at other settings
SETTINGS = [  # backbone, width, input size, classes
    ("mobilenet_v2", 0.25, 96, 3),
    ("mobilenet_v3_large", 1.4, 33, 100),
    ("mobilenet_v3_small", 0.5, 65, 2),
]
# Torchvision's twins have the layouts of the published ones; what differs is tested where it matters.
PUBLISHED = [name for name in BACKBONES if not name.endswith("_torchvision")]
NOTHING = Cost(params=0, flops=0, deploy_params=0, deploy_flops=0)
Draw = Callable[[random.Random, str, float], Architecture]


@pytest.mark.parametrize("name", BACKBONES)
def test_cost_equals_the_count_of_random_architectures(name: str, random_architecture: Draw) -> None:
    rng = random.Random(f"cost table of {name}")
    table = cost_table(name)
    drawn = [random_architecture(rng, name, 1.0) for _ in range(DRAWS)]
    assert any(isinstance(getattr(a, site), tuple) for a in drawn for site in STAGED_SITES)
    for index, architecture in enumerate(drawn):
        network = build(architecture)
        cost = table.cost(architecture)
        if index < TRACED:
            assert cost == count(network), architecture
        deployed = deploy(network)
        assert cost == Cost(
            params=count_params(network),
            flops=multiply_adds(network),
            deploy_params=count_params(deployed),
            deploy_flops=multiply_adds(deployed),
        ), architecture


def multiply_adds(network: nn.Module) -> int:
    """Of the convolutions and linear layers that run when an image goes through, by their output's size."""
    total = 0

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear)
        total += output.numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            layer.register_forward_hook(add)
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    return total


@pytest.mark.parametrize(("name", "width", "input_size", "num_classes"), SETTINGS)
def test_cost_equals_the_count_at_other_settings(
    name: str, width: float, input_size: int, num_classes: int, random_architecture: Draw
) -> None:
    rng = random.Random(f"{name} {width}")
    table = cost_table(name, width=width, input_size=input_size, num_classes=num_classes)
    for _ in range(FEW):
        architecture = random_architecture(rng, name, width)
        network = build(architecture, num_classes=num_classes, input_size=input_size)
        assert table.cost(architecture) == count(network), architecture


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"])
def test_part_costs_of_presets_and_others_add_up_to_the_cost(name: str, random_architecture: Draw) -> None:
    rng, table = random.Random(f"parts of {name}"), cost_table(name)
    parts = PartCosts.from_dict(table.part_costs.to_dict())
    networks = [preset for preset in PRESETS.values() if preset.backbone == name]
    networks += [random_architecture(rng, name, 1.0) for _ in range(DRAWS)]
    for architecture in networks:
        assert parts.total(architecture) == table.cost(architecture)
    # The depthwise convolutions of a stage: of every hidden channel a kernel, and two numbers of its norm.
    for stage in range(1, get_backbone(name).stages + 1):
        blocks = [block for block in get_backbone(name).layout().blocks if block.stage == stage]
        filters = sum(block.hidden * (block.kernel_size**2 + 2) for block in blocks)
        assert parts.costs["depthwise", stage]["depthwise"].params == filters


@pytest.mark.parametrize("name", BACKBONES)
def test_by_site_and_by_part_add_up_to_the_cost(name: str, random_architecture: Draw) -> None:
    rng = random.Random(name)
    table = cost_table(name)
    for _ in range(100):
        architecture = random_architecture(rng, name, 1.0)
        by_site, by_part = table.by_site(architecture), table.by_part(architecture)
        assert list(by_site) == [*SITE_NAMES, "depthwise"]
        assert sum(by_site.values(), NOTHING) == table.cost(architecture)
        assert sum(by_part.values(), table.fixed) == table.cost(architecture)
        for site in SITE_NAMES:
            parts = [cost for (part_site, _), cost in by_part.items() if part_site == site]
            assert sum(parts, NOTHING) == by_site[site]


@pytest.mark.parametrize("name", BACKBONES)
def test_parts_list_every_operation_of_every_site_and_stage(name: str) -> None:
    backbone = get_backbone(name)
    parts = cost_table(name).parts
    expected = {
        (site, stage)
        for site in SITE_NAMES
        for stage in (range(1, backbone.stages + 1) if SITES[site].staged else [0])
    }
    assert set(parts) == expected
    for (site, _), costs in parts.items():
        assert set(costs) == set(backbone.operations[site])


@pytest.mark.parametrize("name", BACKBONES)
def test_fixed_cost_is_that_of_the_depthwise_convolutions(name: str) -> None:
    weights = channels = flops = 0
    side = 32
    for block in get_backbone(name).layout().blocks:
        side = -(-side // block.stride)
        weights += block.hidden * block.kernel_size**2
        channels += block.hidden
        flops += block.hidden * block.kernel_size**2 * side**2
    # A batch norm has two parameters a channel, the bias in its place one.
    assert cost_table(name).fixed == Cost(
        params=weights + 2 * channels, flops=flops, deploy_params=weights + channels, deploy_flops=flops
    )


@pytest.mark.parametrize("name", BACKBONES)
def test_reuse_costs_nothing_but_what_the_classifier_reads(name: str) -> None:
    layout = get_backbone(name).layout()
    table = cost_table(name)
    by_site = table.by_site(Architecture(name, expand="reuse", shortcut="reuse", last_stage="reuse"))
    assert by_site["expand"] == by_site["shortcut"] == NOTHING
    channels = layout.blocks[-1].out_channels
    features = channels * (4 if BACKBONES[name].family == "v2" else 12)
    # Deployed, the classifier reads one copy.
    assert by_site["last_stage"] == Cost(
        params=features * 10 + 10,
        flops=features * 10,
        deploy_params=channels * 10 + 10,
        deploy_flops=channels * 10,
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_deployed_stems_convolve_no_copies(name: str) -> None:
    layout = get_backbone(name).layout(input_size=64)  # of stride 1
    table = cost_table(name, input_size=64)
    channels, pixels = layout.stem_channels, 64 * 64
    # A 3x3 convolution to the stem's channels, or one of few channels and a 1x1 one; each has a bias.
    expected = {"conv": [(3, channels, 9)], "reuse": [(3, 3, 9), (3, channels, 1)]}
    expected["pre_reuse"] = [(3, 12, 9), (12, channels, 1)]
    for operation, convolutions in expected.items():
        cost = table.by_site(Architecture(name, first_conv=operation))["first_conv"]
        assert cost.deploy_params == sum(read * made * size + made for read, made, size in convolutions)
        assert cost.deploy_flops == pixels * sum(read * made * size for read, made, size in convolutions)


def test_costs_that_nobody_asks_for_are_left_out() -> None:
    table = cost_table("mobilenet_v2")
    cost = table.cost(Architecture("mobilenet_v2"))
    assert table.cost(Architecture("mobilenet_v2"), ["deploy_flops"]) == Cost(deploy_flops=cost.deploy_flops)
    assert list(table.cost(Architecture("mobilenet_v2"), [])) == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_cost_is_the_same_for_equal_architectures(name: str, random_architecture: Draw) -> None:
    rng = random.Random(f"equal {name}")
    table = cost_table(name)
    changed = 0
    for _ in range(100):
        architecture = random_architecture(rng, name, 1.0)
        changed += canonical(architecture) != architecture
        assert table.cost(canonical(architecture)) == table.cost(architecture)
    assert changed > 20


def test_cost_table_counts_once_for_the_same_settings() -> None:
    assert cost_table("mobilenet_v2") is cost_table("mobilenet_v2")
    name, width, input_size, num_classes = SETTINGS[0]
    other = cost_table(name, width=width, input_size=input_size, num_classes=num_classes)
    assert other != cost_table(name)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mobilenet_v4", {}, "backbone: must be one of .*did you mean 'mobilenet_v"),
        ("mobilenet_v2", {"width": 3.0}, "width: must be a number from 0.25 to 2.0, got 3.0"),
        ("mobilenet_v2", {"num_classes": 1}, "num_classes: must be 2 or more, got 1"),
        ("mobilenet_v2", {"input_size": 7}, "input_size: must be at least 8 pixels, got 7"),
    ],
)
def test_cost_table_refuses_values_out_of_range(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        cost_table(name, **settings)
