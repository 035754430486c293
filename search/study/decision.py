"""The one place where it is decided what is trained next: which subject, for how long, with which seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from optuna.samplers import BaseSampler

from ..samplers.registry import SAMPLERS, SamplerFactory, fixed_sampler, make_sampler, why
from .domain import Domain, RecordT, SubjectT
from .ledger import Ledger
from .plan import LEAST_LONGEST, Plan
from .repeats import REPEAT, early_repeat, late_repeat, number_of, repeats_left
from .seeds import proposal_seed

MAX_BARREN = 8  # proposals in a row that train nothing, before an untried subject is drawn
ENQUEUED = "enqueued"  # origin of what was put into the study by its user
LONGER = "longer"  # origin of a training of a subject that is known from a shorter one


@dataclass(frozen=True)
class Wanted:
    """What is to be trained next.

    Attributes:
        sampler: Gives the choices that make the subject.
        origin: As in a `TrialRecord`.
        rung: How many times as long as the shortest training.
        repeat: Which further training of the subject at this rung, from 1; 0 for the first.
        reasons: Why, as plain values by name; where there are none, the sampler may say.
    """

    sampler: BaseSampler
    origin: str
    rung: int
    repeat: int = 0
    reasons: Mapping[str, Any] = field(default_factory=dict)


class Decision(Generic[SubjectT, RecordT]):
    """Decides by what is known and under way, and by nothing else, so that a search goes on as it would have.

    With one rung a sampler proposes subjects, the first two are repeated early, so that the noise between
    seeds is known, and the last trainings repeat those of which it is least sure whether they are on the
    front. With several, one model of all of them says which training is worth most for its length: of a new
    subject, a longer one of a known subject, or one more with another seed.

    Args:
        samplers: By name; the plan's is one of them.
    """

    def __init__(
        self,
        plan: Plan,
        domain: Domain[SubjectT, RecordT],
        *,
        samplers: Mapping[str, SamplerFactory] = SAMPLERS,
    ) -> None:
        self._plan, self._domain, self._samplers = plan, domain, samplers
        self._first = domain.first()
        self._exhausted = False  # whether nothing untried is left

    def next(
        self,
        ledger: Ledger[SubjectT, RecordT],
        *,
        index: int,
        own: int,
        room: int | None,
        enqueued: bool,
        longest_fits: bool = True,
    ) -> Wanted | None:
        """What to train next, None where nothing is; with one rung one more call may find a repeat.

        Args:
            index: Of the proposal, which its seed is drawn by.
            own: The same without the proposals that are no sampler's.
            room: Units of the shortest training that there is time for, None where time is no matter.
            enqueued: Whether the study holds what its user put there.
            longest_fits: Whether one of the longest trainings would end in time.
        """
        if room == 0:
            return None
        seed, shortest = proposal_seed(self._plan.seed, index), self._plan.rungs[0]
        if enqueued:
            # First of all: Optuna gives them to whoever asks. What they leave open is drawn.
            return Wanted(fixed_sampler({}, seed=seed), ENQUEUED, shortest)
        if len(self._plan.rungs) > 1:
            return self._worth_most(ledger, seed=seed, own=own, room=room, longest_fits=longest_fits)
        return self._new_or_repeat(ledger, seed=seed, own=own, room=room)

    # --- several rungs ------------------------------------------------------------------------------

    def _worth_most(
        self,
        ledger: Ledger[SubjectT, RecordT],
        *,
        seed: int,
        own: int,
        room: int | None,
        longest_fits: bool,
    ) -> Wanted | None:
        plan = self._plan
        left = plan.budget - ledger.spent
        if room is not None:
            left = room if plan.timed else min(left, room)
        if left < plan.rungs[0] or ledger.barren >= MAX_BARREN:
            return None
        if own < len(self._first):
            origin, choices = self._first[own]
            return Wanted(fixed_sampler(choices, seed=seed), origin, plan.rungs[0])
        if not longest_fits:
            return None  # a shorter one could not come to anything any more: the front is of the longest
        top = plan.rungs[-1]
        if own == len(self._first) and self._first and LEAST_LONGEST * top <= plan.budget and top <= left:
            # What all others are compared with, and a first look at how rungs relate.
            _, choices = self._first[0]
            subject = self._domain.subject(choices)
            if not self._domain.refusal(subject) and not ledger.has_failed(self._domain.key(subject)):
                return Wanted(fixed_sampler(choices, seed=seed), LONGER, top)
        found = self._domain.candidates.decide(ledger.history, rungs=plan.rungs, left=left, seed=seed)
        if found is None:
            return None
        choices, chosen = found
        subject = self._domain.subject(choices)
        key, repeat = self._domain.key(subject), ledger.trainings(subject, chosen.rung)
        origin = REPEAT if repeat else LONGER if key in ledger.tried else plan.sampler
        return Wanted(fixed_sampler(choices, seed=seed), origin, chosen.rung, repeat, why(chosen))

    # --- one rung -----------------------------------------------------------------------------------

    def _new_or_repeat(
        self, ledger: Ledger[SubjectT, RecordT], *, seed: int, own: int, room: int | None
    ) -> Wanted | None:
        plan, told, repeating = self._plan, ledger.told, ledger.repeating
        # Whether the time that is left is for repeats alone, which it never is for the first of a search.
        last = room is not None and own >= len(self._first) and room <= repeats_left(plan, told, repeating)
        if (again := early_repeat(plan, told, repeating)) is not None:
            return self._again(ledger, again, seed)
        more = plan.timed or ledger.distinct < plan.budget - plan.repeats
        if more and not (self._exhausted or last):
            found = self._new(ledger, seed=seed, own=own)
            self._exhausted = found is None
            return found
        again = late_repeat(plan, told, repeating, self._domain.objectives)
        return None if again is None else self._again(ledger, again, seed)

    def _new(self, ledger: Ledger[SubjectT, RecordT], *, seed: int, own: int) -> Wanted | None:
        """A subject that has perhaps not been tried, None where everything has been."""
        plan = self._plan
        if own < len(self._first):
            origin, choices = self._first[own]
            return Wanted(fixed_sampler(choices, seed=seed), origin, plan.rungs[0])
        if ledger.barren < MAX_BARREN:
            candidates = lambda: self._domain.candidates  # noqa: E731  (listing a space takes a while)
            sampler = make_sampler(plan.sampler, candidates, seed=seed, samplers=self._samplers)
            return Wanted(sampler, plan.sampler, plan.rungs[0])
        left = self._domain.untried(ledger.tried, random.Random(seed))
        if left is None:
            return None
        return Wanted(fixed_sampler(left, seed=seed), "random untried", plan.rungs[0])

    def _again(self, ledger: Ledger[SubjectT, RecordT], record: RecordT, seed: int) -> Wanted:
        """A further training of a known subject."""
        choices = self._domain.choices(self._domain.subject_of(record))
        number = number_of(record, ledger.told, ledger.repeating)
        return Wanted(fixed_sampler(choices, seed=seed), REPEAT, self._plan.rungs[0], number)
