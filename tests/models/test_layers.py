"""Each layer against its definition, written out with indices and loops."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cheapsearch.models.layers import (
    ChannelConv,
    DepthwiseConv2d,
    Gate,
    Ghost,
    GroupSum,
    ResidualGroupConv,
    Shuffle,
    Tile,
    activation,
    conv_bn,
)
from cheapsearch.space import BACKBONES, shuffle_order


def numbered(channels: int, *rest: int) -> Tensor:
    """Channel c holds c + 1 everywhere."""
    shape = rest or (1, 1)
    return (
        (torch.arange(channels, dtype=torch.float32) + 1)
        .view(1, -1, *(1 for _ in shape))
        .expand(2, channels, *shape)
    )


def weight_of(layers: nn.Sequential) -> Tensor:
    """The weight of the convolution that `conv_bn` begins with."""
    conv = layers[0]
    assert isinstance(conv, nn.Conv2d)
    return conv.weight


def layout_variants(x: Tensor) -> list[Tensor]:
    """The same values contiguous, channels-last, and recorded for autograd."""
    x = x.contiguous()
    return [x, x.contiguous(memory_format=torch.channels_last), x.clone().requires_grad_()]


@pytest.mark.parametrize(("name", "reference"), [("relu", F.relu), ("hardswish", F.hardswish)])
@pytest.mark.parametrize("inplace", [True, False])
def test_activation_is_the_named_one(name: str, reference: object, inplace: bool) -> None:
    x = torch.linspace(-5, 5, 41)
    given = x.clone()
    y = activation(name, inplace=inplace)(given)
    assert torch.equal(y, reference(x))  # type: ignore[operator]
    assert torch.equal(given, y if inplace else x)


def test_activation_refuses_another_name() -> None:
    with pytest.raises(KeyError, match="gelu"):
        activation("gelu")


@pytest.mark.parametrize("size", [8, 9, 33])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_conv_bn_halves_rounding_up(size: int, stride: int, kernel_size: int) -> None:
    layer = conv_bn(4, 6, kernel_size=kernel_size, stride=stride, groups=2, act="relu")
    side = math.ceil(size / stride)
    assert layer(torch.randn(2, 4, size, size)).shape == (2, 6, side, side)


def test_conv_bn_has_no_bias_and_an_activation_only_if_named() -> None:
    assert [type(layer) for layer in conv_bn(4, 6)] == [nn.Conv2d, nn.BatchNorm2d]
    assert [type(layer) for layer in conv_bn(4, 6, act="hardswish")][2:] == [nn.Hardswish]
    # 4 * 6 / 2 weights and two numbers per channel of the batch norm
    assert sum(p.numel() for p in conv_bn(4, 6, groups=2).parameters()) == 4 * 6 // 2 + 2 * 6


@pytest.mark.parametrize(
    ("in_channels", "channels"), [(3, 48), (3, 12), (5, 5), (5, 3), (5, 1), (5, 13), (16, 64), (80, 200)]
)
def test_tile_channel_j_is_input_channel_j_mod_c_and_the_rest_is_cut(in_channels: int, channels: int) -> None:
    x = torch.randn(2, in_channels, 3, 4)
    y = Tile(in_channels, channels)(x)
    assert y.shape == (2, channels, 3, 4)
    for j in range(channels):
        assert torch.equal(y[:, j], x[:, j % in_channels])


def test_tile_keeps_channels_last() -> None:
    x = torch.randn(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    assert Tile(4, 10)(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("channels", "groups"), [(12, 3), (12, 6), (24, 6), (16, 6), (40, 6), (7, 6), (8, 1), (36, 36), (30, 7)]
)
def test_shuffle_is_the_published_view_and_transpose_and_shuffle_order(channels: int, groups: int) -> None:
    # "where g does not divide the channel count, the largest divisor not above g"
    divisor = max(d for d in range(1, groups + 1) if channels % d == 0)
    x = torch.randn(2, channels, 3, 3)
    published = x.view(2, divisor, channels // divisor, 3, 3).transpose(1, 2).reshape(2, channels, 3, 3)
    layer = Shuffle(channels, groups)
    assert layer.groups == divisor
    assert torch.equal(x[:, shuffle_order(channels, groups)], published)
    for same in layout_variants(x):
        assert torch.equal(layer(same), published)
    with torch.no_grad():
        assert torch.equal(layer(x), published)
    if divisor in (1, channels):
        assert torch.equal(published, x)


@pytest.mark.parametrize(
    ("in_channels", "channels"), [(12, 4), (12, 12), (10, 4), (13, 4), (3, 4), (200, 80)]
)
def test_group_sum_adds_what_a_tile_would_have_copied(in_channels: int, channels: int) -> None:
    x = torch.randn(2, in_channels, 3, 4, dtype=torch.float64)
    y = GroupSum(in_channels, channels)(x)
    assert y.shape == (2, channels, 3, 4)
    for c in range(channels):
        expected = torch.zeros(2, 3, 4, dtype=torch.float64)
        for j in range(c, in_channels, channels):
            expected += x[:, j]
        torch.testing.assert_close(y[:, c], expected)


@pytest.mark.parametrize(("in_channels", "channels"), [(12, 4), (10, 4)])
def test_group_sum_is_the_transpose_of_tile(in_channels: int, channels: int) -> None:
    x, y = torch.randn(1, in_channels, 2, 2), torch.randn(1, channels, 2, 2)
    left, right = GroupSum(in_channels, channels)(x) * y, x * Tile(channels, in_channels)(y)
    torch.testing.assert_close(left.sum(), right.sum())


def test_group_sum_leaves_its_input_alone() -> None:
    x = torch.ones(1, 6, 1, 1)
    GroupSum(6, 3)(x)
    assert torch.equal(x, torch.ones(1, 6, 1, 1))


@pytest.mark.parametrize("act", ["relu", "hardswish"])
def test_residual_group_conv_adds_its_input_before_the_activation(act: str) -> None:
    layer = ResidualGroupConv(12, 3, act).eval()
    x = torch.randn(2, 12, 4, 4)
    weight = weight_of(layer.conv)  # (12, 4, 1, 1)
    mixed = torch.empty_like(x)
    for group in range(3):
        part = slice(4 * group, 4 * group + 4)
        mixed[:, part] = torch.einsum("oi,nihw->nohw", weight[part, :, 0, 0], x[:, part])
    # a fresh batch norm in eval mode divides by sqrt(1 + eps)
    expected = activation(act)(mixed / math.sqrt(1 + 1e-5) + x)
    torch.testing.assert_close(layer(x.clone()), expected)


@pytest.mark.parametrize(("in_channels", "out_channels"), [(4, 8), (16, 64), (5, 30), (3, 2), (4, 9), (5, 3)])
@pytest.mark.parametrize("size", [1, 7])
def test_ghost_makes_half_of_its_channels_from_the_other_half(
    in_channels: int, out_channels: int, size: int
) -> None:
    layer = Ghost(in_channels, out_channels, "relu").eval()
    x = torch.randn(2, in_channels, size, size)
    y = layer(x)
    larger = math.ceil(out_channels / 2)  # GhostNet's code: init_channels = math.ceil(oup / ratio)
    assert y.shape == (2, out_channels, size, size)
    primary = F.relu(F.conv2d(x, weight_of(layer.primary)) / math.sqrt(1 + 1e-5))
    torch.testing.assert_close(y[:, :larger], primary)
    for j in range(out_channels - larger):  # each cheap channel sees one primary channel
        cheap = F.conv2d(primary[:, j : j + 1], weight_of(layer.cheap)[j : j + 1], padding=1)
        torch.testing.assert_close(y[:, larger + j : larger + j + 1], F.relu(cheap / math.sqrt(1 + 1e-5)))


@pytest.mark.parametrize(("channels", "larger", "smaller"), [(20, 10, 10), (21, 11, 10)])
def test_ghost_parameters_follow_the_formula(channels: int, larger: int, smaller: int) -> None:
    # C times the larger half and 9 times the smaller half weights, a batch norm after each
    state = Ghost(6, channels, "relu").state_dict()
    assert sum(state[f"{part}.{i}.weight"].numel() for part in ("primary", "cheap") for i in (0, 1)) == (
        6 * larger + 9 * smaller + larger + smaller
    )
    assert {name.split(".")[0] for name in state} == {"primary", "cheap"}


def test_gate_scales_channels_by_a_function_of_their_means() -> None:
    x = torch.randn(3, 5, 4, 6)
    y = Gate(nn.Sigmoid())(x)
    for n in range(3):
        for c in range(5):
            torch.testing.assert_close(y[n, c], x[n, c] * torch.sigmoid(x[n, c].mean()))


def hidden_with_a_gate() -> list[int]:
    """The hidden channels of every block with squeeze-and-excitation, at three widths."""
    return sorted(
        {
            block.hidden
            for backbone in BACKBONES.values()
            for width in (0.25, 1.0, 2.0)
            for block in backbone.layout(width).blocks
            if block.squeeze_excitation
        }
    )


@pytest.mark.parametrize("channels", hidden_with_a_gate())
def test_channel_conv_kernel_size_is_eca_nets(channels: int) -> None:
    # ECA-Net (arXiv 1910.03151), equation 12 with gamma = 2, b = 1, as in the authors' code: the whole
    # part of (log2(C) + 1) / 2, or one more where that is even
    whole = next(t for t in range(20) if 4 ** (t + 1) > 2 * channels)
    expected = whole if whole % 2 else whole + 1
    layer = ChannelConv(channels)
    assert layer.conv.kernel_size == (expected,)
    assert [p.numel() for p in layer.parameters()] == [expected]


@pytest.mark.parametrize("channels", [8, 72, 960])
def test_channel_conv_is_a_correlation_along_the_channels(channels: int) -> None:
    layer = ChannelConv(channels).double()
    weight = layer.conv.weight.flatten().tolist()
    x = torch.randn(2, channels, 1, 1, dtype=torch.float64)
    y = layer(x)
    assert y.shape == x.shape
    reach = len(weight) // 2
    for n in range(2):
        for c in range(channels):
            expected = sum(
                weight[k + reach] * x[n, c + k, 0, 0].item()
                for k in range(-reach, reach + 1)
                if 0 <= c + k < channels
            )
            assert y[n, c, 0, 0].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 2, 3, 4, 6])
def test_a_depthwise_convolution_trains_like_torchs_own(kernel_size: int, stride: int, side: int) -> None:
    torch.manual_seed(side)
    conv = DepthwiseConv2d(6, 6, kernel_size, stride, kernel_size // 2, groups=6, bias=False).double()
    images = torch.randn(4, 6, side, side + 1, dtype=torch.float64, requires_grad=True)
    answers = conv(images)
    expected = F.conv2d(images, conv.weight, None, stride, kernel_size // 2, groups=6)
    assert torch.equal(answers, expected)
    towards = torch.randn_like(answers)
    for found, wanted in zip(
        torch.autograd.grad(answers, (images, conv.weight), towards),
        torch.autograd.grad(expected, (images, conv.weight), towards),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_a_depthwise_convolution_is_torchs_own_when_it_does_not_train() -> None:
    conv = DepthwiseConv2d(6, 6, 3, 1, 1, groups=6, bias=False)
    images = torch.randn(4, 6, 1, 1)
    assert "SmallDepthwise" in type(conv(images).grad_fn).__name__
    assert "SmallDepthwise" not in type(conv.eval()(images).grad_fn).__name__
    assert isinstance(conv_bn(6, 6, kernel_size=3, groups=6)[0], DepthwiseConv2d)
