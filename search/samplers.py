"""The samplers that propose architectures, by name."""

import warnings
from collections.abc import Callable
from types import MappingProxyType

import optuna
from optuna.samplers import BaseSampler

from ..space import check_name

# Smaller than Optuna's 50, so that a budget of a hundred spans several generations.
_NSGA2_POPULATION = 20


def _random(seed: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=_NSGA2_POPULATION)


def _tpe(seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _gp(seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=seed)


SAMPLERS: MappingProxyType[str, Callable[[int], BaseSampler]] = MappingProxyType(
    {"tpe": _tpe, "random": _random, "nsga2": _nsga2, "gp": _gp}
)


def make_sampler(name: str, *, seed: int) -> BaseSampler:
    """A fresh sampler.

    Raises:
        UserError: If there is none of that name.
    """
    factory = SAMPLERS[check_name("--sampler", name, SAMPLERS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return factory(seed)


def fixed_sampler(choices: dict[str, str], *, seed: int) -> BaseSampler:
    """A sampler that proposes these choices and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.PartialFixedSampler(choices, optuna.samplers.RandomSampler(seed=seed))
