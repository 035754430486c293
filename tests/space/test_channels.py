"""Groups, shuffles and permutations against their definitions."""

from itertools import permutations, product

import numpy as np
import pytest

from cheapsearch.space import BACKBONES, conv_groups, get_backbone, largest_divisor, shuffle_order
from cheapsearch.space.channels import keeps_groups, modulo, tiled_shuffle

WIDTHS = (0.25, 0.5, 1.0, 1.4)


def test_largest_divisor_is_the_largest_not_above_the_limit() -> None:
    for number, limit in product(range(1, 200), range(1, 12)):
        expected = max(d for d in range(1, number + 1) if number % d == 0 and d <= limit)
        assert largest_divisor(number, limit) == expected, (number, limit)


def test_largest_divisor_is_one_at_least() -> None:
    assert largest_divisor(12, 0) == 1
    assert largest_divisor(12, 100) == 12


def test_conv_groups_divide_both_widths_and_do_not_exceed_their_ratio() -> None:
    for name in BACKBONES:
        for width in WIDTHS:
            for block in get_backbone(name).layout(width).blocks:
                for a, b in ((block.in_channels, block.hidden), (block.hidden, block.out_channels)):
                    groups = conv_groups(a, b)
                    assert groups == conv_groups(b, a)
                    assert a % groups == 0
                    assert b % groups == 0
                    assert 1 <= groups <= max(a, b) / min(a, b) + 0.5


@pytest.mark.parametrize(
    ("widths", "groups"),
    [((24, 144), 6), ((32, 32), 1), ((320, 1280), 4), ((180, 1080), 6), ((160, 960), 5), ((40, 112), 2)],
)
def test_conv_groups_are_the_ratio_or_the_nearest_divisor_below_it(
    widths: tuple[int, int], groups: int
) -> None:
    # 6 does not divide 160, 5 does; 112 / 40 = 2.8 is 3 rounded, which divides neither, 2 divides both
    assert conv_groups(*widths) == groups


@pytest.mark.parametrize(("channels", "groups", "used"), [(24, 6, 6), (32, 6, 4), (16, 6, 4), (7, 6, 1)])
def test_shuffle_order_is_shufflenets_reshape_and_transpose(channels: int, groups: int, used: int) -> None:
    # "where g does not divide the channel count, the largest divisor not above g" (design.md)
    expected = np.arange(channels).reshape(used, channels // used).T.ravel()
    assert shuffle_order(channels, groups) == expected.tolist()


@pytest.mark.parametrize(("channels", "hidden"), [(4, 12), (12, 72), (24, 24), (7, 14)])
def test_tiled_shuffle_is_where_the_channels_of_a_shuffled_tile_are_in_a_plain_one(
    channels: int, hidden: int
) -> None:
    shuffled = [shuffle_order(channels, 6)[j % channels] for j in range(hidden)]
    order = tiled_shuffle(channels, hidden, 6)
    assert sorted(order) == list(range(hidden))
    assert [source % channels for source in order] == shuffled
    assert [source // channels for source in order] == [j // channels for j in range(hidden)]


def test_modulo_and_groups_of_every_small_permutation_are_those_of_the_sets_they_move() -> None:
    found = set()
    for order, parts in product(permutations(range(6)), (1, 2, 3, 6)):
        classes = [{j for j in range(6) if j % parts == r} for r in range(parts)]
        moved = [{order[j] for j in members} for members in classes]
        as_one = all(members in classes for members in moved)
        assert modulo(order, parts) == ([classes.index(m) for m in moved] if as_one else None)
        groups = [set(part) for part in np.split(np.arange(6), parts)]
        inside = all({order[j] for j in group} == group for group in groups)
        assert keeps_groups(order, parts) is inside
        found.add((parts, as_one, inside))
    assert {(2, True, False), (2, False, True), (2, False, False), (3, True, False)} <= found


def test_modulo_of_classes_of_unequal_size() -> None:
    assert modulo([0, 1, 2, 3, 4], 3) == [0, 1, 2]
    assert modulo([1, 0, 2, 4, 3], 3) == [1, 0, 2]  # 0 and 3 go to 1 and 4
    assert modulo([2, 1, 0, 3, 4], 3) is None  # the class of 2 has one channel, that of 0 two
