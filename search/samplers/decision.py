"""What training of a search over rungs is worth most now: of which network, and for how long.

At every moment there is a plan: the trainings at the top rung that the rest of the budget affords, of the
networks believed to add most to the front. A training is worth what it is expected to change about the
front that is believed, less what the plan loses by its price.
"""

from dataclasses import dataclass

import moocore
import numpy as np

from .cost_aware import BLAS, START, WORTHLESS, CostAware, Suggestion, fitted_count
from .improvement import (
    Front,
    expected_hypervolume_improvement,
    expected_improvement,
    largest_improvement,
)
from .rungs import RungModel
from .surrogate import Floats, Integers
from .warp import LEAST_ERROR

PACE = 0.4  # share of the units spent that goes to the top rung at least, while there is a plan
BOOST = 1.0  # of what a training is worth
_SURE = 1e-6  # deviation of what is taken as known


@dataclass(frozen=True)
class Trainings:
    """What a search over rungs has trained and is training, by number of the network.

    Attributes:
        networks: Trained, in the order they became known (n,).
        rungs: Of each (n,).
        accuracies: Of each in percent (n,).
        pending: Networks being trained (p,).
        pending_rungs: Of each (p,).
        closed: Networks never to be proposed.
    """

    networks: Integers
    rungs: Integers
    accuracies: Floats
    pending: Integers
    pending_rungs: Integers
    closed: Integers


def decide(
    core: CostAware, known: Trainings, *, rungs: tuple[int, ...], left: float, seed: int, noise: float | None
) -> Suggestion | None:
    """The training to do next, None where none that can be paid is worth anything.

    Args:
        core: The candidates.
        known: What is known of them.
        rungs: How many times as long as the shortest each is, in rising order.
        left: Units that may still be spent.
        seed: Draws the start.
        noise: Standard deviation of an accuracy between seeds in points, where it is known.
    """
    free = np.ones(len(core.costs), dtype=bool)
    free[known.closed] = False
    if left < rungs[-1] or not free.any():
        return None
    shortest = known.rungs == rungs[0]
    tried = np.concatenate([known.networks, known.pending])
    begun = shortest.sum() + (known.pending_rungs == rungs[0]).sum()
    untried = free.copy()
    untried[tried] = False
    if (shortest.sum() < 2 or begun < START) and untried.any():
        index = core.start(tried.tolist(), untried, np.random.default_rng(seed))
        return Suggestion(index, rung=rungs[0])
    with BLAS.limit(limits=1):
        return _best(core, known, free, rungs, left, noise)


def _best(
    core: CostAware,
    known: Trainings,
    free: np.ndarray,
    rungs: tuple[int, ...],
    left: float,
    noise: float | None,
) -> Suggestion | None:
    model = _model(core, known, rungs, noise)
    mean, deviation, warp = model.mean[-1], model.deviation[-1], model.warps[-1]
    # What is expected of each network at the top, whatever is learnt before.
    accuracy = expected_improvement(mean, deviation, np.zeros(1), warp)[:, 0]
    tried = np.union1d(known.networks, known.pending)
    top = rungs[-1]
    done, begun = known.networks[known.rungs == top], known.pending[known.pending_rungs == top]
    at_top = np.union1d(done, begun)
    worst = core.reference
    if worst is None:
        worst = max(float(accuracy[tried].min()), float(np.quantile(accuracy, WORTHLESS)))

    def front(members: Integers) -> Front:
        points = np.column_stack([-accuracy[members], core.costs[members]])
        members = members[moocore.is_nondominated(points)] if len(members) else members
        return Front(accuracy[members], core.box[members], worst, warp)

    def adds(networks: Integers, to: Front) -> Floats:
        """Hypervolume that networks add, each for itself, if they are as expected."""
        levels = mean[networks] + 0.5 * deviation[networks] ** 2
        sure = np.full(len(networks), _SURE)
        return expected_hypervolume_improvement(levels, sure, core.box[networks], to)

    believed = np.flatnonzero(free & np.isin(np.arange(len(free)), tried))
    believed = np.union1d(believed, at_top)
    believed = believed[moocore.is_nondominated(np.column_stack([-accuracy[believed], core.costs[believed]]))]
    plan: list[tuple[int, float]] = []
    rest, done = np.setdiff1d(believed, at_top), at_top
    while len(plan) < left // rungs[-1] and len(rest):
        gains = adds(rest, front(done))
        best = int(np.argmax(gains))
        plan.append((int(rest[best]), float(gains[best])))
        done = np.append(done, rest[best])
        rest = np.delete(rest, best)
    planned = [network for network, _ in plan]
    whole = front(believed)
    choices = []
    for number, rung in enumerate(rungs):
        if rung > left:
            continue
        moves = np.maximum(model.learnt(number), _SURE)
        level = mean + 0.5 * np.maximum(deviation**2 - moves**2, 0.0)
        outside = np.setdiff1d(np.flatnonzero(free), believed)
        found = []
        if len(outside):
            at, gain = largest_improvement(level[outside], moves[outside], core.box[outside], whole)
            found.append((gain, int(outside[at])))
        for network in believed:
            if not free[network] or (rung == rungs[-1] and network in planned):
                continue
            others = front(believed[believed != network])
            one = np.array([network])
            both = expected_hypervolume_improvement(level[one], moves[one], core.box[one], others)
            found.append((float(both[0] - adds(one, others)[0]), int(network)))
        if not found:
            continue
        gain, network = max(found)
        kept = int((left - rung) // rungs[-1]) + (1 if rung == rungs[-1] and network in planned else 0)
        loss = sum(value for _, value in plan[kept:])
        choices.append(((BOOST * gain - loss) / rung, network, number))
    spent = known.rungs.sum() + known.pending_rungs.sum()
    on_top = (
        known.rungs[known.rungs == rungs[-1]].sum()
        + known.pending_rungs[known.pending_rungs == rungs[-1]].sum()
    )
    worth, network, number = max(choices, default=(0.0, 0, 0))
    if plan and (worth <= 0.0 or on_top + rungs[-1] <= PACE * (spent + rungs[-1])):
        network, gain = plan[0]
        worth, number = gain / rungs[-1], len(rungs) - 1
    elif not choices:
        return None
    own = model.warps[number]
    at, spread = float(model.mean[number, network]), float(model.deviation[number, network])
    expected = expected_improvement(np.array([at]), np.array([spread]), np.zeros(1), own)
    return Suggestion(network, float(expected[0, 0]), own.spread(at, spread), gain=worth, rung=rungs[number])


def _model(core: CostAware, known: Trainings, rungs: tuple[int, ...], noise: float | None) -> RungModel:
    number = np.searchsorted(rungs, known.rungs)
    shortest = np.flatnonzero(number == 0)
    fitted = shortest[: fitted_count(len(shortest))]
    errors = 100.0 - known.accuracies[fitted] + LEAST_ERROR
    kernel = core.kernel(
        known.networks[fitted],
        np.log(errors),
        None if noise is None else (noise / errors) ** 2,
        np.ones(len(fitted), dtype=bool),
    )
    return RungModel(
        core.features,
        kernel,
        known.networks,
        number,
        known.accuracies,
        pending=known.pending,
        pending_rungs=np.searchsorted(rungs, known.pending_rungs),
        noise=noise,
        count=len(rungs),
    )
