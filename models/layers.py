"""Layers that the operations are made of."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..space import largest_divisor, shuffle_order

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
}


def activation(name: str, *, inplace: bool = True) -> nn.Module:
    """An activation by name; in place where nothing else reads its input."""
    return _ACTIVATIONS[name](inplace=inplace)


def conv_bn(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 1,
    stride: int = 1,
    groups: int = 1,
    act: str | None = None,
) -> nn.Sequential:
    """Convolution without bias, batch norm and, if named, an activation.

    Shapes: (N, `in_channels`, H, W) to (N, `out_channels`, ceil(H / stride), ceil(W / stride)).
    """
    conv = DepthwiseConv2d if groups == in_channels == out_channels else nn.Conv2d
    layers: list[nn.Module] = [
        conv(in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    if act is not None:
        layers.append(activation(act))
    return nn.Sequential(*layers)


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that trains fast on inputs smaller than its kernel too.

    There torch's gradients on a CPU take up to twelve times as long as at the size of the kernel, which is up
    to a third of a step of MobileNetV2 at 8 to 16 pixels.
    """

    def forward(self, input: Tensor) -> Tensor:
        small = min(input.shape[-2:]) < min(self.kernel_size)
        if small and self.training and input.device.type == "cpu" and torch.is_grad_enabled():
            return _SmallDepthwise.apply(input, self.weight, self.stride, self.padding)  # type: ignore[no-any-return]
        return super().forward(input)


class _SmallDepthwise(torch.autograd.Function):
    """The convolution as it is; its gradients with input and output widened by zeros, which add nothing."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(input, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        input, weight = ctx.saved_tensors
        (gradient,) = gradients
        height, width = input.shape[-2:]
        wide = [max(side, kernel) for side, kernel in zip((height, width), weight.shape[-2:], strict=True)]
        # Padded by half a kernel, an input of side s has an output of side ceil(s / stride).
        out = [-(-side // step) for side, step in zip(wide, ctx.stride, strict=True)]
        of_input, of_weight, _ = torch.ops.aten.convolution_backward(
            _widened(gradient, out),
            _widened(input, wide),
            weight,
            None,
            ctx.stride,
            ctx.padding,
            (1, 1),
            False,
            (0, 0),
            len(weight),
            (True, True, False),
        )
        return of_input[..., :height, :width], of_weight, None, None


def _widened(images: Tensor, size: Sequence[int]) -> Tensor:
    """With zeros at the right and below, up to a height and a width."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, size[1] - width, 0, size[0] - height))


class Tile(nn.Module):
    """Concatenate copies of the input along the channels and cut to `channels`.

    Shapes: (N, `in_channels`, ...) to (N, `channels`, ...); output channel j is input channel
    j mod `in_channels`.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.in_channels, self.channels = in_channels, channels
        # Plain numbers, since a shape read while tracing is a tensor.
        self.copies, self.rest = divmod(channels, in_channels)

    @property
    def order(self) -> list[int]:
        """The input channel that each output channel is."""
        return [channel % self.in_channels for channel in range(self.channels)]

    def forward(self, x: Tensor) -> Tensor:
        parts = [x] * self.copies
        if self.rest:
            parts.append(x[:, : self.rest])
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class Shuffle(nn.Module):
    """ShuffleNet's channel shuffle (arXiv 1707.01083, figure 1), shapes (N, C, H, W) to the same.

    Where `groups` does not divide C, the largest divisor of C below it is taken.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.in_channels = channels
        self.groups = largest_divisor(channels, groups)

    @property
    def order(self) -> list[int]:
        """The input channel that each output channel is."""
        return shuffle_order(self.in_channels, self.groups)

    def forward(self, x: Tensor) -> Tensor:
        return x if self.groups == 1 else F.channel_shuffle(x, self.groups)


class GroupSum(nn.Module):
    """Sum the channels that a tile of `channels` channels would have copied from one another.

    Shapes: (N, `in_channels`, H, W) to (N, `channels`, H, W); where `in_channels` is no multiple of
    `channels`, the last group is shorter.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.missing = -in_channels % channels

    def forward(self, x: Tensor) -> Tensor:
        if self.missing:
            x = F.pad(x, (0, 0, 0, 0, 0, self.missing))
        first, *rest = torch.split(x, self.channels, dim=1)
        for part in rest:
            first = first + part
        return first


class ResidualGroupConv(nn.Module):
    """The input plus a grouped 1x1 convolution of it, then an activation: BN(conv(x)) + x.

    Shapes: (N, C, H, W) to the same.
    """

    def __init__(self, channels: int, groups: int, act: str) -> None:
        super().__init__()
        self.conv = conv_bn(channels, channels, groups=groups)
        self.act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x) + x)  # type: ignore[no-any-return]


class Ghost(nn.Module):
    """GhostNet's module (arXiv 1911.11907, figure 2): half the channels made from the other half.

    Where `out_channels` is odd the half by the 1x1 conv is the larger one, as in GhostNet's code; a filter
    whose output GhostNet cuts off is not made.

    Shapes: (N, C, H, W) to (N, `out_channels`, H, W), `out_channels` 2 or more.
    """

    def __init__(self, in_channels: int, out_channels: int, act: str) -> None:
        super().__init__()
        self.made = out_channels // 2  # from as many of the others
        self.odd = out_channels % 2 == 1
        self.primary = conv_bn(in_channels, out_channels - self.made, act=act)
        self.cheap = conv_bn(self.made, self.made, kernel_size=3, groups=self.made, act=act)

    def forward(self, x: Tensor) -> Tensor:
        primary = self.primary(x)
        read = primary[:, : self.made] if self.odd else primary
        return torch.cat([primary, self.cheap(read)], dim=1)


class Gate(nn.Module):
    """Scale every channel by a gate computed from the pooled channels.

    Shapes: (N, C, H, W) to the same; `gate` maps (N, C, 1, 1) to the same.
    """

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.pool(x))  # type: ignore[no-any-return]


class ChannelConv(nn.Module):
    """ECA-Net's 1-D convolution over neighbouring channels (arXiv 1910.03151, equation 12).

    Shapes: (N, C, 1, 1) to the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel_size = int(abs(math.log2(channels) / 2 + 0.5))
        kernel_size += 1 - kernel_size % 2
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        channels_in_a_row = x.flatten(2).transpose(1, 2)
        return self.conv(channels_in_a_row).transpose(1, 2).unflatten(2, (1, 1))  # type: ignore[no-any-return]
