"""What is exported: sources are told apart, and a run's trial gets the weights of its best retraining."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import cheapsearch
from cheapsearch.models import build, describe, weights_bytes
from cheapsearch.search.study.export import chosen_format, export, find_source
from cheapsearch.space import PRESETS, Architecture, UserError
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.training_folder import TrainingFolder

TINY = Architecture("mobilenet_v3_small", 0.25)


def write_training(
    path: Path, architecture: Architecture, result: Any, *, seed: int = 0, trained_on: str = "digits"
) -> Path:
    """What a training leaves that ended so, with weights that nobody trained."""
    folder = TrainingFolder(path)
    path.mkdir(parents=True)
    torch.manual_seed(seed)
    network = build(architecture, num_classes=10, input_size=8)
    origin = {"trained_on": trained_on, "seed": seed}
    config = describe(architecture, num_classes=10, input_size=8, version="0", origin=origin)
    folder.weights_path.write_bytes(weights_bytes(network.state_dict(), config))
    folder.write_record(result.settings)
    folder.write_result(result)
    return path


@pytest.fixture
def training(tmp_path: Path, make_result: Callable[..., Any]) -> Path:
    return write_training(tmp_path / "training", TINY, make_result(TINY, 50.0))


def test_source_of_a_training_is_its_folder_or_its_file(training: Path) -> None:
    weights = training / "best.safetensors"
    for given in (training, str(training), weights):
        found = find_source(given)
        assert (found.weights, found.kind) == (weights, "trained")
        assert found.config.origin["trained_on"] == "digits"
    assert torch.equal(found.network().classifier.weight, cheapsearch.load(weights).classifier.weight)


def test_source_of_an_architecture_has_the_same_random_weights_every_time() -> None:
    found = find_source("cheap_v2", num_classes=7, input_size=16)
    before = torch.get_rng_state()
    assert (found.weights, found.kind) == (None, "random")
    first, again = (found.network().classifier.weight for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
    assert (found.config.num_classes, found.config.input_size) == (7, 16)
    assert found.config.architecture == PRESETS["cheap_v2"]


def test_source_of_a_run_has_the_weights_of_the_best_retraining_of_its_trial(
    digits_run: Path, tmp_path: Path, make_result: Callable[..., Any]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    first, second = load_run(run).trials[:2]
    assert find_source(run, pick=f"trial={first.number}").kind == "random"
    kept = [(first, 60.0, 0), (first, 70.0, 1), (second, 90.0, 2)]
    for trial, val, seed in kept:
        result = make_result(trial.architecture, val, trial=trial.number, seed=seed)
        write_training(run / "retrain" / f"{trial.hash}-seed{seed}", trial.architecture, result, seed=seed)
    # What was trained at another width is another network, whatever trial it comes from.
    wider = replace(first.architecture, width=0.5)
    assert wider.width != first.architecture.width
    result = make_result(wider, 99.0, trial=first.number)
    write_training(run / "retrain" / "wider", wider, result)
    # By the metric of the policy, not by the accuracy.
    kept_by = TrainingFolder(run / "retrain" / f"{first.hash}-seed0")
    kept_by.write_result(replace(make_result(first.architecture, 80.0, trial=first.number), val_score=60.0))
    begun = TrainingFolder(run / "retrain" / "begun")
    begun.path.mkdir()
    begun.write_record(replace(result.settings, trial=first.number))

    found = find_source(run, pick=f"trial={first.number}")
    assert found.weights == run / "retrain" / f"{first.hash}-seed1" / "best.safetensors"
    assert (found.config.origin["trial"], found.config.origin["seed"]) == (first.number, 1)
    # A config is of the search alone.
    assert find_source(run, pick=f"trial={first.number}", weighed=False).weights is None


def test_source_keeps_where_things_lay_to_itself(tmp_path: Path, make_result: Callable[..., Any]) -> None:
    where = str(tmp_path / "flowers.npz")
    path = write_training(tmp_path / "training", TINY, make_result(TINY, 50.0), trained_on=where)
    assert find_source(path).config.origin["trained_on"] == "flowers.npz"
    exported = export("cheap_v2", tmp_path / "own.yaml").path
    assert find_source(exported).config.origin == {"source": "own.yaml"}


def test_export_looks_for_the_folder_before_it_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cheapsearch.search.study.export.build", lambda *a, **k: pytest.fail("built"))
    with pytest.raises(FileNotFoundError, match=r"gone/a\.onnx"):
        export("cheap_v2", tmp_path / "gone" / "a.onnx")


@pytest.mark.parametrize(
    ("asked", "out", "format"),
    [
        (None, None, "yaml"),
        (None, "a.onnx", "onnx"),
        (None, Path("a.b.pt2"), "pt2"),
        ("onnx", "a.pt2", "onnx"),
        (None, "a.yml", "yaml"),
        (None, "a.ONNX", "onnx"),
        (None, "a", "yaml"),
        (None, "a.pte", "executorch"),
    ],
)
def test_format_is_the_one_asked_for_or_the_ending(asked: str | None, out: Any, format: str) -> None:
    assert chosen_format(asked, out) == format


def test_export_names_the_file_as_the_source_is_called(
    training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(training.parent)
    written = export(training, format="safetensors")
    assert written.path == Path("training.safetensors")
    assert cheapsearch.load(written.path).architecture == TINY
    assert export("cheap_v2", "here.yaml").path == Path("here.yaml")
    assert yaml.safe_load(Path("here.yaml").read_text("utf-8"))["num_classes"] == 10
    assert json.loads(json.dumps(written.to_dict()))["bytes"] == written.path.stat().st_size


@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        ("training", {"pick": "knee"}, "pick: chooses from a run folder, training is none; leave it out"),
        ("training", {"num_classes": 3}, "num_classes: is the training's own; leave it out for a training"),
        ("cheap_v2", {"pick": "knee"}, "pick: chooses from a run folder, cheap_v2 is none; leave it out"),
        ("cheap_v9", {}, "arch: must be one of .*, got 'cheap_v9'; did you mean"),
        (
            "gone.safetensors",
            {},
            r"weights: must be there, gone\.safetensors is not; a training writes it when",
        ),
        (
            "trainin",
            {},
            "arch: must be a preset's name or an exported YAML, got 'trainin'; did you mean 'training'",
        ),
        ("empty", {}, r"run: must hold run\.yaml and trials\.csv"),
        (
            "cheap_v2",
            {"out": "a.onnx", "int8": True},
            "int8: must be of a trained network, cheap_v2 has random",
        ),
        ("training", {"int8": True}, "int8: is of onnx files, got the format yaml; add format onnx"),
        ("training", {"out": "a.onnx", "dataset": "digits"}, "dataset: is for int8, which calibrates on"),
        ("cheap_v2", {"format": "tflite"}, "format: must be one of yaml, .*, got 'tflite'"),
        (
            "cheap_v2",
            {"out": "a.onx"},
            "output: must end in one of yaml, .*, or format say one of .*, got a.onx; did you mean 'onnx'",
        ),
    ],
)
def test_export_refuses(
    source: str, given: dict[str, Any], message: str, training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(training.parent)
    Path("empty").mkdir()
    with pytest.raises(UserError, match=message):
        export(source, **given)
