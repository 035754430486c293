"""What the functions of this room share."""

from collections.abc import Callable
from dataclasses import fields

from ..training.policy import Policy

Say = Callable[[str], None]
POLICY_FIELDS = tuple(f.name for f in fields(Policy))


def nothing(*told: object) -> None:
    """For who wants to be told of nothing."""
