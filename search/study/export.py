"""A trial of a run as a config that builds its network anywhere."""

from collections.abc import Sequence

from ... import __version__
from ...models import describe
from ...space import ArchitectureConfig, RunRecord, TrialRecord, pick
from ...space.provenance import now


def export_trial(
    record: RunRecord, trials: Sequence[TrialRecord], rule: str | None, *, run_name: str
) -> ArchitectureConfig:
    """Choose a trial of a run and describe its network.

    It has the names of the classes and the input size, but no preprocessing: that belongs to weights, a
    search keeps none, and it has seen the images at the proxy's size alone.

    Args:
        rule: As for `space.pick`; None for the most accurate one where a cost is limited, and the
            knee of the front where none is.

    Raises:
        UserError: If the rule is unknown or no trial is complete.
    """
    settings = record.settings
    rule = rule or ("accuracy" if settings.limits else "knee")
    trial = pick(trials, rule, settings.objectives, reference_accuracy=settings.reference_accuracy)
    return describe(
        trial.architecture,
        num_classes=record.num_classes,
        input_size=record.input_size,
        version=__version__,
        origin={
            "run": run_name,
            "trial": trial.number,
            "pick": rule,
            "proposed_by": trial.origin,
            "proxy_accuracy": trial.accuracy,
            **({"rung": trial.rung} if trial.rung > 1 else {}),
            "proxy": dict(settings.proxy),
            "data": settings.dataset,
            "fingerprint": record.fingerprint,
            "seed": settings.seed,
            "exported": now(),
        },
        classes=record.classes,
    )
