"""Which results a model is of where there are very many: its time grows with the square of their number."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

import moocore
import numpy as np

from .history import History
from .surrogate import Floats, Integers

MODELLED = 500  # results at most
_NEWEST = 50  # that are there whatever they are, until the others are chosen anew
_NEAREST, _FIRST = 200, 100  # to the front, and of all: those lie all over the space

K = TypeVar("K", bound=Hashable)


def modelled(
    history: History, keys: Sequence[K], costs: Sequence[Sequence[float] | None]
) -> tuple[History, set[K]]:
    """The history with the results to model alone, and what is left out of it altogether.

    Args:
        keys: Equal for results of the same candidate (n,).
        costs: Of each, None for what is no candidate (n,).
    """
    if len(keys) <= MODELLED:
        return history, set()
    known = [number for number, cost in enumerate(costs) if cost is not None]
    rungs = np.array([history.rungs[number] if history.rungs else 1 for number in known])
    worth = [[-history.accuracies[number], *(costs[number] or ())] for number in known]
    which = most_telling(np.array(worth), rungs)
    chosen = [known[index] for index in which]
    kept = {keys[number] for number in chosen}
    return replace(
        history,
        observed=[history.observed[number] for number in chosen],
        accuracies=[history.accuracies[number] for number in chosen],
        doubts=[history.doubts[number] for number in chosen],
        rungs=[history.rungs[number] for number in chosen] if history.rungs else (),
        others=np.delete(rungs, which).tolist(),
    ), {keys[number] for number in known} - kept


def most_telling(worth: Floats, rungs: Integers) -> Integers:
    """Numbers of the results to model, rising.

    All, as long as they are few. Then the first, those nearest to the front, and an even share of the rest,
    which says where nothing is to be found. The choice is made anew once in fifty results, so that what was
    fitted to it serves as long. How near to the front a result is says its rank in non-dominated sorting
    among those of its rung.

    Args:
        worth: The accuracy with a minus and the costs of each, in the order they became known (n, 1 + K).
        rungs: Of each (n,).
    """
    count = len(worth)
    if count <= MODELLED:
        return np.arange(count)
    before = count - (count - MODELLED) % _NEWEST
    ranks = np.zeros(before, dtype=np.int64)
    for rung in np.unique(rungs[:before]):
        here = np.flatnonzero(rungs[:before] == rung)
        ranks[here] = moocore.pareto_rank(worth[here])
    later = np.arange(_FIRST, before)
    later = later[np.lexsort([later, ranks[later]])]
    rest = np.sort(later[_NEAREST:])
    spread = rest[np.linspace(0, len(rest) - 1, MODELLED - _NEWEST - _NEAREST - _FIRST).astype(np.int64)]
    chosen = np.sort(np.concatenate([np.arange(_FIRST), later[:_NEAREST], spread]))
    return np.concatenate([chosen, np.arange(before, count)])
