"""What training of a search over rungs is worth most now: of which network, and how long.

There is always a plan: the trainings at the top rung that the rest of the budget pays for, of the tried
networks that are believed to add most to the front. Any other training is worth what it is expected to change
about the believed front, for each unit that it costs, less what its price takes from the plan. The one worth
most is done next. Where none is worth anything, and where the top rung has had less than its share of the
units, it is the first of the plan.
"""

import moocore
import numpy as np

from .cost_aware import BLAS, START, CostAware, Suggestion, fitted_count
from .improvement import Front, expected_hypervolume_improvement, expected_improvement, largest_improvement
from .rungs import RungModel, Trainings
from .surrogate import Floats, Integers
from .warp import LEAST_ERROR

# Of the units spent what goes to the top rung at least: what a search would report if it was interrupted, and
# what teaches how rungs relate.
_PACE = 0.5
_SURE = 1e-6  # deviation of what is taken as known


def decide(
    core: CostAware, known: Trainings, *, rungs: tuple[int, ...], left: float, seed: int, noise: float | None
) -> Suggestion | None:
    """The training to do next, None where none that can be paid is worth anything.

    Args:
        core: The networks.
        known: The trainings so far.
        rungs: How many times as long as the shortest each is, rising.
        left: Units, trainings of the shortest rung, that may still be spent.
        seed: Draws the start.
        noise: Standard deviation of an accuracy between seeds in points, None where it is to be inferred.
    """
    free = np.ones(len(core.costs), dtype=bool)
    free[known.closed] = False
    if left < rungs[-1] or not free.any():
        return None
    if known.begun(len(rungs))[0] < START or (known.rungs == 0).sum() < 2:
        new = free.copy()
        new[known.tried] = False
        index = core.start(known.tried.tolist(), new if new.any() else free, np.random.default_rng(seed))
        # A search that cannot pay for both trains at the top.
        return Suggestion(index, rung=rungs[0] if left >= rungs[0] + rungs[-1] else rungs[-1])
    with BLAS.limit(limits=1):
        model = model_of(core, known, noise, len(rungs))
        found = _most_worth(_Outlook(core, model, known, len(rungs) - 1), known, free, rungs, left)
        if found is None:
            return None
        network, rung, gain = found
        mean, deviation = model.mean[rung, network], model.deviation[rung, network]
        warp = model.warps[rung]
        accuracy = expected_improvement(mean[None], deviation[None], np.zeros(1), warp)[0, 0]
        spread = warp.spread(float(mean), float(deviation))
        return Suggestion(network, float(accuracy), spread, gain, rungs[rung])


