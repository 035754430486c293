import pytest

from cheapsearch import space
from cheapsearch.reports import cost_by_operation, range_of_costs, write_space

FACTS = {
    "backbone": "mobilenet_v2",
    "width": 1.0,
    "size": 6,
    "distinct": 2,
    "num_classes": 10,
    "input_size": 32,
    "ranges": {"params": {"unmodified": 200}, "flops": {"unmodified": 5000}},
    "sites": {
        "expand": {
            "operations": {"conv": {"params": 100, "flops": 1000}, "reuse": {"params": 0, "flops": 0}}
        },
        "se": {"operations": {"none": {"params": 0, "flops": 0}}},
    },
}
COSTS = [{"params": 200, "flops": 5000}, {"params": 100, "flops": 4000}]


def test_range_of_costs_draws_every_network_and_the_unmodified_one():
    networks, unmodified = range_of_costs(FACTS, COSTS).data
    assert (list(networks.x), list(networks.y)) == ([5000, 4000], [200, 100])
    assert (list(unmodified.x), list(unmodified.y)) == ([5000], [200])


def test_cost_by_operation_is_a_share_of_the_unmodified_network():
    params, flops = cost_by_operation(FACTS).data
    assert list(params.y) == list(flops.y) == ["expand: conv", "expand: reuse"]
    assert list(params.x) == pytest.approx([50, 0])
    assert list(flops.x) == pytest.approx([20, 0])


@pytest.mark.parametrize(("costs", "said"), [(COSTS, "all of them"), (COSTS[:1], "1 random ones")])
def test_write_space_says_what_is_drawn_and_loads_nothing(tmp_path, monkeypatch, costs, said):
    monkeypatch.setitem(space.COSTS, "flops", space.CostKind("flops", "FLOPs", convention="one <each>"))
    page = write_space(FACTS, costs, tmp_path / "space.html").read_text()
    assert said in page
    assert "one &lt;each&gt;" in page
    assert "Content-Security-Policy" in page
    assert "mobilenet_v2 at width 1" in page
