"""Effects and interactions from accuracies that are known."""

import numpy as np
import pytest

from cheapsearch.search.insight.asked import Asked
from cheapsearch.search.insight.effects import effects, interactions
from cheapsearch.space import SearchSpace

SPACE = SearchSpace("mobilenet_v2")
# Where shuffle_reuse is the same network as reuse, it is worth as much.
WORTH = {
    "reuse": 2.0,
    "shuffle_reuse": 2.0,
    "ghost": -3.0,
    "group_conv": 1.0,
    "pool_reuse": 5.0,
    "pre_reuse": -1.0,
}


@pytest.fixture
def asked(parts) -> Asked:
    return Asked(SPACE, (), parts.total, seed=0)


def values(asked: Asked, *, together: float = 0.0) -> np.ndarray:
    """Of every network: 60, with what each of its operations is worth; ghost and pool_reuse more together."""
    options = list(SPACE.parameters.values())
    rows = [[names[n] for names, n in zip(options, row, strict=True)] for row in asked.choices]
    return np.array(
        [
            60 + sum(WORTH.get(name, 0.0) for name in row) + together * ({"ghost", "pool_reuse"} <= {*row})
            for row in rows
        ]
    )


def test_effects_are_what_operations_are_worth(asked, parts):
    truth = values(asked)
    rng = np.random.default_rng(0)
    shifts = rng.normal(0, 3, (400, 1))  # of all networks alike, which no difference has
    usual = parts.total(SPACE.unmodified)
    found = effects(
        asked, truth + shifts, unmodified={"params": usual.params}, trained={("expand", "ghost"): 7}
    )
    by_name = {(effect.site, effect.operation): effect for effect in found}
    assert len(found) == sum(len(options) - 1 for options in SPACE.parameters.values())
    ghost = by_name["expand", "ghost"]
    assert (ghost.accuracy, ghost.trained) == (pytest.approx(-3.0, abs=1e-3), 7)
    assert ghost.high - ghost.low == pytest.approx(0.0, abs=1e-3)
    ghosts = [parts.costs["expand", stage]["ghost"].params for stage in range(1, 8)]
    convs = [parts.costs["expand", stage]["conv"].params for stage in range(1, 8)]
    percent = 100 * (sum(ghosts) - sum(convs)) / usual.params
    assert ghost.costs == {"params": pytest.approx(percent, abs=1e-3)}
    assert by_name["first_conv", "pre_reuse"].accuracy == pytest.approx(-1.0, abs=1e-3)
    # A projection of shuffled rows is a projection: never another network.
    assert [effect.operation for effect in found if effect.equal] == ["conv_shuffle"]


def test_interactions_are_those_that_are_there(asked):
    spread = np.random.default_rng(0).normal(0, 0.01, (400, len(asked)))
    assert all(abs(pair.accuracy) < 0.02 for pair in interactions(asked, values(asked) + spread))
    pair, *_ = interactions(asked, values(asked, together=-4.0) + spread)
    assert {pair.operation, pair.other_operation} == {"ghost", "pool_reuse"}
    assert pair.accuracy == pytest.approx(-4.0, abs=0.05)
    assert pair.low < pair.accuracy < pair.high < 0


def test_interactions_are_surer_than_one_pair_alone_need_be(asked):
    """One that 98 of 100 draws have on the same side, of hundreds that are looked at, is not told."""
    options = list(SPACE.parameters)
    ghost = SPACE.parameters["expand"].index("ghost")
    pool = SPACE.parameters["shortcut"].index("pool_reuse")
    both = (asked.choices[:, options.index("expand")] == ghost) & (
        asked.choices[:, options.index("shortcut")] == pool
    )
    beyond = np.where(np.arange(400) % 50 == 0, 1.0, -4.0)[:, None]
    assert np.quantile(beyond, 0.975) < 0.0
    spread = np.random.default_rng(0).normal(0, 0.01, (400, len(asked)))
    found = interactions(asked, values(asked) + spread + beyond * both)
    assert {"ghost", "pool_reuse"} not in [{pair.operation, pair.other_operation} for pair in found]


def test_interval_is_of_the_difference_not_of_two_doubts(asked):
    """Draws that differ between networks with a stem and those without: the doubt is of that effect."""
    own = asked.choices[:, 0] == 1  # first_conv reuse
    doubt = np.random.default_rng(0).normal(0, 1, (4000, 1))
    found = effects(asked, values(asked) + doubt * own, unmodified={"params": 1.0}, trained={})
    by_name = {(effect.site, effect.operation): effect for effect in found}
    stem = by_name["first_conv", "reuse"]
    assert stem.high - stem.low == pytest.approx(2 * 1.96, rel=0.1)
    other = by_name["last_stage", "pool_first"]
    assert other.high - other.low == pytest.approx(0.0, abs=1e-3)
