"""The search: proposals become jobs, and outcomes are told in the order of the proposals."""

import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Generic

import numpy as np
from optuna.samplers import BaseSampler

from ...space import averaged
from ...space.claims import Claims
from ...space.trial import Trial
from ..samplers.registry import SAMPLERS, SamplerFactory, fixed_sampler, make_sampler
from ..workers.executor import Executor
from ..workers.jobs import Job, Outcome, Progress, Trained
from .domain import RecordT, SubjectT
from .outcome import result_of
from .pace import Pace
from .plan import Plan
from .repeats import REPEAT, early_repeat, late_repeat, number_of, repeats_left
from .seeds import proposal_seed, training_seed
from .stopping import FEWEST_CURVES, floors, threshold
from .trial_store import Proposal, Result, TrialStore

MAX_BARREN = 8  # proposals in a row that train nothing, before an untried subject is drawn
ENQUEUED = "enqueued"  # origin of what was put into the study by its user
MAX_FAILURES = 8  # failed trainings in a row, before the search gives up


class SearchFailedError(RuntimeError):
    """Training after training failed."""


class Search(Generic[SubjectT, RecordT]):
    """What a search knows, and what it does next.

    The first two subjects that are trained are repeated at once, so that the noise between seeds is known.
    The last trainings of the budget, and those beyond it, repeat subjects of which it is least sure whether
    they are on the front.

    Proposals are told of strictly in the order they were made, and each is made by a sampler seeded
    with the plan's seed and its index. So what is known when a proposal is made depends neither on
    the number of workers nor on interruptions: a search that goes on makes the proposals it would
    have made.

    Args:
        store: What has been proposed and told so far; the search goes on from there.
        samplers: By name; the plan's is one of them.
        pace: Says how many trainings there is time for; None where time is no matter.

    Attributes:
        told: Every trial told of, in the order of the proposals.
        proposing: Seconds it took to choose, and `choices` how often that was.
    """

    def __init__(
        self,
        plan: Plan,
        store: TrialStore[SubjectT, RecordT],
        *,
        samplers: Mapping[str, SamplerFactory] = SAMPLERS,
        pace: Pace | None = None,
    ) -> None:
        self.plan, self.store, self.domain = plan, store, store.domain
        self._samplers, self._pace = samplers, pace
        self.told: list[RecordT] = store.records()
        self.proposing, self.choices = 0.0, 0
        self._first = self.domain.first()
        self._curves = store.curves()
        self._known: dict[str, RecordT] = {}
        self._barren = 0  # proposals in a row that trained nothing
        self._alike: dict[str, RecordT] = {}  # by what they are to the proxy
        for record in self.told:
            if record.state != "refused":
                self._known.setdefault(record.hash, record)
                subject = self.domain.subject(self.domain.choices(record))
                self._alike.setdefault(self.domain.alike(subject), record)
            self._barren = self._barren + 1 if record.state in ("duplicate", "refused") else 0
        self._interrupted = deque(store.running())
        self._index = store.proposed  # of the next proposal
        self._aside = store.count(ENQUEUED) + store.count(REPEAT)  # of the proposals before it
        self._exhausted = False  # whether nothing untried is left
        self._failures = 0  # in a row
        self._pending: deque[Proposal[SubjectT]] = deque()
        self._training: set[tuple[str, int]] = set()
        self._alike_training: dict[tuple[str, int], str] = {}
        self._outcomes: dict[int, Outcome] = {}

    @property
    def idle(self) -> bool:
        """Whether every proposal has been told of."""
        return not self._pending

    def next(self) -> Job[SubjectT] | None:
        """The next job; None where enough are under way, or nothing is left to do for now."""
        while len(self._training) < self.plan.in_flight:
            # The second time is for repeats, where the first found nothing untried.
            proposal = self._propose() or self._propose()
            if proposal is None:
                return None
            self._pending.append(proposal)
            if not proposal.repeat and not self._is_new(proposal):
                self._barren += 1
                continue
            self._barren = 0
            alike = self.domain.alike(proposal.subject)
            if not proposal.repeat and (alike in self._alike or alike in self._alike_training.values()):
                return None  # so that it is told of, and known, before anything else is proposed
            self._alike_training[proposal.training] = alike
            self._training.add(proposal.training)
            seed = training_seed(self.plan.seed, proposal.repeat)
            return Job(proposal.number, proposal.subject, seed, proposal.floors)
        return None

    def tell(self, outcome: Outcome) -> None:
        """Take in what a job came to; outcomes may come in any order."""
        self._outcomes[outcome.index] = outcome

    def settle(self) -> RecordT | None:
        """The record of the oldest proposal that is open, None where its outcome is still awaited."""
        proposal = self._pending[0]
        if proposal.training not in self._training:
            result = self._untrained(proposal)
        elif proposal.number in self._outcomes:
            outcome = self._outcomes.pop(proposal.number)
            if isinstance(outcome, Trained) and outcome.curve:
                self._curves.append(outcome.curve)
            result = result_of(outcome, self._curves, repeat=bool(proposal.repeat))
            self._training.remove(proposal.training)
            del self._alike_training[proposal.training]
        else:
            return None
        self._pending.popleft()
        record = self.store.tell(proposal, result)
        self.told.append(record)
        if record.state not in ("duplicate", "refused"):
            if self._pace is not None and result.seconds:
                self._pace.told(result.seconds)
            self._failures = self._failures + 1 if record.state == "failed" else 0
        if record.state != "refused":
            self._known.setdefault(proposal.key, record)
            self._alike.setdefault(self.domain.alike(proposal.subject), record)
        return record

    def check_failures(self) -> None:
        """Make sure that some trainings succeed.

        Raises:
            SearchFailedError: If training after training failed.
        """
        if self._failures >= MAX_FAILURES:
            reason = next(record.reason for record in reversed(self.told) if record.state == "failed")
            raise SearchFailedError(f"{self._failures} trainings in a row failed, the last one: {reason}")

    # --- what to do next ----------------------------------------------------------------------------

    def _propose(self) -> Proposal[SubjectT] | None:
        """What to do next, None where nothing is; one more call may find a repeat."""
        room = None if self._pace is None else self._pace.room(len(self._training))
        if room == 0:
            return None
        if self._interrupted:
            return self._interrupted.popleft()
        if self.store.waiting:
            # First of all: Optuna gives them to whoever asks. What they leave open is drawn.
            enqueued = self._ask(ENQUEUED, fixed_sampler({}, seed=proposal_seed(self.plan.seed, self._index)))
            self._index, self._aside = self._index + 1, self._aside + 1
            return enqueued
        new = sum(record.state in ("complete", "pruned") for record in self._known.values())
        new -= sum(map(is_copy, self._known.values()))
        new += sum(not repeat for _, repeat in self._training)
        repeating = self._repeating
        # Whether the time that is left is for repeats alone.
        last = room is not None and room <= repeats_left(self.plan, self.told, repeating)
        proposal = self._again(early_repeat(self.plan, self.told, repeating))
        if proposal is None and new < self.plan.budget - self.plan.repeats and not (self._exhausted or last):
            proposal = self._new_subject()
            self._exhausted = proposal is None
        elif proposal is None:
            again = late_repeat(self.plan, self.told, repeating, self.domain.objectives)
            proposal = self._again(again)
        if proposal is not None:
            self._index += 1
            self._aside += bool(proposal.repeat)
        return proposal

    def _new_subject(self) -> Proposal[SubjectT] | None:
        """A proposal of what has perhaps not been tried, None where everything has been."""
        seed = proposal_seed(self.plan.seed, self._index)
        own = self._index - self._aside
        if own < len(self._first):
            origin, choices = self._first[own]
            return self._ask(origin, fixed_sampler(choices, seed=seed))
        if self._barren < MAX_BARREN:
            name = self.plan.sampler
            sampler = make_sampler(name, lambda: self.domain.candidates, seed=seed, samplers=self._samplers)
            return self._ask(name, sampler)
        tried = self._known.keys() | {key for key, repeat in self._training if not repeat}
        left = self.domain.untried(tried, random.Random(seed))
        if left is None:
            return None
        return self._ask("random untried", fixed_sampler(left, seed=seed))

    def _again(self, record: RecordT | None) -> Proposal[SubjectT] | None:
        """A further training of a known subject, None for none."""
        if record is None:
            return None
        seed = proposal_seed(self.plan.seed, self._index)
        number = number_of(record, self.told, self._repeating)
        return self._ask(REPEAT, fixed_sampler(self.domain.choices(record), seed=seed), repeat=number)

    @property
    def _repeating(self) -> Counter[str]:
        """Repeats under way, by hash."""
        return Counter(key for key, repeat in self._training if repeat)

    def _ask(self, origin: str, sampler: BaseSampler, *, repeat: int = 0) -> Proposal[SubjectT]:
        start = time.perf_counter()
        number, subject, reasons = self.store.ask(sampler)
        self.proposing += time.perf_counter() - start
        self.choices += 1
        proposal = Proposal(number, subject, self.domain.key(subject), origin, repeat)
        if self.plan.stopping and not repeat and self._is_new(proposal):
            proposal = replace(proposal, floors=self._floors(subject))
        self.store.keep(proposal, reasons)
        return proposal

    def _is_new(self, proposal: Proposal[SubjectT]) -> bool:
        tried = proposal.key in self._known or proposal.training in self._training
        return not tried and not self.domain.refusal(proposal.subject)

    def _floors(self, subject: SubjectT) -> tuple[float, ...]:
        """The accuracies below which a training is stopped; empty for none."""
        costs = self.domain.objectives[1:]
        finished = averaged(self.told)
        own = self.domain.costs(subject)
        wanted = threshold(
            [record.accuracy or 0.0 for record in finished],
            np.array([[record.costs[name] for name in costs] for record in finished], dtype=np.float64),
            [own[name] for name in costs],
            reference=self.plan.reference_accuracy,
        )
        if wanted is None or len(self._curves) < FEWEST_CURVES:
            return ()
        noise = Claims.of(self.told, self.domain.objectives, images=self.plan.images).deviation
        return floors(wanted, self._curves, noise=noise)

    # --- what became of it --------------------------------------------------------------------------

    def _untrained(self, proposal: Proposal[SubjectT]) -> Result:
        """A proposal that trained nothing: known already, refused, or known to the proxy."""
        original = self._known.get(proposal.key)
        if original is None and (refusal := self.domain.refusal(proposal.subject)):
            return Result("refused", reason=refusal)
        copied = original is None
        original = original or self._alike[self.domain.alike(proposal.subject)]
        network = "network to the proxy" if copied else "network"
        reason = f"the same {network} as trial {original.number}"
        if original.accuracy is None:
            reason += ", which was stopped" if original.state == "pruned" else ", which failed"
        elif copied:
            return Result("complete", original.accuracy, reason, right=original.right)
        return Result("duplicate", original.accuracy, reason)


def is_copy(record: Trial) -> bool:
    """Whether a trial has its accuracy from another, since the proxy cannot tell the two apart."""
    return record.state == "complete" and bool(record.reason)


def run_search(search: Search[SubjectT, RecordT], executor: Executor[Job[SubjectT]]) -> Iterator[RecordT]:
    """Search until the budget is trained or nothing untried is left, giving every trial as it ends.

    Raises:
        SearchFailedError: If training after training fails.
        WorkersFailedError: If no worker comes as far as taking jobs.
    """
    while True:
        while (job := search.next()) is not None:
            executor.submit(job)
        if search.idle:
            return
        while (record := search.settle()) is None:
            for message in executor.collect():
                if not isinstance(message, Progress):
                    search.tell(message)
        yield record
        search.check_failures()
