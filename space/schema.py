"""The version of a file's keys: files of older ones are read, files of newer ones refused in one line."""

from collections.abc import Mapping
from typing import Any

from .errors import UserError

KEY = "schema"

# Of every kind of file with keys of its own, the number that is written. Unknown keys are refused, so a key
# that comes, goes or changes its meaning raises it, once a version with the former number is out; some files
# of every number are kept in tests/fixtures. 0 is of before there were numbers.
SCHEMAS: dict[str, int] = {
    "architecture": 1,  # an exported architecture, and what a file of weights says of itself
    "run": 1,  # run.yaml; trials.csv and validation.npz beside it go with it
    "training": 1,  # training.yaml; metrics.csv beside it goes with it
    "result": 1,  # result.json
    "insight": 1,  # insight.json
}


def stamped(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the number of its kind before everything else."""
    return {KEY: SCHEMAS[kind], **data}


def unstamped(kind: str, data: Mapping[str, Any], where: object) -> dict[str, Any]:
    """The data without its number, which may be missing in files of before there were any.

    Args:
        where: What a message calls the file.

    Raises:
        UserError: If the number is none, or of a later version.
    """
    known = SCHEMAS[kind]
    number = data.get(KEY, 0)
    if type(number) is not int or number < 0:
        raise UserError(f"{where}: {KEY} must be a whole number from 0 to {known}, got {number!r:.100}")
    if number > known:
        raise UserError(
            f"{where}: {KEY} must be {known} or less for this cheapsearch, got {number}; a newer one "
            "wrote the file, update cheapsearch"
        )
    return {key: value for key, value in data.items() if key != KEY}