class _Outlook:
    """The networks as they are believed to be at the top rung, and fronts of some of them.

    Attributes:
        mean: Of the warped logarithm of the error (N,).
        deviation: Its standard deviation (N,).
        accuracy: To be expected, in percent (N,).
    """

    def __init__(self, core: CostAware, model: RungModel, known: Trainings, top: int) -> None:
        self._core, self._model, self._warp = core, model, model.warps[top]
        self.mean, self.deviation = model.mean[top], model.deviation[top]
        self.accuracy = expected_improvement(self.mean, self.deviation, np.zeros(1), self._warp)[:, 0]
        self._worst = core.worst(self.accuracy, self.accuracy[known.tried])

    def best(self, networks: Integers) -> Integers:
        """Those that no other one beats."""
        points = np.column_stack([-self.accuracy[networks], self._core.costs[networks]])
        return networks[moocore.is_nondominated(points)] if len(networks) else networks

    def front(self, networks: Integers) -> Front:
        best = self.best(networks)
        return Front(self.accuracy[best], self._core.box[best], self._worst, self._warp)

    def adds(self, networks: Integers, front: Front) -> Floats:
        """Hypervolume that each adds to a front, if it is as expected (n,)."""
        sure = np.full(len(networks), _SURE)
        mean = self.mean[networks] + 0.5 * self.deviation[networks] ** 2
        return expected_hypervolume_improvement(mean, sure, self._core.box[networks], front)

    def plan(self, tried: Integers, done: Integers, most: int) -> list[tuple[int, float]]:
        """So many of those tried at most, with what each adds to those done and those before it."""
        found: list[tuple[int, float]] = []
        rest = np.setdiff1d(self.best(np.union1d(tried, done)), done)
        while len(found) < most and len(rest):
            gains = self.adds(rest, self.front(done))
            best = int(np.argmax(gains))
            found.append((int(rest[best]), float(gains[best])))
            done, rest = np.append(done, rest[best]), np.delete(rest, best)
        return found

    def most_changing(self, rung: int, allowed: Integers, believed: Integers) -> tuple[float, int]:
        """What a training at a rung is expected to add to the front at most, and of which network.

        Of a network's doubt the training settles a part, by which its mean moves; what the rest does to the
        expected error is the same before and after. A network of the front adds, on average, more to the
        others than it does if it is as believed: it may turn out worse than what it hides.
        """
        moves = np.maximum(self._model.learnt(rung), _SURE)
        mean = self.mean + 0.5 * np.maximum(self.deviation**2 - moves**2, 0.0)
        box, found = self._core.box, (0.0, -1)
        others = np.setdiff1d(allowed, believed)
        if len(others):
            best, gain = largest_improvement(mean[others], moves[others], box[others], self.front(believed))
            found = (gain, int(others[best]))
        for network in np.intersect1d(allowed, believed):
            front, one = self.front(believed[believed != network]), slice(network, network + 1)
            expected = expected_hypervolume_improvement(mean[one], moves[one], box[one], front)
            gain = float(expected[0] - self.adds(np.array([network]), front)[0])
            found = max(found, (gain, int(network)))
        return found


def _most_worth(
    outlook: _Outlook, known: Trainings, free: np.ndarray, rungs: tuple[int, ...], left: float
) -> tuple[int, int, float] | None:
    """Numbers of the network and the rung, and the gain for each unit."""
    last, top = len(rungs) - 1, rungs[-1]
    done, candidates = known.at(last), np.flatnonzero(free)
    tried = np.intersect1d(known.tried, candidates)
    # What is being trained is trained longer when it is known.
    measured = np.intersect1d(known.networks, candidates)
    plan = outlook.plan(measured, done, int(left // top))
    planned = np.array([network for network, _ in plan], dtype=np.int64)
    believed = outlook.best(np.union1d(tried, done))
    choices = []
    for number, rung in enumerate(rungs):
        # What is new begins with the shortest.
        allowed = measured if number else candidates
        if number == last:
            allowed = np.setdiff1d(allowed, planned)
        gain, network = outlook.most_changing(number, allowed, believed)
        lost = sum(value for _, value in plan[int((left - rung) // top) :])
        choices.append(((gain - lost) / rung, network, number))
    worth, network, number = max(choices)
    spent = known.begun(len(rungs)) * np.array(rungs)
    behind = spent[-1] + top <= _PACE * (spent.sum() + top)
    if plan and (worth <= 0.0 or behind):
        network, value = plan[0]
        return network, last, value / top
    return (network, number, worth) if worth > 0.0 else None


def model_of(core: CostAware, known: Trainings, noise: float | None, count: int) -> RungModel:
    """With the kernel of the shortest trainings alone, which are the most and lie all over the space.

    Args:
        known: The trainings, two of the shortest at least.
        noise: Standard deviation of an accuracy between seeds in points, None where it is to be inferred.
        count: How many rungs the search has.
    """
    shortest = np.flatnonzero(known.rungs == 0)
    shortest = shortest[: fitted_count(len(shortest))]
    errors = 100.0 - known.accuracies[shortest] + LEAST_ERROR
    own = None if noise is None else (noise / errors) ** 2
    kernel, warp = core.kernel(known.networks[shortest], np.log(errors), own, known.sure[shortest])
    return RungModel(core.features, kernel, warp, known, noise=noise, count=count)
