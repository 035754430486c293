"""How much of the variance of accuracies each site accounts for by itself: fANOVA, as Optuna has it.

Only main effects are counted: what a site does together with others is in no share.
Hutter, Hoos and Leyton-Brown, An efficient approach for assessing hyperparameter importance (2014).
"""

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator

from ...space import SearchSpace, TrialRecord

# Its time grows with the trees, the trials and the options of all choices.
_TREES = 32
_WORK = 3_000  # trials times choices
_FEWEST, _MOST = 130, 300  # trials at most, with many choices and with few


def importance(space: SearchSpace, trials: Sequence[TrialRecord], *, seed: int) -> dict[str, float]:
    """Shares of the variance that sites explain by themselves, the largest first.

    A site that goes stage by stage has the sum of those of its stages. None where accuracies do not differ.

    Args:
        trials: Measured ones of one length.
        seed: Of the forest.
    """
    most = int(np.clip(_WORK // len(space.parameters), _FEWEST, _MOST))
    kept = np.linspace(0, len(trials) - 1, min(len(trials), most)).astype(np.int64)
    chosen = [trials[number] for number in kept]
    if len({trial.accuracy for trial in chosen}) < 2:
        return {}
    distributions: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(options) for name, options in space.parameters.items()
    }
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a study in memory is nothing to tell of
    try:
        study = optuna.create_study()
    finally:
        optuna.logging.set_verbosity(verbosity)
    study.add_trials(
        [
            optuna.create_trial(
                params=space.canonical_choices(space.choices(trial.architecture)),
                distributions=distributions,
                value=trial.accuracy,
            )
            for trial in chosen
        ]
    )
    found = FanovaImportanceEvaluator(n_trees=_TREES, seed=seed).evaluate(study)
    by_site: dict[str, float] = {}
    for name, share in found.items():
        site = name.partition(".")[0]
        by_site[site] = by_site.get(site, 0.0) + share
    return {site: round(float(share), 4) for site, share in sorted(by_site.items(), key=lambda own: -own[1])}
