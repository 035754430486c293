"""A row is validated when it is made, and takes no order for granted."""

from dataclasses import replace

import pytest

from cheapsearch.space import Block, Operation, UserError
from cheapsearch.space.effects import always, any_order, last_channels

BLOCK = Block(2, 3, 4, 8, 8, True, "relu", 1, True)
ROW = Operation("project", "mine", "what it is", families=("v2",), builder="mine", effect=always("mine"))


def test_a_row_that_says_nothing_of_orders_follows_none() -> None:
    assert not ROW.follows_order(BLOCK, range(8))
    assert not ROW.follows_order(BLOCK, [1, 0, 2, 3, 4, 5, 6, 7])
    assert replace(ROW, follows=any_order).follows_order(BLOCK, [1, 0, 2, 3, 4, 5, 6, 7])


@pytest.mark.parametrize("effect", ["absent", "identity"])
def test_what_computes_nothing_follows_every_order(effect: str) -> None:
    assert replace(ROW, effect=always(effect)).follows_order(BLOCK, [1, 0, 2, 3, 4, 5, 6, 7])


def test_order_at_is_empty_where_it_changes_nothing() -> None:
    row = replace(ROW, site="expand", order=lambda block: range(8))
    assert row.order_at(BLOCK) == ()
    assert replace(row, order=None).order_at(BLOCK) == ()
    assert replace(row, order=lambda block: range(7, -1, -1)).order_at(BLOCK) == (7, 6, 5, 4, 3, 2, 1, 0)


def test_settings_are_the_reduction_if_there_is_one() -> None:
    assert ROW.settings == {}
    assert replace(ROW, reduction=4).settings == {"reduction": 4}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"site": "projct"}, r"^site of mine: must be one of .*; did you mean 'project'\?$"),
        ({"families": ("v4",)}, "^family of project mine: must be one of v2, v3, got 'v4'"),
        ({"order": lambda block: ()}, "^project mine: order is only for expand; leave it out$"),
        (
            {"site": "first_conv", "follows": any_order},
            "^first_conv mine: follows is only for expand, se, project, shortcut, last_stage; leave it out$",
        ),
        (
            {"site": "se", "sorts": True},
            "^se mine: sorts is only for first_conv, project, shortcut; leave it out$",
        ),
        ({"plain": "conv", "reads": range}, "^project mine: plain is only for expand; leave it out$"),
        ({"site": "expand", "plain": "reuse"}, "^expand mine: plain and reads must be given both or neither"),
        ({"features": last_channels}, "^project mine: features is only for last_stage; leave it out$"),
        (
            {"site": "last_stage"},
            "^last_stage mine: features must say what the classifier gets; give it$",
        ),
    ],
)
def test_a_row_that_cannot_be_right_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(ROW, **wrong)  # type: ignore[arg-type]
