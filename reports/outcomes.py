"""What became of the trials: how many ended in which way, and why."""

from dataclasses import dataclass

import pandas as pd

MEANINGS = {
    "complete": "trained to the end",
    "repeat": "further trainings of a known network with another seed",
    "pruned": "stopped, since their learning curve could not reach the front",
    "duplicate": "not trained: the same network as one that was known",
    "refused": "not trained: over a limit of cost",
    "failed": "ended by an error",
}
_REASONS = 5


@dataclass(frozen=True)
class Outcome:
    """Trials that ended in one way.

    Attributes:
        state: As in trials.csv.
        meaning: In words.
        reasons: The most frequent first, each with the number of trials that give it.
    """

    state: str
    count: int
    meaning: str
    reasons: tuple[tuple[str, int], ...]


def outcomes(frame: pd.DataFrame) -> list[Outcome]:
    """The ways in which trials ended, in a standing order.

    Args:
        frame: What `trials_frame` returns.
    """
    counts = frame["state"].value_counts()
    return [
        Outcome(state, int(counts[state]), meaning, _reasons(frame[frame["state"] == state]["reason"]))
        for state, meaning in MEANINGS.items()
        if state in counts
    ]


def _reasons(said: "pd.Series[str]") -> tuple[tuple[str, int], ...]:
    counts = said[said != ""].value_counts()
    found = [(str(reason), int(count)) for reason, count in counts.head(_REASONS).items()]
    others = int(counts.iloc[_REASONS:].sum())
    return (*found, *([("other reasons", others)] if others else []))
