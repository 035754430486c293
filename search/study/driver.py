"""The search: proposals become jobs, and outcomes are told in the order of the proposals."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Generic

import numpy as np

from ...space import averaged
from ..samplers.registry import SAMPLERS, SamplerFactory
from ..workers.executor import Executor
from ..workers.jobs import Job, Outcome, Progress, Trained
from .decision import ENQUEUED, Decision, Wanted
from .domain import RecordT, SubjectT
from .ledger import Ledger
from .outcome import result_of
from .pace import Pace
from .plan import Plan
from .proposal import Proposal, Result, said
from .repeats import REPEAT
from .seeds import training_seed
from .stopping import FEWEST_CURVES, SeedNoise, floors, threshold
from .trial_store import TrialStore

_log = logging.getLogger(__name__)

MAX_FAILURES = 8  # failed trainings in a row, before the search gives up


class SearchFailedError(RuntimeError):
    """Training after training failed."""


class Search(Generic[SubjectT, RecordT]):
    """What a search knows, and what it does next.

    `Decision` says what is trained next, with a seed drawn by the plan's and the proposal's index. Proposals
    are told of in their turn: as they were made where all trainings are as long, else as the trainings
    would end if there were `in_flight` workers, and each took exactly as long as its rung says. So what is
    known when a proposal is made depends neither on the number of workers nor on interruptions: a search
    that goes on makes the proposals it would have made. Where the plan's order is that of arrival, they are
    told of as they end: nobody waits, and what is known depends on who was faster.

    Args:
        store: What has been proposed and told so far; the search goes on from there.
        samplers: By name; the plan's is one of them.
        pace: Says how many trainings there is time for; None where time is no matter.
        full: Subjects that were trained under a full policy, with their accuracies in percent: the longest
            rung to learn from, where trainings have several lengths.

    Attributes:
        proposing: Seconds it took to choose, and `choices` how often that was.
    """

    def __init__(
        self,
        plan: Plan,
        store: TrialStore[SubjectT, RecordT],
        *,
        samplers: Mapping[str, SamplerFactory] = SAMPLERS,
        pace: Pace | None = None,
        full: Sequence[tuple[SubjectT, float]] = (),
    ) -> None:
        self.plan, self.store, self.domain = plan, store, store.domain
        self._pace = pace
        self._decision = Decision(plan, store.domain, samplers=samplers)
        self._ledger = Ledger(store.domain, store.records(), full=full)
        self.proposing, self.choices = 0.0, 0
        self._curves = store.curves() if plan.stopping else []
        self._noise = SeedNoise(store.domain.objectives, plan.scoring)
        self._interrupted = deque(store.running())
        self._index = store.proposed  # of the next proposal
        self._aside = store.count(ENQUEUED) + store.count(REPEAT)  # of the proposals before it
        self._now = store.now
        self._failures = 0  # in a row
        self._pending: list[Proposal[SubjectT]] = []
        self._outcomes: dict[int, Outcome] = {}

    @property
    def told(self) -> list[RecordT]:
        """Every trial told of, in order."""
        return self._ledger.told

    @property
    def idle(self) -> bool:
        """Whether every proposal has been told of."""
        return not self._pending

    def next(self) -> Job[SubjectT] | None:
        """The next job; None where enough are under way, or nothing is left to do for now."""
        ledger = self._ledger
        while len(ledger.under_way) < self.plan.in_flight:
            # The second time is for repeats, where the first found nothing untried.
            proposal = self._propose() or self._propose()
            if proposal is None:
                return None
            self._pending.append(proposal)
            if not proposal.repeat and not ledger.is_new(proposal):
                ledger.barren += 1
                continue
            ledger.barren = 0
            if not proposal.repeat and ledger.is_copy(proposal):
                if len(self.plan.rungs) == 1:
                    return None  # so that it is told of, and known, before anything else is proposed
                ledger.copies[proposal.training] = proposal
                continue
            ledger.under_way[proposal.training] = proposal
            seed = training_seed(self.plan.seed, proposal.repeat)
            return Job(proposal.number, proposal.subject, seed, proposal.floors, proposal.rung)
        return None

    def tell(self, outcome: Outcome) -> None:
        """Take in what a job came to; outcomes may come in any order."""
        self._outcomes[outcome.index] = outcome

    def settle(self) -> RecordT | None:
        """The record of the open proposal whose turn it is, None where its outcome is still awaited."""
        ledger, turns = self._ledger, sorted(self._pending, key=lambda open_one: open_one.turn)
        whose = turns if self.plan.order == "arrival" else turns[:1]
        proposal = next(filter(self._has_ended, whose), None)
        if proposal is None:
            return None
        if not self._is_trained(proposal):
            result = self._untrained(proposal)
            ledger.copies.pop(proposal.training, None)
        else:
            outcome = self._outcomes.pop(proposal.number)
            if self.plan.stopping and isinstance(outcome, Trained) and outcome.curve:
                self._curves.append(outcome.curve)
            result = result_of(outcome, self._curves, repeat=bool(proposal.repeat))
            del ledger.under_way[proposal.training]
        self._pending.remove(proposal)
        self._now = max(self._now, proposal.due)
        record = self.store.tell(proposal, result)
        _log.info("trial %d told: %s", proposal.number, said(proposal, result))
        ledger.add(record)
        if record.state not in ("duplicate", "refused"):
            if self._pace is not None and result.seconds and record.state != "failed":
                self._pace.told(result.seconds, record.rung)
            self._failures = self._failures + 1 if record.state == "failed" else 0
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
        room = None
        if self._pace is not None:
            room = self._pace.room(sum(rung for _, rung, _ in self._ledger.under_way))
            longest = self._interrupted[0].rung if self._interrupted else self.plan.rungs[0]
            if room == 0 or not self._pace.fits(longest):
                return None
        if self._interrupted:
            return self._interrupted.popleft()
        start = time.perf_counter()
        wanted = self._decision.next(
            self._ledger,
            index=self._index,
            own=self._index - self._aside,
            room=room,
            longest_fits=self._pace is None or self._pace.fits(self.plan.rungs[-1]),
            enqueued=self.store.waiting,
        )
        if wanted is None:
            return None
        proposal = self._ask(wanted)
        taken = time.perf_counter() - start
        length = f", rung {wanted.rung}" if len(self.plan.rungs) > 1 else ""
        again = f", repeat {wanted.repeat}" if wanted.repeat else ""
        _log.info("trial %d chosen in %.2f s: %s%s%s", proposal.number, taken, wanted.origin, length, again)
        _log.debug("trial %d is %s, stopped below %s", proposal.number, proposal.subject, proposal.floors)
        self.proposing += taken
        self.choices += 1
        self._index += 1
        self._aside += wanted.origin == ENQUEUED or bool(wanted.repeat)
        return proposal

    def _ask(self, wanted: Wanted) -> Proposal[SubjectT]:
        number, subject, reasons = self.store.ask(wanted.sampler)
        due = self._now + wanted.rung if len(self.plan.rungs) > 1 else 0
        key = self.domain.key(subject)
        proposal = Proposal(number, subject, key, wanted.origin, wanted.repeat, rung=wanted.rung, due=due)
        if self.plan.stopping and not wanted.repeat and self._ledger.is_new(proposal):
            proposal = replace(proposal, floors=self._floors(subject))
        self.store.keep(proposal, wanted.reasons or reasons)
        return proposal

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
        return floors(wanted, self._curves, noise=self._noise.of(self.told))

    # --- what became of it --------------------------------------------------------------------------

    def _is_trained(self, proposal: Proposal[SubjectT]) -> bool:
        """Whether a job was made of an open proposal."""
        trained = self._ledger.under_way.get(proposal.training)
        return trained is not None and trained.number == proposal.number

    def _has_ended(self, proposal: Proposal[SubjectT]) -> bool:
        """Whether an open proposal can be told of."""
        if self._is_trained(proposal):
            return proposal.number in self._outcomes
        known = self._ledger.original(proposal) or self._ledger.alike(proposal)
        return known is not None or bool(self.domain.refusal(proposal.subject))

    def _untrained(self, proposal: Proposal[SubjectT]) -> Result:
        """A proposal that trained nothing: known already, refused, or known to the proxy."""
        original = self._ledger.original(proposal)
        if original is None and (refusal := self.domain.refusal(proposal.subject)):
            return Result("refused", reason=refusal)
        copied = original is None
        original = original or self._ledger.alike(proposal)
        assert original is not None
        network = "network to the proxy" if copied else "network"
        reason = f"the same {network} as trial {original.number}"
        if original.accuracy is None:
            reason += ", which was stopped" if original.state == "pruned" else ", which failed"
        elif copied:
            return Result("complete", original.accuracy, reason, right=original.right)
        return Result("duplicate", original.accuracy, reason)


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
