"""What is told of architectures, spaces and presets, against counted networks and enumeration."""

import json
from typing import Any

import pytest

from cheapsearch.models import build, cost_table, count
from cheapsearch.search.cli.facts import (
    architecture_facts,
    make_console,
    preset_facts,
    print_architecture,
    print_presets,
    print_space,
    space_costs,
    space_facts,
)
from cheapsearch.space import (
    COSTS,
    FLOPS_CONVENTION,
    PRESETS,
    SITE_NAMES,
    SITES,
    Architecture,
    SearchSpace,
    UserError,
    architecture_hash,
    get_backbone,
)

NARROW = {"num_classes": 3, "input_size": 8}


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def row(text: str, *start: str) -> list[str]:
    """The words of the line that begins with these."""
    lines = [line.split() for line in text.splitlines()]
    (found,) = [words for words in lines if words[: len(start)] == list(start)]
    return found


# --- an architecture --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("mobilenet_v2", 0.25),
        Architecture("mobilenet_v2", 0.25, expand="reuse", project=("conv", "reduce") * 3 + ("conv",)),
    ],
)
def test_architecture_facts_are_those_of_the_counted_network(architecture: Architecture) -> None:
    facts = architecture_facts(architecture, **NARROW)
    cost = count(build(architecture, **NARROW))
    assert (facts["params"], facts["flops"]) == (cost.params, cost.flops)
    assert facts["hash"] == architecture_hash(architecture)
    assert (facts["backbone"], facts["width"]) == ("mobilenet_v2", 0.25)
    assert {name: facts[name] for name in NARROW} == NARROW
    assert facts["flops_convention"] == FLOPS_CONVENTION
    assert list(facts["sites"]) == list(SITE_NAMES)
    parts = [*facts["sites"].values(), facts["rest"]["depthwise"]]
    for name in COSTS:
        assert sum(part[name] for part in parts) == facts[name]
        assert sum(part[f"{name}_share"] for part in parts) == pytest.approx(1.0)
    assert {site: part["operation"] for site, part in facts["sites"].items()} == {
        site: getattr(architecture, site) for site in SITE_NAMES
    }
    json.dumps(facts)  # plain data


def test_architecture_facts_name_the_presets_that_are_the_same() -> None:
    shuffled = Architecture("mobilenet_v2", project="conv_shuffle")
    assert architecture_facts(shuffled, num_classes=10, input_size=32)["same_as"] == ["mobilenet_v2"]
    assert architecture_facts(Architecture("mobilenet_v2", 0.25), **NARROW)["same_as"] == []


@pytest.mark.parametrize(("name", "value"), [("num_classes", 1), ("num_classes", 0), ("input_size", 7)])
def test_architecture_facts_refuse_a_number_out_of_range(name: str, value: int) -> None:
    with pytest.raises(UserError, match=f"^{name}: must be .*got {value}"):
        architecture_facts(Architecture("mobilenet_v2", 0.25), **NARROW | {name: value})


def test_print_architecture_shows_every_site_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    facts = architecture_facts(Architecture("mobilenet_v2", 0.25, expand="reuse"), **NARROW)
    print_architecture(facts)
    text = shown(capsys)
    assert f"mobilenet_v2 at width 0.25, 3 classes, 8 px   hash {facts['hash']}" in text
    assert f"params {facts['params']:,}   flops {facts['flops']:,}" in text
    for site, part in facts["sites"].items():
        assert row(text, site) == [
            *(site, part["operation"]),
            *(f"{part['params']:,}", f"{100 * part['params_share']:.1f}"),
            *(f"{part['flops']:,}", f"{100 * part['flops_share']:.1f}"),
        ]
    assert f"{facts['rest']['depthwise']['params']:,}" in row(text, "(depthwise", "convs)")
    assert FLOPS_CONVENTION in text
    assert "same function class" not in text
    assert "published as" not in text


def test_print_architecture_says_when_two_operations_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    architecture = Architecture("mobilenet_v2", expand="shuffle_reuse", project="conv_shuffle")
    print_architecture(architecture_facts(architecture, num_classes=10, input_size=32))
    text = shown(capsys)
    assert (
        "expand: shuffle_reuse is the same function class here as reuse; the hash is that network's" in text
    )
    assert "project: conv_shuffle is the same function class here as conv" in text
    assert "last_stage: " not in text


def test_print_architecture_names_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    print_architecture(architecture_facts(PRESETS["cheap_v2"], num_classes=100, input_size=32))
    text = shown(capsys)
    assert "published as cheap_v2" in text
    assert "params 1,173,732 " in text  # design.md, "Presets"


# --- a space ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def v2_facts() -> dict[str, Any]:
    return space_facts("mobilenet_v2", width=0.25, per_stage=(), **NARROW)


