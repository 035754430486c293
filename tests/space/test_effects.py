"""What operations amount to at blocks, and which orders they follow, from the cells of design.md's table."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cheapsearch.space import BACKBONES, OPERATIONS, Block, Operation, get_operation
from cheapsearch.space.effects import ABSENT, IDENTITY

# C = 12, H = 72, O = 18: K = 6
BLOCK = Block(2, 3, 12, 72, 18, True, "relu", 1, True)
SAME = list(range(72))


def rows(site: str) -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.site == site]


@pytest.mark.parametrize("operation", rows("shortcut"), ids=lambda row: row.name)
def test_shortcut_where_shapes_agree_is_identity(operation: Operation) -> None:
    assert operation.effect(replace(BLOCK, out_channels=12)) == IDENTITY


@pytest.mark.parametrize(
    ("name", "widens", "halves"),
    [
        # design.md, row `shortcut`: conv and reuse "also where stride 1 and C != O", pool_reuse everywhere
        ("identity", "absent", "absent"),
        ("conv", "conv", "absent"),
        ("reuse", "tile", "absent"),
        ("pool_reuse", "tile", "pool_tile"),
    ],
)
def test_shortcut_where_shapes_differ(name: str, widens: str, halves: str) -> None:
    effect = get_operation("shortcut", name).effect
    assert effect(BLOCK) == widens
    assert effect(replace(BLOCK, stride=2)) == halves
    assert effect(replace(BLOCK, out_channels=12, stride=2)) == halves


@pytest.mark.parametrize("operation", rows("expand"), ids=lambda row: row.name)
def test_expand_is_absent_in_a_block_that_does_not_expand(operation: Operation) -> None:
    assert operation.effect(replace(BLOCK, hidden=12, expands=False)) == ABSENT
    assert operation.effect(BLOCK) != ABSENT
    assert operation.order_at(replace(BLOCK, hidden=12, expands=False)) == ()


@pytest.mark.parametrize("operation", rows("se"), ids=lambda row: row.name)
def test_se_is_absent_without_squeeze_and_excitation(operation: Operation) -> None:
    assert operation.effect(replace(BLOCK, squeeze_excitation=False)) == ABSENT
    assert operation.effect(BLOCK) == (ABSENT if operation.name == "none" else operation.name)


@pytest.mark.parametrize(
    ("site", "name", "block", "effect"),
    [
        ("expand", "shuffle_reuse", BLOCK, "tile"),
        ("expand", "shuffle_reuse", replace(BLOCK, hidden=32), "shuffled_tile"),  # the third copy is cut
        ("expand", "group_conv", BLOCK, "group_conv"),
        ("expand", "group_conv", replace(BLOCK, hidden=12), "conv"),  # a ratio of 1: one group
        ("project", "group_conv", BLOCK, "group_conv"),
        ("project", "group_conv", replace(BLOCK, out_channels=71), "conv"),
        ("project", "reduce", BLOCK, "reduce"),
        ("project", "reduce", replace(BLOCK, hidden=12), "conv"),  # one copy: nothing to sum
        ("project", "conv_shuffle", BLOCK, "conv"),
    ],
)
def test_effect_is_that_of_what_is_built(site: str, name: str, block: Block, effect: str) -> None:
    assert get_operation(site, name).effect(block) == effect


def test_last_group_conv_is_conv_where_no_conv_has_groups() -> None:
    effect = get_operation("last_stage", "group_conv").effect
    layout = BACKBONES["mobilenet_v2"].layout()
    assert effect(layout) == "group_conv"  # 320 -> 1280: four groups
    assert effect(replace(layout, last_channels=321)) == "conv"
    assert effect(replace(layout, last_hidden=320, last_channels=320)) == "conv"


def test_shuffle_reuse_makes_the_channels_of_reuse_in_another_order() -> None:
    operation = get_operation("expand", "shuffle_reuse")
    # eight channels have four groups: 0 1, 2 3, 4 5, 6 7
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    assert operation.order_at(replace(BLOCK, in_channels=8, hidden=16)) == (*order, *(8 + j for j in order))
    assert operation.order_at(replace(BLOCK, in_channels=4, hidden=8)) == ()  # a channel to a group
    assert operation.order_at(replace(BLOCK, hidden=32)) == ()  # cut: other channels, not another order


def moved(order: list[int], first: int, second: int) -> list[int]:
    """With two channels exchanged."""
    order = list(order)
    order[first], order[second] = order[second], order[first]
    return order


ALIKE = [source ^ 1 for source in SAME]  # neighbours exchanged, in every copy of 12 alike


@pytest.mark.parametrize(
    ("site", "name", "follows", "does_not"),
    [
        ("project", "conv", [SAME[::-1], ALIKE, moved(SAME, 0, 71)], []),
        ("project", "conv_shuffle", [SAME[::-1], moved(SAME, 0, 71)], []),
        ("project", "reduce", [ALIKE, moved(SAME, 0, 12)], [moved(SAME, 0, 1)]),
        # 3 is the nearest divisor of 18 below the ratio of 4: groups of 24 channels
        ("project", "group_conv", [moved(SAME, 0, 23), ALIKE], [moved(SAME, 23, 24)]),
        ("se", "se", [SAME[::-1], moved(SAME, 0, 71)], []),
        ("se", "reuse_r4", [moved(SAME, 0, 18)], [moved(SAME, 0, 1)]),  # 18 gates
        ("se", "reuse_r8", [moved(SAME, 0, 9)], [moved(SAME, 0, 18 + 1)]),  # 9 gates
        ("se", "eca", [], [SAME[::-1], ALIKE]),
        ("se", "none", [SAME[::-1], ALIKE], []),
    ],
)
def test_follows_the_orders_that_move_what_it_reads_as_one(
    site: str, name: str, follows: list[list[int]], does_not: list[list[int]]
) -> None:
    operation = get_operation(site, name)
    assert [operation.follows_order(BLOCK, order) for order in follows] == [True] * len(follows)
    assert [operation.follows_order(BLOCK, order) for order in does_not] == [False] * len(does_not)


def test_every_order_is_followed_where_nothing_is_built() -> None:
    bare = replace(BLOCK, squeeze_excitation=False)
    assert all(operation.follows_order(bare, SAME[::-1]) for operation in rows("se"))


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_those_of_the_last_conv_or_of_the_tiles(name: str) -> None:
    # design.md: V2 tile 4, V3 tile 6 and then 2
    layout = BACKBONES[name].layout(0.75)
    copies = 4 if BACKBONES[name].family == "v2" else 12
    for operation in rows("last_stage"):
        features: Callable[..., int] | None = operation.features
        assert features is not None
        tiled = layout.blocks[-1].out_channels * copies
        assert features(layout) == (tiled if operation.name == "reuse" else layout.last_channels)
