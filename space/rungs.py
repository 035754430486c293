"""Rungs: how long trainings are, as multiples of the shortest; and which of them a front is of."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .errors import UserError, flag
from .trial import Trial, TrialT

FULL = 1_000_000  # the rung of a training under a full policy: above those of any search
_FEWEST = 3  # networks that a front is of, while shorter trainings have more


def check_rungs(rungs: Sequence[int], name: str = "rungs") -> tuple[int, ...]:
    """Return the rungs.

    Raises:
        UserError: If there are none, or one is below 1 or no longer than the one before.
    """
    found = tuple(rungs)
    if not found or found[0] < 1 or any(b <= a for a, b in pairwise(found)):
        given = ",".join(map(str, found)) or "none"
        raise UserError(f"{flag(name)}: must be whole numbers from 1 that grow, such as 1,4,16, got {given}")
    return found


def compared_rung(trials: Sequence[Trial]) -> int:
    """The rung that networks are compared at: see `longest_with_enough`."""
    counts: dict[int, int] = {}
    for trial in trials:
        if trial.state == "complete":
            counts[trial.rung] = counts.get(trial.rung, 0) + 1
    return longest_with_enough(counts)


def longest_with_enough(counts: Mapping[int, int]) -> int:
    """The longest rung with three networks or more, else the shortest with any; 1 where there is none.

    Args:
        counts: Networks trained to the end of each.
    """
    return max((rung for rung, count in counts.items() if count >= _FEWEST), default=min(counts, default=1))


def at_rung(trials: Sequence[TrialT], rung: int | None = None) -> list[TrialT]:
    """The trials of one rung.

    Args:
        rung: Which; None for the one that networks are compared at.
    """
    wanted = compared_rung(trials) if rung is None else rung
    return [trial for trial in trials if trial.rung == wanted]
