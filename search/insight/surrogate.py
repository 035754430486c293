"""The search's surrogate, fitted to all trainings of a run, and draws from what it believes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.linalg import cholesky

from ...space import COSTS, TrialRecord
from ...space.rungs import is_copy
from ...space.saved_run import SavedRun
from ..samplers.cost_aware import BLAS, CostAware
from ..samplers.modelled import most_telling
from ..samplers.rungs import RungModel, Trainings
from ..samplers.surrogate import Floats, Integers, fit_kernel
from ..samplers.warp import LEAST_ERROR, MOST_ERROR, Warp
from .asked import Asked

DRAWS, FITS = 400, 8  # draws in all, and kernels
_MANY, _FEW_FITS = 1_000, 4  # trainings above which a kernel is in little doubt and long in fitting
_PART = 2 / 3  # of the shortest trainings, that a kernel is fitted to
_JITTER = 1e-6  # of the covariance's largest entry


@dataclass(frozen=True)
class Beliefs:
    """What is believed of the asked networks at the rung that a run compares them at.

    Attributes:
        accuracies: Joint draws of what each comes to in the mean over seeds, in percent (DRAWS, N).
        observed: The same with the noise of one training (DRAWS, N).
        noise: Standard deviation of that noise at each rung, in points (R, N).
    """

    accuracies: Floats
    observed: Floats
    noise: Floats


def usable(trial: TrialRecord) -> bool:
    """Whether a surrogate learns from a trial: measured, or stopped with a forecast."""
    measured = trial.state in ("complete", "repeat") and trial.accuracy is not None
    return (measured and not is_copy(trial)) or trial.forecast is not None


def beliefs(run: SavedRun, trials: Sequence[TrialRecord], asked: Asked, *, seed: int) -> Beliefs:
    """Fit the surrogate, and draw.

    Few trainings leave open what the kernel is. So draws are of several, each fitted to a part of them and
    then given all; and they are spread as a regression's are that has fitted an effect for each option,
    which at most doubles their variance. On the digits, of which every network is known, intervals of 95 %
    then hold 91 times of 100 with 20 and 40 trainings and 96 times with 100; without the spread, 84 and 96.

    Args:
        trials: Usable ones, two of the shortest at least.
        asked: Its `trained` are their networks.

    Raises:
        numpy.linalg.LinAlgError: If a covariance is none, by rounding.
    """
    settings = run.record.settings
    names = [name for name in settings.objectives if name in COSTS]
    core = CostAware(asked.choices, list(asked.space.parameters.values()), asked.cost(names))
    known = _trainings(run, trials, asked, core)
    here, count, rng = settings.lengths.index(run.rung), len(settings.lengths), np.random.default_rng(seed)
    fitted = sum(len(options) - 1 for options in asked.space.parameters.values())
    networks = len(np.unique(asked.trained))
    wider = sqrt(networks / max(networks - fitted, networks / 2))
    fits = FITS if len(trials) <= _MANY else _FEW_FITS
    accuracies, observed, noise = [], [], []
    with BLAS.limit(limits=1):
        for model in _models(core, known, count, rng, fits=fits):
            drawn, again = _draws(model, here, DRAWS // fits, wider, rng)
            accuracies.append(drawn)
            observed.append(again)
            noise.append([_spreads(model, rung) for rung in range(count)])
    return Beliefs(np.concatenate(accuracies), np.concatenate(observed), np.mean(noise, axis=0))


def _trainings(run: SavedRun, trials: Sequence[TrialRecord], asked: Asked, core: CostAware) -> Trainings:
    """Those to model."""
    lengths = run.record.settings.lengths
    rungs = np.array([lengths.index(trial.rung) for trial in trials], dtype=np.int64)
    forecasts = [trial.forecast for trial in trials]
    ends = [own.accuracy if said is None else said[0] for own, said in zip(trials, forecasts, strict=True)]
    accuracies = np.clip(np.array(ends, dtype=np.float64), 0.0, 100.0)
    doubts = np.array([0.0 if said is None else said[1] for said in forecasts])
    which = most_telling(np.column_stack([-accuracies, core.costs[asked.trained]]), rungs)
    nothing: Integers = np.empty(0, dtype=np.int64)
    return Trainings(
        asked.trained[which],
        rungs[which],
        accuracies[which],
        nothing,
        nothing,
        nothing,
        np.delete(rungs, which),
        doubts[which],
    )


def _models(
    core: CostAware, known: Trainings, count: int, rng: np.random.Generator, *, fits: int
) -> Iterator[RungModel]:
    """Of all trainings, with kernels that are fitted to different parts of the shortest."""
    shortest = np.flatnonzero((known.rungs == 0) & known.sure)
    for _ in range(fits):
        chosen = np.sort(rng.choice(shortest, max(2, round(_PART * len(shortest))), replace=False))
        logarithms = np.log(100.0 - known.accuracies[chosen] + LEAST_ERROR)
        kernel, warp = fit_kernel(core.features[known.networks[chosen]], logarithms)
        yield RungModel(core.features, kernel, warp, known, noise=None, count=count)


def _draws(
    model: RungModel, rung: int, count: int, wider: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Accuracies of all networks in percent, in the mean over seeds and of one training (count, N)."""
    covariance, mean, warp = model.joint(rung), model.mean[rung], model.warps[rung]
    covariance[np.diag_indices_from(covariance)] += _JITTER * covariance.diagonal().max()
    away = rng.standard_normal((count, len(mean))) @ cholesky(covariance, lower=True).T
    drawn = mean + wider * away
    chance = model.noise(rung) * rng.standard_normal(drawn.shape)
    return _percent(drawn, warp), _percent(drawn + chance, warp)


def _spreads(model: RungModel, rung: int) -> list[float]:
    """Standard deviation of one training of each network about its mean over seeds, in points."""
    own = zip(model.mean[rung], model.noise(rung), strict=True)
    return [model.warps[rung].spread(float(mean), float(deviation)) for mean, deviation in own]


def _percent(values: Floats, warp: Warp) -> Floats:
    """Accuracies of warped logarithms of errors."""
    errors = np.exp(np.minimum(warp.inverse(values), np.log(MOST_ERROR)))
    return np.asarray(np.clip(100.0 + LEAST_ERROR - errors, 0.0, 100.0))
