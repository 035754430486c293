"""Preprocessing is kept to the last bit, and nothing else than what there is is accepted."""

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import yaml

from cheapsearch.space import Preprocessing, UserError

MEAN, STD = (tuple(np.random.RandomState(seed).rand(3).astype(np.float32).tolist()) for seed in (0, 1))
SQUARE = Preprocessing(32, "square", 32, MEAN, STD)
SHORTER = Preprocessing(224, "shorter_side", 256, MEAN, STD)
# As small as float32 has them, where YAML's and JSON's way to write numbers differ.
TINY = replace(SQUARE, mean=(float(np.float32(1e-5)), 0.0, float(np.float32(1.1e-38))))


@pytest.mark.parametrize(
    "preprocessing", [SQUARE, SHORTER, TINY, replace(SQUARE, grey_bits={"16-bit grey": 12})]
)
@pytest.mark.parametrize(
    "carry", [lambda data: yaml.safe_load(yaml.safe_dump(data)), lambda data: json.loads(json.dumps(data))]
)
def test_preprocessing_round_trips(preprocessing: Preprocessing, carry: Any) -> None:
    found = Preprocessing.from_dict(carry(preprocessing.to_dict()))

    assert found == preprocessing
    for mine, theirs in ((found.mean, preprocessing.mean), (found.std, preprocessing.std)):
        assert np.array(mine, np.float32).tobytes() == np.array(theirs, np.float32).tobytes()


def test_preprocessing_writes_down_every_field() -> None:
    assert list(SQUARE.to_dict()) == [field.name for field in fields(Preprocessing)]


@pytest.mark.parametrize("name", [field.name for field in fields(Preprocessing)])
def test_preprocessing_refuses_a_file_without_a_key(name: str) -> None:
    data = SQUARE.to_dict()
    del data[name]

    with pytest.raises(UserError, match=f"^preprocessing: the key '{name}' is missing$"):
        Preprocessing.from_dict(data)


def test_preprocessing_refuses_an_unknown_key_and_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^preprocessing: key: .*'means'; did you mean 'mean'\?"):
        Preprocessing.from_dict(SQUARE.to_dict() | {"means": [0.0, 0.0, 0.0]})


@pytest.mark.parametrize("data", [None, [], "square", 3])
def test_preprocessing_refuses_what_is_no_mapping(data: Any) -> None:
    with pytest.raises(UserError, match=r"^preprocessing: must be a mapping, got"):
        Preprocessing.from_dict(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grey_bits": {"16-bit grey": 64}}, "grey_bits must be whole numbers from 8 to 32 by mode, got"),
        ({"grey_bits": 12}, "grey_bits must be whole numbers from 8 to 32 by mode, got 12"),
        ({"resize": "squared"}, r"resize: must be one of square, shorter_side, got 'squared'; did you mean"),
        ({"resize": ["square"]}, "resize: must be one of"),
        ({"input_size": 7}, "input_size must be a whole number from 8, got 7"),
        ({"input_size": "32"}, "input_size must be a whole number from 8, got '32'"),
        ({"input_size": True}, "input_size must be a whole number from 8, got True"),
        ({"resize_to": 31}, "resize_to must be a whole number from 32, got 31"),
        ({"resize_to": 33}, "resize_to must be the input size, 32, where resize is square, got 33"),
        ({"mean": (0.5, 0.5)}, "mean must be three decimals, got"),
        ({"mean": 0.5}, "mean must be three decimals, got 0.5"),
        ({"mean": (0.5, 0.5, float("nan"))}, "mean must be three decimals, got"),
        ({"mean": (0.5, 0.5, 10**400)}, "mean must be three decimals, got"),
        ({"std": (0.5, 0.5, 0.0)}, "std must be three decimals above 0, got"),
        ({"std": (0.5, 0.5, float("inf"))}, "std must be three decimals above 0, got"),
        ({"std": ("a", 0.5, True)}, "std must be three decimals above 0, got"),
        (
            {"interpolation": "bicubic"},
            "interpolation must be bilinear, there is no other yet, got 'bicubic'",
        ),
        ({"antialias": 1}, "antialias must be True, there is no other yet, got 1"),
        ({"orientation": None}, "orientation must be exif"),
        ({"colours": "BGR"}, "colours must be RGB"),
        ({"transparent": "black"}, "transparent must be white"),
    ],
)
def test_preprocessing_refuses_another_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=r"^preprocessing: ") as caught:
        Preprocessing.from_dict(SQUARE.to_dict() | changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
