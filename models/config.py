"""From a network to an exported config and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from ..space import Architecture, ArchitectureConfig, UserError, additive_costs, read_config
from .cost import COUNTERS, count
from .network import Network, build


def describe(
    architecture: Architecture,
    *,
    num_classes: int,
    input_size: int,
    version: str,
    origin: Mapping[str, Any],
) -> ArchitectureConfig:
    """The config of an architecture, with its counted costs.

    Raises:
        UserError: If a number is out of range.
    """
    network = build(architecture, num_classes=num_classes, input_size=input_size)
    return ArchitectureConfig(
        architecture=architecture,
        num_classes=num_classes,
        input_size=input_size,
        costs=count(network),
        version=version,
        origin=origin,
    )


def load(path: str | Path, *, weights: str | Path | None = None) -> Network:
    """Build the network that an exported YAML describes.

    Args:
        path: The YAML.
        weights: A safetensors file that training left; None for fresh weights.

    Raises:
        UserError: If a file cannot be read, the YAML does not validate or says other costs than the
            network has, or the weights are another network's.
    """
    config = read_config(path)
    network = build(config.architecture, num_classes=config.num_classes, input_size=config.input_size)
    for name in additive_costs():  # these are exact
        actual = COUNTERS[name](network)[""]
        said = config.costs.get(name, actual)
        if actual != said:
            raise UserError(
                f"{path}: {name} must be those of the network, {actual:,}, got {said:,}; "
                "export the architecture again"
            )
    if weights is not None:
        _load_weights(network, Path(weights))
    return network


def _load_weights(network: Network, path: Path) -> None:
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise UserError(f"weights: must be a readable safetensors file, {path} is not ({error})") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"weights: must be those of the architecture, {path} has others ({reason})") from None
