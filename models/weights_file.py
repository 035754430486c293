"""A file of weights that says of itself what they are of, and what goes in and comes out."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from ..space import ArchitectureConfig, UserError, shown
from ..space.names import is_shown_whole
from .network import Network

# One key, since the file keeps several in no certain order: the config as JSON.
_KEY = "cheapsearch"


def weights_bytes(weights: Mapping[str, Tensor], config: ArchitectureConfig) -> bytes:
    """A safetensors file of weights with their config."""
    # safetensors knows no memory formats.
    plain = {name: value.contiguous() for name, value in weights.items()}
    return save(plain, metadata={_KEY: json.dumps(config.to_dict())})


def read_weights_config(path: str | Path) -> ArchitectureConfig | None:
    """What the file says that its weights are of, None where it says nothing.

    Raises:
        UserError: If the file is no safetensors, or what it says does not validate.
    """
    try:
        with _openable(Path(path)) as openable, safe_open(openable, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None
    if text is None:
        return None
    where = f"WEIGHTS: '{shown(path)}'"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{where}: must say in JSON what it is of, and does not ({reason})") from None
    try:
        return ArchitectureConfig.from_dict(data, where)
    except UserError as error:
        raise UserError(shown(error.at_terminal)) from None


def load_weights(network: Network, path: str | Path) -> None:
    """Put the weights of a file into a network.

    Raises:
        UserError: If the file is no safetensors, or its weights are another network's.
    """
    try:
        with _openable(Path(path)) as openable:
            network.load_state_dict(load_file(openable))
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None
    except RuntimeError as error:
        reason = shown(" ".join(str(error).split()))[:200]
        raise UserError(
            f"WEIGHTS: must be those of the architecture, {shown(path)} has others ({reason})"
        ) from None


@contextmanager
def _openable(path: Path) -> Iterator[Path]:
    """The path, or that of a link to it where it is not UTF-8, which safetensors does not take."""
    if is_shown_whole(str(path)):
        yield path
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "weights.safetensors"
        link.symlink_to(path.absolute())
        yield link


def _unreadable(path: str | Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(f"WEIGHTS: must be a readable safetensors file, {shown(path)} is not ({reason})")
