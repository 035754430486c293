"""A network as a file that says of itself what it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from ..models import Network, deploy, weights_bytes
from ..space import ArchitectureConfig, UserError, check_name
from ..space.files import write_bytes
from .formats import FORMATS


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        form: `training` or `deploy`.
        weights: `trained` or `random`.
        difference: Of the file's answers from the network's, as a share of the largest; None where the file
            holds no graph. Of int8, before that.
        int8: What int8 costs in accuracy (`search.training.int8`), None of a file in float.
    """

    path: Path
    format: str
    form: str
    weights: str
    difference: float | None
    int8: Mapping[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "path": str(self.path), "bytes": self.path.stat().st_size}


def export_network(
    network: Network,
    config: ArchitectureConfig,
    path: Path,
    *,
    format: str,
    deployed: bool = False,
    weights: str,
) -> Exported:
    """Write a network as a file that says of itself what it is.

    Args:
        config: The network's.
        format: One of `FORMATS`.
        deployed: Whether the file holds the deploy form.
        weights: `trained` or `random`.

    Raises:
        UserError: If there is no such format, it has no deploy form, or its packages are missing.
        MismatchError: If the file does not answer as the network does.
        OSError: If it cannot be written.
    """
    check_name("--format", format, FORMATS)
    form = "deploy" if deployed else "training"
    difference = None
    if (writer := FORMATS[format].writer) is not None:
        where, _, name = writer.partition(".")
        write = getattr(import_module(f".{where}", __package__), name)
        module: nn.Module = deploy(network) if deployed else network
        metadata = metadata_of(config, form=form, weights=weights, precision="float32")
        difference = write(module, path, shape=(3, *2 * [network.input_size]), metadata=metadata)
    elif deployed:
        graphs = [name for name, known in FORMATS.items() if known.writer is not None]
        raise UserError(
            f"--deploy: is a form of graphs, a {format} file holds none; leave it out, or take --format "
            f"{', '.join(graphs)}"
        )
    elif format == "yaml":
        write_bytes(path, config.to_yaml().encode())
    else:
        said = replace(config, origin={**config.origin, "weights": weights})
        write_bytes(path, weights_bytes(network.state_dict(), said))
    return Exported(path, format, form, weights, difference)


def metadata_of(config: ArchitectureConfig, **more: object) -> dict[str, str]:
    """What a file says of itself: the keys of an exported config and some more, each value as JSON."""
    return {key: json.dumps(value, ensure_ascii=False) for key, value in {**config.to_dict(), **more}.items()}
