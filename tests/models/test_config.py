"""An exported architecture builds the same network again, and a damaged file says what is wrong."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from cheapsearch.models import build, count, describe, load
from cheapsearch.space import (
    BACKBONES,
    Architecture,
    ArchitectureConfig,
    UserError,
    architecture_hash,
    read_config,
)

Write = Callable[..., Path]
ORIGIN = {"run": "digits-1", "trial": 7, "accuracy": 91.25}
STAGED = Architecture(
    "mobilenet_v3_small",
    0.5,
    first_conv="pre_reuse",
    expand=("conv", "reuse", "shuffle_reuse", "ghost", "reuse_group"),
    project="reduce",
    se=("se", "se", "reuse_r4", "eca", "none"),
)


def described(architecture: Architecture = STAGED, **settings: Any) -> ArchitectureConfig:
    sizes: dict[str, Any] = {"num_classes": 7, "input_size": 48} | settings
    return describe(architecture, **sizes, version="0.1.0", origin=ORIGIN)


@cache
def exported() -> str:
    return described().to_yaml()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the exported `STAGED`, with some of its entries replaced; None removes an entry."""

    def to_file(**changes: Any) -> Path:
        data = yaml.safe_load(exported()) | changes
        path = tmp_path / "best.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in data.items() if value is not None}))
        return path

    return to_file


