"""The Pareto front of finished trials, and the choice of one architecture from it."""

from collections.abc import Collection, Sequence

from .costs import COSTS, DEFAULT_OBJECTIVES
from .errors import UserError, check_name
from .noise import averaged
from .trial import Trial, TrialT

PICKS = ("accuracy", "knee", "trial=N")
_LEAST_POINTS, _LEAST_RATIO = 1.0, 1.1  # the least that a knee's scales span: accuracy, and each cost


def check_objectives(objectives: Sequence[str]) -> tuple[str, ...]:
    """Return the objectives in their standard order.

    Raises:
        UserError: If one is unknown, or accuracy or every cost is missing.
    """
    known = ("accuracy", *COSTS)
    for name in objectives:
        check_name("--objectives", name, known)
    ordered = tuple(name for name in known if name in objectives)
    if "accuracy" not in ordered or len(ordered) < 2:
        given, costs = ",".join(objectives), ", ".join(COSTS)
        raise UserError(f"--objectives: must be accuracy and at least one of {costs}, got {given!r}")
    return ordered


def pareto_front(records: Sequence[TrialT], objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> list[TrialT]:
    """The complete records no other one beats in every objective, the cheapest first.

    They are of one rung, that which networks are compared at (`compared_rung`). An accuracy is the mean over
    an architecture's trainings there, where it was repeated. Of records equal in every objective the first is
    kept. Non-dominated sorting is moocore's.
    """
    import moocore
    import numpy as np

    complete = averaged(records)
    if not complete:
        return []
    values = np.array([_values(record, objectives) for record in complete])
    kept = moocore.is_nondominated(values, maximise=[name == "accuracy" for name in objectives])
    front = [record for record, keep in zip(complete, kept, strict=True) if keep]
    costs = [name for name in objectives if name != "accuracy"]
    return sorted(front, key=lambda record: tuple(record.costs[name] for name in costs))


def default_rule(limits: Collection[str]) -> str:
    """The rule of `pick` where none is asked for: the most accurate network where costs are limited.

    Args:
        limits: Costs that are.
    """
    return "accuracy" if limits else "knee"


def pick(
    records: Sequence[TrialT],
    rule: str,
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    *,
    reference_accuracy: float | None = None,
) -> TrialT:
    """Choose one architecture.

    Args:
        records: All trials of a run.
        rule: `accuracy` for the most accurate one, `knee` for the front member nearest to the point
            that is best in every objective (each scaled to its range on the front, costs in
            logarithms, but to no less than a point of accuracy and a tenth of a cost), or `trial=N`
            for a complete trial by number, of whatever rung.
        objectives: The objectives that span the front.
        reference_accuracy: In percent; the knee is that of the front's part which reaches it, where any does.

    Raises:
        UserError: If the rule is unknown, there is no such trial, or none is complete.
    """
    front = pareto_front(records, objectives)
    if not front:
        raise UserError(
            "--pick: needs a complete trial, but the run has none yet; go on with `cheapsearch run`"
        )
    if rule == "accuracy":
        return max(front, key=lambda record: record.accuracy or 0.0)
    if rule == "knee":
        worthy = [record for record in front if (record.accuracy or 0.0) >= (reference_accuracy or 0.0)]
        return _knee(worthy or front, objectives)
    name, _, number = rule.partition("=")
    if name != "trial" or not number.isdecimal():
        check_name("--pick", rule, PICKS)
        raise UserError(f"--pick: must be one of {', '.join(PICKS)}, got {rule!r}")
    complete = {record.number: record for record in averaged(records, every_rung=True)}
    if int(number) in complete:
        return complete[int(number)]
    raise UserError(
        f"--pick: trial must be a complete one, got {number}; the run has {len(complete)}, "
        f"from {min(complete)} to {max(complete)}"
    )


def _values(record: Trial, objectives: Sequence[str]) -> list[float]:
    return [
        float((record.accuracy or 0.0) if name == "accuracy" else record.costs[name]) for name in objectives
    ]


def _knee(front: Sequence[TrialT], objectives: Sequence[str]) -> TrialT:
    import numpy as np

    values = np.array([_values(record, objectives) for record in front])
    for column, name in zip(values.T, objectives, strict=True):  # views
        if name == "accuracy":
            column *= -1.0
            least = _LEAST_POINTS
        else:
            least = np.log1p(_LEAST_RATIO * column.min()) - np.log1p(column.min())
            np.log1p(column, out=column)
        column -= column.min()
        column /= max(column.max(), least) or 1.0
    return front[int(np.argmin((values**2).sum(axis=1)))]
