"""A file of weights builds the network again by itself, and says nothing that is not checked."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file

from cheapsearch.models import Network, build, describe, load, read_weights_config, weights_bytes
from cheapsearch.space import Architecture, ArchitectureConfig, Preprocessing, UserError

TINY = Architecture("mobilenet_v3_small", 0.25, expand="reuse")
CLASSES = ("grün", "猫", "no")
MEAN, STD = (tuple(np.random.RandomState(seed).rand(3).astype(np.float32).tolist()) for seed in (0, 1))
PREPROCESSING = Preprocessing(16, "shorter_side", 18, MEAN, STD)
CONFIG = describe(
    TINY,
    num_classes=3,
    input_size=16,
    version="0.1.0",
    origin={"seed": 1},
    classes=CLASSES,
    preprocessing=PREPROCESSING,
)


def network(architecture: Architecture = TINY) -> Network:
    torch.manual_seed(3)
    return build(architecture, num_classes=3, input_size=16)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of weights, by default of `network` with its config."""

    def to_file(content: bytes | None = None, name: str = "best.safetensors") -> Path:
        path = tmp_path / name
        path.write_bytes(weights_bytes(network().state_dict(), CONFIG) if content is None else content)
        return path

    return to_file


def with_metadata(text: str) -> bytes:
    return save(network().state_dict(), metadata={"cheapsearch": text})


Write = Callable[..., Path]


def test_weights_alone_build_the_network_with_classes_and_preprocessing(write: Write) -> None:
    for path in (write(), str(write(name="grün 猫.safetensors"))):
        found = load(path)
        assert (found.architecture, found.num_classes, found.input_size) == (TINY, 3, 16)
        assert (found.classes, found.preprocessing) == (CLASSES, PREPROCESSING)
        images = torch.randn(2, 3, 16, 16)
        with torch.no_grad():
            assert torch.equal(found.eval()(images), network().eval()(images))


def test_weights_of_before_there_were_numbers_build_their_network() -> None:
    folder = Path(__file__).parents[1] / "fixtures" / "schema_0" / "training"
    alone = load(folder / "best.safetensors")
    beside = load(folder / "architecture.yaml", weights=folder / "best.safetensors")
    written = load_file(folder / "best.safetensors")
    for found in (alone, beside):
        assert found.classes == tuple("0123456789")
        assert found.architecture.se == "reuse_r8"
        assert found.preprocessing is not None
        assert all(torch.equal(written[name], value) for name, value in found.state_dict().items())


def test_weights_of_a_newer_version_are_refused_with_what_to_do(write: Write) -> None:
    path = write(with_metadata(json.dumps(CONFIG.to_dict() | {"schema": 1000})))
    with pytest.raises(UserError, match=r"^weights: '.*': schema must be .* 1000; .* update cheapsearch$"):
        load(path)


def test_weights_keep_the_config_whole(write: Write) -> None:
    assert read_weights_config(write()) == CONFIG


def test_weights_bytes_depend_on_values_alone() -> None:
    trained = network().to(memory_format=torch.channels_last).state_dict()
    assert weights_bytes(trained, CONFIG) == weights_bytes(network().state_dict(), CONFIG)


