"""Proposals take no longer, however many results there are."""

import random
import time
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from cheapsearch.models import CostTable
from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.proposal import Result
from cheapsearch.search.study.trial_store import PROPOSAL, RESULT
from cheapsearch.space import SearchSpace, architecture_hash

pytestmark = pytest.mark.slow

SPACE = SearchSpace("mobilenet_v2", 0.25, ("expand", "project"))
PROPOSALS = 25


@pytest.mark.parametrize("rungs", [(1,), (1, 4)])
def test_a_proposal_after_thousands_of_results_takes_as_long_as_after_hundreds(
    make_plan: Callable[..., Plan],
    make_store: Callable[..., Any],
    fake_pool: Callable[..., Any],
    table: CostTable,
    rungs: tuple[int, ...],
) -> None:
    """Of all results it would take more than ten times as long."""

    def seconds(known: int) -> float:
        storage = optuna.storages.InMemoryStorage()
        store = make_store(storage, space=SPACE)
        rng, options = random.Random(0), SPACE.parameters
        distributions: Any = {name: CategoricalDistribution(ops) for name, ops in options.items()}
        for number in range(known):
            params: dict[str, Any] = {name: rng.choice(ops) for name, ops in options.items()}
            architecture = SPACE.architecture(params)
            accuracy = int(architecture_hash(architecture), 16) % 10_000 / 100
            cost = table.cost(architecture)
            store.study.add_trial(
                optuna.create_trial(
                    params=params,
                    distributions=distributions,
                    values=[accuracy, cost.params, cost.flops],
                    user_attrs={
                        PROPOSAL: {"origin": "random", "rung": rungs[number % len(rungs)]},
                        RESULT: Result("complete", accuracy).to_dict(),
                    },
                )
            )
        plan = make_plan(sampler="cost_aware", budget=100_000, rungs=rungs, in_flight=1)
        search = run_search(Search(plan, make_store(storage, space=SPACE)), fake_pool())
        for _ in range(3):  # the kernel is fitted, and all canonical forms are worked out
            next(search)
        start = time.process_time()
        for _ in range(PROPOSALS):
            next(search)
        return (time.process_time() - start) / PROPOSALS

    assert seconds(3_000) < 3 * seconds(600)
