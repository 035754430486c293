"""Everything that is worked out from a run for its report."""

from collections.abc import Callable, Mapping
from math import hypot

import numpy as np

from ... import __version__
from ...space import Architecture, Cost, TrialRecord, shown_costs
from ...space.insight import Insight, Knowledge, Prediction
from ...space.part_costs import PartCosts
from ...space.rungs import fullest, is_copy, networks_at
from ...space.saved_run import SavedRun
from .asked import Asked
from .effects import effects, interactions
from .importance import importance
from .random_search import progress, reference_accuracy
from .surrogate import Beliefs, beliefs, usable

FEWEST = 8  # networks of which anything is said


def insight_of(run: SavedRun, parts: PartCosts, *, trials: str) -> Insight:
    """What a run's surrogate knows, or why nothing.

    Args:
        parts: Costs of the parts of the run's backbone.
        trials: Hash of its trials.csv.
    """
    learnt = [trial for trial in run.trials if usable(trial)]
    networks = len({trial.hash for trial in learnt if trial.state == "complete"})
    if networks < FEWEST:
        few = f"{networks} networks were trained to the end, and {FEWEST} are needed"
        return Insight(__version__, trials, parts, missing=few)
    tables = [name for name in run.record.settings.device_costs if name not in run.predictors]
    if tables:
        return Insight(__version__, trials, parts, missing=f"the table of {tables[0]} is not in its folder")
    try:
        return Insight(__version__, trials, parts, knowledge=_knowledge(run, parts, learnt, networks))
    except np.linalg.LinAlgError:
        return Insight(__version__, trials, parts, missing="the model could not be fitted to the accuracies")


def _knowledge(run: SavedRun, parts: PartCosts, learnt: list[TrialRecord], networks: int) -> Knowledge:
    settings, space = run.record.settings, run.space
    seed, wanted = settings.seed, {*shown_costs(settings.objectives), *settings.limits}
    cost = _costs(run, parts, wanted)
    asked = Asked(space, [trial.architecture for trial in learnt], cost, seed=seed)
    believed = beliefs(run, learnt, asked, seed=seed)
    reference = reference_accuracy(run, asked, believed.accuracies)
    fullest_rung = fullest(networks_at(run.trials))
    compared = [t for t in learnt if t.rung == fullest_rung and t.state == "complete"]
    unmodified = cost(space.unmodified)
    return Knowledge(
        rung=run.rung,
        networks=networks,
        effects=effects(
            asked,
            believed.accuracies,
            unmodified={name: unmodified[name] for name in shown_costs(settings.objectives)},
            trained=_trained(run, learnt),
        ),
        interactions=interactions(asked, believed.accuracies),
        whole_space=asked.whole_space,
        importance=importance(space, compared, seed=seed),
        importance_rung=fullest_rung,
        progress=progress(run, asked, believed.observed, reference=reference, seed=seed),
        reference_accuracy=reference,
        predictions=_predictions(run, asked, believed),
    )


def _costs(
    run: SavedRun, parts: PartCosts, wanted: set[str]
) -> Callable[[Architecture], Mapping[str, float]]:
    """Exact ones, and those on a device as the run's tables predict them."""
    on_device = {name: predict for name, predict in run.predictors.items() if name in wanted}

    def cost(architecture: Architecture) -> Mapping[str, float]:
        added = parts.total(architecture)
        return Cost({**added, **{name: predict(architecture) for name, predict in on_device.items()}})

    return cost


def _trained(run: SavedRun, learnt: list[TrialRecord]) -> dict[tuple[str, str], int]:
    """How many networks have an operation somewhere, by site and operation."""
    found: dict[tuple[str, str], set[str]] = {}
    for trial in learnt:
        for choice, option in run.space.choices(trial.architecture).items():
            found.setdefault((choice.partition(".")[0], option), set()).add(trial.hash)
    return {own: len(hashes) for own, hashes in found.items()}


def _predictions(run: SavedRun, asked: Asked, believed: Beliefs) -> tuple[Prediction, ...]:
    """Those made before a training that went to its end; a deviation is of the observation."""
    lengths, found = run.record.settings.lengths, []
    for trial in run.trials:
        if trial.state not in ("complete", "repeat") or is_copy(trial):
            continue
        if trial.predicted is None or not trial.deviation or trial.accuracy is None:
            continue
        noise = believed.noise[lengths.index(trial.rung), asked.number(trial.architecture)]
        deviation = hypot(trial.deviation, float(noise))
        found.append(
            Prediction(trial.number, trial.predicted, max(round(deviation, 4), 1e-4), trial.accuracy)
        )
    return tuple(found)
