"""What a run writes down of its pilot, which chose the proxy by measurement."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from .errors import UserError, check_complete

_NUMBERS = ("trainings", "hours", "seconds", "largest_class", "images_needed", "doublings", "took")


@dataclass(frozen=True)
class PilotRecord:
    """What was measured.

    Attributes:
        trainings: How many trainings of the proxy fit into the time.
        hours: That they take, in all.
        seconds: One takes, in the mean of the networks that were tried.
        images_per_second: Of one worker while all work, by side of the images in pixels.
        accuracies: Of the first networks under the proxy in percent, by origin.
        largest_class: What answering always the largest class scores, in percent.
        learnt: Whether both networks have learnt more than how common the classes are.
        images_needed: Validation images that tell two networks apart which are 2 points apart, by those that
            the two networks tried answer differently; 0 where they could not be tried.
        timed: Whether the time alone says how much is trained, so that the search goes on until it is up.
        doublings: How often the epochs were doubled since the networks had not learnt.
        took: Seconds of it all, 0 where a file of before does not say.
    """

    trainings: int
    hours: float
    seconds: float
    images_per_second: Mapping[int, float]
    accuracies: Mapping[str, float]
    largest_class: float
    learnt: bool
    images_needed: int
    timed: bool = False
    doublings: int = 0
    took: float = 0.0

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            if not _is_number(getattr(self, name)):
                raise UserError(f"pilot: {name} must be a number from 0, got {getattr(self, name)!r}")
        for name in ("images_per_second", "accuracies"):
            value = getattr(self, name)
            if not isinstance(value, Mapping) or not all(map(_is_number, value.values())):
                raise UserError(f"pilot: {name} must be numbers by name, got {value!r}")
        for name in ("learnt", "timed"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"pilot: {name} must be true or false, got {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> "PilotRecord":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, a key is unknown or missing, or a value does not validate.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"pilot: must be a mapping, got {data!r}")
        # Those of before had a budget, and did not say the others.
        data = {"timed": False, "doublings": 0, "took": 0.0} | dict(data)
        check_complete("pilot", data, [field.name for field in fields(cls)])
        return cls(**data)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
