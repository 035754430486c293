"""The samplers of the package keep to the contract, and the contract notices one that does not."""

import random
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler

from cheapsearch.search.samplers.registry import SAMPLERS, SamplerFactory
from cheapsearch.search.testing.samplers import PARAMETERS, check_sampler


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("make", "trials"),
    [
        pytest.param(SAMPLERS["cost_aware"], 16, id="cost_aware"),
        pytest.param(SAMPLERS["tpe"], 24, id="tpe"),
        pytest.param(SAMPLERS["random"], 16, id="random"),
        # Begun earlier than in a search, or a test would see nothing but their random start.
        pytest.param(lambda candidates, seed: GPSampler(seed=seed, n_startup_trials=2), 5, id="gp"),
        pytest.param(lambda candidates, seed: NSGAIISampler(seed=seed, population_size=4), 20, id="nsga2"),
    ],
)
def test_samplers_keep_to_the_contract(make: SamplerFactory, trials: int) -> None:
    check_sampler(make, trials=trials)


ASKED = count()


class Faulty(RandomSampler):
    """A sampler of one's own that chooses by a function of how many trials there are."""

    def __init__(self, choose: Callable[[int], float]) -> None:
        super().__init__(seed=0)
        self.choose = choose

    def sample_independent(
        self, study: optuna.Study, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        options = param_distribution.choices
        return options[int(len(options) * self.choose(len(study.get_trials(deepcopy=False))))]


@pytest.mark.parametrize(
    "choose",
    [
        pytest.param(lambda trials: random.random(), id="the process's random state"),
        pytest.param(lambda trials: np.random.rand(), id="that of numpy"),
        pytest.param(lambda trials: next(ASKED) % 7 / 7, id="how often it was asked"),
    ],
)
def test_check_sampler_notices_what_is_no_function_of_study_and_seed(choose: Callable[[int], float]) -> None:
    with pytest.raises(AssertionError, match="the same study and seed must give the same proposal"):
        check_sampler(lambda candidates, seed: Faulty(choose))


def test_check_sampler_notices_what_is_no_option() -> None:
    class Stubborn(RandomSampler):
        def sample_independent(self, *given: Any, **named: Any) -> Any:
            return "conv7"

    with pytest.raises((AssertionError, ValueError), match="conv7"):
        check_sampler(lambda candidates, seed: Stubborn())


def test_check_sampler_gives_every_sampler_the_same_candidates_for_a_search() -> None:
    given: list[Any] = []

    def make(candidates: Callable[[], Any], seed: int) -> BaseSampler:
        assert candidates() is candidates()
        given.append(candidates().parameters)
        return RandomSampler(seed=seed)

    check_sampler(make, trials=2)
    assert all(parameters == PARAMETERS for parameters in given)
