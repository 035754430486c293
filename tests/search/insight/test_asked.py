"""Which networks a surrogate is asked about."""

import numpy as np
import pytest

from cheapsearch.search.insight.asked import LISTED, Asked
from cheapsearch.space import Architecture, SearchSpace, architecture_hash

SMALL = SearchSpace("mobilenet_v2")
STAGED = SearchSpace("mobilenet_v2", 1.0, ("expand",))


def asked(space: SearchSpace, trained=(), **settings) -> Asked:
    return Asked(space, trained, lambda network: {"params": 1.0}, seed=3, **settings)


def test_a_small_space_is_asked_about_whole_each_network_once() -> None:
    found = asked(SMALL)
    assert found.whole_space
    assert len(found) == SMALL.distinct_size == len(found.pool)
    hashes = [
        architecture_hash(SMALL.architecture(dict(zip(SMALL.parameters, names, strict=True))))
        for names in (
            [options[n] for options, n in zip(SMALL.parameters.values(), row, strict=True)]
            for row in found.choices
        )
    ]
    assert len(set(hashes)) == len(found)
    for network, number in zip(SMALL, found.grid, strict=True):
        assert hashes[number] == architecture_hash(network)


@pytest.mark.parametrize("space", [SMALL, STAGED], ids=["whole", "drawn"])
def test_switched_networks_differ_at_one_choice(space: SearchSpace) -> None:
    found = asked(space)
    assert found.whole_space == (space.size <= LISTED)
    differing = []
    for at, options in enumerate(space.parameters.values()):
        numbers = found.switched[at]
        assert numbers.shape[0] == len(options)
        others = np.delete(found.choices, at, axis=1)
        differing += [(others[own] != others[numbers[0]]).any(axis=1).mean() for own in numbers]
    # Seldom the canonical form of one has another operation elsewhere: a shuffle that nothing reads goes.
    assert np.mean(differing) < 0.3
    assert found.pool.max() < len(found)


def test_a_trained_network_of_a_large_space_is_among_them() -> None:
    own = Architecture("mobilenet_v2", expand=("ghost", *["reuse"] * 6), last_stage="reuse")
    found = asked(STAGED, [own, own])
    assert found.trained.tolist() == [0, 0]
    assert found.number(own) == 0
    assert not found.whole_space
    assert len(asked(STAGED)) == len(asked(STAGED))  # drawn by the seed
