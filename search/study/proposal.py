"""What was proposed, and what it is told: the two things that are kept of every trial."""

from base64 import b64encode
from dataclasses import asdict, dataclass
from typing import Any, Generic

from ...space import text
from .domain import SubjectT

Training = tuple[str, int, int]  # of which subject, at which rung, and how many were before it


@dataclass(frozen=True)
class Proposal(Generic[SubjectT]):
    """A subject somebody proposed, not yet told of.

    Attributes:
        key: The domain's name of the subject.
        repeat: Which further training of it at this rung, from 1; 0 for the first.
        floors: Accuracies after each epoch below which its training is stopped; they stay what they were when
            it was proposed, whatever is known when a search goes on.
        rung: How many times as long as the shortest training.
        due: When it is told of, in units of the shortest training; 0 where all trainings are as long.
    """

    number: int
    subject: SubjectT
    key: str
    origin: str
    repeat: int = 0
    floors: tuple[float, ...] = ()
    rung: int = 1
    due: int = 0

    @property
    def turn(self) -> tuple[int, int]:
        """Sorts proposals as they are told of."""
        return self.due, self.number

    @property
    def training(self) -> Training:
        """What tells its training from every other one."""
        return self.key, self.rung, self.repeat


@dataclass(frozen=True)
class Result:
    """What a trial is told.

    Attributes:
        state: As in a `TrialRecord`.
        accuracy: In percent, None where it has none.
        forecast: Of a pruned trial the accuracy it would have come to and its deviation, in percent.
        trace: The whole traceback of a failure.
        right: Which validation images it predicted right, eight to a byte.
    """

    state: str
    accuracy: float | None = None
    reason: str = ""
    seconds: float | None = None
    images_per_second: float | None = None
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    forecast: tuple[float, float] | None = None
    trace: str = ""
    right: bytes = b""

    def to_dict(self) -> dict[str, Any]:
        """What is kept: all but the accuracy, the trial's value, and what is empty; bytes in base64."""
        kept = {
            name: value
            for name, value in asdict(self).items()
            if name != "accuracy" and value not in (None, "", (), b"")
        }
        return kept | ({"right": b64encode(self.right).decode("ascii")} if self.right else {})


def said(proposal: Proposal[Any], result: Result) -> str:
    """A trial in a line, for people who look at the study in another program."""
    parts = [f"network {proposal.key}", f"proposed as {proposal.origin}", result.state]
    if result.seconds is not None:
        length = f" {text.times(proposal.rung)}" if proposal.rung > 1 else ""
        parts.append(f"a training{length} of {text.duration(result.seconds)}")
    return ", ".join(parts) + (f": {result.reason}" if result.reason else "")
