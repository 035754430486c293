"""Samplers replayed on a table of finished results, without training anything."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import moocore
import numpy as np

from ...space import UserError, check_name
from ...space.rungs import check_rungs
from ..samplers.registry import CHOOSE_RUNGS, SAMPLERS
from ..samplers.surrogate import Floats
from ..study.plan import Plan
from .replay import Replay, replay
from .result_table import ResultTable

CHECKPOINTS = (10, 25, 50, 75, 100)  # evaluations, then every hundred
MOST_COSTS = 4  # the exact hypervolume of a whole table takes seconds with four, minutes with five
TARGETS = (95, 99)  # percent of the best possible hypervolume


def rehearse(
    table: ResultTable,
    *,
    samplers: Sequence[str],
    budget: int,
    seeds: int,
    rungs: Sequence[tuple[int, ...]] = (),
    reference_accuracy: float | None = None,
    in_flight: int = 1,
    repeats: int = 0,
    stopping: bool = False,
    at: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Replay samplers on a table.

    An evaluation draws one of the runs of a point. The score is the hypervolume, by the mean of its longest
    runs, of the front that the search reports: the points that no other one beats by the runs it drew. It is
    a share of the whole table's. The reference point is the largest costs and `reference_accuracy`.

    Args:
        samplers: Names of samplers, one at least; a name that comes twice is replayed once.
        budget: Distinct points to evaluate, no more than the table has. In a table of several lengths, units
            of the shortest: a training that is four times as long costs four.
        seeds: How many searches of each sampler.
        rungs: Sets of lengths, each to be searched with; none for all of the table's, or, with a sampler that
            does not choose lengths, the longest.
        reference_accuracy: In percent, told to the samplers as `run` does; None for the table's 10th
            percentile, which they are not told, since before a search nobody knows it.
        in_flight: Proposals made before their results are known.
        repeats: How many of the evaluations are of a point evaluated before, where that settles most; with
            several lengths the search itself decides that.
        stopping: Replay each sampler once more, as `NAME, stopping`, with evaluations that are stopped where
            their curve cannot reach the front; they count, and add nothing. For tables with curves, of one
            length.
        at: Called with how many searches are replayed, and of how many.

    Returns:
        By sampler, in a table of several lengths as `NAME at 1,4,16`: `share` of the front reported by number
        of evaluations, or of units, each with mean, min and std over the seeds; `share_in_time`, where the
        table has the seconds of every length, the same after the `seconds` that so many of the shortest
        trainings take in the table's mean, one after the other; `share_tried`, after so many again, of all
        points evaluated, as if their means were known; `evaluations_to` 95 and 99 percent, from which on
        the front reported stays there (the mean, None where a search ends below); `seconds_per_proposal`,
        `epochs`, the share of all epochs that was trained, and `training_seconds`, what the trainings of a
        search take by the table, in the mean; 0 where it does not say.

    Raises:
        UserError: If a name is unknown or a number is out of range.
    """
    if not samplers:
        raise UserError(f"--sampler: must name at least one of {', '.join(SAMPLERS)}, got none")
    for name in samplers:
        check_name("--sampler", name, SAMPLERS)
    for option, value in (("--budget", budget), ("--seeds", seeds), ("--in-flight", in_flight)):
        if value < 1:
            raise UserError(f"{option}: must be 1 or more, got {value}")
    if len(table.cost_names) > MOST_COSTS:
        raise UserError(
            f"--costs: must be {MOST_COSTS} at most, or the hypervolume takes for ever, got "
            f"{len(table.cost_names)}: {', '.join(table.cost_names)}; name fewer"
        )
    searches = _searches(table, samplers, rungs, budget)
    several = len(table.rungs) > 1
    budget = budget if several else min(budget, len(table.points))
    for _, lengths in searches:
        _check_repeats(repeats, lengths, _trainings(table, lengths, budget))
    mean = table.truth
    reference = float(np.quantile(mean, 0.1)) if reference_accuracy is None else reference_accuracy
    if stopping and table.curves is None:
        raise UserError("--stopping: needs columns curve_*, the accuracy after every epoch; TABLE has none")
    if stopping and several:
        raise UserError(
            "--stopping: needs trainings of one length, which curve_* are of; TABLE has the lengths "
            f"{', '.join(map(str, table.rungs))}"
        )
    if not reference < mean.max():
        raise UserError(f"--reference-accuracy: must be below the best, {mean.max():.2f}, got {reference}")
    scaled = table.costs / np.maximum(table.costs.max(axis=0), 1e-300)
    corner = np.array([-reference, *np.ones(scaled.shape[1])])

    def volume(chosen: Sequence[int]) -> float:
        if not chosen:
            return 0.0
        points = np.column_stack([-mean[chosen], scaled[chosen]])
        return float(moocore.hypervolume(points, ref=corner))

    best = volume(range(len(mean)))
    if not best > 0.0:
        raise UserError(
            f"--reference-accuracy: a point above it must cost less than the largest cost, got {reference}; "
            "name a lower one"
        )
    results = {}
    wanted = list(product(searches, (False, True) if stopping else (False,)))
    for place, ((name, lengths), stops) in enumerate(wanted):
        runs = []
        for seed in range(seeds):
            at(place * seeds + seed, len(wanted) * seeds)
            plan = Plan(
                sampler=name,
                seed=seed,
                budget=_trainings(table, lengths, budget),
                in_flight=in_flight,
                repeats=repeats,
                stopping=stops,
                reference_accuracy=reference_accuracy,
                rungs=lengths,
            )
            runs.append(replay(table, plan))
        counts, shown = range(1, budget + 1), _checkpoints(budget)
        shares = np.array([_shares(run, map(run.within, counts), scaled, volume) / best for run in runs])
        tried = np.array([[volume(run.finished(run.within(n))) / best for n in shown] for run in runs])
        full = f"{name} at {','.join(map(str, lengths))}" if several else name
        results[f"{full}, stopping" if stops else full] = {
            "share": _summary(shown, shares[:, np.array(shown) - 1]),
            **_in_time(table, shown, runs, lambda run, counts: _shares(run, counts, scaled, volume) / best),
            "share_tried": _summary(shown, tried),
            "evaluations_to": {str(target): _evaluations_to(shares, target / 100) for target in TARGETS},
            "seconds_per_proposal": float(np.mean([run.seconds for run in runs])),
            "epochs": float(np.mean([run.epochs for run in runs])),
            "training_seconds": float(np.mean([sum(run.lasted) for run in runs])),
        }
    return results


