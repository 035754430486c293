"""Samplers replayed on a table of finished results, without training anything."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna
import pandas as pd
from optuna.study import StudyDirection

from ..space import UserError, check_name
from .candidates import ListedCandidates
from .samplers import SAMPLERS, fixed_sampler, make_sampler, proposal_seed
from .surrogate import Floats

# Made by docs/rehearsal_table.py, which says what it holds.
SHIPPED_TABLE = Path(__file__).with_name("mobilenet_v2_digits.csv.gz")
CHECKPOINTS = (10, 25, 50, 75, 100)  # evaluations, then every hundred
TARGETS = (95, 99)  # percent of the best possible hypervolume
_MAX_REPEATS = 50  # proposals in a row of what is known, before an unknown one is drawn


@dataclass(frozen=True)
class Table:
    """Finished results of every point of a space.

    Attributes:
        parameters: Options by choice.
        points: Choices of every point.
        accuracies: Runs of every point in percent (N, R).
        costs: Costs of every point, smaller is better (N, K).
        cost_names: Names of the costs.
    """

    parameters: dict[str, tuple[str, ...]]
    points: list[dict[str, str]]
    accuracies: Floats
    costs: Floats
    cost_names: tuple[str, ...]


def load_table(path: Path, costs: Sequence[str] = ()) -> Table:
    """Read a CSV with columns choice_*, accuracy_* and cost_*; it may be compressed.

    Args:
        costs: Names of the costs to keep, without the prefix; all where there are none.

    Raises:
        UserError: If the file cannot be read, a kind of column is missing, or a value does not fit.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise UserError(f"TABLE: must be a readable CSV, {path} is not ({error}); check the path") from None
    groups = {
        prefix: [column for column in map(str, frame.columns) if column.startswith(prefix)]
        for prefix in ("choice_", "accuracy_", "cost_")
    }
    for prefix, columns in groups.items():
        if not columns:
            raise UserError(f"TABLE: must have columns {prefix}*, {path} has {', '.join(frame.columns[:8])}")
    known = [column.removeprefix("cost_") for column in groups["cost_"]]
    kept = [f"cost_{check_name('--costs', name, known)}" for name in costs] or groups["cost_"]

    def numbers(columns: list[str]) -> Floats:
        try:
            values = frame[columns].to_numpy(dtype=np.float64)
        except ValueError as error:
            raise UserError(f"TABLE: {columns[0]} must hold numbers in {path} ({error})") from None
        if not np.isfinite(values).all():
            raise UserError(f"TABLE: {columns[0]} must hold finite numbers in {path}")
        return np.asarray(values)

    accuracies, cost_values = numbers(groups["accuracy_"]), numbers(kept)
    if accuracies.min() < 0 or accuracies.max() > 100:
        raise UserError(f"TABLE: accuracies must be from 0 to 100 percent, {path} has {accuracies.max()}")
    if cost_values.min() < 0:
        raise UserError(f"TABLE: costs must be 0 or more, {path} has {cost_values.min()}")
    choices = frame[groups["choice_"]]
    if choices.duplicated().any():
        again = choices[choices.duplicated()].iloc[0].to_dict()
        raise UserError(f"TABLE: a point must stand in one row, {path} repeats {again}")
    return Table(
        parameters={column: tuple(sorted(choices[column].unique())) for column in groups["choice_"]},
        points=[{str(name): str(value) for name, value in row.items()} for row in choices.to_dict("records")],
        accuracies=accuracies,
        costs=cost_values,
        cost_names=tuple(column.removeprefix("cost_") for column in kept),
    )


