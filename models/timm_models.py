"""Networks in timm's registry: importing this module puts them there.

Every preset is `cheapsearch_NAME`; `cheapsearch_architecture` is what `config` names, an exported YAML or a
file of weights that training left. timm takes a slash for a place to download from, so names have none.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..space import (
    PRESETS,
    Architecture,
    ArchitectureConfig,
    Layout,
    Preprocessing,
    UserError,
    get_backbone,
    read_config,
)
from ..space.extras import missing
from .network import Network
from .weights_file import read_weights_config

try:
    from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
    from timm.models._features import feature_take_indices
    from timm.models._pretrained import PretrainedCfg
except ImportError:
    raise missing("timm", extra="timm", argument="cheapsearch.models.timm_models") from None

PREFIX = "cheapsearch_"
ARCHITECTURE = f"{PREFIX}architecture"
_INPUT_SIZE = 224  # timm's own default


class TimmNetwork(Network):
    """A network with what timm expects of its models.

    Attributes:
        num_features: Channels of what `forward_features` gives.
        head_hidden_size: Channels that the classifier takes in.
        feature_info: Of every stride, the last place in the network that has it.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        num_classes: int = 1000,
        img_size: int | tuple[int, int] = _INPUT_SIZE,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        global_pool: str = "avg",
    ) -> None:
        if in_chans != 3:
            raise UserError(f"in_chans: must be 3, the stems take RGB images, got {in_chans}")
        super().__init__(
            architecture, num_classes=max(1, num_classes), input_size=side(img_size), dropout=drop_rate
        )
        self.in_chans = in_chans
        self.drop_rate = drop_rate
        self.global_pool = global_pool
        self.num_features = self.layout.blocks[-1].out_channels
        self.head_hidden_size = self.classifier.in_features
        levels = feature_levels(self.layout)
        self._ends = [end for end, _ in levels]
        self.feature_info = [info for _, info in levels]
        # What forward_features gave stays as it was, whatever the head does with it.
        assert self.last_stage is not None
        for module in self.last_stage.modules():
            if hasattr(module, "inplace"):
                module.inplace = False  # type: ignore[assignment]
        if num_classes < 1:
            self.reset_classifier(num_classes)
        _check_pool(global_pool)

    def forward_features(self, x: Tensor) -> Tensor:
        """What the last block gives; shapes (N, 3, S, S) to (N, `num_features`, S / stride, S / stride)."""
        return self.blocks(self.first_conv(x))  # type: ignore[misc, no-any-return]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Last stage with its pooling, and classifier; `pre_logits` leaves the latter out."""
        x = self.dropout(self.last_stage(x).flatten(1))  # type: ignore[misc]
        return x if pre_logits else self.classifier(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """The features of some strides, and with them the last block's.

        Args:
            indices: Which of `feature_info`; a number for so many of the last, None for all.
            norm: Without effect, as nothing follows the features that normalises.
            stop_early: Whether to leave out what comes after the last of them.
            output_fmt: NCHW is the only one.
            intermediates_only: Whether to return these alone.
        """
        if output_fmt != "NCHW":
            raise UserError(f"output_fmt: must be NCHW, got {output_fmt!r}")
        taken, _ = feature_take_indices(len(self._ends), indices)
        ends = {self._ends[index] for index in taken}
        features = []
        for passed, part in enumerate((self.first_conv, *self.blocks)):
            x = part(x)
            if passed in ends:
                features.append(x)
            if stop_early and intermediates_only and passed == max(ends):
                break
        return features if intermediates_only else (x, features)

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Drop what features of some strides do not need, and the head with `prune_head`."""
        taken, last = feature_take_indices(len(self._ends), indices)
        ends = self._ends[last]
        if ends < len(self.blocks) or prune_head:
            self.num_features = self.head_hidden_size = self.feature_info[last]["num_chs"]
            self.blocks = self.blocks[:ends]
            self.last_stage = nn.Identity()
            self.reset_classifier(0)
        return list(taken)

    def get_classifier(self) -> nn.Module:
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a fresh classifier of the last stage's channels in place; none for 0 classes."""
        _check_pool(global_pool)
        like = next(self.parameters())
        if num_classes > 0:
            made: nn.Module = nn.Linear(
                self.head_hidden_size, num_classes, device=like.device, dtype=like.dtype
            )
            nn.init.normal_(made.weight, 0.0, 0.01)  # type: ignore[arg-type]
            nn.init.zeros_(made.bias)  # type: ignore[arg-type]
        else:
            made = nn.Identity()
        self.classifier = made.train(self.training)  # type: ignore[assignment]
        self.num_classes = num_classes
        self.classes = None


def feature_levels(layout: Layout) -> list[tuple[int, dict[str, Any]]]:
    """Of every stride the last place that has it: how many blocks it ends after, and timm's words for it."""
    places = [(layout.stem_stride, layout.stem_channels, "first_conv")]
    for index, block in enumerate(layout.blocks):
        places.append((places[-1][0] * block.stride, block.out_channels, f"blocks.{index}"))
    last = {stride: place for place, (stride, _, _) in enumerate(places)}
    return [
        (place, {"num_chs": places[place][1], "reduction": stride, "module": places[place][2]})
        for stride, place in last.items()
    ]


def side(img_size: object) -> int:
    """The side of a square image in pixels.

    Raises:
        UserError: If it is not square.
    """
    sides: list[Any] = list(img_size) if isinstance(img_size, (list, tuple)) else [img_size]
    if not sides or any(type(one) is not int or one != sides[0] for one in sides):
        raise UserError(f"img_size: must be one side in pixels, or two that are equal, got {img_size!r}")
    return int(sides[0])


def _check_pool(global_pool: str | None) -> None:
    if global_pool not in (None, "avg"):
        raise UserError(
            f"global_pool: must be avg, as pooling is a part of the last stage, got {global_pool!r}; "
            "forward_features gives what comes before it"
        )


def _create(
    variant: str,
    architecture: Architecture,
    pretrained: bool,
    *,
    pretrained_cfg_overlay: dict[str, Any] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """As timm's own entry points do; `img_size` is what strides and preprocessing go by."""
    size = side(kwargs.setdefault("img_size", _INPUT_SIZE))
    layout = get_backbone(architecture.backbone).layout(architecture.width, size)
    model = build_model_with_cfg(
        TimmNetwork,
        variant,
        pretrained,
        pretrained_cfg_overlay={"input_size": (3, size, size), **(pretrained_cfg_overlay or {})},
        feature_cfg={"feature_cls": "getter", "out_indices": tuple(range(len(feature_levels(layout))))},
        architecture=architecture,
        **kwargs,
    )
    assert isinstance(model, nn.Module)
    return model


def _preset(name: str) -> Callable[..., nn.Module]:
    def create(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        return _create(PREFIX + name, PRESETS[name], pretrained, **kwargs)

    create.__name__ = create.__qualname__ = PREFIX + name
    return create


def cheapsearch_architecture(
    pretrained: bool = False, *, config: str | PathLike[str] | None = None, **kwargs: Any
) -> nn.Module:
    """The network of an exported YAML, or of a file of weights, which `pretrained` takes too."""
    if config is None:
        raise UserError("config: must be an exported YAML or a file of weights, got nothing")
    path = Path(config)
    weights = path.suffix == ".safetensors"
    found = read_weights_config(path) if weights else read_config(path)
    if found is None:
        raise UserError(f"config: must say what its weights are of, {path} does not; give the YAML")
    kwargs.setdefault("img_size", found.input_size)
    kwargs["pretrained_cfg"] = kwargs.get("pretrained_cfg") or pretrained_cfg_of(
        found, path if weights else None
    )
    model = _create(ARCHITECTURE, found.architecture, pretrained, **kwargs)
    # They belong to the weights and the size that these were trained at.
    sizes = ("num_classes", "input_size")
    if pretrained and all(getattr(model, name, None) == getattr(found, name) for name in sizes):
        assert isinstance(model, Network)
        model.classes, model.preprocessing = found.classes, found.preprocessing
    return model


def pretrained_cfg_of(config: ArchitectureConfig, weights: Path | None = None) -> PretrainedCfg:
    """What timm wants to know of a network beside the network: classes and preprocessing."""
    known = {} if config.preprocessing is None else transform_settings(config.preprocessing)
    return replace(
        _CFG,
        num_classes=config.num_classes,
        label_names=config.classes,
        file=None if weights is None else str(weights),
        architecture=ARCHITECTURE,
        **known,
    )


def transform_settings(preprocessing: Preprocessing) -> dict[str, Any]:
    """The preprocessing in the words of `timm.data.create_transform`."""
    size, resized = preprocessing.input_size, preprocessing.resize_to
    crop = size / resized
    while math.floor(size / crop) < resized:  # which is how timm finds the size again
        crop = math.nextafter(crop, 0)
    return {
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "interpolation": preprocessing.interpolation,
        "crop_pct": crop,
    }


_CFG = PretrainedCfg(
    input_size=(3, _INPUT_SIZE, _INPUT_SIZE), interpolation="bilinear", classifier="classifier"
)

# timm looks for these two names.
default_cfgs = generate_default_cfgs(
    dict.fromkeys((ARCHITECTURE, *(PREFIX + name for name in PRESETS)), _CFG)
)
__all__ = ["TimmNetwork"]

for _entry in (cheapsearch_architecture, *map(_preset, PRESETS)):
    register_model(_entry)
