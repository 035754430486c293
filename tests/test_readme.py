"""The README is true: its commands parse, its tables and lists, and those of two pages, are the program's."""

import argparse
import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import cheapsearch
from cheapsearch.search.cli.main import COMMANDS, make_parser
from cheapsearch.search.training.checkpoint import LAST, PREVIOUS
from cheapsearch.search.training.policy import Policy
from cheapsearch.space import BACKBONES, SITE_NAMES, RunSettings, SearchSpace
from cheapsearch.space.run_folder import RunFolder
from cheapsearch.space.training_folder import TrainingFolder

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
FOREIGN = {"--dist", "--index-url"}  # of pytest and pip, in the commands that install and test


def blocks(language: str) -> list[str]:
    """The contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.S | re.M)


def table(*header: str) -> list[list[str]]:
    """The rows of the table whose header begins so, as lists of cells."""
    start = README.index("| " + " | ".join(header) + " |")
    lines = README[start:].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def listed(page: str, before: str) -> list[str]:
    """The first words of the lines of the indented list that follows some words of a page."""
    text = (ROOT / page).read_text("utf-8")
    after = text[text.index(before) + len(before) :]
    (lines,) = re.findall(r"\n\n((?: {4}.*\n)+)", after)[:1]
    return [line.split()[0] for line in lines.splitlines()]


def code(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


# --- commands ---------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """Every command of the program, in blocks and in sentences."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.S | re.M)
    yield from (span for span in code(prose) if span.startswith("cheapsearch "))
    for block in blocks("sh"):
        for line in block.splitlines():
            for part in " ".join(shlex.split(line, comments=True)).split(" && "):
                program, _, rest = part.partition(" ")
                if Path(program).name == "cheapsearch":
                    yield f"cheapsearch {rest}"


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    (action,) = [
        action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return dict(action.choices)


def flags(parser: argparse.ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings}


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_command_parses(command: str) -> None:
    make_parser().parse_args(shlex.split(command)[1:])


def test_every_command_is_shown() -> None:
    assert {command.split()[1] for command in commands()} == set(COMMANDS)


def test_every_flag_exists() -> None:
    known = {flag for parser in parsers().values() for flag in flags(parser)} | FOREIGN
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", README))
    assert named <= known


# --- tables and lists -------------------------------------------------------------------------------


def test_operations_are_those_of_the_backbones() -> None:
    rows = table("site", "operations")
    assert [code(site)[0] for site, _ in rows] == list(SITE_NAMES)
    families: dict[str, list[dict[str, tuple[str, ...]]]] = {"V2": [], "V3": []}
    for backbone in BACKBONES.values():
        families[backbone.family.upper()].append(dict(backbone.operations))
    for site, operations in rows:
        for_all, _, aside = operations.partition("(")
        said = {"V2": set(code(for_all)), "V3": set(code(for_all))}
        if aside:
            family, also = re.match(r"(V2|V3)( also)?", aside).groups()  # type: ignore[union-attr]
            said[family] = set(code(aside)) | (said[family] if also else set())
        if "(V3)" in site:
            said["V2"] = {"none"}
        for family, offered in families.items():
            for one in offered:
                assert set(one[code(site)[0]]) == said[family], f"{site} of {family}"


def test_numbers_of_backbones_and_networks() -> None:
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
    twins = [name for name in BACKBONES if name.endswith("_torchvision")]
    assert f"one of {numbers[len(BACKBONES) - len(twins) - 1]} MobileNetV3 backbones" in README
    assert f"one of {numbers[len(twins)]} that are torchvision's to the last parameter" in README
    space = SearchSpace("mobilenet_v2")
    said = f"of V2's {space.size:,} combinations {space.distinct_size:,} are distinct"
    assert said in " ".join(README.split())


def paths(folder: RunFolder | TrainingFolder) -> set[str]:
    return {value.name for name, value in vars(folder).items() if name.endswith("_path")}


def test_files_of_a_run_are_listed() -> None:
    names = listed("docs/searching.md", "`runs/BACKBONE-DATASET` unless `--out` says otherwise:")
    assert {name.rstrip("/") for name in names} == paths(RunFolder(Path("run")))


def test_files_of_a_training_are_listed() -> None:
    names = listed("docs/training.md", "Every network gets a folder, `RUN/retrain/HASH`:")
    assert {*(name.rstrip("/") for name in names), PREVIOUS} == paths(TrainingFolder(Path("training"))) | {
        LAST,
        PREVIOUS,
    }
    assert f"{PREVIOUS} the one before" in (ROOT / "docs" / "training.md").read_text("utf-8")


# --- Python -----------------------------------------------------------------------------------------

CALLS = [
    node
    for block in blocks("python")
    for node in ast.walk(ast.parse(block))
    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("cheapsearch.")
]


@pytest.mark.parametrize("call", CALLS, ids=ast.unparse)
def test_call_fits(call: ast.Call) -> None:
    function = getattr(cheapsearch, ast.unparse(call.func).partition(".")[2])
    known = set(inspect.signature(function).parameters)
    if function is cheapsearch.run:
        known |= set(RunSettings.declared())
    if function in (cheapsearch.train, cheapsearch.retrain):
        known |= {field.name for field in fields(Policy)}
    assert {keyword.arg for keyword in call.keywords} <= known


def test_public_names_in_sentences_exist() -> None:
    for name in re.findall(r"`cheapsearch\.(\w+)", README):
        assert name in dir(cheapsearch)


def test_cost_in_the_example_is_counted() -> None:
    network = cheapsearch.build("cheap_v2", num_classes=100, input_size=32)
    assert f"print(cheapsearch.count(network))\n# {cheapsearch.count(network)!r}\n" in README
