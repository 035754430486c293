"""The costs of parts are whole, plain data."""

import json
from typing import Any

import pytest

from cheapsearch.space import Architecture, Cost, UserError
from cheapsearch.space.part_costs import PartCosts

STAGED = Architecture("mobilenet_v3_small", 0.5, expand=("conv", "reuse", "ghost", "conv", "conv"), se="eca")


def test_parts_of_a_network_are_those_of_its_operations(part_costs) -> None:
    parts = part_costs("mobilenet_v3_small", 0.5)
    found = parts.of(STAGED)
    for (site, stage), cost in found.items():
        operation = "depthwise" if site == "depthwise" else STAGED.operation(site, stage)
        assert cost == parts.costs[site, stage][operation]
    # A stem, a last stage; in each of five stages four sites and the depthwise convolutions.
    assert len(found) == 2 + 5 * 5
    assert parts.total(STAGED) == Cost(
        params=sum(cost.params for cost in found.values()), flops=sum(cost.flops for cost in found.values())
    )


def test_parts_come_back_from_json(part_costs) -> None:
    parts = part_costs("mobilenet_v2", 0.25)
    assert PartCosts.from_dict(json.loads(json.dumps(parts.to_dict()))) == parts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("width"), r"^parts: the key 'width' is missing$"),
        (lambda data: data.update(widht=1.0), r"'widht'; did you mean 'width'\?$"),
        (lambda data: data["parts"].pop(0), r"^parts: must have conv of first_conv, stage 0; it is missing$"),
        (lambda data: data["parts"][0].update(cost={}), r"'cost'; did you mean 'costs'\?$"),
        (lambda data: data["parts"][0].pop("costs"), r"^parts: the key 'costs' is missing$"),
        (lambda data: data["parts"][0]["costs"].update(params=-1), r"params: must be a whole number from 0"),
        (lambda data: data.update(parts=7), r"^parts: must be a list of rows, got 7$"),
    ],
)
def test_parts_refuse_what_is_not_whole(part_costs, change: Any, message: str) -> None:
    data = json.loads(json.dumps(part_costs("mobilenet_v2").to_dict()))
    change(data)
    with pytest.raises(UserError, match=message):
        PartCosts.from_dict(data)
