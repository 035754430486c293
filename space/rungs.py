"""Rungs: how long trainings are, as multiples of the shortest; what they cost, and which a front is of."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from .errors import UserError, flag
from .trial import Trial, TrialT

FULL = 1_000_000  # the rung of a training under a full policy: above those of any search
_FEWEST = 3  # networks that a front is of, while shorter trainings have more
_ORIGINAL = re.compile(r"trial (\d+)$")  # as the reason of a copy ends
_TRAINED = ("complete", "repeat", "pruned")  # states that cost a training


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


def check_lengths(rungs: Sequence[int], repeats: int | None, confirm: int) -> tuple[int, ...]:
    """Return the rungs of a run that begins with the shortest.

    Raises:
        UserError: If they are none of a run, or are several beside trainings that repeat others.
    """
    found = check_rungs(rungs)
    if found[0] != 1:
        raise UserError(f"--rungs: must begin with 1, the shortest, got {','.join(map(str, found))}")
    for name, count in (("repeats", repeats), ("confirm", confirm)):
        if len(found) > 1 and count:
            raise UserError(
                f"--{name}: must be 0 with several --rungs, where the search itself decides who is "
                f"trained again, got {count}; raise --budget for more"
            )
    return found


def compared_rung(trials: Sequence[Trial]) -> int:
    """The rung that networks are compared at: see `longest_with_enough`."""
    return longest_with_enough(networks_at(trials))


def networks_at(trials: Sequence[Trial]) -> dict[int, int]:
    """How many networks were trained to the end, by rung, the shortest first."""
    return dict(sorted(Counter(trial.rung for trial in trials if trial.state == "complete").items()))


def networks_trained(trials: Sequence[Trial], *, above: int = 0) -> int:
    """How many different networks were trained to the end, at a rung above the given one."""
    return len({trial.hash for trial in trials if trial.state == "complete" and trial.rung > above})


def fullest(counts: Mapping[int, int]) -> int:
    """The rung with the most networks, the longest of those with as many; 1 where there is none.

    Args:
        counts: Networks by rung.
    """
    return max(counts, key=lambda rung: (counts[rung], rung), default=1)


def longest_with_enough(counts: Mapping[int, int]) -> int:
    """The longest rung with three networks, or all that the shortest has where those are fewer; 1 for none.

    Args:
        counts: Networks trained to the end of each.
    """
    if not counts:
        return 1
    enough = min(_FEWEST, counts[min(counts)])
    return max(rung for rung, count in counts.items() if count >= enough)


def at_rung(trials: Sequence[TrialT], rung: int | None = None) -> list[TrialT]:
    """The trials of one rung.

    Args:
        rung: Which; None for the one that networks are compared at.
    """
    wanted = compared_rung(trials) if rung is None else rung
    return [trial for trial in trials if trial.rung == wanted]


def units(trials: Sequence[Trial]) -> int:
    """What trials have cost, in units of the shortest training; those that failed cost nothing."""
    return sum(trial.rung for trial in trials if trial.state in _TRAINED and not is_copy(trial))


def is_copy(trial: Trial) -> bool:
    """Whether a trial has its accuracy from another, since the proxy cannot tell the two apart."""
    return trial.state == "complete" and bool(trial.reason)


def original_of(trial: Trial) -> int:
    """Number of the trial whose training gave a complete trial its accuracy: its own, but of a copy."""
    found = _ORIGINAL.search(trial.reason) if is_copy(trial) else None
    return int(found[1]) if found else trial.number
