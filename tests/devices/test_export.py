"""Every format is written, says what it holds, and answers as its network."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

import cheapsearch
from cheapsearch.devices.export import export_network, metadata_of
from cheapsearch.devices.formats import FORMATS, RANDOM, TRAINED
from cheapsearch.models import Network, describe
from cheapsearch.space import Architecture, ArchitectureConfig, Preprocessing, UserError, read_config

TINY = Architecture("mobilenet_v3_small", 0.25, expand="reuse")
CLASSES = ("grün", "rot", "a,b")


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return cheapsearch.build(TINY, num_classes=3, input_size=8).eval()


@pytest.fixture(scope="module")
def config() -> ArchitectureConfig:
    return describe(
        TINY,
        num_classes=3,
        input_size=8,
        version="0",
        origin={"trained_on": "somewhere"},
        classes=CLASSES,
        preprocessing=Preprocessing(8, "square", 8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    )


def test_every_format_that_holds_a_graph_has_its_writer() -> None:
    for name, known in FORMATS.items():
        if known.writer is not None:
            module, _, function = known.writer.partition(".")
            assert callable(getattr(import_module(f"cheapsearch.devices.{module}"), function)), name


def test_metadata_is_the_config_and_every_value_json(config: ArchitectureConfig) -> None:
    found = metadata_of(config, form="deploy")
    assert {key: json.loads(value) for key, value in found.items()} == config.to_dict() | {"form": "deploy"}
    assert "grün" in found["classes"]


@pytest.mark.parametrize("deployed", [False, True])
def test_export_pt2_is_loaded_by_torch_alone(
    deployed: bool, network: Network, config: ArchitectureConfig, tmp_path: Path
) -> None:
    path = tmp_path / "network.pt2"
    written = export_network(network, config, path, format="pt2", deployed=deployed, weights=TRAINED)
    assert written.difference is not None
    assert written.difference < 1e-5
    said = {"metadata.json": ""}
    loaded = torch.export.load(path, extra_files=said).module()
    facts = json.loads(said["metadata.json"])
    form = "deploy" if deployed else "training"
    assert facts == metadata_of(config, form=form, weights=TRAINED, precision="float32")
    images = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(loaded(images), network(images), rtol=1e-4, atol=1e-5)


def test_export_onnx_holds_the_form_asked_for(
    network: Network, config: ArchitectureConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []

    def write(module: Any, path: Path, **given: Any) -> float:
        taken.append((module, given))
        return 0.0

    monkeypatch.setattr("cheapsearch.devices.onnx_file.write_onnx", write)
    for deployed in (False, True):
        export_network(
            network, config, tmp_path / "any.onnx", format="onnx", deployed=deployed, weights=RANDOM
        )
    (plain, first), (small, second) = taken
    assert plain is network
    norms = [layer for layer in small.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert not norms
    assert first["shape"] == second["shape"] == (3, 8, 8)
    assert [json.loads(given["metadata"]["form"]) for given in (first, second)] == ["training", "deploy"]
    assert json.loads(first["metadata"]["weights"]) == RANDOM


def test_export_safetensors_and_yaml_build_the_network_again(
    network: Network, config: ArchitectureConfig, tmp_path: Path
) -> None:
    weights, yaml = tmp_path / "network.safetensors", tmp_path / "network.yaml"
    written = export_network(network, config, weights, format="safetensors", weights=RANDOM)
    assert written.difference is None
    loaded = cheapsearch.load(weights).eval()
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(loaded(images), network(images))
    assert loaded.classes == CLASSES
    export_network(network, config, yaml, format="yaml", weights=RANDOM)
    assert read_config(yaml) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "onxx"}, "format: must be one of .*, got 'onxx'; did you mean 'onnx'"),
        (
            {"format": "yaml", "deployed": True},
            "deploy: is a form of graphs, a yaml file holds none; leave it",
        ),
        (
            {"format": "safetensors", "deployed": True},
            "deploy: is a form of graphs, a safetensors file holds",
        ),
    ],
)
def test_export_network_refuses(
    changes: dict[str, Any], message: str, network: Network, config: ArchitectureConfig, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        export_network(network, config, tmp_path / "file", **{"weights": TRAINED, **changes})
    assert not list(tmp_path.iterdir())
