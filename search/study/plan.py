"""What a search does."""

from dataclasses import dataclass, fields

from ...space import RunSettings


@dataclass(frozen=True)
class Plan:
    """What a search does.

    Attributes:
        budget: Trainings to the end of the proxy, nearly all of distinct subjects.
        in_flight: Proposals made before their results are known. With the seed it fixes the trials,
            whatever the number of workers.
        repeats: How many of the budget's trainings repeat a subject with another seed.
        confirm: Further such trainings, beyond the budget.
        stopping: Whether to stop trainings that cannot reach the front.
        reference_accuracy: In percent; a subject below it is worth nothing. None for no such accuracy.
    """

    sampler: str
    seed: int
    budget: int
    in_flight: int
    repeats: int = 0
    confirm: int = 0
    stopping: bool = False
    reference_accuracy: float | None = None

    @classmethod
    def of(cls, settings: RunSettings) -> "Plan":
        """What of a run's settings the search reads."""
        return cls(**{f.name: getattr(settings, f.name) for f in fields(cls)})
