"""A partial convolution (FasterNet, Chen et al., CVPR 2023, arXiv 2303.03667, figure 4) at the expand site.

A quarter of the C channels pass a 3x3 convolution, the others are handed on as they are; then all are copied
until there are H of them, as `reuse` does it.
"""

import torch
from torch import Tensor, nn

from cheapsearch import Operation
from cheapsearch.models.layers import Tile, conv_bn
from cheapsearch.space import Backbone, Block
from cheapsearch.space.effects import expanding


class PartialConv(nn.Module):
    """(N, C, H, W) to the same."""

    def __init__(self, channels: int, act: str) -> None:
        super().__init__()
        self.part = channels // 4
        self.conv = conv_bn(self.part, self.part, kernel_size=3, act=act)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x[:, : self.part]), x[:, self.part :]], dim=1)


def partial_conv(backbone: Backbone, block: Block) -> nn.Module:
    return nn.Sequential(
        PartialConv(block.in_channels, block.activation), Tile(block.in_channels, block.hidden)
    )


OPERATIONS = [
    Operation(
        "expand",
        "partial_conv",
        "3x3 conv, BN, act of C/4 channels, the others as they are, then tile C to H",
        families=("v2", "v3"),
        builder=partial_conv,
        effect=expanding("partial_conv"),
    )
]
