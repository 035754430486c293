"""MO-ASHA on a table of trainings of several lengths, to stand beside what `rehearse --rungs` measures.

    pip install syne-tune==0.16.0
    python docs/moasha.py docs/rungs_cifar10.csv.gz --budget 400 --seeds 10
    cheapsearch rehearse docs/rungs_cifar10.csv.gz --rungs 1,4,16 --budget 400 --seeds 10

MO-ASHA trains random networks, and takes the best 1 / eta of each rung to the next, by non-dominated sorting
and inside a front by an epsilon-net. Its objectives are the error and the costs, as shares of the largest.
`promoted` is the rule as published (Schmucker et al., Multi-objective asynchronous successive halving, 2021,
arXiv 2106.12639): a network goes on as soon as it is among the best of its rung; where none is, a new one
begins. `stopped` is Syne Tune's scheduler, which decides once, when a network reaches a rung. `released` is
the same with the priority of 0.16.0 as it comes: it gives an order of the networks where their places are
asked for, so that the best may be stopped for being the best.

What favours MO-ASHA: to go on costs the difference of two rungs, since Syne Tune's trainings go on from
checkpoints, and yet shows what a training of that length from fresh weights shows. The first networks of the
table go first, the others in random order; a table that is used up is gone through again. Of every rung the
share goes on that the second is longer than the first, whatever the lengths after it are.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import moocore
import numpy as np
import pandas as pd
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
from syne_tune.optimizer.schedulers.multiobjective.non_dominated_priority import compute_epsilon_net

from cheapsearch.search.samplers.surrogate import Floats

CHECKPOINTS = (50, 100, 200, 400)  # units spent
Training = tuple[int, int, int, float]  # units, network, rung, accuracy


@dataclass(frozen=True)
class Rungs:
    """A table of trainings of several lengths.

    Attributes:
        accuracies: By rung, shortest first, the runs of every network in percent (N, R).
        costs: Of every network, as shares of the largest (N, K).
        first: Numbers of the networks that a search tries first.
    """

    accuracies: dict[int, Floats]
    costs: Floats
    first: list[int]

    @property
    def eta(self) -> int:
        """Of so many networks of a rung one goes on: by how many times the second is as long as the first."""
        shortest, second = list(self.accuracies)[:2]
        return second // shortest

    def proposals(self, rng: np.random.Generator) -> Iterator[int]:
        others = np.setdiff1d(np.arange(len(self.costs)), self.first)
        while True:
            yield from (*self.first, *rng.permutation(others).tolist())

    def objectives(self, network: int, accuracy: float) -> list[float]:
        return [1 - accuracy / 100, *self.costs[network].tolist()]


def read(path: Path) -> Rungs:
    frame = pd.read_csv(path, keep_default_na=False)
    runs, costs = frame.filter(like="accuracy@"), frame.filter(regex="^cost_").to_numpy(dtype=np.float64)
    rungs = sorted({int(name.removeprefix("accuracy@").split("_")[0]) for name in map(str, runs)})
    if len(rungs) < 2 or rungs[1] % rungs[0]:
        raise SystemExit(f"TABLE: the second rung must be a multiple of the first, got {rungs}")
    return Rungs(
        accuracies={rung: runs.filter(like=f"@{rung}_").to_numpy(dtype=np.float64) for rung in rungs},
        costs=costs / np.maximum(costs.max(axis=0), 1e-300),
        first=[number for number, origin in enumerate(frame.get("first", ())) if origin],
    )


def places(objectives: Floats) -> Floats:
    """From 0, the best, to N - 1; objectives are (N, K), smaller is better."""
    found, fronts = np.zeros(len(objectives)), moocore.pareto_rank(objectives)
    for number in range(fronts.max() + 1):
        front = np.flatnonzero(fronts == number)
        # The net comes as the place of each, not as the order that its documentation speaks of.
        found[front] = (fronts < number).sum() + compute_epsilon_net(objectives[front], dim=0)
    return found


def promoted(table: Rungs, rng: np.random.Generator) -> Iterator[Training]:
    """The trainings of MO-ASHA by its published rule, without end."""
    rungs, proposals = list(table.accuracies), table.proposals(rng)
    trials: list[int] = []  # the network of each
    reached: list[dict[int, list[float]]] = [{} for _ in rungs]  # objectives by trial
    while True:
        for level in reversed(range(1, len(rungs))):
            below = list(reached[level - 1])
            objectives = np.array(list(reached[level - 1].values()))
            order = np.argsort(places(objectives)).tolist() if below else []
            best = [below[place] for place in order[: len(below) // table.eta]]
            if waiting := [trial for trial in best if trial not in reached[level]]:
                trial, units = waiting[0], rungs[level] - rungs[level - 1]
                break
        else:
            level, trial, units = 0, len(trials), rungs[0]
            trials.append(next(proposals))
        accuracy = float(rng.choice(table.accuracies[rungs[level]][trials[trial]]))
        reached[level][trial] = table.objectives(trials[trial], accuracy)
        yield units, trials[trial], rungs[level], accuracy


def stopped(
    table: Rungs, rng: np.random.Generator, *, priority: Callable[[Floats], Floats] | None
) -> Iterator[Training]:
    """The trainings of Syne Tune's scheduler, without end; None for the priority that it comes with."""
    rungs = list(table.accuracies)
    names = ["error", *(f"cost {number}" for number in range(table.costs.shape[1]))]
    scheduler = MOASHA(
        {},
        names,
        time_attr="rung",
        multiobjective_priority=priority,
        grace_period=1,
        max_t=table.eta ** (len(rungs) - 1),
        reduction_factor=table.eta,
    )
    for number, network in enumerate(table.proposals(rng)):
        trial = Trial(number, {}, datetime.min)
        scheduler.on_trial_add(trial)
        for level, (before, rung) in enumerate(pairwise((0, *rungs))):
            accuracy = float(rng.choice(table.accuracies[rung][network]))
            yield rung - before, network, rung, accuracy
            seen = dict(zip(names, table.objectives(network, accuracy), strict=True))
            if scheduler.on_trial_result(trial, {"rung": table.eta**level, **seen}) == SchedulerDecision.STOP:
                break


