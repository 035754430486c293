"""What single settings of a run may be, beyond what their kinds say."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from .errors import UserError, check_name, flag
from .scoring import CLASS_WEIGHTS, METRIC_TITLES, PRETRAINED

ORDERS = ("proposal", "arrival")  # in which trials are told of
# Settings that are a name of a few, and those that count from 1 or 0.
_NAMES = {
    "order": ORDERS,
    "metric": METRIC_TITLES,
    "class_weights": CLASS_WEIGHTS,
    "pretrained": PRETRAINED,
}
_LEAST = {
    **{"budget": 1, "in_flight": 1, "confirm": 0, "workers": 0},
    **{"latency_batch": 1, "latency_threads": 1},
}


def check_values(values: Mapping[str, Any], limits: Iterable[str]) -> None:
    """Make sure that every setting is one that may be.

    Args:
        values: By name to a user; of the right kinds.
        limits: Names of the limits that count.

    Raises:
        UserError: If one is unknown or out of range.
    """
    for name, least in {**_LEAST, **dict.fromkeys(limits, 1)}.items():
        if values[name] is not None and values[name] < least:
            raise UserError(f"{flag(name)}: must be {least} or more, got {values[name]}")
    for name, known in _NAMES.items():
        check_name(flag(name), values[name], known)
    reference, hours, seed = values["reference_accuracy"], values["hours"], values["seed"]
    if reference is not None and not 0 <= reference < 100:
        raise UserError(f"--reference-accuracy: must be from 0 to below 100 percent, got {reference:g}")
    if hours is not None and not 0 < hours < inf:
        raise UserError(f"--hours: must be above 0 and finite, got {hours:g}")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed: must be from 0 to {2**31 - 1}, got {seed}")