def message_of(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_describe_counts_the_network_it_describes() -> None:
    config = described()
    cost = count(build(STAGED, num_classes=7, input_size=48))
    assert config.costs == cost
    assert (config.num_classes, config.input_size, config.version) == (7, 48, "0.1.0")
    assert config.architecture == STAGED
    assert config.hash == architecture_hash(STAGED)
    assert dict(config.origin) == ORIGIN


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 1}, "num_classes: must be 2 or more"),
        ({"input_size": 7}, "input_size: must be at least 8"),
    ],
)
def test_describe_refuses_numbers_out_of_range(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        described(STAGED, **settings)


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small"])
def test_load_builds_what_was_described(name: str, tmp_path: Path) -> None:
    last = {site: operations[-1] for site, operations in BACKBONES[name].operations.items()}
    config = described(Architecture(name, 0.25, **last))
    path = tmp_path / "best.yaml"
    path.write_text(config.to_yaml())
    assert read_config(path) == config

    network = load(path)
    assert network.architecture == config.architecture
    assert (network.num_classes, network.input_size) == (7, 48)
    cost = count(network)
    assert cost == config.costs
    # the same network: it takes the weights of the described one and gives its outputs
    original = build(config.architecture, num_classes=7, input_size=48).eval()
    network.eval().load_state_dict(original.state_dict())
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        assert torch.equal(network(images), original(images))


def test_load_keeps_per_stage_choices(write: Write) -> None:
    assert load(write()).architecture == STAGED
    assert load(str(write())).architecture == STAGED


def test_load_accepts_a_file_without_hash_and_origin(write: Write) -> None:
    assert load(write(hash=None, origin=None)).architecture == STAGED


def test_load_names_a_missing_file(tmp_path: Path) -> None:
    assert "No such file" in message_of(tmp_path / "nowhere.yaml")


def test_load_names_what_is_no_text_file(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in message_of(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2\nb: 3\n", "must be YAML, but it has a syntax error in line"),
        ("- conv\n- reuse\n", "must be an exported architecture, got list"),
        ("", "must be an exported architecture, got NoneType"),
        ("{}\n", "the key 'architecture' is missing"),
    ],
)
def test_load_says_what_is_wrong_with_the_yaml(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(text)
    assert message in message_of(path)


def test_load_names_the_nearest_key(write: Write) -> None:
    message = message_of(write(num_clases=7))
    assert "'num_clases'" in message
    assert "did you mean 'num_classes'?" in message
    message = message_of(write(hash=None, architecture={"backbone": "mobilenet_v2", "expnd": "reuse"}))
    assert "did you mean 'expand'?" in message


@pytest.mark.parametrize("key", ["architecture", "num_classes", "input_size", "params", "flops", "version"])
def test_load_names_a_missing_key(key: str, write: Write) -> None:
    assert f"the key {key!r} is missing" in message_of(write(**{key: None}))


@pytest.mark.parametrize("key", ["num_classes", "input_size", "params", "flops"])
@pytest.mark.parametrize("value", ["7", 7.0, True, [7]])
def test_load_refuses_what_is_no_whole_number(key: str, value: object, write: Write) -> None:
    message = message_of(write(**{key: value}))
    assert message.startswith(f"{key}: must be a whole number")
    assert f"got {value!r}" in message


def test_load_refuses_an_architecture_changed_by_hand(write: Write) -> None:
    changed = STAGED.to_dict() | {"project": "conv"}
    message = message_of(write(architecture=changed))
    expected = architecture_hash(Architecture.from_dict(changed))
    assert message.startswith(
        f"hash: must be {expected} for this architecture, got {architecture_hash(STAGED)}"
    )
    assert "remove the line 'hash'" in message


def test_load_accepts_another_spelling_of_the_same_network(write: Write) -> None:
    # conv_shuffle is conv with its rows permuted: one hash, one cost
    as_conv, shuffled = (
        Architecture("mobilenet_v2", 0.25, project=project) for project in ("conv", "conv_shuffle")
    )
    config = described(as_conv)
    changes = {**config.costs, "hash": config.hash}
    assert load(write(architecture=shuffled.to_dict(), **changes)).architecture == shuffled


@pytest.mark.parametrize("difference", [-1, 1])
def test_load_refuses_another_number_of_parameters(difference: int, write: Write) -> None:
    params = described().costs["params"]
    message = message_of(write(params=params + difference))
    assert message == (
        f"params must be those of the network, {params:,}, got {params + difference:,}; "
        "export the architecture again"
    )


@pytest.mark.parametrize(
    ("key", "value"), [("num_classes", 1), ("input_size", 7), ("params", -1), ("flops", 1.5)]
)
def test_load_refuses_numbers_out_of_range(key: str, value: float, write: Write) -> None:
    message = message_of(write(**{key: value}))
    assert message.startswith(f"{key}: must be")
    assert message.endswith(f"got {value}")


# --- weights ----------------------------------------------------------------------------------------


def save_weights(path: Path, architecture: Architecture = STAGED, num_classes: int = 7) -> dict[str, Any]:
    torch.manual_seed(5)
    network = build(architecture, num_classes=num_classes, input_size=48)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, path)
    return weights


def test_load_takes_the_weights_of_a_file(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    weights = save_weights(path)
    torch.manual_seed(6)

    for given in (path, str(path)):
        loaded = load(write(), weights=given).state_dict()
        assert loaded.keys() == weights.keys()
        assert all(torch.equal(loaded[name], value) for name, value in weights.items())
    fresh = load(write()).state_dict()
    assert not all(torch.equal(fresh[name], value) for name, value in weights.items())


def weights_message_of(config: Path, weights: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(config, weights=weights)
    message = str(caught.value)
    assert message.startswith("weights: ")
    assert str(weights) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("architecture", "num_classes"), [(Architecture("mobilenet_v2", 0.25), 7), (STAGED, 8)]
)
def test_load_refuses_the_weights_of_another_network(
    architecture: Architecture, num_classes: int, write: Write, tmp_path: Path
) -> None:
    path = tmp_path / "best.safetensors"
    save_weights(path, architecture, num_classes)
    assert "must be those of the architecture" in weights_message_of(write(), path)


def test_load_refuses_weights_that_are_not_there(write: Write, tmp_path: Path) -> None:
    message = weights_message_of(write(), tmp_path / "none.safetensors")
    assert "must be a readable safetensors file" in message


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04" + bytes(100)])
def test_load_refuses_weights_that_are_no_safetensors(content: bytes, write: Write, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(content)
    assert "must be a readable safetensors file" in weights_message_of(write(), path)


def test_load_refuses_truncated_weights(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_weights(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "must be a readable safetensors file" in weights_message_of(write(), path)


def test_load_refuses_a_folder_of_weights(write: Write, tmp_path: Path) -> None:
    assert "must be a readable safetensors file" in weights_message_of(write(), tmp_path)
