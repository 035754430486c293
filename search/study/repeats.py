"""Which subject is trained again, with another seed."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ...space.claims import Claims
from ...space.rungs import is_copy, original_of
from .domain import RecordT
from .plan import Plan

REPEAT = "repeat"  # origin of a further training of a known subject
EARLY_REPEATS = 2  # as soon as there is what to repeat, so that the noise is known


def repeats_left(plan: Plan, told: Sequence[RecordT], under_way: Counter[str]) -> int:
    """How many repeats are still to begin.

    Args:
        told: Every trial told of.
        under_way: Repeats begun and not told of, by hash.
    """
    return plan.repeats + plan.confirm - _done(told).total() - under_way.total()


def early_repeat(plan: Plan, told: Sequence[RecordT], under_way: Counter[str]) -> RecordT | None:
    """One of the first two subjects, to be trained a second time; None where they have their repeats."""
    begun = _done(told) + under_way
    if begun.total() >= min(EARLY_REPEATS, plan.repeats):
        return None
    known = [record for record in told if record.state == "complete" and not is_copy(record)][:EARLY_REPEATS]
    return next((record for record in known if not begun[record.hash]), None)


def late_repeat(
    plan: Plan, told: Sequence[RecordT], under_way: Counter[str], objectives: Sequence[str]
) -> RecordT | None:
    """The subject of which a training settles most, None where enough are done or none can be."""
    if repeats_left(plan, told, under_way) <= 0:
        return None
    return Claims.of(told, objectives, **plan.scoring).most_unsettled(told, under_way)


def number_of(record: RecordT, told: Sequence[RecordT], under_way: Mapping[str, int]) -> int:
    """Which further training of a subject the next one is, from 1."""
    return _done(told)[record.hash] + under_way.get(record.hash, 0) + 1


def _done(told: Sequence[RecordT]) -> Counter[str]:
    """Repeats by hash; those of a copy are its original's."""
    hashes = {record.number: record.hash for record in told}
    network = {record.hash: hashes[original_of(record)] for record in told if is_copy(record)}
    return Counter(network.get(record.hash, record.hash) for record in told if record.origin == REPEAT)
