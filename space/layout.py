"""Blocks and layouts: a backbone at one width and input size, as it is built."""

from dataclasses import dataclass
from math import prod
from typing import Literal

Activation = Literal["relu", "relu6", "hardswish"]


@dataclass(frozen=True)
class Block:
    """One block as it is built: C = `in_channels`, H = `hidden`, O = `out_channels`."""

    stage: int
    kernel_size: int
    in_channels: int
    hidden: int
    out_channels: int
    squeeze_excitation: bool
    activation: Activation
    stride: int
    expands: bool

    @property
    def copies(self) -> int:
        """K, how many times the input fits into the hidden channels, rounded."""
        return max(1, round(self.hidden / self.in_channels))


@dataclass(frozen=True)
class Layout:
    """A backbone at one width and input size: everything its network needs to be built."""

    stem_channels: int
    stem_stride: int
    blocks: tuple[Block, ...]
    last_hidden: int | None
    last_channels: int
    last_tiles: tuple[int, int]

    @property
    def total_stride(self) -> int:
        """Pixels of the image, a side, to one of the last block's output."""
        return self.stem_stride * prod(block.stride for block in self.blocks)
