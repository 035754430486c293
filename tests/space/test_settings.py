"""The settings of a run: validated when made, and asked for again by a command."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.space import COSTS, DEFAULT_OBJECTIVES, RunSettings, UserError
from cheapsearch.space.setting import KINDS

OTHER = RunSettings(
    budget=20,
    stopping=False,
    width=0.5,
    per_stage=("expand", "project"),
    dataset="digits",
    data_dir=Path("/my images"),
    input_size=16,
    objectives=("accuracy", "params"),
    limits={"flops": 50_000_000},
    reference_accuracy=62.5,
    metric="macro_f1",
    class_weights="balanced",
    sampler="tpe",
    seed=3,
    workers=2,
    in_flight=2,
    order="arrival",
    device="cpu",
    storage="sqlite:///a.db",
    proxy={"epochs": 3, "width": 0.5},
)


def refusal(**given: Any) -> str:
    with pytest.raises(UserError) as caught:
        RunSettings.from_dict(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_settings_default_to_those_of_the_design() -> None:
    # design.md, "The command line": `--budget 100 --backbone mobilenet_v2 --dataset cifar10`
    settings = RunSettings()
    assert (settings.budget, settings.backbone, settings.dataset) == (100, "mobilenet_v2", "cifar10")
    assert settings.objectives == DEFAULT_OBJECTIVES


def test_every_setting_is_declared_with_help_and_a_kind() -> None:
    declared = RunSettings.declared()
    assert list(declared) == list(RunSettings().to_dict())
    for setting in declared.values():
        assert setting.help
        assert setting.kind in KINDS


def test_help_of_a_limit_has_an_example_of_its_kind() -> None:
    declared = RunSettings.declared()
    assert declared["max_params"].help.endswith("e.g. 1.2M")
    assert declared["max_latency_ms"].help.endswith("e.g. 8")


def test_help_says_the_default() -> None:
    for setting in RunSettings.declared().values():
        if "(default " in setting.help and setting.default not in (None, True):
            said = setting.help.rpartition("(default ")[2].partition(")")[0]
            default = KINDS[setting.kind].as_text(setting.default)
            assert said in (default, default.removesuffix(".0"))


# A value of another kind than each kind's
WRONG = {
    "text": 3,
    "whole": 3.5,
    "number": "many",
    "count": "1.2M",
    "switch": 1,
    "words": "expand",
    "wholes": "1,4",
    "path": 3,
    "pairs": "epochs=3",
    "files": {"energy_mj": 3},
    "hashed": {"ops.py": 3},
}


@pytest.mark.parametrize("name", RunSettings.declared())
def test_settings_refuse_a_value_of_another_kind(name: str) -> None:
    kind = RunSettings.declared()[name].kind
    assert refusal(**{name: WRONG[kind]}) == f"{name}: must be {KINDS[kind].rule}, got {WRONG[kind]!r}"
    if kind in ("whole", "number", "count"):
        assert "got True" in refusal(**{name: True})


@pytest.mark.parametrize(
    ("name", "least"),
    [
        *(("budget", 1), ("in_flight", 1), ("max_params", 1), ("max_flops", 1)),
        *(("confirm", 0), ("workers", 0)),
    ],
)
def test_settings_refuse_too_few(name: str, least: int) -> None:
    assert RunSettings.from_dict({name: least}).to_dict()[name] == least
    assert refusal(**{name: least - 1}) == f"{name}: must be {least} or more, got {least - 1}"


@pytest.mark.parametrize("accuracy", [-0.5, 100.0, float("nan")])
def test_settings_refuse_a_reference_that_is_no_percentage(accuracy: float) -> None:
    message = f"reference_accuracy: must be from 0 to below 100 percent, got {accuracy:g}"
    assert refusal(reference_accuracy=accuracy) == message


def test_settings_refuse_an_order_there_is_not() -> None:
    assert refusal(order="random") == "order: must be one of proposal, arrival, got 'random'"


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_settings_refuse_a_seed_out_of_range(seed: int) -> None:
    assert refusal(seed=seed) == f"seed: must be from 0 to {2**31 - 1}, got {seed}"


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_settings_take_the_seeds_at_the_ends(seed: int) -> None:
    assert RunSettings(seed=seed).seed == seed


@pytest.mark.parametrize(("budget", "repeats"), [(9, 0), (10, 1), (39, 3), (100, 5), (1000, 5)])
def test_a_tenth_of_the_budget_are_repeats(budget: int, repeats: int) -> None:
    assert RunSettings(budget=budget).repeats == repeats


@pytest.mark.parametrize(("repeats", "budget"), [(20, 20), (-1, 20)])
def test_settings_refuse_a_wrong_number_of_repeats(repeats: int, budget: int) -> None:
    message = f"repeats: must be from 0 to below budget {budget}, got {repeats}"
    assert refusal(repeats=repeats, budget=budget) == message


def test_settings_order_objectives_and_sites() -> None:
    settings = RunSettings(objectives=("flops", "accuracy"), per_stage=["project", "expand"])  # type: ignore[arg-type]
    assert settings.objectives == ("accuracy", "flops")
    assert settings.per_stage == settings.space.per_stage == ("expand", "project")


def test_settings_take_paths_as_text_and_text_as_paths(tmp_path: Path) -> None:
    settings = RunSettings(dataset=tmp_path / "a", data_dir="here")  # type: ignore[arg-type]
    assert settings.dataset == str(tmp_path / "a")
    assert settings.data_dir == Path("here").resolve()


def test_limits_are_settings_of_their_own_to_a_user() -> None:
    settings = RunSettings.from_dict({"max_params": 3, "max_flops": None})
    assert settings == RunSettings(limits={"params": 3})
    assert {name: settings.to_dict()[f"max_{name}"] for name in COSTS} == dict.fromkeys(COSTS) | {"params": 3}
    assert RunSettings.from_dict(OTHER.to_dict()) == OTHER


def test_from_dict_refuses_an_unknown_name() -> None:
    assert refusal(class_weights="balance") == (
        "class_weights: must be one of none, balanced, got 'balance'; did you mean 'balanced'?"
    )
    assert refusal(bugdet=3).startswith("settings: key: must be one of budget, ")
    assert "did you mean 'max_params'?" in refusal(max_param=3)


# --- the command ------------------------------------------------------------------------------------


def options_of(settings: RunSettings) -> dict[str, str]:
    """The options of the command that asks for the same, as a shell takes it apart."""
    program, command, *rest = shlex.split(settings.command.replace(" --no-stopping", ""))
    assert (program, command) == ("cheapsearch", "run")
    return {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}


def test_command_repeats_what_was_asked() -> None:
    assert options_of(OTHER) == {
        "budget": "20",
        "repeats": "2",
        "confirm": "0",
        "backbone": "mobilenet_v2",
        "width": "0.5",
        "per-stage": "expand,project",
        "dataset": "digits",
        "data-dir": "/my images",
        "input-size": "16",
        "objectives": "accuracy,params",
        "max-flops": "50000000",
        "latency-batch": "1",
        "latency-threads": "1",
        "reference-accuracy": "62.5",
        "sampler": "tpe",
        "seed": "3",
        "metric": "macro_f1",
        "class-weights": "balanced",
        "pretrained": "none",
        "in-flight": "2",
        "order": "arrival",
        "device": "cpu",
        "proxy": "epochs=3,width=0.5",
    }


def test_command_says_where_nothing_was_stopped() -> None:
    assert "--no-stopping" in OTHER.command.split()
    assert "stopping" not in replace(OTHER, stopping=True).command


def test_command_leaves_out_what_was_not_given() -> None:
    left_out = {
        "per-stage",
        "data-dir",
        "input-size",
        "max-params",
        "max-flops",
        "workers",
        "storage",
        "proxy",
    }
    assert not left_out & set(options_of(RunSettings()))


@pytest.mark.parametrize("width", [1.0, 0.35, 1 / 3, 0.1 + 0.2, 1.0000000000000002])
def test_command_gives_the_width_to_the_last_digit(width: float) -> None:
    assert float(options_of(RunSettings(width=width))["width"]) == width


def test_twice_is_the_time_where_one_is_given() -> None:
    assert RunSettings(budget=7).twice == "--budget 14"
    assert RunSettings(budget=7, hours=0.5).twice == "--hours 1"
