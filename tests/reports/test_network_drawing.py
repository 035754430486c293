"""The drawing of a network: well-formed, complete in both arrangements, readable, and safe."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from cheapsearch.reports.network_drawing import network_svg
from cheapsearch.reports.network_marks import box_of, label_of
from cheapsearch.reports.network_stages import Cell, Stage, network_stages
from cheapsearch.space import PRESETS, Architecture, Cost

STAGED = replace(
    Architecture("mobilenet_v2"),
    first_conv="pre_reuse",
    expand=("reuse", "ghost", "conv", "shuffle_reuse", "reuse_group", "group_conv", "conv"),
)


def drawn(architecture, parts, **settings):
    """The two arrangements, parsed."""
    markup = network_svg(architecture, parts, **settings)
    return ElementTree.fromstring(markup).findall("svg")


def texts(svg):
    return [element.text or "" for element in svg.iter("text")]


@pytest.mark.parametrize("network", [STAGED, PRESETS["cheap_v3"], Architecture("mobilenet_v3_small", 0.5)])
def test_both_arrangements_name_every_operation_and_mark_what_differs(network, part_costs) -> None:
    parts = part_costs(network.backbone, network.width)
    stages = network_stages(network, parts)
    cells = [cell for stage in stages for cell in stage.cells.values()]
    wide, narrow = drawn(network, parts)
    changed = sum(bool(cell.instead_of) for cell in cells)
    assert texts(wide).count("≠") == changed
    assert sum(text.startswith("≠ ") for text in texts(narrow)) == changed + 1  # and the key's
    for svg in (wide, narrow):
        said = [text.removeprefix("≠ ") for text in texts(svg)]
        for name in {cell.operation for cell in cells if cell.there} - {"se"}:  # as its site is called
            assert said.count(name) == sum(cell.there and cell.operation == name for cell in cells)
        assert all(stage.shape in said for stage in stages)
        titles = [title.text for title in svg.iter("title")]
        assert sum("instead of" in title for title in titles) == changed


@pytest.mark.parametrize(
    ("name", "label"), [("mine@62206248", "mine"), ("a_name_of_many_letters", "a_name_of_ma…")]
)
def test_names_of_own_operations_fit_their_boxes(name, label, part_costs) -> None:
    cell = Cell("expand", name, "conv", 2, Cost(params=1, flops=1))
    assert label_of(cell) == label
    stage = Stage("stage 2", 2, 24, 56, {"expand": cell}, cell.cost, cell.cost)
    assert name in box_of(stage, cell, cell.cost, 0, 0, 90, 40)


def test_shares_of_the_stages_are_those_of_the_cost(part_costs) -> None:
    parts = part_costs("mobilenet_v2")
    stages = network_stages(STAGED, parts)
    wide, narrow = drawn(STAGED, parts)
    for cost in ("flops", "params"):
        total = parts.total(STAGED)[cost]
        shares = [100 * stage.cost[cost] / total for stage in stages]
        written = ["< 1 %" if share < 0.95 else f"{share:.0f} %" for share in shares]
        row = [t for t in texts(wide) if re.fullmatch(r"(< )?\d+ %", t)]
        assert "|".join(written) in "|".join(row)
    assert all(re.search(r"%.* of the FLOPs, .*% of the parameters", s) for s in _cards(narrow, len(stages)))


def _cards(narrow, count):
    found = [text for text in texts(narrow) if "of the FLOPs," in text]
    assert len(found) == count
    return found


def test_texts_are_large_enough_at_the_width_they_are_made_for(part_costs) -> None:
    wide, narrow = drawn(STAGED, part_costs("mobilenet_v2"))
    # The page of a phone of 390 pixels leaves 326 to a figure, and the narrow one is shown below 940.
    for svg, room in ((wide, 1000), (narrow, 326)):
        scale = room / float(svg.get("viewBox").split()[2])
        assert min(float(element.get("font-size")) for element in svg.iter("text")) * scale >= 10.9


def test_names_are_escaped_and_said_to_those_who_do_not_see(part_costs) -> None:
    hostile = '"><script>alert(1)</script>'
    markup = network_svg(STAGED, part_costs("mobilenet_v2"), name=hostile)
    assert "<script" not in markup
    wide, narrow = ElementTree.fromstring(markup).findall("svg")
    for svg in (wide, narrow):
        assert svg.get("role") == "img"
        said = svg.get("aria-label") or ""
        assert said.startswith(f"{hostile}, stage by stage: ")
        assert "first_conv pre_reuse instead of conv" in said
