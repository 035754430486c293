"""`cheapsearch space`, against enumeration."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.models import build, cost_table, count
from cheapsearch.search.cli.space import print_space, space_costs, space_facts
from cheapsearch.space import (
    FLOPS_CONVENTION,
    SITE_NAMES,
    SITES,
    Architecture,
    SearchSpace,
    additive_costs,
    get_backbone,
)

Call = Callable[..., tuple[int, str, str]]
NARROW: dict[str, Any] = {"num_classes": 3, "input_size": 8}


def row(text: str, *start: str) -> list[str]:
    """The words of the line that begins with these."""
    lines = [line.split() for line in text.splitlines()]
    (found,) = [words for words in lines if words[: len(start)] == list(start)]
    return found


@pytest.fixture(scope="module")
def v2_facts() -> dict[str, Any]:
    return space_facts("mobilenet_v2", width=0.25, per_stage=(), **NARROW)


def test_space_facts_count_what_enumeration_counts(v2_facts: dict[str, Any]) -> None:
    space = SearchSpace("mobilenet_v2", 0.25)
    table = cost_table("mobilenet_v2", width=0.25, **NARROW)
    costs = [table.cost(architecture) for architecture in space]
    assert v2_facts["size"] == len(costs)
    assert v2_facts["distinct"] == len(list(space.distinct()))
    for name in additive_costs():
        values = [getattr(cost, name) for cost in costs]
        assert v2_facts["ranges"][name] == {
            "least": min(values),
            "unmodified": getattr(table.cost(space.unmodified), name),
            "most": max(values),
        }


def test_space_facts_give_every_operation_its_cost(v2_facts: dict[str, Any]) -> None:
    operations = get_backbone("mobilenet_v2").operations
    assert {site: tuple(part["operations"]) for site, part in v2_facts["sites"].items()} == dict(operations)
    base = count(build(Architecture("mobilenet_v2", 0.25), **NARROW))
    for site, part in v2_facts["sites"].items():
        assert part["where"] == SITES[site].where
        unmodified = part["operations"][operations[site][0]]
        # Changing an operation changes the network by what the two differ.
        last = operations[site][-1]
        network = count(build(Architecture("mobilenet_v2", 0.25, **{site: last}), **NARROW))
        for name in additive_costs():
            differ = part["operations"][last][name] - unmodified[name]
            assert differ == getattr(network, name) - getattr(base, name)


def test_space_facts_stage_by_stage_count_without_listing() -> None:
    facts = space_facts("mobilenet_v2", width=0.25, per_stage=("project", "expand"), **NARROW)
    space = SearchSpace("mobilenet_v2", 0.25, ("expand", "project"))
    assert (facts["size"], facts["distinct"]) == (space.size, space.distinct_size)
    assert {site for site, part in facts["sites"].items() if part["per_stage"]} == {"expand", "project"}
    whole = space_facts("mobilenet_v2", width=0.25, per_stage=(), **NARROW)
    for name in additive_costs():
        assert facts["ranges"][name]["least"] <= whole["ranges"][name]["least"]
        assert facts["ranges"][name]["most"] >= whole["ranges"][name]["most"]


def test_print_space_shows_sites_sizes_and_ranges(
    v2_facts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    print_space(v2_facts)
    text = capsys.readouterr().out
    assert "mobilenet_v2 at width 0.25, 3 classes, 8 px: 1,152 architectures" in text  # 3 * 6 * 4 * 4 * 4
    assert f"{v2_facts['distinct']:,} distinct networks" in text
    for name, span in v2_facts["ranges"].items():
        assert f"{name} from {span['least']:,} to {span['most']:,}, unmodified {span['unmodified']:,}" in text
    for site, part in v2_facts["sites"].items():
        first, *others = part["operations"]
        assert row(text, site, first)[-len(additive_costs()) :] == [
            f"{part['operations'][first][name]:,}" for name in additive_costs()
        ]
        assert all(operation in text for operation in others)
    assert "(per stage)" not in text


def test_print_space_marks_the_sites_searched_stage_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    print_space(space_facts("mobilenet_v2", width=0.25, per_stage=("expand",), **NARROW))
    text = capsys.readouterr().out
    assert "expand (per stage)" in text
    assert "project (per stage)" not in text


@pytest.mark.parametrize("per_stage", [(), ("expand", "project")])
def test_space_costs_are_those_of_its_networks(per_stage: tuple[str, ...]) -> None:
    settings: dict[str, Any] = {"width": 0.25, "per_stage": per_stage, **NARROW}
    facts = space_facts("mobilenet_v2", **settings)
    costs = space_costs("mobilenet_v2", **settings)
    assert len(costs) == min(facts["distinct"], 2_000)
    for name in additive_costs():
        span = facts["ranges"][name]
        assert span["least"] <= min(cost[name] for cost in costs)
        assert max(cost[name] for cost in costs) <= span["most"]
        if not per_stage:
            assert {span["least"], span["unmodified"], span["most"]} <= {cost[name] for cost in costs}


def test_space_as_json_as_text_and_drawn(call: Call, tmp_path: Path) -> None:
    code, out, err = call("space", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    space, table = SearchSpace("mobilenet_v2"), cost_table("mobilenet_v2")
    assert (facts["size"], facts["distinct"]) == (space.size, space.distinct_size)
    assert list(facts["sites"]) == list(SITE_NAMES)
    unmodified = table.cost(space.unmodified)
    for name in ("params", "flops"):
        assert facts["ranges"][name]["unmodified"] == getattr(unmodified, name)
    assert facts["flops_convention"] == FLOPS_CONVENTION
    code, out, err = call("space", "--per-stage", "expand,project", "-o", str(tmp_path / "space.html"))
    assert (code, err) == (0, "")
    staged = SearchSpace("mobilenet_v2", per_stage=("expand", "project"))
    assert f"{staged.size:,} architectures, {staged.distinct_size:,} distinct networks" in out
    assert f"{staged.distinct_size:,} distinct networks" in (tmp_path / "space.html").read_text()
