"""What every sampler keeps to: it knows the study and its seed, and nothing else."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Literal

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from ..samplers.candidates import Candidates, ListedCandidates
from ..samplers.registry import FORECAST, SamplerFactory
from ..study.trial_store import RESULT

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "expand": ("conv", "reuse", "ghost"),
    "project": ("conv", "reduce"),
    "shortcut": ("none", "identity", "pool"),
    "last_stage": ("conv", "reuse"),
}
_POINTS = [dict(zip(PARAMETERS, point, strict=True)) for point in product(*PARAMETERS.values())]
_NUMBERS = np.array(list(product(*(range(len(options)) for options in PARAMETERS.values()))))
_ACCURACIES = 50.0 + _NUMBERS @ np.array([7.0, -5.0, 2.5, -3.0])
# The first two are dear where the accuracy is high, the third everywhere the same but once.
_COSTS = np.column_stack([20 + _NUMBERS.sum(axis=1), 90 + _NUMBERS @ np.array([5, 1, 3, 2]), [1, *[2] * 35]])
# How the trials of a study come out, in turns.
_FATES = ("complete", "complete", "failed", "complete", "stopped", "complete", "pruned", "running")


def check_sampler(make: SamplerFactory, *, trials: int = 16, seed: int = 0) -> None:
    """Check a sampler in searches with one, two and three costs.

    Args:
        make: Makes a fresh sampler, as the rows of `SAMPLERS` do.
        trials: How many a search proposes; more than the sampler's start-up, or only that is checked.

    Raises:
        AssertionError: If it does not keep to what a search needs of a sampler.
    """
    for costs in (1, 2, 3):
        _check_search(make, costs, trials, seed)


def _check_search(make: SamplerFactory, costs: int, trials: int, seed: int) -> None:
    candidates = _candidates(costs)
    told: list[FrozenTrial] = []
    for number in range(trials):
        choices = _propose(make(candidates, seed + number), told, costs, globally=number)
        # Again as a search that goes on does, in the middle and at the end: all that is known is the study.
        if number in (0, trials // 2, trials - 1):
            make(candidates, seed + 1)  # one more of them has no part in it
            again = _propose(make(_candidates(costs), seed + number), told, costs, globally=number + 1)
            assert again == choices, (
                f"the same study and seed must give the same proposal, trial {number} with {costs} costs "
                f"is {choices} and then {again}"
            )
        told.append(_end(choices, _FATES[number % len(_FATES)], costs))


def _propose(
    sampler: BaseSampler, told: Sequence[FrozenTrial], costs: int, *, globally: int
) -> dict[str, str]:
    """What the sampler chooses in a study of these trials."""
    directions: list[Literal["maximize", "minimize"]] = ["maximize", "minimize", "minimize", "minimize"]
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, sampler=sampler, directions=directions[: 1 + costs])
    study.add_trials(told)
    with _global_seed(globally):
        trial = study.ask()
        chosen = {name: trial.suggest_categorical(name, options) for name, options in PARAMETERS.items()}
    for name, options in PARAMETERS.items():
        assert chosen[name] in options, f"{name} must be one of {options}, the sampler chose {chosen[name]!r}"
    assert trial.params == chosen, f"every choice must be kept with the trial, {trial.params} is not {chosen}"
    return chosen


def _end(choices: Mapping[str, str], fate: str, costs: int) -> FrozenTrial:
    """A trial of these choices as the search would keep it."""
    number = _POINTS.index(dict(choices))
    accuracy = float(_ACCURACIES[number])
    state, values, result = TrialState.FAIL, None, {}
    if fate == "complete":
        state, values = TrialState.COMPLETE, [accuracy, *_COSTS[number, :costs].tolist()]
    elif fate == "stopped":
        state, result = TrialState.PRUNED, {FORECAST: [accuracy, 2.0]}
    elif fate == "pruned":
        state = TrialState.PRUNED
    elif fate == "running":
        state = TrialState.RUNNING
    return optuna.create_trial(
        state=state,
        values=values,
        params=dict(choices),
        distributions={name: CategoricalDistribution(options) for name, options in PARAMETERS.items()},
        user_attrs={} if state == TrialState.RUNNING else {RESULT: {"state": fate, **result}},
    )


def _candidates(costs: int) -> Callable[[], Candidates]:
    """The candidates of one search, made when they are first asked for."""
    made: list[Candidates] = []

    def give() -> Candidates:
        if not made:
            made.append(ListedCandidates(PARAMETERS, _POINTS, _COSTS[:, :costs].astype(np.float64)))
        return made[0]

    return give


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """A random state of the process that a sampler must not look at; it is put back."""
    kept, kept_numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(kept)
        np.random.set_state(kept_numpy)
