"""How numbers, lists and settings are read, and what is refused."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.search.cli.main import make_parser
from cheapsearch.search.cli.run_flags import given_settings, groups
from cheapsearch.search.training.policy import Policy
from cheapsearch.space import RunSettings, UserError


def parse(*arguments: str) -> argparse.Namespace:
    return make_parser().parse_args(arguments)


def given(*arguments: str) -> dict[str, Any]:
    return given_settings(parse("run", *arguments))


def refusal(*arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(*arguments)
    message = caught.value.at_terminal
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1200000", 1_200_000),
        ("1,200,000", 1_200_000),
        ("1_200_000", 1_200_000),
        ("1.2M", 1_200_000),
        ("1.2m", 1_200_000),
        ("300k", 300_000),
        ("0.3G", 300_000_000),
        ("2.7", 3),
        ("1e6", 1_000_000),
    ],
)
def test_run_reads_counts_with_a_unit(text: str, count: int) -> None:
    found = given("--max-params", text)["max_params"]
    assert (type(found), found) == (int, count)


@pytest.mark.parametrize("text", ["", "M", "many", "1.2.3M", "1 M 2", "nan", "inf", "1e999", "1.2T"])
def test_run_refuses_what_is_no_count(text: str) -> None:
    message = refusal("run", "--max-flops", text)
    assert message.startswith(f"argument --max-flops: must be a number such as 1200000 or 1.2M, got {text!r}")


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("epochs=3", {"epochs": 3}),
        (" epochs = 3 , width=0.5,", {"epochs": 3, "width": 0.5}),
        ("learning_rate=1e-2", {"learning_rate": 0.01}),
        ("", {}),
    ],
)
def test_run_reads_proxy_settings(text: str, settings: dict[str, Any]) -> None:
    found = given("--proxy", text)["proxy"]
    assert found == settings
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in settings.items()
    }


@pytest.mark.parametrize("text", ["epochs", "epochs=", "epochs=three", "epochs=3=4", "epochs:3"])
def test_run_refuses_what_is_no_proxy_setting(text: str) -> None:
    assert f"argument --proxy: must be name=number,..., got {text!r}" in refusal("run", "--proxy", text)


@pytest.mark.parametrize(
    ("flag", "text", "name"),
    [
        ("--proxy", "epochs=1, epochs = 2", "epochs"),
        ("--cost-table", "energy_mj=a.csv,energy_mj=b.csv", "energy_mj"),
    ],
)
def test_run_refuses_what_is_named_twice(flag: str, text: str, name: str) -> None:
    assert f"argument {flag}: must name {name} once, got {text!r}" in refusal("run", flag, text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND; see `cheapsearch --help`"),
        (("presets", "runs/a"), "unrecognized arguments: runs/a; see `cheapsearch presets --help`"),
        (("run", "--budget", "three"), "argument --budget: invalid int value: 'three'"),
        (("run", "--budget"), "argument --budget: expected one argument; see `cheapsearch run --help`"),
        (("show",), "the following arguments are required: ARCH; see `cheapsearch show --help`"),
        (("report",), "the following arguments are required: RUN; see `cheapsearch report --help`"),
        (("space", "--width", "wide"), "argument --width: invalid float value: 'wide'"),
    ],
)
def test_parser_refuses_in_one_line_and_says_where_help_is(arguments: tuple[str, ...], message: str) -> None:
    assert message in refusal(*arguments)
    assert "--help`" in refusal(*arguments)


def test_help_cuts_no_word_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    parser = make_parser()
    for name, command in parser.commands.items():
        _, _, below_usage = command.format_help().partition("\n\n")
        lines = below_usage.partition("\nexample")[0].splitlines()
        # Flags with their values are not cut either.
        assert max(len(line) for line in lines if not line.startswith("  -")) <= 40, name
        words = set(command.format_help().split())
        for action in command._actions:
            said = command._get_formatter()._expand_help(action) if action.help else ""
            assert action.help == argparse.SUPPRESS or set(said.split()) <= words, name


def test_other_commands_have_defaults() -> None:
    assert vars(parse("show", "cheap_v2")) == {
        "command": "show",
        "verbose": 0,
        "arch": "cheap_v2",
        "num_classes": None,
        "input_size": None,
        "latency_table": None,
        "cost_table": None,
        "ops": (),
        "json": False,
    }
    space = parse("space", "--per-stage", "expand")
    assert (space.backbone, space.width, space.per_stage) == ("mobilenet_v2", 1.0, ("expand",))
    assert (space.num_classes, space.input_size) == (10, 32)
    presets = parse("presets")
    assert (presets.num_classes, presets.input_size) == (100, 32)  # what the published counts are for
    export = parse("export", "runs/a", "--pick", "knee", "-o", "best.yaml")
    assert (export.source, export.pick, export.output) == ("runs/a", "knee", Path("best.yaml"))


def test_every_setting_of_a_run_has_a_place_in_the_help() -> None:
    placed = [name for names in groups().values() for name in names]
    assert sorted(placed) == sorted(RunSettings.declared())


def test_flags_of_the_policy_say_what_the_reference_says() -> None:
    said = " ".join(make_parser().commands["train"].format_help().split())
    for field in fields(Policy):
        assert f"{field.name}: " in str(Policy.__doc__)
    assert "--weight-decay N Of every parameter." in said
    # Of several lines.
    assert (
        "`padded` holds images in memory at the input size, pads them and crops at random, in batches" in said
    )
