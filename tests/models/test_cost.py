"""fvcore's count against torch's own on every operation, and against formulas on tiny nets."""

import random
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cheapsearch.models import Network, build, cost, count, count_flops, count_params, deploy
from cheapsearch.models.layers import ChannelConv
from cheapsearch.space import BACKBONES, Architecture, Preprocessing

COUNTED = ("_convolution", "addmm", "bmm", "linear", "matmul", "mm")


def torch_flops(model: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    """Multiply-adds by module name as torch counts them (it counts two for each)."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(shape))
    root = type(model).__name__
    found = {name: sum(by_operator.values()) for name, by_operator in counter.get_flop_counts().items()}
    assert all(flops % 2 == 0 for flops in found.values())
    return {
        name.removeprefix(root).removeprefix("."): flops // 2
        for name, flops in found.items()
        if name != "Global"
    }


class Walk(NamedTuple):
    """What fvcore and torch count for one network, and the operators that fvcore met."""

    fvcore: dict[str, int]
    torch: dict[str, int]
    met: set[str]


def columns() -> list[tuple[str, int]]:
    """Network i of a backbone has operation i of every site, so these hold every operation.

    A backbone of each family, the second with tiles that are cut; the others differ in widths only, and
    torchvision's in biases and ReLU6.
    """
    return [
        (name, index)
        for name in ("mobilenet_v2", "mobilenet_v3_large")
        for index in range(max(map(len, BACKBONES[name].operations.values())))
    ]


@pytest.fixture(scope="module")
def walks() -> dict[tuple[str, int], Walk]:
    found = {}
    for name, index in columns():
        operations = BACKBONES[name].operations
        sites = {site: names[min(index, len(names) - 1)] for site, names in operations.items()}
        model = build(Architecture(name, 1.0, **sites))
        met: set[str] = set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cost, "HANDLES", recording(met))
            fvcore = dict(count_flops(model, (1, 3, 32, 32)))
        found[name, index] = Walk(fvcore, torch_flops(model, (1, 3, 32, 32)), met)
    return found


def recording(met: set[str]) -> MappingProxyType[str, cost.Handle]:
    """HANDLES, each noting its operator when it is called."""

    def noted(operator: str, handle: cost.Handle) -> cost.Handle:
        def called(inputs: list[Any], outputs: list[Any]) -> Any:
            met.add(operator)
            return handle(inputs, outputs)

        return called

    return MappingProxyType({operator: noted(operator, handle) for operator, handle in cost.HANDLES.items()})


@pytest.mark.parametrize(("name", "index"), columns())
def test_count_flops_of_every_operation_equals_torchs_count(
    name: str, index: int, walks: dict[tuple[str, int], Walk]
) -> None:
    walk = walks[name, index]
    assert walk.fvcore[""] == walk.torch[""] > 0
    # torch lists only the modules that multiply
    assert {module: walk.fvcore[module] for module in walk.torch} == walk.torch
    others = set(walk.fvcore) - set(walk.torch)
    assert {module: walk.fvcore[module] for module in others} == dict.fromkeys(others, 0)


@pytest.mark.parametrize("name", BACKBONES)
def test_count_flops_equals_torchs_count_at_224_pixels(
    name: str, random_architecture: Callable[[random.Random, str, float], Architecture]
) -> None:
    network = build(random_architecture(random.Random(name), name, 0.5), input_size=224)
    cost = count(network)
    assert cost.flops == torch_flops(network, (1, 3, 224, 224))[""]
    assert cost.deploy_flops == torch_flops(deploy(network), (1, 3, 224, 224))[""] <= cost.flops


def test_handles_of_zero_are_each_met_by_some_operation(
    walks: dict[tuple[str, int], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    met = set().union(*(walk.met for walk in walks.values()))
    monkeypatch.setattr(cost, "HANDLES", recording(met))
    network = build(Architecture("mobilenet_v3_small", 0.35, expand="shuffle_reuse", se="eca"))
    network.preprocessing = Preprocessing(32, "square", 32, (0.5,) * 3, (0.25,) * 3)
    count_flops(deploy(network, normalise=True), (1, 3, 32, 32))
    with_relu6 = build(Architecture("mobilenet_v2_torchvision", 0.35))
    for form in (with_relu6, deploy(with_relu6)):
        count_flops(form, (1, 3, 32, 32))
    # Networks of torchvision and timm, which docs/deploy_table.py measures beside ours, do these.
    theirs = Apply(lambda x, w: functional.dropout((x * w).add_(x).mean((2, 3)), inplace=True), 1)
    count_flops(theirs, (1, 3, 4, 4))
    zero = {name for name in cost.HANDLES if name.removeprefix("aten::") not in COUNTED}
    assert sorted(zero - met) == []


def test_handles_of_zero_are_the_same_function() -> None:
    handles = {name.removeprefix("aten::"): handle for name, handle in cost.HANDLES.items()}
    zero = [handle for name, handle in handles.items() if name not in COUNTED]
    assert {handle([], []) for handle in zero} == {0}
    assert len({*zero}) == 1
    assert not {handles[name] for name in COUNTED} & {*zero}


class Apply(nn.Module):
    """A module from a function, with a parameter so that there is a device."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.weight)


# Counted operator -> a tiny module that runs it, its input shape and its multiply-adds by formula.
TINY: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    # outputs: 6 channels of 5x5; each takes 4 channels of 3x3
    "_convolution": (nn.Conv2d(4, 6, 3, padding=1), (1, 4, 5, 5), 6 * 5 * 5 * 4 * 3 * 3),
    "linear": (nn.Linear(7, 3), (1, 7), 7 * 3),
    "matmul": (Apply(lambda x, w: x @ w, 7, 3), (1, 5, 7), 5 * 7 * 3),
    "mm": (Apply(lambda x, w: torch.mm(x, w), 7, 3), (5, 7), 5 * 7 * 3),
    "bmm": (Apply(lambda x, w: torch.bmm(x, w), 2, 7, 3), (2, 5, 7), 2 * 5 * 7 * 3),
    "addmm": (Apply(lambda x, w: torch.addmm(x[:, :3], x, w), 7, 3), (5, 7), 5 * 7 * 3),
}


