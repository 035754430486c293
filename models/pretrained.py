"""Trained weights of a backbone's unmodified network: those of a file, or torchvision's of ImageNet."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..space import (
    BACKBONES,
    PRETRAINED,
    Architecture,
    UserError,
    check_name,
    is_pretrained,
    shown,
)
from ..space.errors import nearest_path
from .carrying import Carried, carry
from .config import load
from .network import Network, build

TORCHVISION = "_torchvision"  # ends the names of the backbones that are torchvision's networks
# What torchvision's weights were trained with, float32 values as in every `Preprocessing`.
_MEAN, _STD = (
    tuple(np.array(values, np.float32).tolist()) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
)
_DIGITS = 16  # of a hash


@dataclass(frozen=True, eq=False)
class Pretrained:
    """Trained weights of an unmodified network, in arrays, so that they can be sent to other processes.

    Attributes:
        name: Of the file.
        hash: The first 16 hexadecimal digits of the file's SHA-256.
        architecture: The unmodified network.
        num_classes: That it was trained on.
        classes: Their names, None where the file does not say them.
        mean: Of each channel of an image, in 0..1, with which images were normalised.
        std: Standard deviation of each channel, likewise.
        arrays: Weights and statistics by name.
    """

    name: str
    hash: str
    architecture: Architecture
    num_classes: int
    classes: tuple[str, ...] | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    arrays: Mapping[str, npt.NDArray[np.float32]]

    def start(self, network: Network, classes: tuple[str, ...] | None = None) -> Carried:
        """Give a network of the backbone what it can take over.

        Args:
            classes: Names of those it will answer; the classifier is taken where they are the same.

        Raises:
            UserError: If it has another backbone or width.
        """
        mine, theirs = network.architecture, self.architecture
        for name in ("backbone", "width"):
            asked, trained = getattr(mine, name), getattr(theirs, name)
            if asked != trained:
                raise UserError(
                    f"--{name}: must be that of the pretrained weights, {trained}, got {asked}; {self.name} "
                    "fits no other"
                )
        with torch.device("meta"):  # no random numbers are drawn there
            trained = build(theirs, num_classes=self.num_classes)
        tensors = {name: torch.from_numpy(array) for name, array in self.arrays.items()}
        left = trained.load_state_dict(tensors, strict=False, assign=True)
        assert not left.unexpected_keys, left.unexpected_keys
        # torchvision's files may be older than these counters, which nothing here reads.
        missing = [name for name in left.missing_keys if not name.endswith("num_batches_tracked")]
        assert not missing, missing
        same = None in (classes, self.classes) or classes == self.classes
        return carry(network, trained, classifier=same and network.num_classes == self.num_classes)

    def record(self, carried: Carried | None = None) -> dict[str, Any]:
        """What files say of it, and of what a network took over."""
        return {"name": self.name, "hash": self.hash} | ({} if carried is None else carried.to_dict())


def wanted_weights(
    architecture: Architecture, pretrained: str, weights: str | Path | None
) -> Pretrained | None:
    """What a user asks trainings to begin with, None for fresh weights.

    Args:
        architecture: Of the backbone and width that are trained.
        pretrained: `none` or `imagenet`.
        weights: A file, as `read_pretrained` takes it.

    Raises:
        UserError: If there are none that fit, or the name is unknown.
    """
    check_name("--pretrained", pretrained, PRETRAINED)
    if not is_pretrained(pretrained, weights):
        return None
    return read_pretrained(architecture.backbone, architecture.width, weights)


def read_pretrained(backbone: str, width: float, weights: str | Path | None) -> Pretrained:
    """Read the weights of a backbone's unmodified network.

    Args:
        weights: A state dict as torchvision stores it (.pth), or a .safetensors file that training the
            unmodified network left; None for those torchvision has of ImageNet, which it downloads once.

    Raises:
        UserError: If there are none of the backbone and width, the file cannot be read, or it cannot be
            downloaded.
    """
    path = _downloaded(backbone) if weights is None else Path(weights).expanduser()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]
    except OSError as error:
        raise UserError(
            f"--weights: must be a file that can be read, {shown(path)} is not ({error.strerror}); say where "
            f"it is{nearest_path(path)}"
        ) from None
    if path.suffix == ".safetensors":
        return _from_training(backbone, width, path, digest)
    return _from_torchvision(backbone, width, path, digest)


def _downloaded(backbone: str) -> Path:
    """The file of torchvision's newest ImageNet weights, which lie in torch.hub's folder from then on."""
    from torchvision.models import get_model_weights

    weights: Any = get_model_weights(_torchvision_name("--pretrained", backbone)).DEFAULT
    path: Path = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The file's name holds the beginning of its SHA-256.
            prefix = path.stem.rpartition("-")[2]
            torch.hub.download_url_to_file(weights.url, str(path), hash_prefix=prefix, progress=False)
        except (OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:100]
            raise UserError(
                f"--pretrained: needs {weights.url}, which could not be downloaded ({reason}); download it "
                "elsewhere and give it with --weights FILE"
            ) from None
    return path


def _torchvision_name(argument: str, backbone: str) -> str:
    """What torchvision calls a backbone.

    Raises:
        UserError: If it has no such network.
    """
    if not backbone.endswith(TORCHVISION):
        known = ", ".join(name for name in BACKBONES if name.endswith(TORCHVISION))
        raise UserError(
            f"{argument}: torchvision's weights need a backbone that is torchvision's network, {known}, got "
            f"{backbone}; give one of them with --backbone, or --weights of a training of {backbone}"
        )
    return backbone.removesuffix(TORCHVISION)


def _from_training(backbone: str, width: float, path: Path, digest: str) -> Pretrained:
    network = load(path)
    unmodified = Architecture(backbone, width)
    # Equal hashes are not enough: the channels of one that is equal may have another order.
    if network.architecture != unmodified:
        own, plain = network.architecture.to_dict(), unmodified.to_dict()
        changed = ", ".join(f"{name} {value}" for name, value in own.items() if value != plain[name])
        raise UserError(
            f"--weights: must be those of the unmodified {backbone} of width {width:g}, {shown(path)} is a "
            f"training of another network ({changed})"
        )
    known = network.preprocessing
    if known is None:
        raise UserError(
            f"--weights: must say how images are prepared, as those of `cheapsearch train` do, {shown(path)} "
            "does not; train the unmodified network again"
        )
    return Pretrained(
        name=path.name,
        hash=digest,
        architecture=unmodified,
        num_classes=network.num_classes,
        classes=network.classes,
        mean=known.mean,
        std=known.std,
        arrays={name: value.numpy() for name, value in network.state_dict().items()},
    )


def _from_torchvision(backbone: str, width: float, path: Path, digest: str) -> Pretrained:
    import torchvision

    name = _torchvision_name("--weights", backbone)
    if width != 1.0:
        raise UserError(f"--width: must be 1 with torchvision's weights, got {width:g}; leave it out")
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of what is no such file, in many ways
        raise UserError(
            f"--weights: must be a state dict that torch.save wrote, or a .safetensors file that training "
            f"left, {shown(path)} is neither"
        ) from None
    with torch.device("meta"):
        ours = build(Architecture(backbone), num_classes=2, input_size=224).state_dict()
        theirs = getattr(torchvision.models, name)(weights=None).state_dict()
    arrays = {}
    for (mine, like), key in zip(ours.items(), theirs, strict=True):
        if not like.dim():
            continue
        value = state.get(key) if isinstance(state, Mapping) else None
        value = value if isinstance(value, Tensor) and value.dim() else torch.empty(0)
        rows = len(value) if mine.startswith("classifier") else len(like)  # of any classes
        shape = (rows, *like.shape[1:])
        if not value.numel() or value.numel() != prod(shape):
            raise UserError(
                f"--weights: must be the state dict of torchvision's {name}, {shown(path)} has no {key} that "
                "fits"
            )
        arrays[mine] = value.reshape(shape).float().numpy()
    return Pretrained(
        name=path.name,
        hash=digest,
        architecture=Architecture(backbone),
        num_classes=len(arrays["classifier.bias"]),
        classes=None,
        mean=_MEAN,
        std=_STD,
        arrays=arrays,
    )
