"""Limits on costs, and the cheapest architecture, against plain enumeration."""

import random
from dataclasses import replace
from itertools import product

import pytest

from cheapsearch.models import CostTable, cost_table
from cheapsearch.search.samplers.limits import LISTABLE, Limits, cheapest_architecture
from cheapsearch.space import SITE_NAMES, Architecture, Cost, SearchSpace, UserError, join_choice
from cheapsearch.space.costs import additive_costs

V2 = "mobilenet_v2"
SPACE = SearchSpace(V2, 0.25)


@pytest.fixture(scope="module")
def costs(table: CostTable) -> dict[Architecture, Cost]:
    """Of every architecture of V2, by enumeration."""
    return {architecture: table.cost(architecture) for architecture in SPACE}


def cheapest(costs: dict[Architecture, Cost], name: str) -> int:
    return min(getattr(cost, name) for cost in costs.values())


def refusal(limits: Limits, space: SearchSpace, table: CostTable) -> str:
    with pytest.raises(UserError) as caught:
        limits.check_reachable(space, table)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- refusing one architecture ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "cost", "reason"),
    [
        (Limits(), Cost(params=10**12, flops=10**15), ""),
        (Limits({"params": 1000}), Cost(params=1000, flops=10**9), ""),  # at the limit is within it
        (Limits({"params": 1000}), Cost(params=1001, flops=1), "params 1,001 are over --max-params 1,000"),
        (
            Limits({"deploy_params": 1000}),
            Cost(params=2000, deploy_params=1001),
            "deploy_params 1,001 are over --max-deploy-params 1,000",
        ),
        (Limits({"flops": 5000}), Cost(params=10**9, flops=5000), ""),
        (Limits({"flops": 5000}), Cost(params=1, flops=5001), "flops 5,001 are over --max-flops 5,000"),
        (Limits({"params": 1000, "flops": 5000}), Cost(params=1000, flops=5000), ""),
        (
            Limits({"params": 1000, "flops": 5000}),
            Cost(params=2000, flops=6000),
            "params 2,000 are over --max-params 1,000",
        ),
        (
            Limits({"params": 1000, "flops": 5000}),
            Cost(params=1000, flops=6000),
            "flops 6,000 are over --max-flops 5,000",
        ),
    ],
)
def test_refusal_names_cost_and_limit(limits: Limits, cost: Cost, reason: str) -> None:
    assert limits.refusal(cost) == reason


# --- the cheapest -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", additive_costs())
def test_cheapest_architecture_is_that_of_enumeration(
    costs: dict[Architecture, Cost], table: CostTable, name: str
) -> None:
    found = cheapest_architecture(SPACE, table, {name: 1.0})
    assert getattr(table.cost(found), name) == cheapest(costs, name)
    dearest = cheapest_architecture(SPACE, table, {name: -1.0})
    assert getattr(table.cost(dearest), name) == max(getattr(cost, name) for cost in costs.values())


def test_cheapest_architecture_weighs_both_costs(costs: dict[Architecture, Cost], table: CostTable) -> None:
    rng = random.Random(0)
    for _ in range(20):
        weights = {"params": rng.random(), "flops": rng.random()}

        def weighted(cost: Cost, weights: dict[str, float] = weights) -> float:
            return weights["params"] * cost.params + weights["flops"] * cost.flops

        found = weighted(table.cost(cheapest_architecture(SPACE, table, weights)))
        assert found == pytest.approx(min(map(weighted, costs.values())))


def test_cheapest_architecture_stage_by_stage_is_that_of_every_choice_alone(table: CostTable) -> None:
    space = SearchSpace(V2, 0.25, ("expand", "project"))
    found = cheapest_architecture(space, table, {"params": 1.0})
    chosen = space.choices(found)
    for name, operations in space.parameters.items():
        others = [table.cost(space.architecture(chosen | {name: operation})) for operation in operations]
        assert table.cost(found).params == min(cost.params for cost in others)
    uniform = cheapest_architecture(SPACE, table, {"params": 1.0})
    assert table.cost(found).params <= table.cost(uniform).params


# --- limits that nothing keeps ----------------------------------------------------------------------


@pytest.mark.parametrize("name", additive_costs())
def test_check_reachable_takes_the_cost_of_the_cheapest_and_refuses_less(
    costs: dict[Architecture, Cost], table: CostTable, name: str
) -> None:
    least = cheapest(costs, name)
    Limits({name: least}).check_reachable(SPACE, table)
    message = refusal(Limits({name: least - 1}), SPACE, table)
    start = f"max_{name}: must be at least {least:,}, that of the cheapest mobilenet_v2 at width 0.25 ("
    assert message.startswith(start)
    assert message.endswith(f"), got {least - 1:,}; raise it or lower width")
    # What the message describes is one of those that cost the least.
    described = message.removeprefix(start).partition(")")[0]
    sites = dict(part.split(" ") for part in described.split(", "))
    assert tuple(sites) == SITE_NAMES
    assert getattr(costs[Architecture(V2, 0.25, **sites)], name) == least


def test_check_reachable_allows_no_limits(table: CostTable) -> None:
    Limits().check_reachable(SPACE, table)


# --- two limits -------------------------------------------------------------------------------------

# With 700 classes the classifier is most of this network, so that the fewest parameters and the fewest
# multiply-adds are different architectures: `reuse` at the last stage has more features for the
# classifier, and no convolution, whose multiply-adds count once a pixel.
SMALL = "mobilenet_v3_small"


@pytest.fixture(scope="module")
def wide_table() -> CostTable:
    return cost_table(SMALL, width=0.25, num_classes=700, input_size=32)


def least_costs(space: SearchSpace, table: CostTable) -> dict[str, Cost]:
    return {name: table.cost(cheapest_architecture(space, table, {name: 1.0})) for name in additive_costs()}