def _searches(
    table: ResultTable, samplers: Sequence[str], rungs: Sequence[tuple[int, ...]], budget: int
) -> list[tuple[str, tuple[int, ...]]]:
    """Which sampler searches with which lengths."""
    for lengths in rungs:
        for rung in check_rungs(lengths):
            if rung not in table.rungs:
                known = ", ".join(map(str, table.rungs))
                raise UserError(f"--rungs: must be among the lengths of the table, {known}, got {rung}")
    found = [
        (name, lengths)
        for name in dict.fromkeys(samplers)
        for lengths in dict.fromkeys(rungs or [table.rungs if name in CHOOSE_RUNGS else table.rungs[-1:]])
        if name in CHOOSE_RUNGS or len(lengths) == 1
    ]
    for name in samplers:
        if name not in {searched for searched, _ in found}:
            raise UserError(
                f"--rungs: must be one length with {name}, which does not choose any, got several"
            )
    for _, lengths in found:
        if budget < lengths[-1]:
            raise UserError(f"--budget: must be at least the length {lengths[-1]}, got {budget}")
    return found


def _trainings(table: ResultTable, lengths: tuple[int, ...], budget: int) -> int:
    """The budget of a plan: with one length it counts trainings, one for each point of a table at most."""
    return budget if len(lengths) > 1 else min(budget // lengths[0], len(table.points))


def _check_repeats(repeats: int, lengths: tuple[int, ...], trainings: int) -> None:
    if len(lengths) > 1 and repeats:
        raise UserError(
            "--repeats: must be 0 with several lengths, where the search itself decides who is trained "
            f"again, got {repeats}; name one length by --rungs"
        )
    if not 0 <= repeats < trainings:
        raise UserError(f"--repeats: must be from 0 to below the {trainings} evaluations, got {repeats}")


def _shares(
    run: Replay, counts: Iterable[int], costs: Floats, volume: Callable[[Sequence[int]], float]
) -> Floats:
    """Hypervolumes of the fronts reported after so many trainings."""
    by_trainings: dict[int, float] = {}
    found = []
    for trainings in counts:
        if trainings not in by_trainings:
            by_trainings[trainings] = volume(run.reported(trainings, costs))
        found.append(by_trainings[trainings])
    return np.array(found)


def _in_time(
    table: ResultTable,
    shown: Sequence[int],
    runs: Sequence[Replay],
    shares: Callable[[Replay, Iterable[int]], Floats],
) -> dict[str, Any]:
    """The shares after the time that so many of the shortest trainings take, where the table says it."""
    if table.unit_seconds is None:
        return {}
    times = [count * table.unit_seconds for count in shown]
    found = _summary(shown, np.array([shares(run, map(run.within_seconds, times)) for run in runs]))
    return {
        "share_in_time": {
            count: {"seconds": seconds} | share
            for (count, share), seconds in zip(found.items(), times, strict=True)
        }
    }


def _checkpoints(budget: int) -> list[int]:
    points = [n for n in (*CHECKPOINTS, *range(200, budget + 1, 100)) if n <= budget]
    return points if budget in points else [*points, budget]


def _summary(counts: Sequence[int], shares: Floats) -> dict[str, dict[str, float]]:
    """By number of evaluations, over the searches (S, len(counts))."""
    return {
        str(count): {"mean": float(column.mean()), "min": float(column.min()), "std": float(column.std())}
        for count, column in zip(counts, shares.T, strict=True)
    }


def _evaluations_to(shares: Floats, target: float) -> float | None:
    """From which evaluation on a search stays at the target, in the mean; a new run may lead it astray.

    Args:
        shares: Of each search after each evaluation (S, N).
    """
    below = shares < target
    if below[:, -1].any():
        return None
    last = shares.shape[1] - below[:, ::-1].argmax(axis=1)
    return float(np.where(below.any(axis=1), last + 1, 1).mean())
