"""What a search does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ...space import RunSettings, UserError
from ..samplers.registry import CHOOSE_RUNGS

# Data sets on which longer trainings leave networks alike: see docs/search.md.
ALIKE_WHEN_LONGER = frozenset({"digits"})
LEAST_LONGEST = 4  # of the longest trainings, that a budget has room for
# By the least budget, in units of the shortest, the lengths of a run that names none: see docs/search.md.
LENGTHS_FROM = {40: (1, 4), 200: (1, 4, 16)}
FEWEST_UNITS, SEVERAL = next(iter(LENGTHS_FROM.items()))


@dataclass(frozen=True)
class Plan:
    """What a search does.

    Attributes:
        budget: Trainings to the end of the proxy, nearly all of distinct subjects.
        in_flight: Proposals made before their results are known. With the seed it fixes the trials,
            whatever the number of workers.
        repeats: How many of the budget's trainings repeat a subject with another seed.
        confirm: Further such trainings, beyond the budget.
        stopping: Whether to stop trainings that cannot reach the front.
        reference_accuracy: In percent; a subject below it is worth nothing. None for no such accuracy.
        rungs: How long trainings are, as multiples of the shortest. With several the budget counts in units
            of it, `repeats` and `confirm` are not read, since the search decides, and `stopping` is False.
        scoring: How accuracies are measured, as `Claims.of` takes it, where that is known.
        timed: Whether the search goes on until its time is up; the budget is then what was expected to fit.
        order: `proposal`, or `arrival` to tell of trials as they end; the search then depends on the workers.
    """

    sampler: str
    seed: int
    budget: int
    in_flight: int
    repeats: int = 0
    confirm: int = 0
    stopping: bool = False
    reference_accuracy: float | None = None
    rungs: tuple[int, ...] = (1,)
    scoring: Mapping[str, Any] = field(default_factory=dict, compare=False)
    timed: bool = False
    order: str = "proposal"

    @classmethod
    def of(
        cls, settings: RunSettings, *, scoring: Mapping[str, Any] | None = None, timed: bool = False
    ) -> "Plan":
        """What of a run's settings the search reads."""
        read = [f.name for f in fields(cls) if f.name not in ("rungs", "scoring", "stopping", "timed")]
        return cls(
            **{name: getattr(settings, name) for name in read},
            rungs=settings.lengths,
            stopping=settings.stopping and not settings.has_rungs,
            scoring=scoring or {},
            timed=timed,
        )


def check_budget(settings: RunSettings) -> None:
    """Make sure that a new run has room for some of its longest trainings.

    Raises:
        UserError: If it has not.
    """
    longest = settings.lengths[-1]
    if not settings.has_rungs or LEAST_LONGEST * longest <= settings.budget:
        return
    if settings.hours is None:
        raise UserError(
            f"--rungs: the longest must be at most a quarter of --budget {settings.budget}, got {longest}; "
            "raise the budget, which counts in the shortest"
        )
    raise UserError(
        f"--hours: must be enough for {LEAST_LONGEST} of the longest trainings, {LEAST_LONGEST * longest} "
        f"of the shortest, but {settings.budget} fit into {settings.hours:g}; raise it, or shorten --rungs"
    )


def default_rungs(settings: RunSettings, given: Mapping[str, Any], *, workers: int = 1) -> tuple[int, ...]:
    """The lengths of trainings of a new run that does not name them.

    Args:
        given: Settings that were given; who asks for repeats asks for one length.
        workers: Each of which has time for some of the longest, where the time is given.
    """
    return (
        (1,) if settings.dataset in ALIKE_WHEN_LONGER else affordable_rungs(settings, given, workers=workers)
    )


def affordable_rungs(settings: RunSettings, given: Mapping[str, Any], *, workers: int = 1) -> tuple[int, ...]:
    """The same, whatever the data set."""
    if not leaves_lengths(settings, given):
        return (1,)
    longest = 0 if settings.hours is None else LEAST_LONGEST * workers
    found: tuple[int, ...] = (1,)
    for units, rungs in LENGTHS_FROM.items():
        if settings.budget >= max(units, longest * rungs[-1]):
            found = rungs
    return found


def leaves_lengths(settings: RunSettings, given: Mapping[str, Any]) -> bool:
    """Whether a new run that does not name lengths may have several, as far as it is asked for."""
    return settings.sampler in CHOOSE_RUNGS and not any(given.get(name) for name in ("repeats", "confirm"))
