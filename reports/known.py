"""What a run's surrogate knows, as figures and sentences in their places on the page."""

from itertools import combinations
from typing import Any

from ..space import text
from ..space.saved_run import SavedRun
from . import insight, insight_figures
from .drawn import Drawn
from .trust import sentences


def of_operations(run: SavedRun) -> dict[str, Any]:
    """What operations buy: their effects, how much sites matter, and which operations need each other."""
    if run.insight is None or run.insight.knowledge is None:
        return {"effects": None, "effects_missing": "" if run.insight is None else run.insight.missing}
    known = run.insight.knowledge
    length = f" Accuracies are after trainings {text.times(known.rung)}." if _has_rungs(run) else ""
    staged = " Where a site goes stage by stage, an effect is of one stage." if run.space.per_stage else ""
    over = "all networks of the space" if known.whole_space else "networks drawn from the space"
    at = f" after trainings {text.times(known.importance_rung)}" if _has_rungs(run) else ""
    return {
        "effects": Drawn(
            insight_figures.operation_effects(insight.effects_frame(known)),
            ident="effects",
            label="Effect of each operation on accuracy and costs",
            caption="In place of the unmodified network's operation, the mean over "
            f"{over} that differ in nothing else: accuracy in points with its 95 % interval, by the search's "
            f"own model of {known.networks:,} trained networks; costs, exact, in percent of the unmodified "
            f"network's.{length}{staged}",
            wide=True,
        ),
        "interactions": sentences(insight.said_of_interactions(known)),
        "pairs": f"{_pairs(run):,}",
        "importance": Drawn(
            insight_figures.importance(insight.importance_frame(known)),
            ident="importance",
            label="Importance of each site for accuracy",
            caption=f"By Optuna's fANOVA, of the accuracies{at}: the share of their variance that each site "
            "explains by itself, whether by good operations or by bad ones. The rest up to 100 % is what "
            "sites do only together with others.",
        ),
    }


def of_search(run: SavedRun) -> dict[str, Any]:
    """Whether the search was done: its hypervolume beside random search's, and how its predictions held."""
    if run.insight is None or run.insight.knowledge is None:
        return {"hypervolume": None, "predictions": None}
    known, several = run.insight.knowledge, _has_rungs(run)
    lengths = {trial.number: f", {text.times(trial.rung)}" for trial in run.trials} if several else {}
    return {
        "hypervolume": Drawn(
            insight_figures.hypervolume_over_trials(insight.hypervolume_frame(known)),
            ident="hypervolume",
            label="Hypervolume of the front over what was spent",
            caption="The volume that the observed front dominates, and what random searches would have by "
            "the model. A line that has long been flat says that more of the same search finds little; "
            "it falls where a repeat lowers the mean of a network.",
        ),
        "random_search": insight.said_of_random_search(known),
        "predictions": Drawn(
            insight_figures.predicted_against_observed(insight.predictions_frame(known, lengths)),
            ident="predictions",
            label="Observed accuracy against the one that was predicted before",
            caption="What was predicted of each training before it, with a 95 % interval, and what it gave. "
            "Points beside the dotted line by more than their interval were not foreseen."
            f"{' Trainings of every length are shown.' if several else ''}",
        ),
        "calibration": insight.said_of_predictions(known),
    }


def _pairs(run: SavedRun) -> int:
    """How many pairs of operations there are at two places, without the unmodified network's."""
    changes = [len(options) - 1 for options in run.space.parameters.values()]
    return sum(one * two for one, two in combinations(changes, 2))


def _has_rungs(run: SavedRun) -> bool:
    return run.record.settings.has_rungs
