"""`cheapsearch show`, against counted networks."""

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cheapsearch.models import build, count
from cheapsearch.search.cli import console
from cheapsearch.search.cli.presets import preset_facts
from cheapsearch.search.cli.show import architecture_facts, print_architecture
from cheapsearch.space import (
    FLOPS_CONVENTION,
    PRESETS,
    SITE_NAMES,
    Architecture,
    UserError,
    additive_costs,
    architecture_hash,
    join_choice,
)

Call = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
NARROW: dict[str, Any] = {"num_classes": 3, "input_size": 8}


def row(text: str, *start: str) -> list[str]:
    """The words of the line that begins with these."""
    lines = [line.split() for line in text.splitlines()]
    (found,) = [words for words in lines if words[: len(start)] == list(start)]
    return found


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("mobilenet_v2", 0.25),
        Architecture("mobilenet_v2", 0.25, expand="reuse", project=("conv", "reduce") * 3 + ("conv",)),
    ],
)
def test_architecture_facts_are_those_of_the_counted_network(architecture: Architecture) -> None:
    facts = architecture_facts(architecture, **NARROW)
    cost = count(build(architecture, **NARROW))
    assert (facts["params"], facts["flops"]) == (cost.params, cost.flops)
    assert facts["hash"] == architecture_hash(architecture)
    assert (facts["backbone"], facts["width"]) == ("mobilenet_v2", 0.25)
    assert {name: facts[name] for name in NARROW} == NARROW
    assert facts["flops_convention"] == FLOPS_CONVENTION
    assert list(facts["sites"]) == list(SITE_NAMES)
    parts = [*facts["sites"].values(), facts["rest"]["depthwise"]]
    for name in additive_costs():
        assert sum(part[name] for part in parts) == facts[name]
        assert sum(part[f"{name}_share"] for part in parts) == pytest.approx(1.0)
    assert {site: part["operation"] for site, part in facts["sites"].items()} == {
        site: getattr(architecture, site) for site in SITE_NAMES
    }
    json.dumps(facts)  # plain data


def test_architecture_facts_name_the_presets_that_are_the_same() -> None:
    shuffled = Architecture("mobilenet_v2", project="conv_shuffle")
    assert architecture_facts(shuffled, num_classes=10, input_size=32)["same_as"] == ["mobilenet_v2"]
    assert architecture_facts(Architecture("mobilenet_v2", 0.25), **NARROW)["same_as"] == []


@pytest.mark.parametrize(("name", "value"), [("num_classes", 1), ("num_classes", 0), ("input_size", 7)])
def test_architecture_facts_refuse_a_number_out_of_range(name: str, value: int) -> None:
    with pytest.raises(UserError, match=f"^{name}: must be .*got {value}"):
        architecture_facts(Architecture("mobilenet_v2", 0.25), **NARROW | {name: value})


def test_print_architecture_shows_every_site_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    facts = architecture_facts(Architecture("mobilenet_v2", 0.25, expand="reuse"), **NARROW)
    print_architecture(facts)
    text = capsys.readouterr().out
    assert f"mobilenet_v2 at width 0.25, 3 classes, 8 px   hash {facts['hash']}" in text
    assert f"params {facts['params']:,}   flops {facts['flops']:,}" in text
    for site, part in facts["sites"].items():
        assert row(text, site) == [
            *(site, part["operation"]),
            *chain(*((f"{part[name]:,}", f"{100 * part[f'{name}_share']:.1f}") for name in additive_costs())),
        ]
    assert f"{facts['rest']['depthwise']['params']:,}" in row(text, "(depthwise", "convs)")
    assert FLOPS_CONVENTION in text
    assert f"deploy_params {facts['deploy_params']:,}   deploy_flops {facts['deploy_flops']:,}" in text
    assert "same function class" not in text
    assert "published as" not in text


def test_print_architecture_leaves_the_deploy_form_out_of_a_table_that_has_no_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "make_console", lambda: Console(width=80, highlight=False))
    facts = architecture_facts(Architecture("mobilenet_v2", 0.25), **NARROW)
    print_architecture(facts)
    text = capsys.readouterr().out
    assert f"deploy_params {facts['deploy_params']:,}" in text
    assert row(text, "site") == ["site", "operation", "params", "%", "flops", "%"]


def test_print_architecture_says_when_two_operations_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    architecture = Architecture("mobilenet_v2", expand="shuffle_reuse", project="conv_shuffle")
    print_architecture(architecture_facts(architecture, num_classes=10, input_size=32))
    text = capsys.readouterr().out
    assert (
        "expand: shuffle_reuse is the same function class here as reuse; the hash is that network's" in text
    )
    assert "project: conv_shuffle is the same function class here as conv" in text
    assert "last_stage: " not in text


def test_print_architecture_names_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    print_architecture(architecture_facts(PRESETS["cheap_v2"], num_classes=100, input_size=32))
    text = capsys.readouterr().out
    assert "published as cheap_v2" in text
    assert "params 1,173,732 " in text  # design.md, "Presets"


@pytest.mark.parametrize("name", PRESETS)
def test_show_of_every_preset(call: Call, name: str) -> None:
    published = preset_facts(num_classes=100, input_size=32)["presets"][name]
    code, out, err = call("show", name, "--num-classes", 100, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["params"], facts["flops"], facts["hash"]) == (
        *(published["params"], published["flops"]),
        architecture_hash(PRESETS[name]),
    )
    assert name in facts["same_as"]
    assert {site: join_choice(part["operation"]) for site, part in facts["sites"].items()} == {
        site: join_choice(getattr(PRESETS[name], site)) for site in SITE_NAMES
    }
    code, out, err = call("show", name, "--num-classes", 100)
    assert (code, err) == (0, "")
    assert f"params {facts['params']:,}   flops {facts['flops']:,}" in out
    assert f"hash {facts['hash']}" in out


def test_show_says_when_two_operations_are_the_same(call: Call) -> None:
    _, out, _ = call("show", "cheap_v3_k", "--num-classes", 100)
    assert "project: conv_shuffle is the same function class here as conv" in out
    _, out, _ = call("show", "cheap_v2", "--num-classes", 100)
    assert "same function class" not in out


def test_show_of_a_file_takes_its_classes_and_size_unless_told_otherwise(call: Call, tmp_path: Path) -> None:
    call("export", "mobilenet_v2", "--num-classes", 100, "-o", "v2.yaml")
    facts = json.loads(call("show", "v2.yaml", "--json")[1])
    assert (facts["num_classes"], facts["input_size"], facts["params"]) == (100, 32, 2_412_212)
    fewer = json.loads(call("show", tmp_path / "v2.yaml", "--num-classes", 10, "--json")[1])
    assert facts["params"] - fewer["params"] == 90 * (1280 + 1)  # the classifier's rows and biases


@pytest.mark.parametrize("option", ["--num-classes", "--input-size"])
@pytest.mark.parametrize("command", ["show", "export"])
def test_show_and_export_refuse_a_zero(refused: Refused, command: str, option: str) -> None:
    assert "got 0" in refused(command, "mobilenet_v2", option, 0)
