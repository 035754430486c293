"""From a network to an exported config and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..space import COSTS, Architecture, ArchitectureConfig, UserError, read_config
from .cost import count
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
    cost = count(build(architecture, num_classes=num_classes, input_size=input_size))
    return ArchitectureConfig(
        architecture=architecture,
        num_classes=num_classes,
        input_size=input_size,
        params=cost.params,
        flops=cost.flops,
        version=version,
        origin=origin,
    )


def load(path: str | Path) -> Network:
    """Build the network that an exported YAML describes, with fresh weights.

    Raises:
        UserError: If the file cannot be read, does not validate, or says other costs than the network
            has.
    """
    config = read_config(path)
    network = build(config.architecture, num_classes=config.num_classes, input_size=config.input_size)
    cost = count(network)
    for name in COSTS:
        actual, said = getattr(cost, name), getattr(config, name)
        if actual != said:
            raise UserError(
                f"{path}: {name} must be those of the network, {actual:,}, got {said:,}; "
                "export the architecture again"
            )
    return network