def shares(
    table: Rungs, trainings: Iterator[Training], shown: list[int], reference: float | None
) -> list[float]:
    """Of the best possible hypervolume, that of the front reported after so many units.

    As in `rehearse`, networks are reported by the runs that were seen, and count by the mean of all.
    """
    top = max(table.accuracies)
    mean = table.accuracies[top].mean(axis=1)
    least = np.quantile(mean, 0.1) if reference is None else reference
    corner = np.array([-least, *np.ones(table.costs.shape[1])])

    def volume(networks: list[int]) -> float:
        return float(moocore.hypervolume(np.column_stack([-mean, table.costs])[networks], ref=corner))

    def reported() -> list[int]:
        points = [table.objectives(network, float(np.mean(runs))) for network, runs in seen.items()]
        front = moocore.is_nondominated(np.array(points)) if points else ()
        return [network for network, on_front in zip(seen, front, strict=True) if on_front]

    seen: dict[int, list[float]] = {}
    found: list[float] = []
    spent, best = 0, volume(list(range(len(mean))))
    for units, network, rung, accuracy in trainings:
        spent += units
        while len(found) < len(shown) and spent > shown[len(found)]:
            found.append(volume(reported()) / best)
        if len(found) == len(shown):
            break
        if rung == top:
            seen.setdefault(network, []).append(accuracy)
    return found


RULES: dict[str, Callable[[Rungs, np.random.Generator], Iterator[Training]]] = {
    "promoted": promoted,
    "stopped": partial(stopped, priority=places),
    "released": partial(stopped, priority=None),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", metavar="TABLE.csv", type=Path)
    parser.add_argument("--budget", type=int, default=400, metavar="N", help="units to spend")
    parser.add_argument("--seeds", type=int, default=10, metavar="S", help="searches")
    parser.add_argument("--reference-accuracy", type=float, metavar="A", help="to score by, as for rehearse")
    given = parser.parse_args()
    table = read(given.table)
    shown = sorted({*(units for units in CHECKPOINTS if units < given.budget), given.budget})
    print("units".ljust(9), *(f"{units:>20}" for units in shown))
    for name, rule in RULES.items():
        each = [
            shares(table, rule(table, np.random.default_rng(seed)), shown, given.reference_accuracy)
            for seed in range(given.seeds)
        ]
        columns = (f"{of.mean():.3f} ±{of.std():.3f} ≥{of.min():.3f}" for of in np.array(each).T)
        print(name.ljust(9), *(f"{column:>20}" for column in columns))


if __name__ == "__main__":
    main()
