"""Every row of the table keeps the contract, and a row or builder that does not is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import check_operation
from cheapsearch.models.layers import Shuffle, Tile, conv_bn
from cheapsearch.models.operations import expand_conv, last_conv, project_conv
from cheapsearch.space import OPERATIONS, Backbone, Block, Layout, Operation, UserError, get_operation
from cheapsearch.space.effects import ABSENT, always, any_order, around, expanding, last_channels


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: f"{row.site}-{row.name}")
def test_every_row_keeps_the_contract(operation: Operation) -> None:
    check_operation(operation)


def test_check_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_operation(get_operation("first_conv", "conv"))
    assert torch.equal(torch.rand(2), expected)


# An operation of one's own, not in the table


def project_sum(backbone: Backbone, block: Block) -> nn.Module:
    """A pointwise sum of two convolutions."""

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = conv_bn(block.hidden, block.out_channels)
            self.second = conv_bn(block.hidden, block.out_channels)

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x) + self.second(x)

    return Sum()


SUM = Operation(
    "project", "sum", "two 1x1 convs, BN, added", families=("v3",), builder=None, effect=always("sum")
)


@pytest.mark.parametrize("follows", [None, any_order])
def test_an_operation_of_ones_own_passes_with_and_without_a_claim(
    follows: Callable[..., bool] | None,
) -> None:
    check_operation(replace(SUM, follows=follows), project_sum)


def refusal(operation: Operation, builder: Callable[..., nn.Module] | None = None) -> str:
    with pytest.raises(UserError) as caught:
        check_operation(operation, builder)
    message = str(caught.value)
    assert message.startswith(f"{operation.site} {operation.name}: ")
    return message


# Rows that claim too much


@pytest.mark.parametrize(
    ("site", "name"), [("se", "eca"), ("se", "reuse_r4"), ("project", "group_conv"), ("project", "reduce")]
)
def test_a_claim_to_follow_every_order_is_refused_where_order_matters(site: str, name: str) -> None:
    claims = replace(get_operation(site, name), follows=any_order)
    assert "follows says" in refusal(claims)


@pytest.mark.parametrize(
    ("site", "name"),
    [
        ("expand", "group_conv"),
        ("expand", "reuse_group"),
        ("shortcut", "reuse"),
        ("last_stage", "group_conv"),
    ],
)
def test_a_claim_to_follow_the_orders_between_blocks_is_refused_where_order_matters(
    site: str, name: str
) -> None:
    claims = replace(get_operation(site, name), follows=any_order)
    assert "follows says" in refusal(claims)


@pytest.mark.parametrize(("site", "name"), [("project", "group_conv"), ("shortcut", "reuse")])
def test_a_claim_to_sort_is_refused_where_nothing_sorts(site: str, name: str) -> None:
    assert "sorts says" in refusal(replace(get_operation(site, name), sorts=True))


def test_a_claim_to_be_another_of_its_input_reordered_is_refused_in_another_order() -> None:
    claims = replace(get_operation("expand", "shuffle_reuse"), reads=lambda channels: range(channels))
    assert "is not reuse of the channels in the order of reads" in refusal(claims)


def test_the_effect_of_another_needs_its_weights() -> None:
    group_conv = replace(get_operation("project", "group_conv"), effect=always("conv"))
    assert "has the effect 'conv' of conv but other weights than it" in refusal(group_conv)


def test_the_effect_of_another_needs_its_function() -> None:
    def twice(backbone: Backbone, block: Block) -> nn.Module:
        class Twice(nn.Sequential):
            def forward(self, x: Tensor) -> Tensor:
                return 2 * super().forward(x)

        return Twice(*project_conv(backbone, block).children())

    assert "has the effect 'conv' of conv" in refusal(replace(SUM, effect=always("conv")), twice)


def test_a_shuffled_tile_is_no_tile_without_its_order() -> None:
    tile = replace(get_operation("expand", "shuffle_reuse"), effect=expanding("tile"), order=None)
    assert "computes something else" in refusal(tile)


def test_another_order_than_the_one_given_is_refused() -> None:
    def other(backbone: Backbone, block: Block) -> nn.Module:
        return nn.Sequential(Shuffle(block.in_channels, 2), Tile(block.in_channels, block.hidden))

    assert "computes something else" in refusal(get_operation("expand", "shuffle_reuse"), other)


def test_a_shuffle_of_outputs_is_no_conv_where_nothing_can_undo_it() -> None:
    """`project` sorts its rows; a shortcut of tiles has none to sort."""

    def shuffled(backbone: Backbone, block: Block) -> nn.Module:
        return nn.Sequential(Tile(block.in_channels, block.out_channels), Shuffle(block.out_channels, 2))

    tile = replace(get_operation("shortcut", "reuse"), name="mine", effect=around("tile", ABSENT))
    assert "has the effect 'tile' of reuse but computes something else" in refusal(tile, shuffled)


def test_effects_are_absent_exactly_where_the_network_has_nothing() -> None:
    everywhere = always("mine")
    assert "'absent' in a block that does not expand" in refusal(
        replace(get_operation("expand", "conv"), name="mine", effect=everywhere)
    )
    assert "'absent' in a block without squeeze-and-excitation" in refusal(
        replace(get_operation("se", "se"), name="mine", effect=everywhere)
    )
    for site in ("first_conv", "expand", "project", "last_stage"):
        nothing = replace(get_operation(site, "conv"), name="mine", effect=always(ABSENT))
        assert "must not be 'absent' where the network needs its output" in refusal(nothing)


# Builders that do not fit


def test_shapes_and_features_must_be_right() -> None:
    def narrow(backbone: Backbone, block: Block) -> nn.Module:
        return conv_bn(block.hidden, block.out_channels - 1)

    assert "must make (2, 8, 5, 5) of (2, 8, 5, 5), got (2, 7, 5, 5)" in refusal(SUM, narrow)
    reuse = replace(get_operation("last_stage", "reuse"), features=last_channels)
    assert "must make (2, 1280, 1, 1)" in refusal(reuse)

    def unpooled(backbone: Backbone, layout: Layout) -> nn.Module:
        return nn.Sequential(*last_conv(backbone, layout)[:1])  # type: ignore[index]

    assert "must make" in refusal(get_operation("last_stage", "conv"), unpooled)


def test_the_input_of_a_block_must_be_left_alone() -> None:
    def in_place(backbone: Backbone, block: Block) -> nn.Module:
        return nn.Sequential(nn.ReLU(inplace=True), Tile(block.in_channels, block.hidden))

    mine = replace(get_operation("expand", "conv"), name="mine", effect=expanding("mine"))
    assert "must not write into its input" in refusal(mine, in_place)


def test_every_operator_must_be_counted() -> None:
    def softplus(backbone: Backbone, block: Block) -> nn.Module:
        return nn.Sequential(expand_conv(backbone, block), nn.Softplus())

    mine = replace(get_operation("expand", "conv"), name="mine", effect=expanding("mine"))
    with pytest.raises(NotImplementedError, match="no FLOP handle for aten::softplus"):
        check_operation(mine, softplus)


@pytest.mark.parametrize(
    ("branches", "rule"),
    [
        (lambda x: x.shape[1] > 1, r"must be one that torch.fx can trace \(symbolically traced"),
        (lambda x: isinstance(x, Tensor), "must answer the same in its deploy form"),
    ],
)
def test_the_deploy_form_must_answer_the_same(branches: Callable[[Tensor], bool], rule: str) -> None:
    class Branching(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if branches(x) else super().forward(-x)

    with pytest.raises(UserError, match=f"^expand conv: {rule}"):
        check_operation(get_operation("expand", "conv"), lambda *given: Branching(expand_conv(*given)))


def test_a_missing_builder_is_named() -> None:
    assert "builder must name a function of models/operations.py, got None" in refusal(SUM)