def rehearse(
    table: Table,
    *,
    samplers: Sequence[str],
    budget: int,
    seeds: int,
    reference_accuracy: float | None = None,
    in_flight: int = 1,
) -> dict[str, Any]:
    """Replay samplers on a table.

    An evaluation draws one of the runs of a point; the score is the hypervolume of the runs' mean over
    all points evaluated, as a share of the whole table's. The reference point is the largest costs and
    `reference_accuracy`.

    Args:
        samplers: Names of samplers.
        budget: Distinct points to evaluate, no more than the table has.
        seeds: How many searches of each sampler.
        reference_accuracy: In percent; None for the table's 10th percentile.
        in_flight: Proposals made before their results are known.

    Returns:
        By sampler: `share` by number of evaluations, each with mean, min and std over the seeds,
        `evaluations_to` 95 and 99 percent (the mean, None where a search does not get there), and
        `seconds_per_proposal`.

    Raises:
        UserError: If a name is unknown or a number is out of range.
    """
    for name in samplers:
        check_name("--sampler", name, SAMPLERS)
    for option, value in (("--budget", budget), ("--seeds", seeds), ("--in-flight", in_flight)):
        if value < 1:
            raise UserError(f"{option}: must be 1 or more, got {value}")
    budget = min(budget, len(table.points))
    mean = table.accuracies.mean(axis=1)
    reference = float(np.quantile(mean, 0.1)) if reference_accuracy is None else reference_accuracy
    if not reference < mean.max():
        raise UserError(f"--reference-accuracy: must be below the best, {mean.max():.2f}, got {reference}")
    scaled = table.costs / np.maximum(table.costs.max(axis=0), 1e-300)
    corner = np.array([-reference, *np.ones(scaled.shape[1])])

    def volume(chosen: Sequence[int]) -> float:
        points = np.column_stack([-mean[chosen], scaled[chosen]])
        return float(moocore.hypervolume(points, ref=corner))

    best = volume(range(len(mean)))
    results = {}
    for name in samplers:
        runs = [_replay(table, name, budget=budget, seed=seed, in_flight=in_flight) for seed in range(seeds)]
        shares = np.array([[volume(order[: n + 1]) / best for n in range(budget)] for order, _ in runs])
        results[name] = {
            "share": {
                str(n): {
                    "mean": float(shares[:, n - 1].mean()),
                    "min": float(shares[:, n - 1].min()),
                    "std": float(shares[:, n - 1].std()),
                }
                for n in _checkpoints(budget)
            },
            "evaluations_to": {str(target): _evaluations_to(shares, target / 100) for target in TARGETS},
            "seconds_per_proposal": float(np.mean([seconds for _, seconds in runs])),
        }
    return results


def _replay(table: Table, name: str, *, budget: int, seed: int, in_flight: int) -> tuple[list[int], float]:
    """The points one search evaluates, in order, and the seconds a proposal took."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    minimize = [StudyDirection.MINIMIZE] * table.costs.shape[1]
    study = optuna.create_study(directions=[StudyDirection.MAXIMIZE, *minimize])
    candidates = ListedCandidates(table.parameters, table.points, table.costs)
    numbers = {tuple(point.values()): number for number, point in enumerate(table.points)}
    draws = np.random.default_rng(seed)
    order: list[int] = []
    told: dict[int, list[float]] = {}
    waiting: list[tuple[int, int | None]] = []
    proposals = repeats = 0
    seconds = 0.0
    while len(order) < budget:
        pending = {number for _, number in waiting}
        while len(pending) < in_flight and len(order) + len(pending) < budget:
            start = time.perf_counter()
            sampler = make_sampler(name, candidates, seed=proposal_seed(seed, proposals))
            if repeats >= _MAX_REPEATS:
                left = [n for n in range(len(table.points)) if n not in told and n not in pending]
                chosen = table.points[random.Random(proposals).choice(left)]
                sampler = fixed_sampler(chosen, seed=seed)
            study.sampler = sampler
            trial = study.ask()
            choices = {key: trial.suggest_categorical(key, ops) for key, ops in table.parameters.items()}
            seconds += time.perf_counter() - start
            proposals += 1
            number = numbers.get(tuple(choices.values()))
            if number is None or number in told or number in pending:
                # Known already, or a combination the table leaves out: it costs nothing.
                repeats += 1
                if number in told:
                    study.tell(trial, told[number])
                elif number is None:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                else:
                    waiting.append((trial.number, number))
                continue
            repeats = 0
            pending.add(number)
            waiting.append((trial.number, number))
        trial_number, number = waiting.pop(0)
        assert number is not None
        if number not in told:
            accuracy = float(draws.choice(table.accuracies[number]))
            told[number] = [accuracy, *map(float, table.costs[number])]
            order.append(number)
        study.tell(trial_number, told[number])
    return order, seconds / proposals


def _checkpoints(budget: int) -> list[int]:
    points = [n for n in (*CHECKPOINTS, *range(200, budget + 1, 100)) if n <= budget]
    return points if budget in points else [*points, budget]


def _evaluations_to(shares: Floats, target: float) -> float | None:
    reached = shares >= target
    if not reached[:, -1].all():
        return None
    return float((reached.argmax(axis=1) + 1).mean())