def test_space_facts_count_what_enumeration_counts(v2_facts: dict[str, Any]) -> None:
    space = SearchSpace("mobilenet_v2", 0.25)
    table = cost_table("mobilenet_v2", width=0.25, **NARROW)
    costs = [table.cost(architecture) for architecture in space]
    assert v2_facts["size"] == len(costs)
    assert v2_facts["distinct"] == len(list(space.distinct()))
    for name in COSTS:
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
        for name in COSTS:
            differ = part["operations"][last][name] - unmodified[name]
            assert differ == getattr(network, name) - getattr(base, name)


def test_space_facts_stage_by_stage_count_without_listing() -> None:
    facts = space_facts("mobilenet_v2", width=0.25, per_stage=("project", "expand"), **NARROW)
    space = SearchSpace("mobilenet_v2", 0.25, ("expand", "project"))
    assert (facts["size"], facts["distinct"]) == (space.size, space.distinct_size)
    assert {site for site, part in facts["sites"].items() if part["per_stage"]} == {"expand", "project"}
    whole = space_facts("mobilenet_v2", width=0.25, per_stage=(), **NARROW)
    for name in COSTS:
        assert facts["ranges"][name]["least"] <= whole["ranges"][name]["least"]
        assert facts["ranges"][name]["most"] >= whole["ranges"][name]["most"]


def test_print_space_shows_sites_sizes_and_ranges(
    v2_facts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    print_space(v2_facts)
    text = shown(capsys)
    assert "mobilenet_v2 at width 0.25, 3 classes, 8 px: 1,152 architectures" in text  # 3 * 6 * 4 * 4 * 4
    assert f"{v2_facts['distinct']:,} distinct networks" in text
    for name, span in v2_facts["ranges"].items():
        assert f"{name} from {span['least']:,} to {span['most']:,}, unmodified {span['unmodified']:,}" in text
    for site, part in v2_facts["sites"].items():
        first, *others = part["operations"]
        assert row(text, site, first)[-2:] == [f"{part['operations'][first][name]:,}" for name in COSTS]
        assert all(operation in text for operation in others)
    assert "(per stage)" not in text


def test_print_space_marks_the_sites_searched_stage_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    print_space(space_facts("mobilenet_v2", width=0.25, per_stage=("expand",), **NARROW))
    text = shown(capsys)
    assert "expand (per stage)" in text
    assert "project (per stage)" not in text


# --- presets ----------------------------------------------------------------------------------------


def test_preset_facts_are_the_published_counts(capsys: pytest.CaptureFixture[str]) -> None:
    facts = preset_facts(num_classes=100, input_size=32)
    assert list(facts["presets"]) == list(PRESETS)
    # design.md, "Presets": parameters the published code gives, and multiply-adds in millions
    published = {
        "mobilenet_v2": (2_412_212, 91.27),
        "cheap_v2": (1_173_732, 43.89),
        "mobilenet_v3_large": (4_321_948, 66.57),
        "cheap_v3": (1_803_076, 46.48),
    }
    for name, (params, flops) in published.items():
        assert facts["presets"][name]["params"] == params
        assert round(facts["presets"][name]["flops"] / 1e6, 2) == flops
    for name, preset in PRESETS.items():
        found = facts["presets"][name]
        assert found["hash"] == architecture_hash(preset)
        assert {key: found[key] for key in preset.to_dict()} == preset.to_dict()

    print_presets(facts)
    text = shown(capsys)
    for name, found in facts["presets"].items():
        assert row(text, name, found["backbone"])[-2:] == [f"{found['params']:,}", f"{found['flops']:,}"]
    assert f"100 classes, 32 px; flops: {FLOPS_CONVENTION}" in text


# --- the console ------------------------------------------------------------------------------------


def test_make_console_does_not_cut_lines_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    make_console().print("x" * 150)
    make_console(stderr=True).print("y" * 150)
    captured = capsys.readouterr()
    assert captured.out == "x" * 150 + "\n"
    assert captured.err == "y" * 150 + "\n"


@pytest.mark.parametrize("per_stage", [(), ("expand", "project")])
def test_space_costs_are_those_of_its_networks(per_stage: tuple[str, ...]) -> None:
    settings: dict[str, Any] = {"width": 0.25, "per_stage": per_stage, **NARROW}
    facts = space_facts("mobilenet_v2", **settings)
    costs = space_costs("mobilenet_v2", **settings)
    assert len(costs) == min(facts["distinct"], 2_000)
    for name in COSTS:
        span = facts["ranges"][name]
        assert span["least"] <= min(cost[name] for cost in costs)
        assert max(cost[name] for cost in costs) <= span["most"]
        if not per_stage:
            assert {span["least"], span["unmodified"], span["most"]} <= {cost[name] for cost in costs}