def test_counted_operators_are_those_of_the_convention() -> None:
    counted = [name.removeprefix("aten::") for name in cost.HANDLES if name.removeprefix("aten::") in COUNTED]
    assert sorted(TINY) == sorted(counted)


@pytest.mark.parametrize("operator", TINY)
def test_count_flops_of_a_counted_operator_is_its_formula(
    operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, shape, expected = TINY[operator]
    met: set[str] = set()
    monkeypatch.setattr(cost, "HANDLES", recording(met))
    assert count_flops(model, shape)[""] == expected
    assert f"aten::{operator}" in met


@pytest.mark.parametrize(
    ("model", "shape", "expected"),
    [
        # grouped: an output takes 8 / 4 input channels
        (nn.Conv2d(8, 12, 1, groups=4), (1, 8, 6, 6), 12 * 6 * 6 * 2),
        # depthwise, stride 2 on an odd side: ceil(7 / 2) = 4
        (nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8), (1, 8, 7, 7), 8 * 4 * 4 * 25),
        # a bias adds nothing: one multiply-add starts from it
        (nn.Conv2d(3, 5, 1, bias=False), (1, 3, 2, 2), 5 * 2 * 2 * 3),
        (nn.Conv2d(3, 5, 1, bias=True), (1, 3, 2, 2), 5 * 2 * 2 * 3),
        # along 72 channels with 3 taps: whole part of (log2(72) + 1) / 2 = 3.58
        (ChannelConv(72), (1, 72, 1, 1), 72 * 3),
        # what is not counted: BN, activations, pooling, sums, copies
        (
            nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Hardswish(), nn.AvgPool2d(2), nn.Hardsigmoid()),
            (1, 4, 4, 4),
            0,
        ),
        (Apply(lambda x, w: torch.cat([x + w, x * w], 1).transpose(0, 1), 4, 1, 1), (1, 4, 2, 2), 0),
        # for one image, and as many times that for a batch
        (nn.Linear(7, 3), (10, 7), 10 * 7 * 3),
    ],
)
def test_count_flops_of_a_tiny_net_is_its_formula(
    model: nn.Module, shape: tuple[int, ...], expected: int
) -> None:
    assert count_flops(model, shape)[""] == expected


def test_count_flops_by_submodule_adds_up() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), nn.Flatten(), nn.Linear(16, 2))
    assert count_flops(model, (1, 3, 2, 2)) == {
        "": 4 * 4 * 3 + 32,
        "0": 4 * 4 * 3,
        "0.0": 4 * 4 * 3,
        "0.1": 0,
        "1": 0,
        "2": 32,
    }


def test_count_flops_of_what_only_holds_modules_is_that_of_these() -> None:
    deployed = deploy(build(Architecture("mobilenet_v3_small", 0.25, first_conv="reuse")))
    flops = count_flops(deployed, (1, 3, 32, 32))
    assert sum(flops[name] for name, _ in deployed.named_children()) == flops[""]
    # Of stride 1: 3 channels of 3x3 to 3, these to the stem's.
    assert flops["first_conv"] == 32 * 32 * 3 * (
        27 + deployed.get_parameter("first_conv.2.0.weight").shape[0]
    )


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (lambda x, w: torch.sin(x), "aten::sin"),
        # fvcore ignores these without a word by its own default
        (lambda x, w: x.clamp(0, 1), "aten::clamp"),
        (lambda x, w: x.permute(0, 2, 3, 1), "aten::permute"),
    ],
)
def test_count_flops_refuses_an_operator_without_a_handle(
    function: Callable[[Tensor, Tensor], Tensor], operator: str
) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), Apply(function, 1)).train()
    with pytest.raises(NotImplementedError, match=f"no FLOP handle for {operator}; add it to HANDLES"):
        count_flops(model, (1, 3, 4, 4))
    assert model.training


@pytest.mark.parametrize("training", [True, False])
def test_count_leaves_the_network_as_it_was(training: bool) -> None:
    network = build(Architecture("mobilenet_v3_small", 0.25)).train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random_state = torch.get_rng_state()
    first = count(network)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert {module.training for module in network.modules()} == {training}
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert count(network) == first


def test_count_flops_does_not_depend_on_the_mode_or_on_dropout() -> None:
    architecture = Architecture("mobilenet_v3_small", 0.25)
    networks = [build(architecture).train(), build(architecture).eval(), build(architecture, dropout=0.5)]
    assert len({count(network) for network in networks}) == 1


def test_count_is_at_the_networks_own_input_size() -> None:
    network: Network = build(Architecture("mobilenet_v2", 0.25), input_size=40)
    assert count(network).flops == count_flops(network, (1, 3, 40, 40))[""]
    assert count(network).flops > count_flops(network, (1, 3, 32, 32))[""]


def test_count_params_counts_every_parameter_once() -> None:
    shared = nn.Linear(4, 4)
    assert count_params(nn.Sequential(shared, nn.ReLU(), shared)) == 4 * 4 + 4
    assert count_params(nn.BatchNorm2d(5)) == 2 * 5  # the running statistics are no parameters
