"""What a search has tried, and what is under way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Generic

from ...space.rungs import FULL, is_copy, units
from ..samplers.history import History
from .domain import Domain, RecordT, SubjectT
from .proposal import Proposal, Training


class Ledger(Generic[SubjectT, RecordT]):
    """Every trial told of, and every proposal that is being trained.

    Args:
        full: Subjects that were trained under a full policy, with their accuracies in percent.

    Attributes:
        told: In the order they were told.
        under_way: Proposals that are being trained, in the order they were made.
        copies: Proposals that wait for what another comes to, since the proxy cannot tell the two apart.
        barren: Proposals in a row that trained nothing.
    """

    def __init__(
        self,
        domain: Domain[SubjectT, RecordT],
        told: Sequence[RecordT],
        *,
        full: Sequence[tuple[SubjectT, float]] = (),
    ) -> None:
        self.told: list[RecordT] = []
        self.under_way: dict[Training, Proposal[SubjectT]] = {}
        self.copies: dict[Training, Proposal[SubjectT]] = {}
        self.barren = 0
        self._domain, self._full = domain, full
        self._known: dict[tuple[str, int], RecordT] = {}  # by key and rung
        self._alike: dict[tuple[str, int], RecordT] = {}  # by what they are to the proxy, and rung
        self._trainings: Counter[tuple[str, int]] = Counter()  # to the end, by the same
        # What the history says of those told of, which a search of thousands is not to work out every time.
        self._observed: list[tuple[Mapping[str, str], float, int]] = []
        self._closed: list[Mapping[str, str]] = []
        for record in told:
            self.add(record)
            self.barren = self.barren + 1 if record.state in ("duplicate", "refused") else 0

    def add(self, record: RecordT) -> None:
        """Take in a trial that was told of."""
        self.told.append(record)
        subject = self._domain.subject_of(record)
        choices, alike = self._domain.choices(subject), self._domain.alike(subject)
        if record.state in ("complete", "repeat"):
            self._observed.append((choices, record.accuracy or 0.0, record.rung))
            self._trainings[alike, record.rung] += not is_copy(record)
        elif record.accuracy is None and record.state in ("failed", "refused", "duplicate"):
            self._closed.append(choices)  # a duplicate without an accuracy is of what failed
        if record.state != "refused":
            self._known.setdefault((record.hash, record.rung), record)
            self._alike.setdefault((alike, record.rung), record)

    def original(self, proposal: Proposal[SubjectT]) -> RecordT | None:
        """The trial that a proposal would repeat."""
        return self._known.get((proposal.key, proposal.rung))

    def alike(self, proposal: Proposal[SubjectT]) -> RecordT | None:
        """The trial of what the proxy cannot tell from a proposal's subject."""
        return self._alike.get((self._domain.alike(proposal.subject), proposal.rung))

    def is_new(self, proposal: Proposal[SubjectT]) -> bool:
        """Whether a proposal is to be trained, as far as its subject and rung go."""
        tried = self.original(proposal) is not None or proposal.training in self._open
        return not tried and not self._domain.refusal(proposal.subject)

    def is_copy(self, proposal: Proposal[SubjectT]) -> bool:
        """Whether the proxy cannot tell its subject from another that is known, or under way, at its rung."""
        own = (self._domain.alike(proposal.subject), proposal.rung)
        others = ((self._domain.alike(other.subject), other.rung) for other in self.under_way.values())
        return own in self._alike or own in others

    @property
    def distinct(self) -> int:
        """Subjects that were trained, or are, with those that were stopped."""
        known = [record for record in self._known.values() if record.state in ("complete", "pruned")]
        first = sum(not repeat for _, _, repeat in self.under_way)
        return len(known) - sum(map(is_copy, known)) + first

    @property
    def tried(self) -> set[str]:
        """Keys of the subjects that are known or under way."""
        return {key for key, _ in self._known} | {key for key, _, repeat in self.under_way if not repeat}

    @property
    def spent(self) -> int:
        """Units of the shortest training that were paid, or will be by what is under way."""
        return self.paid + sum(rung for _, rung, _ in self.under_way)

    @property
    def paid(self) -> int:
        """Units of the shortest training that were paid."""
        return units(self.told)

    @property
    def repeating(self) -> Counter[str]:
        """Repeats under way, by key."""
        return Counter(key for key, _, repeat in self.under_way if repeat)

    def trainings(self, subject: SubjectT, rung: int) -> int:
        """How often a subject was trained at a rung, or is, with all that the proxy cannot tell from it.

        0 where the subject itself was not tried there: it may be a copy still.
        """
        key, alike = self._domain.key(subject), self._domain.alike(subject)
        known = self._known.get((key, rung))
        done = known is not None and known.state in ("complete", "repeat")
        if not done and all(training[:2] != (key, rung) for training in self._open):
            return 0
        begun = sum(
            (self._domain.alike(other.subject), other.rung) == (alike, rung)
            for other in self.under_way.values()
        )
        return self._trainings[alike, rung] + begun

    def has_failed(self, key: str) -> bool:
        """Whether a training of a subject has failed."""
        return any(record.hash == key and record.state == "failed" for record in self.told)

    @property
    def _open(self) -> dict[Training, Proposal[SubjectT]]:
        return self.under_way | self.copies

    @property
    def history(self) -> History:
        """What a sampler is told that chooses rungs."""
        domain, pending = self._domain, self._open.values()
        full = [(domain.choices(subject), accuracy, FULL) for subject, accuracy in self._full]
        known = [*self._observed, *full]
        return History(
            observed=[choices for choices, _, _ in known],
            accuracies=[accuracy for _, accuracy, _ in known],
            doubts=[0.0] * len(known),
            rungs=[rung for _, _, rung in known],
            pending=[domain.choices(proposal.subject) for proposal in pending],
            pending_rungs=[proposal.rung for proposal in pending],
            closed=list(self._closed),
        )
