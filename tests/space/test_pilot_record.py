"""What run.yaml says of a pilot is read back, or refused in one line."""

import pytest

from cheapsearch.space import UserError
from cheapsearch.space.pilot_record import PilotRecord

RECORD = PilotRecord(45, 0.94, 149.2, {40: 490.1, 48: 438.0}, {"unmodified": 61.29}, 23.75, True, 1429)


def test_pilot_record_goes_to_plain_data_and_back() -> None:
    assert PilotRecord.from_dict(RECORD.to_dict()) == RECORD


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seconds": -1}, "pilot: seconds must be a number from 0, got -1"),
        ({"trainings": "many"}, "pilot: trainings must be a number"),
        ({"learnt": 1}, "pilot: learnt must be true or false"),
        ({"accuracies": [3]}, "pilot: accuracies must be numbers by name"),
        ({"images_per_second": {40: "fast"}}, "pilot: images_per_second must be numbers by name"),
        ({"second": 1}, "did you mean 'seconds'"),
    ],
)
def test_pilot_record_refuses_what_does_not_fit(change: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        PilotRecord.from_dict(RECORD.to_dict() | change)


def test_pilot_record_names_what_is_missing_and_what_is_no_mapping() -> None:
    data = RECORD.to_dict()
    del data["hours"]
    with pytest.raises(UserError, match="'hours' is missing"):
        PilotRecord.from_dict(data)
    with pytest.raises(UserError, match="must be a mapping"):
        PilotRecord.from_dict([1])
