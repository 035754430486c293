"""`cheapsearch export` of a preset, a file and a run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import cheapsearch
from cheapsearch.models import count
from cheapsearch.space import PRESETS, TrialRecord, additive_costs, read_config
from cheapsearch.space.saved_run import load_run

Call = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]


def trials_of(out: Path) -> list[TrialRecord]:
    return list(load_run(out).trials)


@pytest.mark.parametrize("name", ["cheap_v2", "cheap_v3_k"])
def test_export_prints_what_load_builds_with_the_same_costs(call: Call, tmp_path: Path, name: str) -> None:
    code, out, err = call("export", name, "--num-classes", 7, "--input-size", 16)
    assert (code, err) == (0, "")
    path = tmp_path / "printed.yaml"
    path.write_text(out, encoding="utf-8")
    config = read_config(path)
    network = cheapsearch.load(path)
    cost = count(network)
    assert config.costs == cost
    assert (config.num_classes, config.input_size) == (7, 16)
    assert network.architecture == PRESETS[name]
    assert dict(config.origin) == {"source": name}
    # Exported again it stays what it is.
    again = yaml.safe_load(call("export", path)[1])
    assert again | {"origin": None} == yaml.safe_load(out) | {"origin": None}


def test_export_writes_the_file_asked_for(call: Call, tmp_path: Path) -> None:
    code, out, err = call("export", "cheap_v2", "-o", "best.yaml")
    assert (code, out, err) == (0, "best.yaml\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["best.yaml"]
    assert read_config("best.yaml").architecture == PRESETS["cheap_v2"]


@pytest.mark.parametrize(
    ("rule", "picked"),
    [
        ("accuracy", lambda trials: max(trial.accuracy for trial in trials)),
        ("trial=2", lambda trials: trials[2].accuracy),
    ],
)
def test_export_of_a_run_picks_by_the_rule(
    call: Call, digits_run: Path, rule: str, picked: Callable[[list[TrialRecord]], float]
) -> None:
    trials = trials_of(digits_run)
    code, out, err = call("export", digits_run, "--pick", rule)
    assert (code, err) == (0, "")
    config = yaml.safe_load(out)
    origin = config["origin"]
    trial = next(trial for trial in trials if trial.number == origin["trial"])
    assert origin["proxy_accuracy"] == trial.accuracy == picked(trials)
    assert config["hash"] == trial.hash
    assert {name: config[name] for name in additive_costs()} == dict(trial.costs)
    assert (origin["run"], origin["pick"]) == ("run", rule)


def test_export_of_a_run_picks_the_knee_unless_told_otherwise(call: Call, digits_run: Path) -> None:
    default, knee = (call("export", digits_run, *pick)[1] for pick in ((), ("--pick", "knee")))
    assert yaml.safe_load(default)["origin"]["pick"] == "knee"
    assert yaml.safe_load(default)["hash"] == yaml.safe_load(knee)["hash"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pick", "trial=99"), "--pick: trial must be a complete one, got 99"),
        (("--pick", "best"), "--pick: must be one of accuracy, knee, trial=N, got 'best'"),
        (("--num-classes", "10"), "--num-classes: is the run's own; leave it out for a run folder"),
        (("--input-size", "32"), "--input-size: is the run's own; leave it out for a run folder"),
        (("-o", "no/such/folder/best.yaml"), "cannot read or write no/such/folder/"),
    ],
)
def test_export_of_a_run_refuses(
    refused: Refused, digits_run: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert refused("export", digits_run, *arguments).startswith(message)


def test_export_writes_a_file_and_says_what_it_is(call: Call, tmp_path: Path) -> None:
    code, out, err = call("export", "cheap_v2", "--deploy", "-o", "net.pt2", "--input-size", 8)
    assert (code, err) == (0, "")
    path, form, weights, checked = out.splitlines()
    size = (tmp_path / "net.pt2").stat().st_size
    assert (path, form) == ("net.pt2", f"form     deploy, {size / 1e6:.2f} MB")
    assert weights == "weights  random (seed 0): to measure with, its answers mean nothing"
    assert checked.startswith("checked  run after writing, its answers are the network's up to ")


def test_export_prints_json_of_a_file_and_of_a_config(call: Call, tmp_path: Path) -> None:
    facts = json.loads(call("export", "cheap_v2", "-o", "net.safetensors", "--json")[1])
    assert facts["bytes"] == (tmp_path / "net.safetensors").stat().st_size
    assert (facts["format"], facts["weights"], facts["difference"]) == ("safetensors", "random", None)
    assert json.loads(call("export", "cheap_v2", "--json")[1]) == yaml.safe_load(
        call("export", "cheap_v2")[1]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--deploy",),
            "--deploy: is a form of graphs, a yaml file holds none; leave it out, or take --format",
        ),
        (("--dataset", "nonsense"), "--dataset: is for --int8"),
        (("--skip-corrupt",), "--dataset: is for --int8"),
        (
            ("-o", "net.pth"),
            "--output: must end in one of yaml, safetensors, onnx, pt2, pte, tflite, or --format say one of",
        ),
        (("--format", "onxx"), "--format: must be one of yaml, safetensors, onnx, pt2, executorch, litert"),
    ],
)
def test_export_of_a_preset_refuses(refused: Refused, arguments: tuple[str, ...], message: str) -> None:
    assert refused("export", "cheap_v2", *arguments).startswith(message)
