"""The samplers that propose architectures, by name."""

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ...space import check_name
from .candidates import Candidates
from .cost_aware import Suggestion
from .history import History

# Of a pruned trial the accuracy it would have come to, and its deviation: an attribute, or in its result.
FORECAST = "forecast"

# The attribute `reason` of a trial whose proposal did not come to its end, and which says nothing therefore.
INTERRUPTED = "interrupted while it was proposed"

# Smaller than Optuna's 50, so that a budget of a hundred spans several generations.
_NSGA2_POPULATION = 20


class CostAwareSampler(BaseSampler):
    """Proposes the candidate with the largest expected gain of hypervolume, its costs being known.

    It reads the accuracy, the first objective, of the trials of a study, and needs no other state:
    the same study and seed give the same proposal.

    Args:
        candidates: What may be proposed, with its costs.
        seed: Draws the start and breaks ties.
        noise: Standard deviation of an accuracy between seeds in points, where it is known; None infers it.

    Attributes:
        choice: Why the last proposal was made, None before the first.
    """

    def __init__(self, candidates: Candidates, *, seed: int, noise: float | None = None) -> None:
        self.choice: Suggestion | None = None
        self._candidates = candidates
        self._seed = seed
        self._noise = noise
        self._independent = RandomSampler(seed=seed)

    @property
    def reasons(self) -> dict[str, float | None]:
        """Of the last proposal: accuracy and deviation predicted, gain expected; empty before the first."""
        return {} if self.choice is None else why(self.choice)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {name: CategoricalDistribution(ops) for name, ops in self._candidates.parameters.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        others = [
            t
            for t in study.get_trials(deepcopy=False)
            if t.number != trial.number and _is_whole(t, search_space)
        ]
        known = [(t.params, *result) for t in others if (result := _result(t)) is not None]
        history = History(
            observed=[params for params, _, _ in known],
            accuracies=[accuracy for _, accuracy, _ in known],
            doubts=[doubt for _, _, doubt in known],
            pending=[t.params for t in others if t.state == TrialState.RUNNING],
            closed=[t.params for t in others if t.state.is_finished() and _result(t) is None],
            noise=self._noise,
        )
        found = self._candidates.propose(history, seed=self._seed)
        if found is None:
            # Nothing is left: whatever is drawn instead is known already.
            return {}
        choices, self.choice = found
        return choices

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._independent.sample_independent(study, trial, param_name, param_distribution)


def _result(trial: FrozenTrial) -> tuple[float, float] | None:
    """Accuracy and its doubt; of a pruned trial the forecast kept with it, None where there is neither."""
    if trial.state == TrialState.COMPLETE:
        return trial.values[0], 0.0
    forecast = trial.user_attrs.get("result", trial.user_attrs).get(FORECAST)
    if trial.state == TrialState.PRUNED and forecast is not None:
        accuracy, deviation = forecast
        return accuracy, deviation
    return None


def _is_whole(trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]) -> bool:
    return trial.params.keys() == search_space.keys() and trial.user_attrs.get("reason") != INTERRUPTED


def _random(candidates: Callable[[], Candidates], seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _nsga2(candidates: Callable[[], Candidates], seed: int) -> BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=_NSGA2_POPULATION)


def _tpe(candidates: Callable[[], Candidates], seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _gp(candidates: Callable[[], Candidates], seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=seed)


def _cost_aware(candidates: Callable[[], Candidates], seed: int) -> BaseSampler:
    return CostAwareSampler(candidates(), seed=seed)


# Makes a fresh sampler: gives what may be proposed, to samplers that ask, and a seed.
SamplerFactory = Callable[[Callable[[], Candidates], int], BaseSampler]

SAMPLERS: Mapping[str, SamplerFactory] = MappingProxyType(
    {"cost_aware": _cost_aware, "tpe": _tpe, "gp": _gp, "nsga2": _nsga2, "random": _random}
)

# Those that say how long a subject is trained, too.
CHOOSE_RUNGS = frozenset({"cost_aware"})


def make_sampler(
    name: str,
    candidates: Callable[[], Candidates],
    *,
    seed: int,
    samplers: Mapping[str, SamplerFactory] = SAMPLERS,
) -> BaseSampler:
    """A fresh sampler.

    Args:
        candidates: Gives what may be proposed, to samplers that ask; listing a space takes a while.
        samplers: Those there are, by name.

    Raises:
        UserError: If there is none of that name.
    """
    factory = samplers[check_name("--sampler", name, samplers)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return factory(candidates, seed)


def why(choice: Suggestion) -> dict[str, float | None]:
    """What is kept of a suggestion: accuracy and deviation predicted, gain expected."""
    known = {name: getattr(choice, name) for name in ("accuracy", "deviation", "gain")}
    return {name: value and float(f"{value:.6g}") for name, value in known.items()}


def reasons_of(sampler: BaseSampler) -> Mapping[str, Any]:
    """Why a sampler made its last proposal, empty where it says nothing: plain values by name."""
    return getattr(sampler, "reasons", {})


def fixed_sampler(choices: dict[str, str], *, seed: int) -> BaseSampler:
    """A sampler that proposes these choices and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.PartialFixedSampler(choices, RandomSampler(seed=seed))
