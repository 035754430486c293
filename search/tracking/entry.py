"""What a tracker is told of a trial, or of a retraining."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...space import SITE_NAMES, TrialRecord
from ...space.records import join_choice
from ...space.training_folder import TrainingFolder


@dataclass(frozen=True)
class Entry:
    """A trial or a retraining that has ended.

    Attributes:
        name: In its run folder, such as `trial 12`.
        kind: `trial` or `retraining`.
        labels: What it is: hash, state, operations and so on.
        metrics: What it came to; accuracies in percent, `seconds` of wall time.
        curve: The same after each epoch, of a retraining.
        step: How many trials of the search ended before it.
    """

    name: str
    kind: str
    labels: Mapping[str, str]
    metrics: Mapping[str, float]
    curve: Sequence[Mapping[str, float]] = ()
    step: int = 0


def of_trial(trial: TrialRecord, step: int) -> Entry:
    labels = {"trial": trial.number, "hash": trial.hash, "state": trial.state, "origin": trial.origin}
    labels |= {"rung": trial.rung} | ({"reason": trial.reason} if trial.reason else {})
    labels |= {site: join_choice(getattr(trial.architecture, site)) for site in SITE_NAMES}
    metrics = {
        name: getattr(trial, name) for name in ("accuracy", "predicted", "deviation", "gain", "seconds")
    }
    metrics |= dict(trial.costs)
    return Entry(f"trial {trial.number}", "trial", _text(labels), _known(metrics), step=step)


def of_retraining(folder: Path) -> Entry | None:
    """Of a training's folder, None where it has not ended.

    Raises:
        UserError: If a file of it is damaged.
    """
    training = TrainingFolder(folder)
    result = training.read_result()
    if result is None:
        return None
    made = result.settings
    labels = {"trial": made.trial, "hash": made.hash, "seed": made.seed, "metric": result.metric}
    labels |= {site: join_choice(getattr(made.architecture, site)) for site in SITE_NAMES}
    labels |= {f"policy.{name}": value for name, value in made.policy.items()}
    measured = ("val_score", "val_top1", "val_top5", "val_loss", "test_score", "test_top1", "test_top5")
    metrics = {name: getattr(result, name) for name in (*measured, "best_epoch", "seconds")}
    metrics |= dict(made.costs)
    return Entry(folder.name, "retraining", _text(labels), _known(metrics), training.read_metrics())


def _text(labels: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in labels.items() if value is not None}


def _known(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if value is not None}
