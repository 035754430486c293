"""The search: proposals go to the workers, results come back in the order of the proposals."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..models import CostTable
from ..space import PRESETS, Architecture, SearchSpace, TrialRecord, architecture_hash
from .candidates import Candidates
from .evaluation import Job, Outcome
from .limits import LISTABLE, Limits
from .samplers import fixed_sampler, make_sampler, proposal_seed
from .trial_store import Proposal, TrialStore
from .workers import WorkerPool

MAX_REPEATS = 8  # proposals in a row that train nothing, before an untried architecture is drawn
MAX_FAILURES = 8  # failed trainings in a row, before the search gives up
_DRAWS = 2_000  # random architectures looked at for an untried one, in a space too large to list


class SearchFailedError(RuntimeError):
    """Training after training failed."""


@dataclass(frozen=True)
class Plan:
    """What a search does.

    Attributes:
        budget: Distinct architectures to train to the end of their proxy.
        candidates: The architectures within the limits.
        in_flight: Proposals made before their results are known. With the seed it fixes the trials,
            whatever the number of workers.
    """

    space: SearchSpace
    table: CostTable
    limits: Limits
    sampler: str
    seed: int
    budget: int
    in_flight: int
    candidates: Candidates


def first_architectures(space: SearchSpace) -> list[tuple[str, Architecture]]:
    """The unmodified backbone and its other presets, at the space's width, with their origins."""
    found = [("unmodified", space.unmodified)]
    for name, preset in PRESETS.items():
        scaled = replace(preset, width=space.width)
        if scaled in space and scaled != space.unmodified:
            found.append((f"preset {name}", scaled))
    return found


def search(plan: Plan, store: TrialStore, pool: WorkerPool[Job]) -> Iterator[TrialRecord]:
    """Search until the budget is trained or nothing untried is left, giving every trial as it ends.

    Proposals are told of strictly in the order they were made, and each is made by a sampler seeded
    with the plan's seed and its index. So what is known when a proposal is made depends neither on
    the number of workers nor on interruptions: a search that goes on makes the proposals it would
    have made.

    Raises:
        SearchFailedError: If training after training fails.
    """
    known: dict[str, TrialRecord] = {}
    repeats = 0
    for record in store.records():
        if record.state != "refused":
            known.setdefault(record.hash, record)
        repeats = repeats + 1 if record.state in ("duplicate", "refused") else 0
    trained = sum(record.state == "complete" for record in known.values())

    pending: deque[Proposal] = deque()
    training: set[str] = set()
    outcomes: dict[int, Outcome] = {}

    def begin(proposal: Proposal) -> bool:
        """Queue a proposal, and send it off if it is new and within the limits."""
        pending.append(proposal)
        name = architecture_hash(proposal.architecture)
        if name in known or name in training or _refusal(plan, proposal):
            return False
        training.add(name)
        pool.submit(Job(proposal.number, proposal.architecture, plan.seed))
        return True

    interrupted = deque(store.running())
    index = store.proposed
    failures = 0
    exhausted = False
    while True:
        while not exhausted and len(training) < plan.in_flight and trained + len(training) < plan.budget:
            if interrupted:
                proposed: Proposal | None = interrupted.popleft()
            else:
                tried = known.keys() | training
                proposed = _propose(plan, store, index, tried, untried=repeats >= MAX_REPEATS)
                index += proposed is not None
            if proposed is None:
                exhausted = True
            else:
                repeats = 0 if begin(proposed) else repeats + 1
        if not pending:
            return

        proposal = pending.popleft()
        name = architecture_hash(proposal.architecture)
        if name in known:
            yield store.duplicate(proposal, known[name])
        elif name not in training:
            yield store.fail(proposal, _refusal(plan, proposal), state="refused")
        else:
            while proposal.number not in outcomes:
                outcomes.update((outcome.index, outcome) for outcome in pool.collect())
            outcome = outcomes.pop(proposal.number)
            training.remove(name)
            if outcome.accuracy is None:
                known[name] = store.fail(proposal, outcome.reason, seconds=outcome.seconds)
                failures += 1
            else:
                known[name] = store.complete(proposal, outcome)
                trained += 1
                failures = 0
            yield known[name]
            if failures >= MAX_FAILURES:
                raise SearchFailedError(
                    f"{failures} trainings in a row failed, the last one: {outcome.reason}"
                )


def _refusal(plan: Plan, proposal: Proposal) -> str:
    return plan.limits.refusal(plan.table.cost(proposal.architecture))


def _propose(
    plan: Plan,
    store: TrialStore,
    index: int,
    tried: set[str],
    *,
    untried: bool,
) -> Proposal | None:
    """The proposal of this index, None where every architecture has been tried."""
    seed = proposal_seed(plan.seed, index)
    first = first_architectures(plan.space)
    if index < len(first):
        origin, architecture = first[index]
        sampler = fixed_sampler(plan.space.choices(architecture), seed=seed)
        return store.propose(sampler, origin=origin)
    if not untried:
        sampler = make_sampler(plan.sampler, plan.candidates, seed=seed)
        return store.propose(sampler, origin=plan.sampler)
    left = _untried(plan, tried, random.Random(seed))
    if left is None:
        return None
    return store.propose(fixed_sampler(plan.space.choices(left), seed=seed), origin="random untried")


def _untried(plan: Plan, tried: set[str], rng: random.Random) -> Architecture | None:
    """A random architecture that keeps the limits and has not been tried."""

    def is_new(architecture: Architecture) -> bool:
        affordable = not plan.limits.refusal(plan.table.cost(architecture))
        return affordable and architecture_hash(architecture) not in tried

    if plan.space.size <= LISTABLE:
        left = [architecture for architecture in plan.space.distinct() if is_new(architecture)]
        return rng.choice(left) if left else None
    parameters = plan.space.parameters
    for _ in range(_DRAWS):
        drawn = plan.space.architecture({name: rng.choice(ops) for name, ops in parameters.items()})
        if is_new(drawn):
            return drawn
    return None
