"""The table has one row for each operation of design.md's table, and nothing else lists them."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from cheapsearch.space import BACKBONES, OPERATIONS, SITE_NAMES, SITES, UserError, get_operation


def test_rows_are_one_for_each_operation_of_a_site() -> None:
    counts = Counter((row.site, row.name) for row in OPERATIONS)
    assert set(counts.values()) == {1}
    assert set(counts) == {(name, operation) for name, site in SITES.items() for operation in site.operations}
    assert [row.what for row in OPERATIONS if row.site == "se"] == list(SITES["se"].operations.values())


def test_backbones_offer_the_rows_of_their_family_in_the_order_of_the_table() -> None:
    for backbone in BACKBONES.values():
        assert tuple(backbone.operations) == SITE_NAMES
        for site, names in backbone.operations.items():
            rows = [row for row in OPERATIONS if row.site == site and backbone.family in row.families]
            if backbone.name == "mobilenet_v2_torchvision" and site == "shortcut":
                rows.sort(key=lambda row: row.name != "identity")  # its unmodified network has no others
            assert list(names) == [row.name for row in rows]


def test_get_operation_finds_every_row() -> None:
    assert all(get_operation(row.site, row.name) is row for row in OPERATIONS)


@pytest.mark.parametrize(
    ("site", "name", "message"),
    [
        ("expnd", "conv", r"^site: must be one of first_conv, .*; did you mean 'expand'\?$"),
        ("expand", "reus", r"^expand: must be one of conv, reuse, .*, got 'reus'; did you mean 'reuse'\?$"),
        ("project", "ghost", "^project: must be one of conv, conv_shuffle, group_conv, reduce, got 'ghost'"),
    ],
)
def test_get_operation_refuses_what_is_not_there(site: str, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        get_operation(site, name)


@pytest.mark.parametrize(
    "module",
    [
        "space/canonical.py",
        "space/search_space.py",
        "space/backbones.py",
        "models/network.py",
        "models/cost_table.py",
    ],
)
def test_no_other_module_knows_an_operation_by_name(module: str) -> None:
    tree = ast.parse((Path(__file__).parents[2] / module).read_text("utf-8"))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    names = {row.name for row in OPERATIONS} - set(SITE_NAMES)  # the site `se` has an operation `se`
    assert not words & names
