"""The arithmetic of channels: groups, shuffles, and how a permutation moves tiled or grouped channels."""

from collections.abc import Sequence
from functools import cache
from math import gcd

Order = Sequence[int]  # a permutation: channel j there was channel order[j]


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of `number` that is not above `limit`."""
    return next(divisor for divisor in range(min(number, max(1, limit)), 0, -1) if number % divisor == 0)


def conv_groups(in_channels: int, out_channels: int) -> int:
    """Groups of a grouped 1x1 conv: the ratio of its two widths, or the nearest divisor below it."""
    ratio = round(max(in_channels, out_channels) / min(in_channels, out_channels))
    return largest_divisor(gcd(in_channels, out_channels), ratio)


def shuffle_order(channels: int, groups: int) -> list[int]:
    """The input channel that a channel shuffle puts at each output channel (ShuffleNet, figure 1)."""
    groups = largest_divisor(channels, groups)
    return [(i % groups) * (channels // groups) + i // groups for i in range(channels)]


@cache
def tiled_shuffle(channels: int, hidden: int, groups: int) -> tuple[int, ...]:
    """Where the channels of a tile to `hidden` come from if its input is shuffled.

    Only where `channels` divides `hidden`: a cut-off tile of shuffled channels holds other ones.
    """
    order = shuffle_order(channels, groups)
    return tuple(order[j % channels] + j // channels * channels for j in range(hidden))


def modulo(order: Order, period: int) -> list[int] | None:
    """What a permutation does to the channel numbers modulo `period`, None where they do not move as one."""
    moved: dict[int, int] = {}
    for j, source in enumerate(order):
        if moved.setdefault(j % period, source % period) != source % period:
            return None
    return [moved[j] for j in range(len(moved))]


def keeps_groups(order: Order, groups: int) -> bool:
    """Whether no channel leaves its group, `groups` of neighbouring channels each as large."""
    size = len(order) // groups
    return all(source // size == j // size for j, source in enumerate(order))