@pytest.mark.parametrize("per_stage", [(), ("expand", "se")])
def test_check_reachable_refuses_two_limits_that_nothing_keeps_together(
    wide_table: CostTable, per_stage: tuple[str, ...]
) -> None:
    space = SearchSpace(SMALL, 0.25, per_stage)
    assert (space.size > LISTABLE) is bool(per_stage)
    least = least_costs(space, wide_table)
    smallest, quickest = least["params"], least["flops"]
    assert smallest.params < quickest.params
    assert smallest.flops > quickest.flops
    message = refusal(Limits({"params": smallest.params, "flops": quickest.flops}), space, wide_table)
    assert message.startswith(
        f"max_params, max_flops: no architecture of {SMALL} keeps both "
        f"{smallest.params:,} and {quickest.flops:,}; the smallest one ("
    )
    assert message.endswith(
        f") has params {smallest.params:,} and flops {smallest.flops:,}; raise one of them or lower width"
    )
    for reachable in (
        Limits({"params": smallest.params, "flops": smallest.flops}),
        Limits({"params": quickest.params, "flops": quickest.flops}),
        Limits({"params": smallest.params, "flops": 10**12}),
        Limits({"params": 10**12, "flops": quickest.flops}),
    ):
        reachable.check_reachable(space, wide_table)


def test_check_reachable_agrees_with_enumeration_about_two_limits(wide_table: CostTable) -> None:
    space = SearchSpace(SMALL, 0.25)
    every = {wide_table.cost(architecture) for architecture in space}
    seen = set()
    for max_params, max_flops in product(
        sorted({cost.params for cost in every})[:20:4], sorted({cost.flops for cost in every})[:20:4]
    ):
        kept = any(cost.params <= max_params and cost.flops <= max_flops for cost in every)
        seen.add(kept)
        if kept:
            Limits({"params": max_params, "flops": max_flops}).check_reachable(space, wide_table)
        else:
            message = refusal(Limits({"params": max_params, "flops": max_flops}), space, wide_table)
            assert f"keeps both {max_params:,} and {max_flops:,}; the smallest one (" in message
    assert seen == {True, False}


def test_check_reachable_stage_by_stage_takes_what_an_architecture_costs(wide_table: CostTable) -> None:
    """Limits at the cost of any architecture are kept by that one."""
    space = SearchSpace(SMALL, 0.25, ("expand", "project"))
    rng = random.Random(0)
    cheap = [
        space.choices(cheapest_architecture(space, wide_table, {name: 1.0})) for name in additive_costs()
    ]
    for _ in range(100):
        choices = dict(rng.choice(cheap))
        for name in rng.sample(list(choices), 2):
            choices[name] = rng.choice(space.parameters[name])
        cost = wide_table.cost(space.architecture(choices))
        Limits({"params": cost.params, "flops": cost.flops}).check_reachable(space, wide_table)


def test_check_reachable_warns_where_it_can_neither_find_nor_exclude(table: CostTable) -> None:
    """What keeps the limits has the cheapest operation of no mixture of the costs: 12, 20 at one stage."""
    space = SearchSpace(V2, 0.25, ("expand", "project"))
    assert space.size > LISTABLE
    dear = Cost(params=100, flops=100)
    parts = {
        part: {operation: dear if index else Cost(params=0, flops=0) for index, operation in enumerate(costs)}
        for part, costs in table.parts.items()
    }
    parts["expand", 1] |= {
        "conv": Cost(params=0, flops=30),
        "ghost": Cost(params=12, flops=20),
        "reuse": Cost(params=20, flops=0),
    }
    made = replace(table, parts=parts, depthwise={1: Cost(params=1000, flops=1000)})
    kept = space.architecture(space.choices(space.unmodified) | {"expand.1": "ghost"})
    limits = made.cost(kept, ["params", "flops"])
    assert limits == Cost(params=1012, flops=1020)
    assert Limits(limits).check_reachable(space, made) == (
        "--max-params, --max-flops: no architecture is known yet that keeps both 1,012 and 1,020; "
        "the search goes on"
    )
    assert Limits({"params": 1012, "flops": 1030}).check_reachable(space, made) == ""
    # Half of each cost is at least 10 at that stage, and these limits add up to less.
    assert "no architecture of" in refusal(Limits({"params": 1005, "flops": 1005}), space, made)


def test_limits_refuse_an_unknown_cost() -> None:
    with pytest.raises(UserError, match=r"^limits: .*'parms'; did you mean 'params'"):
        Limits({"parms": 3})


def test_limits_are_a_mapping() -> None:
    limits = Limits({"flops": 5, "params": 3})
    assert dict(limits) == {"flops": 5, "params": 3}
    assert len(limits) == 2
    assert limits["params"] == 3
    assert not Limits()


# --- stage by stage ---------------------------------------------------------------------------------


def test_check_reachable_stage_by_stage_names_the_cheapest(table: CostTable) -> None:
    space = SearchSpace(V2, 0.25, ("expand", "project"))
    assert space.size > LISTABLE
    found = cheapest_architecture(space, table, {"flops": 1.0})
    least = table.cost(found).flops
    Limits({"flops": least}).check_reachable(space, table)
    message = refusal(Limits({"flops": least - 1}), space, table)
    assert message.startswith(f"max_flops: must be at least {least:,}, ")
    for site in ("expand", "project"):
        assert f"{site} {join_choice(getattr(found, site))}" in message


def test_check_reachable_names_backbone_and_width() -> None:
    message = refusal(Limits({"params": 10_000}), SearchSpace(V2), cost_table(V2))
    assert "that of the cheapest mobilenet_v2 at width 1 (" in message
    assert "got 10,000; raise it or lower width" in message
