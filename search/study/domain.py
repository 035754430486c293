"""What a search goes over: choices to make, what they come to, and what is known before any training."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

from ...models import CostTable
from ...space import (
    COSTS,
    PRESETS,
    Architecture,
    SearchSpace,
    TrialRecord,
    architecture_hash,
)
from ...space.trial import Trial
from ..samplers.candidates import Candidates, make_candidates
from ..samplers.limits import LISTABLE, Limits

SubjectT = TypeVar("SubjectT")
RecordT = TypeVar("RecordT", bound=Trial)

_DRAWS = 2_000  # random architectures looked at for an untried one, in a space too large to list


class Domain(Protocol[SubjectT, RecordT]):
    """The points a search may train, here called its subjects.

    A trial makes a choice for each of the parameters; a subject is what the choices come to.
    """

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The options of each choice."""
        ...

    @property
    def objectives(self) -> tuple[str, ...]:
        """`accuracy`, which is searched for, and the costs, which are known."""
        ...

    @property
    def candidates(self) -> Candidates:
        """What a sampler that knows the costs chooses from."""
        ...

    def first(self) -> Sequence[tuple[str, dict[str, str]]]:
        """Choices to try before a sampler is asked, with their origins."""
        ...

    def subject(self, choices: Mapping[str, str]) -> SubjectT: ...

    def subject_of(self, record: RecordT) -> SubjectT: ...

    def choices(self, subject: SubjectT) -> dict[str, str]:
        """The choices that make a subject."""
        ...

    def key(self, subject: SubjectT) -> str:
        """A name, equal for subjects that are the same when trained."""
        ...

    def alike(self, subject: SubjectT) -> str:
        """A name, equal for subjects that no training can tell apart, though they are not the same."""
        ...

    def costs(self, subject: SubjectT) -> Mapping[str, float]: ...

    def refusal(self, subject: SubjectT) -> str:
        """Why a subject is not to be trained, empty if it may be."""
        ...

    def untried(self, tried: set[str], rng: random.Random) -> dict[str, str] | None:
        """Choices of a random subject whose key is none of these, None where there is none to be found."""
        ...

    def record(self, subject: SubjectT, **fields: Any) -> RecordT:
        """A trial of a subject; the fields are those of a `TrialRecord` but for subject and costs."""
        ...


class ArchitectureDomain:
    """The architectures of a space within limits of their costs.

    Args:
        seed: Draws the candidates of a space too large to list.
        reference: Accuracy in percent below which an architecture is worth nothing, where it is known.
        narrow: A name of the network that is trained in its place, None where it is trained itself.
    """

    def __init__(
        self,
        space: SearchSpace,
        table: CostTable,
        limits: Limits,
        objectives: tuple[str, ...],
        *,
        seed: int,
        reference: float | None = None,
        narrow: Callable[[Architecture], str] | None = None,
    ) -> None:
        self.space, self.table, self.limits, self.objectives = space, table, limits, objectives
        self._seed, self._reference, self._narrow = seed, reference, narrow

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        return self.space.parameters

    @cached_property
    def candidates(self) -> Candidates:
        costs = [name for name in self.objectives if name in COSTS]
        return make_candidates(
            self.space, self.table, self.limits, costs, seed=self._seed, reference=self._reference
        )

    @cached_property
    def affordable(self) -> list[Architecture]:
        """Every architecture within the limits, for a space that can be listed."""
        return [architecture for architecture in self.space.distinct() if not self.refusal(architecture)]

    def first(self) -> list[tuple[str, dict[str, str]]]:
        """The unmodified backbone and its other presets, at the space's width."""
        return [(origin, self.space.choices(found)) for origin, found in first_architectures(self.space)]

    def subject(self, choices: Mapping[str, str]) -> Architecture:
        return self.space.architecture(choices)

    def subject_of(self, record: TrialRecord) -> Architecture:
        return record.architecture

    def choices(self, subject: Architecture) -> dict[str, str]:
        return self.space.choices(subject)

    def key(self, subject: Architecture) -> str:
        return architecture_hash(subject)

    def alike(self, subject: Architecture) -> str:
        return self.key(subject) if self._narrow is None else self._narrow(subject)

    def costs(self, subject: Architecture) -> Mapping[str, float]:
        return self.table.cost(subject)

    def refusal(self, subject: Architecture) -> str:
        return self.limits.refusal(self.table.cost(subject, self.limits))

    def untried(self, tried: set[str], rng: random.Random) -> dict[str, str] | None:
        if self.space.size <= LISTABLE:
            left = [known for known in self.affordable if self.key(known) not in tried]
            return self.space.choices(rng.choice(left)) if left else None
        for _ in range(_DRAWS):
            drawn = {name: rng.choice(ops) for name, ops in self.parameters.items()}
            subject = self.subject(drawn)
            if not self.refusal(subject) and self.key(subject) not in tried:
                return drawn
        return None

    def record(self, subject: Architecture, **fields: Any) -> TrialRecord:
        return TrialRecord(architecture=subject, costs=self.table.cost(subject), **fields)


def first_architectures(space: SearchSpace) -> list[tuple[str, Architecture]]:
    """The unmodified backbone and its other presets, at the space's width, with their origins."""
    found = [("unmodified", space.unmodified)]
    for name, preset in PRESETS.items():
        scaled = replace(preset, width=space.width)
        if scaled in space and scaled != space.unmodified:
            found.append((f"preset {name}", scaled))
    return found
