"""From a network to an exported config and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..space import (
    COSTS,
    Architecture,
    ArchitectureConfig,
    Preprocessing,
    UserError,
    additive_costs,
    read_config,
    shown,
)
from ..space.operation_file import loaded_files
from .cost import COUNTERS, count
from .network import Network, build
from .weights_file import load_weights, read_weights_config


def describe(
    architecture: Architecture,
    *,
    num_classes: int,
    input_size: int,
    version: str,
    origin: Mapping[str, Any],
    classes: tuple[str, ...] | None = None,
    preprocessing: Preprocessing | None = None,
) -> ArchitectureConfig:
    """The config of an architecture, with its counted costs; further arguments are its fields.

    Raises:
        UserError: If a number is out of range.
    """
    network = build(architecture, num_classes=num_classes, input_size=input_size)
    files = {file.hash: file.name for file in loaded_files() if file.hash in architecture.own}
    if files:
        origin = {**origin, "ops": files}
    return ArchitectureConfig(
        architecture=architecture,
        num_classes=num_classes,
        input_size=input_size,
        costs=count(network),
        version=version,
        origin=origin,
        classes=classes,
        preprocessing=preprocessing,
    )


def load(path: str | Path | ArchitectureConfig, *, weights: str | Path | None = None) -> Network:
    """Build the network that an exported YAML or a file of weights describes.

    Args:
        path: The YAML or what was read of one, or a safetensors file that training left, which is enough by
            itself.
        weights: Beside a YAML, a safetensors file that training left; None for fresh weights.

    Returns:
        The network, with the names of its `classes` and its `preprocessing` where they are known: those
        that the weights were trained with, else the YAML's.

    Raises:
        UserError: If a file cannot be read, the YAML does not validate or says other costs than the
            network has, or the weights are another network's.
    """
    if not isinstance(path, ArchitectureConfig) and Path(path).suffix == ".safetensors":
        if weights is not None:
            raise UserError(
                f"WEIGHTS: must be left out where the path is one of weights, got {shown(weights)}"
            )
        config, weights = _own_config(path), path
    else:
        config = path if isinstance(path, ArchitectureConfig) else read_config(path)
        own = read_weights_config(weights) if weights is not None else None
        if own is not None:
            check_same(config, own, shown(weights))
            config = own
    network = build(config.architecture, num_classes=config.num_classes, input_size=config.input_size)
    where = path.hash if isinstance(path, ArchitectureConfig) else path
    # Measured costs vary, and a later version may fold more.
    for name in (name for name in additive_costs() if not COSTS[name].deploy):
        actual = COUNTERS[name](network)[""]
        said = config.costs.get(name, actual)
        if actual != said:
            raise UserError(
                f"{shown(where)}: {name} must be those of the network, {actual:,}, got {said:,}; "
                "export the architecture again"
            )
    if weights is not None:
        load_weights(network, weights)
    network.classes, network.preprocessing = config.classes, config.preprocessing
    return network


def _own_config(path: str | Path) -> ArchitectureConfig:
    config = read_weights_config(path)
    if config is None:
        raise UserError(
            f"WEIGHTS: '{shown(path)}' does not say what it is of, an older version or another tool wrote "
            "it; give the YAML of its architecture, and it as weights"
        )
    return config


def check_same(config: ArchitectureConfig, own: ArchitectureConfig, where: str) -> None:
    """Refuse weights that fit in shape alone: others may be the same numbers in another order."""
    for name in ("architecture", "num_classes", "input_size"):
        asked, trained = getattr(config, name), getattr(own, name)
        if asked != trained:
            raise UserError(
                f"WEIGHTS: must be those of the architecture, {where} was trained with another {name} "
                f"({trained}); give its own YAML, or the file alone"
            )
