"""The costs of a network as values by name."""

import copy
import pickle

import pytest

from cheapsearch.space import (
    COSTS,
    DEFAULT_OBJECTIVES,
    Cost,
    CostKind,
    UserError,
    additive_costs,
    shown_costs,
)
from cheapsearch.space.costs import check_cost, flattened, gathered, in_every_file, table_costs

COST = Cost(params=1_173_732, flops=43_887_616)


def test_every_row_has_its_name_and_a_default_search_is_for_the_first_two() -> None:
    assert all(name == kind.name for name, kind in COSTS.items())
    assert DEFAULT_OBJECTIVES == ("accuracy", "params", "flops")
    assert in_every_file() == ["params", "flops"]
    assert additive_costs() == ["params", "flops", "deploy_params", "deploy_flops"]
    assert table_costs() == ["latency_ms", "energy_mj", "own_cost"]
    assert list(COSTS) == [*additive_costs(), *table_costs()]


def test_costs_of_the_deploy_form_are_shown_where_there_is_room_or_they_are_objectives() -> None:
    assert shown_costs() == ["params", "flops"]
    assert shown_costs(("accuracy", "deploy_flops", "params")) == ["params", "flops", "deploy_flops"]


def test_a_row_says_how_its_numbers_are_written() -> None:
    assert COSTS["params"].format(COST.params) == "1.174 M"
    assert COSTS["params"].heading == "parameters"
    latency = CostKind("latency_ms", "latency", unit="ms", type=float, format=lambda value: f"{value:.1f} ms")
    assert (latency.heading, latency.format(3.24)) == ("latency (ms)", "3.2 ms")


def test_cost_is_a_mapping_whose_values_are_attributes() -> None:
    assert (COST["params"], COST.flops) == (1_173_732, 43_887_616)
    assert dict(COST) == {"params": 1_173_732, "flops": 43_887_616}
    mixed = Cost({"params": 1_173_732}, flops=43_887_616)
    assert mixed == COST
    assert hash(Cost(flops=43_887_616, params=1_173_732)) == hash(COST)
    assert Cost(params=1_173_732, flops=1) != COST
    assert repr(COST) == "Cost(params=1173732, flops=43887616)"
    with pytest.raises(AttributeError, match="Cost has no 'latency'"):
        COST.latency  # noqa: B018
    with pytest.raises(KeyError):
        COST["latency"]


def test_cost_is_immutable() -> None:
    with pytest.raises(AttributeError):
        COST.params = 3  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        COST["params"] = 3  # type: ignore[index]


def test_cost_is_copied_and_sent_to_other_processes() -> None:
    for same in (copy.copy(COST), copy.deepcopy(COST), pickle.loads(pickle.dumps(COST))):
        assert same == COST
        assert same.params == COST.params


def test_costs_add_up() -> None:
    assert Cost(params=1, flops=10) + Cost(params=2, flops=20) == Cost(params=3, flops=30)
    parts = [Cost(params=n, flops=n * n) for n in range(5)]
    assert Cost.total(parts) == Cost(params=10, flops=30)
    assert (Cost.total(parts, ["flops"]), Cost.total(parts, [])) == (Cost(flops=30), Cost())


def test_a_file_has_the_costs_beside_its_other_entries_and_in_their_place() -> None:
    data = {"first": 1, "costs": COST, "last": 2}
    flat = flattened(data)
    assert list(flat.items()) == [("first", 1), *COST.items(), ("last", 2)]
    assert gathered(flat) == data
    assert gathered({"first": 1, "flops": 3}) == {"first": 1, "costs": Cost(flops=3)}


@pytest.mark.parametrize("value", [-1, 1.5, True, "5", None, float("nan")])
def test_check_cost_refuses_what_is_no_number_of_its_type(value: object) -> None:
    check_cost({"params": 0, "flops": 5})
    with pytest.raises(UserError) as caught:
        check_cost({"params": 0, "flops": value}, "max_")  # type: ignore[dict-item]
    assert str(caught.value) == f"max_flops: must be a whole number from 0, got {value!r}"


def test_check_cost_takes_fractions_of_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COSTS, "latency_ms", CostKind("latency_ms", "latency", type=float))
    check_cost({"latency_ms": 2.5})
    for value in (-0.5, float("nan"), "2"):
        with pytest.raises(UserError, match=r"^latency_ms: must be a number from 0, got "):
            check_cost({"latency_ms": value})  # type: ignore[dict-item]


def test_check_cost_refuses_an_unknown_cost() -> None:
    with pytest.raises(UserError, match=r"^costs: .*'param'; did you mean 'params'"):
        check_cost({"param": 1})
