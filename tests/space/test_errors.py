"""A wrong name is refused with the rule, the value and the nearest right name, on one line."""

import pickle
from pathlib import Path

import pytest

from cheapsearch.space import UserError, check_keys, check_name, flag
from cheapsearch.space.errors import nearest_path

NAMES = ("conv", "reuse", "shuffle_reuse")


def test_user_error_is_a_value_error() -> None:
    assert issubclass(UserError, ValueError)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("--in-flight: must be 1 or more, got 0", "in_flight: must be 1 or more, got 0"),
        (
            "--proxy epochs: must stay 3; choose another --out",
            "proxy epochs: must stay 3; choose another out",
        ),
        ("trial, --top, --all: one of them (or --trial)", "trial, top, all: one of them (or trial)"),
        ("ARCH: must be one of a, b", "arch: must be one of a, b"),
        ("RUN: must be a folder, RUN is none", "run: must be a folder, RUN is none"),
        ("TABLE: must have columns", "table: must have columns"),
        (
            "go on with `cheapsearch run --out a`, or another --out",
            "go on with `cheapsearch run --out a`, or another out",
        ),
        (
            "--dataset: must be there, got 'my--data' and '--seed'",
            "dataset: must be there, got 'my--data' and '--seed'",
        ),
    ],
)
def test_user_error_speaks_to_python_and_to_the_terminal(typed: str, written: str) -> None:
    error = UserError(typed)
    assert (error.at_terminal, str(error), f"{error}") == (typed, written, written)
    again = pickle.loads(pickle.dumps(error))
    assert (again.at_terminal, str(again)) == (typed, written)
    assert str(UserError(f"run.yaml: {error}")) == f"run.yaml: {written}"


def test_flag_is_what_is_typed() -> None:
    assert flag("max_params") == "--max-params"


@pytest.mark.parametrize("name", NAMES)
def test_check_name_returns_a_valid_name(name: str) -> None:
    assert check_name("expand", name, NAMES) == name


def test_check_name_accepts_any_iterable_once() -> None:
    with pytest.raises(UserError, match="must be one of conv, reuse, shuffle_reuse"):
        check_name("expand", "nothing", iter(NAMES))
    assert check_name("expand", "reuse", iter(NAMES)) == "reuse"


def test_check_name_names_argument_rule_value_and_nearest() -> None:
    with pytest.raises(UserError) as caught:
        check_name("expand", "shufle_reuse", NAMES)
    message = str(caught.value)
    assert message == (
        "expand: must be one of conv, reuse, shuffle_reuse, got 'shufle_reuse'; did you mean 'shuffle_reuse'?"
    )


def test_check_name_gives_no_hint_when_nothing_is_near() -> None:
    with pytest.raises(UserError) as caught:
        check_name("expand", "zzz", NAMES)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, 1.5, True, ["conv"], {"conv": 1}, "", "Conv", " conv"])
def test_check_name_refuses_what_is_no_name(value: object) -> None:
    with pytest.raises(UserError) as caught:
        check_name("expand", value, NAMES)
    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_check_keys_accepts_a_subset_in_any_order() -> None:
    check_keys("run.yaml", [], NAMES)
    check_keys("run.yaml", ["reuse", "conv"], NAMES)


def test_check_keys_names_the_first_unknown_key_and_its_nearest() -> None:
    with pytest.raises(UserError) as caught:
        check_keys("run.yaml", {"conv": 1, "resue": 2, "shufle": 3}, NAMES)
    message = str(caught.value)
    assert message.startswith("run.yaml: key: must be one of conv, reuse, shuffle_reuse")
    assert "'resue'" in message
    assert "did you mean 'reuse'?" in message
    assert "shufle'" not in message


def test_check_keys_refuses_a_key_that_is_no_string() -> None:
    with pytest.raises(UserError, match="got None"):
        check_keys("trials.csv", {None: ["extra"]}, NAMES)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("runs/mobilenet_v2-digit", "; did you mean '{}/runs/mobilenet_v2-digits'?"),
        ("runs/mobilenet_v2_digits", "; did you mean '{}/runs/mobilenet_v2-digits'?"),
        ("runs/mobilenet_v2-digits", ""),  # it is there
        ("runs/other", ""),
        ("rums/mobilenet_v2-digit", ""),  # there is no such folder
        ("runs/\0", ""),
        ("runs/" + 300 * "a", ""),
    ],
)
def test_nearest_path_is_in_the_same_folder(asked: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mobilenet_v2-digits").mkdir(parents=True)
    assert nearest_path(tmp_path / asked) == said.format(tmp_path)
