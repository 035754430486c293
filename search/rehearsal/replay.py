"""One search of a table: what it evaluates, in which order."""

import random
import time
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState

from ..samplers.candidates import ListedCandidates
from ..samplers.registry import FORECAST, fixed_sampler, make_sampler, proposal_seed
from ..study.stopping import floors, forecasts, threshold
from ..workers.jobs import is_stopped
from .result_table import Table

_MAX_BARREN = 50  # proposals in a row of what is known, before an unknown one is drawn


@dataclass
class Replay:
    """What one search evaluated.

    Attributes:
        order: The points, in order.
        stopped: Those that were stopped.
        seconds: A proposal took.
        epochs: Share of the epochs trained.
    """

    order: list[int]
    stopped: set[int]
    seconds: float = 0.0
    epochs: float = 1.0

    def finished(self, count: int) -> list[int]:
        """The points among the first that were not stopped."""
        return [point for point in self.order[:count] if point not in self.stopped]


def replay(
    table: Table,
    name: str,
    *,
    budget: int,
    seed: int,
    in_flight: int,
    stopping: bool = False,
    reference_accuracy: float | None = None,
) -> Replay:
    """Search a table; what is evaluated is told in the order of the proposals."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    minimize = [StudyDirection.MINIMIZE] * table.costs.shape[1]
    study = optuna.create_study(directions=[StudyDirection.MAXIMIZE, *minimize])
    candidates = ListedCandidates(table.parameters, table.points, table.costs, reference=reference_accuracy)
    numbers = {tuple(point.values()): number for number, point in enumerate(table.points)}
    draws = np.random.default_rng(seed)
    done = Replay([], set())
    told: dict[int, list[float] | None] = {}
    waiting: list[tuple[optuna.Trial, int | None, tuple[float, ...]]] = []
    proposals = barren = epochs = 0
    while len(done.order) < budget:
        pending = {number for _, number, _ in waiting}
        while len(pending) < in_flight and len(done.order) + len(pending) < budget:
            start = time.perf_counter()
            sampler = make_sampler(name, candidates, seed=proposal_seed(seed, proposals))
            if barren >= _MAX_BARREN:
                left = [n for n in range(len(table.points)) if n not in told and n not in pending]
                chosen = table.points[random.Random(proposals).choice(left)]
                sampler = fixed_sampler(chosen, seed=seed)
            study.sampler = sampler
            trial = study.ask()
            choices = {key: trial.suggest_categorical(key, ops) for key, ops in table.parameters.items()}
            done.seconds += time.perf_counter() - start
            proposals += 1
            number = numbers.get(tuple(choices.values()))
            if number is None or number in told or number in pending:
                # Known already, or a combination the table leaves out: it costs nothing.
                barren += 1
                if number in pending:
                    waiting.append((trial, number, ()))
                else:
                    _tell(study, trial, None if number is None else told[number])
                continue
            barren = 0
            pending.add(number)
            waiting.append(
                (trial, number, _floors(table, done, number, reference_accuracy) if stopping else ())
            )
        trial, number, at = waiting.pop(0)
        assert number is not None
        if number not in told:
            curve = [] if table.curves is None else table.curves[number].tolist()
            ends = [epoch for epoch in range(1, len(curve)) if is_stopped(curve[:epoch], at)]
            done.order.append(number)
            if ends:
                done.stopped.add(number)
                after = ends[0]
                forecast = forecasts(_curves(table, done))[after - 1]
                reached = curve[after - 1]
                trial.set_user_attr(FORECAST, [forecast.final(reached), forecast.deviation(reached)])
                study.tell(trial, state=TrialState.PRUNED)
                told[number] = None
            else:
                after = len(curve)
                drawn = table.accuracies[number, 0] if stopping else draws.choice(table.accuracies[number])
                told[number] = [float(drawn), *map(float, table.costs[number])]
                study.tell(trial, told[number])
            epochs += after
        else:
            _tell(study, trial, told[number])
    done.seconds /= proposals
    if table.curves is not None:
        done.epochs = epochs / (budget * table.curves.shape[1])
    return done


def _tell(study: optuna.Study, trial: optuna.Trial, values: list[float] | None) -> None:
    if values is None:
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, values)


def _curves(table: Table, done: Replay) -> list[list[float]]:
    assert table.curves is not None
    return [table.curves[number].tolist() for number in done.finished(len(done.order))]


def _floors(table: Table, done: Replay, number: int, reference: float | None) -> tuple[float, ...]:
    finished = done.finished(len(done.order))
    accuracies, costs = table.accuracies[finished, 0].tolist(), table.costs[finished]
    wanted = threshold(accuracies, costs, table.costs[number].tolist(), reference=reference)
    return () if wanted is None else floors(wanted, _curves(table, done), noise=table.noise)
