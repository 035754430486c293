"""Every operation of every site on every backbone, built, run, trained and stored; and `build`."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cheapsearch.models import Network, build, count, count_params
from cheapsearch.models.network import InvertedResidual
from cheapsearch.space import BACKBONES, PRESETS, Architecture, Block, UserError, get_backbone

# Input sizes and widths; operations meet another pair on every backbone.
SIZES_AND_WIDTHS = ((32, 0.5), (33, 0.25), (45, 0.25), (65, 0.25), (96, 0.25), (17, 0.75))
BATCH = 3


class Case(NamedTuple):
    backbone: str
    operations: dict[str, str]
    input_size: int
    width: float
    num_classes: int

    def build(self) -> Network:
        architecture = Architecture(self.backbone, self.width, **self.operations)
        return build(architecture, num_classes=self.num_classes, input_size=self.input_size)

    def __str__(self) -> str:
        return f"{self.backbone}-{self.operations['expand']}"


def cases() -> Iterator[Case]:
    """Network i of a backbone has operation i of every site, so together they have every operation."""
    for row, (name, backbone) in enumerate(BACKBONES.items()):
        for column in range(max(map(len, backbone.operations.values()))):
            size, width = SIZES_AND_WIDTHS[(row + column) % len(SIZES_AND_WIDTHS)]
            chosen = {site: names[min(column, len(names) - 1)] for site, names in backbone.operations.items()}
            yield Case(name, chosen, size, width, num_classes=2 + column)


CASES = list(cases())


def convs(module: nn.Module | None) -> list[nn.Conv2d]:
    assert module is not None
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


class Walked(NamedTuple):
    case: Case
    network: Network
    images: Tensor


@pytest.fixture(scope="module", params=CASES, ids=str)
def walked(request: pytest.FixtureRequest) -> Walked:
    """One network per case, shared by the tests of the case; each test sets the mode it needs."""
    case = request.param
    torch.manual_seed(1)
    network = case.build()
    return Walked(case, network, torch.randn(BATCH, 3, case.input_size, case.input_size))


def test_cases_reach_every_size_and_width_and_every_operation() -> None:
    assert {(case.input_size, case.width) for case in CASES} == set(SIZES_AND_WIDTHS)
    assert {(case.backbone, *chosen) for case in CASES for chosen in case.operations.items()} == {
        (name, site, operation)
        for name, backbone in BACKBONES.items()
        for site, operations in backbone.operations.items()
        for operation in operations
    }


def test_operation_keeps_the_shapes_of_the_layout(walked: Walked) -> None:
    case, network, images = walked
    network.eval()
    layout = get_backbone(case.backbone).layout(case.width, case.input_size)
    side = math.ceil(case.input_size / layout.stem_stride)
    assert network.first_conv is not None
    assert network.last_stage is not None
    with torch.no_grad():
        x = network.first_conv(images)
        assert x.shape == (BATCH, layout.stem_channels, side, side)
        for block, module in zip(layout.blocks, network.blocks, strict=True):
            x = module(x)
            side = math.ceil(side / block.stride)
            assert x.shape == (BATCH, block.out_channels, side, side)
        x = network.last_stage(x)
        assert x.shape == (BATCH, network.classifier.in_features, 1, 1)
        logits = network.classifier(x.flatten(1))
        assert logits.shape == (BATCH, case.num_classes)
        assert torch.equal(network(images), logits)
        alone = network(images[:1])
    torch.testing.assert_close(alone, logits[:1], rtol=1e-4, atol=1e-5)
    assert (logits[0] - logits[1]).abs().max() > 0


def gradients(network: Network, images: Tensor, labels: Tensor) -> dict[str, Tensor | None]:
    network.train()
    network.zero_grad(set_to_none=True)
    logits = network(images)
    assert logits.shape == (len(images), network.num_classes)
    F.cross_entropy(logits, labels).backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


def unused(network: Network, alive: dict[str, Tensor]) -> list[str]:
    """Parameters without any gradient, and batch norms with a channel that gets none.

    The scales of a batch norm have one entry per channel, so they tell whether a channel that is
    computed is also read. Its shifts do not: a projection has no activation, and the conv and batch norm
    of the next block take a shift of a channel out again, so that its gradient is zero but for rounding.
    """
    norms = [name for name, layer in network.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    return [
        *(name for name, mask in alive.items() if not mask.any()),
        *(name for name in norms if not alive[f"{name}.weight"].all()),
    ]


def test_operation_sends_a_gradient_to_every_parameter(walked: Walked) -> None:
    case, network, images = walked
    labels = torch.arange(BATCH) % case.num_classes
    alive: dict[str, Tensor] = {}
    # A gate can start with a ReLU or a hard sigmoid that is off for all images, and what is before it
    # gets zero; new weights and the same images tell that from a dead parameter.
    for _ in range(4):
        for name, gradient in gradients(network, images, labels).items():
            assert gradient is not None, name
            assert gradient.isfinite().all(), name
            alive[name] = alive.get(name, torch.tensor(False)) | (gradient != 0)
        if not unused(network, alive):
            return
        network = case.build()
    assert unused(network, alive) == []


def test_operation_round_trips_through_a_state_dict(walked: Walked) -> None:
    case, network, images = walked
    network.train()
    with torch.no_grad():
        network(images)  # moves the running statistics
    network.eval()
    copy = case.build().eval()
    with torch.no_grad():
        expected = network(images)
        assert not torch.equal(copy(images), expected)
        copy.load_state_dict(network.state_dict())
        assert torch.equal(copy(images), expected)


@pytest.mark.parametrize("name", BACKBONES)
def test_build_reaches_width_2(name: str) -> None:
    last = {site: operations[-1] for site, operations in BACKBONES[name].operations.items()}
    network = build(Architecture(name, 2.0, **last), num_classes=2, input_size=33)
    images = torch.randn(2, 3, 33, 33)
    for mode in (True, False):
        assert network.train(mode)(images).shape == (2, 2)
    assert convs(network.first_conv)[-1].out_channels == 2 * BACKBONES[name].stem_channels


@pytest.mark.parametrize("width", [0.27, 0.91, 1.37])
@pytest.mark.parametrize("name", BACKBONES)
def test_build_halves_the_hidden_channels_of_any_width(name: str, width: float) -> None:
    network = build(Architecture(name, width, expand="ghost"), input_size=8).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 3, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("operation", BACKBONES["mobilenet_v2"].operations["expand"])
def test_block_runs_with_an_odd_number_of_hidden_channels(operation: str) -> None:
    # no width of the six backbones has one, a table with another ratio would
    block = Block(1, 3, 8, 25, 8, False, "relu", 1, True)
    operations = {"expand": operation, "project": "conv", "shortcut": "conv", "se": "none"}
    module = InvertedResidual(BACKBONES["mobilenet_v2"], block, operations)
    assert module(torch.randn(2, 8, 5, 5)).shape == (2, 8, 5, 5)


@pytest.mark.parametrize("name", PRESETS)
def test_build_accepts_the_name_of_a_preset(name: str) -> None:
    network = build(name, num_classes=3)
    assert network.architecture == PRESETS[name]
    assert (network.num_classes, network.input_size) == (3, 32)
    with torch.no_grad():
        assert network.eval()(torch.randn(2, 3, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "params", "mega_flops"),
    [
        # design.md, "Presets": "Parameters the published code gives" and "fvcore's multiply-adds", at
        # 100 classes and 32x32
        ("mobilenet_v2", 2_412_212, 91.27),
        ("cheap_v2", 1_173_732, 43.89),
        ("mobilenet_v3_large", 4_321_948, 66.57),
        ("cheap_v3", 1_803_076, 46.48),
    ],
)
def test_build_has_the_published_cost(name: str, params: int, mega_flops: float) -> None:
    cost = count(build(name, num_classes=100))
    assert cost.params == params
    assert round(cost.flops / 1e6, 2) == mega_flops


@pytest.mark.parametrize("name", BACKBONES)
def test_build_follows_per_stage_choices(name: str) -> None:
    backbone = get_backbone(name)
    expand = tuple(backbone.operations["expand"][stage % 3] for stage in range(backbone.stages))
    uniform = {operation: build(Architecture(name, 0.25, expand=operation)) for operation in set(expand)}
    network = build(Architecture(name, 0.25, expand=expand))
    for index, block in enumerate(backbone.layout(0.25).blocks):
        wanted = uniform[expand[block.stage - 1]].blocks[index]
        assert str(network.blocks[index]) == str(wanted)


@pytest.mark.parametrize("name", BACKBONES)
def test_build_leaves_out_the_expand_conv_where_the_block_does_not_expand(name: str) -> None:
    # "In a V3 block without expansion (H == C) the `expand` site is empty"; V2 keeps its first one
    network = build(Architecture(name, 0.25))
    built = [block.expand is not None for block in network.blocks]
    assert built == [BACKBONES[name].expands_equal, *[True] * (len(built) - 1)]


def test_build_squeezes_before_the_activation_in_v3() -> None:
    # "In V3 the order is depthwise, BN, SE, activation, project, as in the published code"
    block = build("mobilenet_v3_large").double().eval().blocks[4]
    assert isinstance(block, InvertedResidual)
    assert block.expand is not None
    assert block.se is not None
    assert block.project is not None
    x = torch.randn(2, 40, 5, 5, dtype=torch.float64)
    y = block.depthwise(block.expand(x))
    y = block.project(F.relu(block.se(y)))
    torch.testing.assert_close(block(x), y + x)


def test_build_drops_features_in_train_mode_only() -> None:
    network = build(Architecture("mobilenet_v3_small", 0.25), dropout=0.5)
    features = []
    network.classifier.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    network.last_stage = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 256, 1))
    with torch.no_grad():
        network.train()(torch.randn(2, 3, 32, 32))
        network.eval()(torch.randn(2, 3, 32, 32))
    dropped, kept = ((x == 0).double().mean().item() for x in features)
    assert dropped == pytest.approx(0.5, abs=0.2)  # 512 features: 9 standard deviations
    assert kept == 0


def test_build_starts_from_torchvisions_weights() -> None:
    network = build("mobilenet_v2", num_classes=100)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
            # kaiming normal, fan out: the standard deviation is sqrt(2 / (O k k))
            fan_out = layer.out_channels * math.prod(layer.kernel_size)
            assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert not network.classifier.bias.any()


def test_build_gives_other_weights_to_another_seed_and_the_same_to_the_same() -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(convs(build(Architecture("mobilenet_v3_small", 0.25)).first_conv)[0].weight)
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_build_ties_its_strides_to_64_pixels() -> None:
    architecture = Architecture("mobilenet_v2", 0.25)
    for size, side in ((64, 64), (65, 33)):
        network = build(architecture, input_size=size)
        assert network.first_conv is not None
        assert network.first_conv(torch.randn(1, 3, size, size)).shape[2:] == (side, side)
        assert count_params(network) == count_params(build(architecture))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 1}, "num_classes: must be 2 or more, got 1"),
        ({"num_classes": 0}, "num_classes: must be 2 or more, got 0"),
        ({"input_size": 7}, "input_size: must be at least 8 pixels, got 7"),
        ({"dropout": 1.0}, "dropout: must be at least 0 and below 1, got 1.0"),
        ({"dropout": -0.1}, "dropout: must be at least 0 and below 1, got -0.1"),
        ({"dropout": float("nan")}, "dropout: must be at least 0 and below 1, got nan"),
    ],
)
def test_build_refuses_values_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        build("mobilenet_v2", **settings)
    assert str(caught.value) == message


def test_build_refuses_an_unknown_preset_and_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^preset: must be one of .*, got 'cheap_v4'; did you mean 'cheap_v"):
        build("cheap_v4")


def test_build_takes_the_smallest_input() -> None:
    for name in BACKBONES:
        network = build(Architecture(name, 0.25), input_size=8, num_classes=2).eval()
        assert network(torch.randn(1, 3, 8, 8)).shape == (1, 2)
