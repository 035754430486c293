"""What operations do to accuracy and costs, alone and together, in the mean over networks."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from ...space.insight import Effect, Interaction
from ..samplers.surrogate import Floats
from .asked import Asked

MOST_INTERACTIONS = 6
_INTERVAL = (0.025, 0.975)
_SURE = (0.0005, 0.9995)  # of a pair of operations, of which a space has some hundred


def effects(
    asked: Asked,
    accuracies: Floats,
    *,
    unmodified: Mapping[str, float],
    trained: Mapping[tuple[str, str], int],
) -> tuple[Effect, ...]:
    """Of every operation against the first of its site, which is the unmodified network's.

    Args:
        accuracies: Draws of those of the asked networks (D, N).
        unmodified: Costs of the unmodified network, of which changes are shares; those asked for.
        trained: How many trained networks have an operation, by site and operation.
    """
    names = [name for name in unmodified if unmodified[name]]
    costs = asked.cost(names) / np.array([unmodified[name] for name in names]) * 100.0
    found: dict[tuple[str, str], list[tuple[Floats, Floats]]] = {}
    for (choice, options), numbers in zip(asked.space.parameters.items(), asked.switched, strict=True):
        site = choice.partition(".")[0]
        usual = _mean(accuracies, numbers[0])
        for option, own in zip(options[1:], numbers[1:], strict=True):
            change = _mean(accuracies, own) - usual
            # Networks that are the same are no more than rounding apart.
            change = change if (own != numbers[0]).any() else np.zeros_like(change)
            dearer = (costs[own] - costs[numbers[0]]).mean(axis=0)
            found.setdefault((site, option), []).append((change, dearer))
    rows = []
    for (site, option), parts in found.items():
        change, dearer = (np.mean(list(values), axis=0) for values in zip(*parts, strict=True))
        low, high = np.quantile(change, _INTERVAL)
        by_cost = dict(zip(names, map(_rounded, dearer), strict=True))
        size = (_rounded(change.mean()), _rounded(low), _rounded(high))
        rows.append(Effect(site, option, *size, by_cost, trained.get((site, option), 0)))
    return tuple(rows)


def interactions(asked: Asked, accuracies: Floats) -> tuple[Interaction, ...]:
    """Pairs of operations whose joint effect is surely not the sum of the two, the largest first.

    So many pairs are looked at that 99.9 % of the draws must say of one on which side of nothing it is.
    None where the networks asked about are not all of a space. Of operations that make the same networks at a
    site, the first stands for all.
    """
    if not asked.whole_space:
        return ()
    shape, draws = asked.grid_shape, len(accuracies)
    grid = accuracies[:, asked.grid].reshape(draws, *shape)
    names = list(asked.space.parameters.items())
    found = []
    for one, two in combinations(range(len(shape)), 2):
        others = tuple(axis + 1 for axis in range(len(shape)) if axis not in (one, two))
        means = grid.mean(axis=others)  # (D, options of one, options of two)
        beyond = means - means[:, :1] - means[:, :, :1] + means[:, :1, :1]
        for a in _different(asked, one):
            for b in _different(asked, two):
                least, low, high, most = np.quantile(beyond[:, a, b], (_SURE[0], *_INTERVAL, _SURE[1]))
                if least > 0.0 or most < 0.0:
                    pair = (names[one][0], names[one][1][a], names[two][0], names[two][1][b])
                    size = _rounded(beyond[:, a, b].mean())
                    found.append(Interaction(*pair, size, _rounded(low), _rounded(high)))
    found.sort(key=lambda pair: -abs(pair.accuracy))
    return tuple(found[:MOST_INTERACTIONS])


def _different(asked: Asked, choice: int) -> list[int]:
    """Numbers of the options that make other networks than the first and than those before them."""
    numbers = asked.switched[choice]
    return [
        own
        for own in range(1, len(numbers))
        if not any((numbers[own] == numbers[other]).all() for other in range(own))
    ]


def _mean(accuracies: Floats, numbers: np.ndarray) -> Floats:
    """Of each draw over some networks, which may repeat (D,)."""
    weights = np.bincount(numbers, minlength=accuracies.shape[1]) / len(numbers)
    return np.asarray(accuracies @ weights)


def _rounded(value: float) -> float:
    return round(float(value), 4)
