"""The search: proposals go to the workers, results come back in the order of the proposals."""

import random
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...models import CostTable
from ...space import (
    OBJECTIVES,
    PRESETS,
    Architecture,
    SearchSpace,
    TrialRecord,
    architecture_hash,
    averaged,
    most_unsettled,
    seed_noise,
)
from ..samplers.candidates import Candidates
from ..samplers.limits import LISTABLE, Limits
from ..samplers.registry import fixed_sampler, make_sampler, proposal_seed
from ..workers.jobs import Job, Outcome
from ..workers.pool import WorkerPool
from .stopping import floors, forecasts, threshold
from .trial_store import Proposal, TrialStore

MAX_BARREN = 8  # proposals in a row that train nothing, before an untried architecture is drawn
REPEAT = "repeat"  # origin of a further training of a known architecture
MAX_FAILURES = 8  # failed trainings in a row, before the search gives up
_SEED_STEP = 10_007  # between the seeds of an architecture's trainings
_DRAWS = 2_000  # random architectures looked at for an untried one, in a space too large to list


class SearchFailedError(RuntimeError):
    """Training after training failed."""


@dataclass(frozen=True)
class Plan:
    """What a search does.

    Attributes:
        budget: Trainings to the end of the proxy, nearly all of distinct architectures.
        candidates: The architectures within the limits.
        in_flight: Proposals made before their results are known. With the seed it fixes the trials,
            whatever the number of workers.
        objectives: Of the front, about whose members repeats decide.
        repeats: How many of the budget's trainings repeat an architecture with another seed.
        confirm: Further such trainings, beyond the budget.
        stopping: Whether to stop trainings that cannot reach the front.
        reference_accuracy: In percent; a network below it is worth nothing. None for no such accuracy.
    """

    space: SearchSpace
    table: CostTable
    limits: Limits
    sampler: str
    seed: int
    budget: int
    in_flight: int
    candidates: Candidates
    objectives: tuple[str, ...] = OBJECTIVES
    repeats: int = 0
    confirm: int = 0
    stopping: bool = False
    reference_accuracy: float | None = None


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

    The last trainings of the budget, and those beyond it, repeat architectures of which it is least sure
    whether they are on the front.

    Proposals are told of strictly in the order they were made, and each is made by a sampler seeded
    with the plan's seed and its index. So what is known when a proposal is made depends neither on
    the number of workers nor on interruptions: a search that goes on makes the proposals it would
    have made.

    Raises:
        SearchFailedError: If training after training fails.
    """
    told = store.records()
    known: dict[str, TrialRecord] = {}
    barren = 0  # proposals in a row that trained nothing
    for record in told:
        if record.state != "refused":
            known.setdefault(record.hash, record)
        barren = barren + 1 if record.state in ("duplicate", "refused") else 0

    pending: deque[Proposal] = deque()
    training: set[tuple[str, int]] = set()
    outcomes: dict[int, Outcome] = {}

    def begin(proposal: Proposal) -> bool:
        """Queue a proposal, and send it off if it is new and within the limits."""
        pending.append(proposal)
        name, repeat = proposal.key
        if not repeat and (name in known or proposal.key in training or _refusal(plan, proposal)):
            return False
        training.add(proposal.key)
        seed = plan.seed + _SEED_STEP * repeat
        pool.submit(Job(proposal.number, proposal.architecture, seed, _floors(plan, store, told, proposal)))
        return True

    interrupted = deque(store.running())
    index = store.proposed
    failures = 0
    exhausted = False

    def propose() -> Proposal | None:
        """What to do next, None where nothing is."""
        nonlocal index, exhausted
        if interrupted:
            return interrupted.popleft()
        new = sum(record.state in ("complete", "pruned") for record in known.values())
        new += sum(not repeat for _, repeat in training)
        if new < plan.budget - plan.repeats and not exhausted:
            tried = known.keys() | {name for name, repeat in training if not repeat}
            proposed = _propose(plan, store, index, tried, untried=barren >= MAX_BARREN)
            exhausted = proposed is None
        else:
            proposed = _repeat(plan, store, told, training, seed=proposal_seed(plan.seed, index))
        index += proposed is not None
        return proposed

    while True:
        while len(training) < plan.in_flight and (proposed := propose() or propose()) is not None:
            barren = 0 if begin(proposed) else barren + 1
        if not pending:
            return

        proposal = pending.popleft()
        name, _ = proposal.key
        if proposal.key in training:
            while proposal.number not in outcomes:
                outcomes.update((outcome.index, outcome) for outcome in pool.collect())
            outcome = outcomes.pop(proposal.number)
            training.remove(proposal.key)
            if outcome.stopped:
                after = len(outcome.curve) - 1
                record = store.prune(proposal, outcome, forecasts(store.curves())[after])
            elif outcome.accuracy is None:
                record = store.fail(proposal, outcome.reason, seconds=outcome.seconds)
            else:
                record = store.complete(proposal, outcome)
            failures = failures + 1 if record.state == "failed" else 0
            known.setdefault(name, record)
        elif name in known:
            record = store.duplicate(proposal, known[name])
        else:
            record = store.fail(proposal, _refusal(plan, proposal), state="refused")
        told.append(record)
        yield record
        if failures >= MAX_FAILURES:
            raise SearchFailedError(f"{failures} trainings in a row failed, the last one: {record.reason}")


def _floors(plan: Plan, store: TrialStore, told: list[TrialRecord], proposal: Proposal) -> tuple[float, ...]:
    """The accuracies below which a proposal's training is stopped; a repeat is trained to its end."""
    if not plan.stopping or proposal.repeat:
        return ()
    costs = [name for name in plan.objectives if name != "accuracy"]

    def work_out() -> tuple[float, ...]:
        finished = averaged(told)
        wanted = threshold(
            [record.accuracy or 0.0 for record in finished],
            np.array([[getattr(record, name) for name in costs] for record in finished], dtype=np.float64),
            [getattr(plan.table.cost(proposal.architecture), name) for name in costs],
            reference=plan.reference_accuracy,
        )
        return () if wanted is None else floors(wanted, store.curves(), noise=seed_noise(told).deviation)

    return store.floors(proposal, work_out)


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


def _repeat(
    plan: Plan, store: TrialStore, told: list[TrialRecord], training: set[tuple[str, int]], *, seed: int
) -> Proposal | None:
    """A further training where it settles most, None where enough are done or nothing can be repeated."""
    done = Counter(record.hash for record in told if record.origin == REPEAT)
    under_way = Counter(name for name, repeat in training if repeat)
    if done.total() + under_way.total() >= plan.repeats + plan.confirm:
        return None
    record = most_unsettled(told, plan.objectives, under_way)
    if record is None:
        return None
    sampler = fixed_sampler(plan.space.choices(record.architecture), seed=seed)
    number = done[record.hash] + under_way[record.hash] + 1
    return store.propose(sampler, origin=REPEAT, repeat=number)


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