def test_load_gives_a_fresh_network_what_its_yaml_knows(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    for config in (CONFIG, replace(CONFIG, preprocessing=None), replace(CONFIG, classes=None)):
        path.write_text(config.to_yaml(), encoding="utf-8")
        found = load(path)
        assert (found.classes, found.preprocessing) == (config.classes, config.preprocessing)


def test_load_prefers_what_the_weights_were_trained_with(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    other = replace(PREPROCESSING, mean=(0.5, 0.5, 0.5))
    for config in (
        replace(CONFIG, classes=None, preprocessing=None),
        replace(CONFIG, classes=("a", "b", "c"), preprocessing=other),
    ):
        path.write_text(config.to_yaml(), encoding="utf-8")
        found = load(path, weights=write())
        assert (found.classes, found.preprocessing) == (CLASSES, PREPROCESSING)


def test_load_takes_weights_that_say_nothing_beside_a_yaml(tmp_path: Path) -> None:
    path, weights = tmp_path / "best.yaml", tmp_path / "old.safetensors"
    path.write_text(CONFIG.to_yaml(), encoding="utf-8")
    save_file(network().state_dict(), weights)
    assert read_weights_config(weights) is None

    assert load(path, weights=weights).classes == CLASSES
    with pytest.raises(UserError, match=r"^weights: '.*old.safetensors' does not say what it is of"):
        load(weights)


def test_load_refuses_weights_that_fit_in_shape_alone(tmp_path: Path) -> None:
    # Equal up to the order of the depthwise filters: the shapes are the same, the function would not be.
    shuffled = Architecture("mobilenet_v3_small", 0.25, expand="shuffle_reuse")
    path, weights = tmp_path / "best.yaml", tmp_path / "other.safetensors"
    path.write_text(CONFIG.to_yaml(), encoding="utf-8")
    others = replace(CONFIG, architecture=shuffled, hash="")
    weights.write_bytes(weights_bytes(network(shuffled).state_dict(), others))
    network().load_state_dict(load(weights).state_dict())  # nothing else would notice

    with pytest.raises(UserError, match=r"other.safetensors was trained with another architecture"):
        load(path, weights=weights)


def test_load_refuses_weights_of_another_architecture_than_they_say(write: Write) -> None:
    content = weights_bytes(network(Architecture("mobilenet_v2", 0.25)).state_dict(), CONFIG)
    with pytest.raises(UserError, match=r"^weights: must be those of the architecture, .* others") as caught:
        load(write(content))
    assert "\n" not in str(caught.value)


def test_load_refuses_weights_twice(write: Write) -> None:
    with pytest.raises(UserError, match=r"^weights: must be left out"):
        load(write(), weights=write())


@pytest.mark.parametrize("content", [b"", b"no weights", bytes(8), b"\xff" * 64, b"{}", b"PK\x03\x04"])
def test_load_refuses_a_file_that_is_no_weights(content: bytes, write: Write) -> None:
    with pytest.raises(UserError, match=r"^weights: must be a readable safetensors file, ") as caught:
        load(write(content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, "NaN", "9" * 5000, '{"a": 1}', "\x00"]
)
def test_load_refuses_metadata_that_is_no_config(text: str, write: Write) -> None:
    with pytest.raises(UserError, match=r"^weights: '.*best.safetensors'") as caught:
        load(write(with_metadata(text)))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "b", "\x1b[2J\n"]}, "classes: must be names"),
        ({"classes": ["a", "b"]}, "classes: must be 3 names"),
        ({"classes": "__import__('os').system('false')"}, "classes: must be 3 names"),
        ({"preprocessing": {"!!python/object/apply:os.system": ["false"]}}, "preprocessing: key"),
        ({"preprocessing": PREPROCESSING.to_dict() | {"std": [0.0, 1.0, 1.0]}}, "std must be three decimals"),
        ({"preprocessing": PREPROCESSING.to_dict() | {"mean": [float("nan")] * 3}}, "mean must be three"),
        ({"architecture": {"backbone": ["mobilenet_v2"]}}, "backbone"),
        ({"architecture": TINY.to_dict() | {"width": 1e9}}, "width"),
        ({"hash": "a\nb\x1b[2J"}, "hash: must be"),
        ({"num_classes": 10**400}, "classes"),
        ({"num_classes": 10**12, "classes": None}, "must fit into this machine's memory"),
        ({"params": 1}, "params must be those of the network"),
    ],
)
def test_load_refuses_hostile_metadata_in_one_line(
    changes: dict[str, Any], message: str, write: Write
) -> None:
    with pytest.raises(UserError) as caught:
        load(write(with_metadata(json.dumps(CONFIG.to_dict() | changes))))
    assert message in str(caught.value)
    assert not {"\n", "\x1b"} & set(str(caught.value))


def test_config_is_what_a_reader_without_cheapsearch_finds(write: Write) -> None:
    content = write().read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found = json.loads(header["__metadata__"]["cheapsearch"])

    assert list(header["__metadata__"]) == ["cheapsearch"]
    assert found["classes"] == list(CLASSES)
    assert found["preprocessing"]["mean"] == list(MEAN)
    assert ArchitectureConfig.from_dict(found) == CONFIG
