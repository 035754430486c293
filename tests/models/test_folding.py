"""Every rule on a tiny net: which layers are left, and that they answer the same."""

import pytest
import torch
from torch import Tensor, fx, nn

from cheapsearch.models import deploy
from cheapsearch.models.layers import ChannelConv, Gate, GroupSum, ResidualGroupConv, Shuffle, Tile, conv_bn
from cheapsearch.models.traced import Select

Conv, Act, Norm, Pool = nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.AdaptiveAvgPool2d
Layers = list[type[nn.Module]]


def net(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def depthwise(channels: int) -> nn.Module:
    return Conv(channels, channels, 3, padding=1, groups=channels)


def gate(*layers: nn.Module) -> nn.Module:
    return Gate(net(*layers, nn.Hardsigmoid()))


class Classifier(nn.Module):
    """Copies that end in a linear layer, as after MobileNetV3's last stage."""

    def __init__(self) -> None:
        super().__init__()
        self.copies, self.linear = net(Tile(6, 12), Act(), Pool(1), Tile(12, 27)), nn.Linear(27, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.copies(x).flatten(1))  # type: ignore[no-any-return]


class Twice(nn.Module):
    """A convolution before a batch norm that is read twice, or called twice."""

    def __init__(self, *, called: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.called = Conv(6, 6, 1), Norm(6), called

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.norm(self.conv(y)) if self.called else self.norm(y) + y  # type: ignore[no-any-return]


class Weighted(nn.Module):
    """One gate for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.shuffle, self.conv = Shuffle(6, 3), Conv(6, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.shuffle(x)
        return y * self.conv(y)  # type: ignore[no-any-return]


# A net that takes 6 channels, and the layers that its deploy form calls.
FOLDED: dict[str, tuple[nn.Module, Layers]] = {
    "norm": (conv_bn(6, 4, kernel_size=3, stride=2), [Conv]),
    "norm of groups": (conv_bn(6, 4, groups=2, act="relu"), [Conv, Act]),
    "norm without weights": (net(depthwise(6), Norm(6, affine=False)), [Conv]),
    "norm of a dilated conv": (net(Conv(6, 4, 3, dilation=2), Norm(4)), [Conv]),
    "nothing": (net(nn.Dropout(), nn.Identity(), Act()), [Act]),
    "tile, dense": (net(Tile(6, 24), Conv(24, 5, 3)), [Conv]),
    "cut tile, dense": (net(Tile(6, 16), Conv(16, 5, 1)), [Conv]),
    "tile, act": (net(Tile(6, 15), Act()), [Act, Tile]),
    "tile, act, pool, tile, linear": (Classifier(), [Act, Pool, nn.Linear]),
    "dense, shuffle": (net(Conv(6, 8, 1), Shuffle(8, 4)), [Conv]),
    "gate, tile": (net(gate(Conv(6, 2, 1), Tile(2, 6))), [Pool, Conv, nn.Hardsigmoid, Tile]),
    "shuffle, depthwise, dense": (net(Shuffle(6, 3), depthwise(6), Act(), Conv(6, 4, 1)), [Conv, Act, Conv]),
    "shuffle, tile, depthwise, dense": (
        net(Shuffle(6, 3), Tile(6, 12), depthwise(12), Conv(12, 4, 1)),
        [Tile, Conv, Conv],
    ),
    "shuffle, cut tile, depthwise": (net(Shuffle(6, 3), Tile(6, 16), depthwise(16)), [Select, Conv]),
    "shuffle, tile, depthwise, sum": (
        net(Shuffle(6, 3), Tile(6, 12), depthwise(12), GroupSum(12, 6), Conv(6, 4, 1)),
        [Tile, Conv, GroupSum, Conv],
    ),
    "shuffle, gate, dense": (
        net(Shuffle(6, 3), gate(Conv(6, 2, 1), Act(), Conv(2, 6, 1)), Conv(6, 4, 1)),
        [Pool, Conv, Act, Conv, nn.Hardsigmoid, Conv],
    ),
    "shuffle, tiled gate, dense": (
        net(Shuffle(6, 3), gate(Conv(6, 2, 1), Tile(2, 6)), Conv(6, 4, 1)),
        [Pool, Conv, nn.Hardsigmoid, Select, Conv],  # of single pixels
    ),
    "shuffle, gate of neighbours, dense": (
        net(Shuffle(6, 3), gate(ChannelConv(6)), Conv(6, 4, 1)),
        [Pool, Select, ChannelConv, nn.Hardsigmoid, Select, Conv],  # of single pixels
    ),
    "sum of a group and its input": (ResidualGroupConv(6, 3, "relu"), [Conv, Act]),
    "tile, groups of its parts, dense": (
        net(Tile(6, 24), ResidualGroupConv(24, 12, "relu"), depthwise(24), Conv(24, 4, 1)),
        [Conv, Act, Conv, Conv],
    ),
    "tile, groups of its copies": (net(Tile(6, 24), Conv(24, 8, 1, groups=4)), [Conv]),
}
KEPT: dict[str, tuple[nn.Module, Layers]] = {
    "norm before a conv": (net(Norm(6), Conv(6, 4, 1)), [Norm, Conv]),
    "norm of what is read twice": (Twice(called=False), [Conv, Norm]),
    "norm of what is called twice": (Twice(called=True), [Conv, Conv, Norm]),
    "tile, depthwise": (net(Tile(6, 12), depthwise(12)), [Tile, Conv]),
    "tile, groups across its copies": (net(Tile(6, 24), Conv(24, 6, 1, groups=6)), [Tile, Conv]),
    "tile, shuffle, groups of two copies": (
        net(Tile(6, 12), Shuffle(12, 2), Conv(12, 6, 1, groups=6)),
        [Select, Conv],
    ),
    "shuffle, groups": (net(Shuffle(6, 3), Conv(6, 4, 1, groups=2)), [Shuffle, Conv]),
    "groups, shuffle": (net(Conv(6, 8, 1, groups=2), Shuffle(8, 4)), [Conv, Shuffle]),
    "shuffle, sum of others": (net(Shuffle(6, 3), GroupSum(6, 2)), [Shuffle, GroupSum]),
    "shuffle, one gate": (Weighted(), [Shuffle, Conv]),
}


@pytest.mark.parametrize("case", [*FOLDED, *KEPT])
def test_fold_leaves_these_layers_and_the_same_answers(case: str) -> None:
    network, left = (FOLDED | KEPT)[case]
    for layer in network.modules():
        if isinstance(layer, Norm):
            for name, tensor in layer.state_dict().items():  # these are the layer's own numbers
                if name == "running_var":
                    tensor.uniform_(0.5, 1.5)
                elif tensor.is_floating_point():
                    tensor.normal_()
    network.double().eval()
    deployed = deploy(network)
    assert isinstance(deployed, fx.GraphModule)
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(deployed(x), network(x), rtol=1e-10, atol=1e-10)
    calls = [node.target for node in deployed.graph.nodes if node.op == "call_module"]
    assert [type(deployed.get_submodule(name)) for name in calls] == left
