"""The hypervolume of a run's front as it went on, and what random search would have had for as much."""

from collections.abc import Sequence

import moocore
import numpy as np

from ...space import COSTS, TrialRecord
from ...space.insight import Progress
from ...space.rungs import units
from ...space.saved_run import SavedRun
from ..samplers.limits import Limits
from ..samplers.surrogate import Floats, Integers
from .asked import Asked

MOST_COSTS = 4  # of which a hypervolume takes milliseconds
_SEARCHES, _LOOKS = 200, 40
_BAND = (0.1, 0.9)


def reference_accuracy(run: SavedRun, asked: Asked, accuracies: Floats) -> float:
    """Below which an accuracy adds nothing: the run's own, or the 10th percentile of those expected.

    Args:
        accuracies: Draws of those of the asked networks (D, N).
    """
    own = run.record.settings.reference_accuracy
    return float(np.quantile(accuracies[:, asked.pool].mean(axis=0), 0.1)) if own is None else own


def progress(
    run: SavedRun, asked: Asked, observed: Floats, *, reference: float, seed: int
) -> tuple[Progress, ...]:
    """Look at a run now and then; none where it has too many costs, or spent nothing.

    The reference point is the largest costs of the asked networks, and the accuracy given. Random searches
    train networks of the space within the run's limits, each once and as long as the run compares them.

    Args:
        observed: Draws of what a training of each asked network would give (D, N).
    """
    settings = run.record.settings
    names = [name for name in settings.objectives if name in COSTS]
    costs = asked.cost(names)
    largest = np.maximum(costs.max(axis=0), 1e-300)
    scaled = costs / largest
    corner = np.array([-reference, *np.ones(len(names))])
    paid = np.array([number for number, trial in enumerate(run.trials) if units([trial])], dtype=np.int64)
    if len(names) > MOST_COSTS or not len(paid):
        return ()
    spent = np.cumsum([run.trials[number].rung for number in paid])
    ends = np.unique(np.linspace(0, len(paid) - 1, min(len(paid), _LOOKS)).astype(np.int64))
    # What follows for nothing, such as a network that a training stands for too, is had with the training.
    rows = [*paid[1:], len(run.trials)]
    found = [_volume(_points(run, run.trials[: rows[end]], names, largest), corner) for end in ends]

    limits = Limits(settings.limits)
    pool = np.array([n for n in asked.pool if not limits.refusal(asked.costs[n])], dtype=np.int64)
    counts = spent[ends] // run.rung
    rng = np.random.default_rng(seed)
    searches = [
        _random(observed[number % len(observed)], rng.permutation(pool), scaled, counts, corner)
        for number in range(_SEARCHES)
    ]
    mean = np.mean(searches, axis=0)
    low, high = np.quantile(searches, _BAND, axis=0)
    # Of a space that was not listed the pool is a part, with which a random search may be through.
    within = (len(pool) > 0) & (asked.whole_space | (counts <= len(pool)))

    def said(values: Floats, at: int) -> float | None:
        return round(float(values[at]), 4) if within[at] else None

    return tuple(
        Progress(int(spent[end]), round(found[at], 4), said(mean, at), said(low, at), said(high, at))
        for at, end in enumerate(ends)
    )


def _points(run: SavedRun, trials: Sequence[TrialRecord], names: Sequence[str], largest: Floats) -> Floats:
    """Mean accuracies, with a minus, and costs of the networks compared so far (n, 1 + K).

    Args:
        names: Of the costs.
        largest: Of which they are shares (K,).
    """
    by_network: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        if trial.rung == run.rung and trial.state in ("complete", "repeat") and trial.accuracy is not None:
            by_network.setdefault(trial.hash, []).append(trial)
    accuracies = [np.mean([trial.accuracy for trial in own]) for own in by_network.values()]
    costs = [[own[0].costs[name] for name in names] for own in by_network.values()]
    return (
        np.column_stack([-np.array(accuracies), np.array(costs) / largest])
        if by_network
        else np.empty((0, 0))
    )


def _random(
    accuracies: Floats, order: Integers, scaled: Floats, counts: Integers, corner: Floats
) -> list[float]:
    """The hypervolume of the first networks of an order, so many each time."""
    points = np.column_stack([-accuracies[order], scaled[order]])
    front, before, found = points[:0], 0, []
    for count in counts:
        front = np.concatenate([front, points[before:count]])
        if len(front):
            front = front[moocore.is_nondominated(front)]
        before = count
        found.append(_volume(front, corner))
    return found


def _volume(points: Floats, corner: Floats) -> float:
    return float(moocore.hypervolume(points, ref=corner)) if len(points) else 0.0
