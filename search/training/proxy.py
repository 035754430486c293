"""The proxy: a short, small training that ranks architectures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ...space import (
    MAX_WIDTH,
    MIN_INPUT,
    MIN_WIDTH,
    Architecture,
    Layout,
    SearchSpace,
    UserError,
    check_complete,
    get_backbone,
)
from ...space.backbones import CHANNEL_MULTIPLE
from ...space.narrowing import best_multiple
from .recipe import Recipe

# A few architectures blow up at a learning rate that suits the others; clipped, they train like these.
_MAX_GRADIENT_NORM = 2.0
_LEAST = {
    "epochs": 1,
    "input_size": MIN_INPUT,
    "images": 2,
    "batch_size": 2,
    "layout_size": MIN_INPUT,
    "channel_multiple": 1,
    "statistics_images": 0,
}
STATISTICS_IMAGES = 500
_LAST_SIDE = 2  # pixels before the pooling that a proxy leaves at least, where its size is not given


@dataclass(frozen=True)
class Proxy:
    """Settings of the short training a trial consists of.

    Attributes:
        epochs: Passes over the images used.
        width: Factor on the architecture's width.
        channel_multiple: What that rounds channels to multiples of.
        input_size: Side in pixels the images are scaled to.
        layout_size: Side in pixels the strides are meant for: the full network's, whatever the images have.
        images: Training images used at most.
        batch_size: Images per step.
        learning_rate: Highest learning rate; it warms up over a fifth of the steps.
        statistics_images: Training images that batch norm's statistics are taken from before a network is
            scored, since the moving averages lag in so few steps; 0 for those.

    Raises:
        UserError: If a value is out of range.
    """

    epochs: int
    width: float
    input_size: int
    images: int
    batch_size: int
    learning_rate: float
    layout_size: int
    channel_multiple: int = CHANNEL_MULTIPLE
    statistics_images: int = STATISTICS_IMAGES

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UserError(f"--proxy: {name} must be a whole number from {least}, got {value!r}")
        for name in ("width", "learning_rate"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise UserError(f"--proxy: {name} must be a number above 0, got {value!r}")

    def network_width(self, width: float) -> float:
        """The width an architecture of `width` is trained at, held within the valid range."""
        return min(max(width * self.width, MIN_WIDTH), MAX_WIDTH)

    def layout(self, architecture: Architecture) -> Layout:
        """The channels and strides an architecture is trained with."""
        backbone, width = get_backbone(architecture.backbone), self.network_width(architecture.width)
        return backbone.layout(width, self.layout_size, self.channel_multiple)

    def recipe(
        self, *, flip: bool, class_weights: tuple[float, ...] | None = None, metric: str = "accuracy"
    ) -> Recipe:
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_epochs=0.2 * self.epochs,
            class_weights=class_weights,
            metric=metric,
            max_gradient_norm=_MAX_GRADIENT_NORM,
            statistics_images=self.statistics_images,
            padding=max(1, self.input_size // 8),
            flip=flip,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Proxy":
        """Inverse of `to_dict`; what is older than a setting has the network of its own images' size.

        Raises:
            UserError: If a key is unknown or missing, or a value is out of range.
        """
        before: dict[str, Any] = {"channel_multiple": CHANNEL_MULTIPLE, "statistics_images": 0}
        before |= {"layout_size": data["input_size"]} if "input_size" in data else {}
        data = before | dict(data)
        check_complete("proxy", data, [field.name for field in fields(cls)])
        return cls(**data)


DIGITS = Proxy(
    epochs=6, width=0.5, input_size=16, images=1200, batch_size=32, learning_rate=0.05, layout_size=32
)
CPU = Proxy(
    epochs=3, width=0.5, input_size=16, images=10_000, batch_size=64, learning_rate=0.05, layout_size=32
)
GPU = Proxy(
    epochs=10, width=0.5, input_size=32, images=50_000, batch_size=128, learning_rate=0.1, layout_size=32
)

# Side in pixels up to which these were shown to rank: of CIFAR-10's images.
FIXED_SIZE = 32


def default_proxy(dataset: str, device: str) -> Proxy:
    """The proxy for a data set on a device, such as `cpu` or `cuda:0`, and for networks of small images."""
    if dataset == "digits":
        return DIGITS
    return GPU if device.startswith("cuda") else CPU


def fitted(proxy: Proxy, given: Mapping[str, Any], space: SearchSpace, input_size: int) -> Proxy:
    """A proxy that trains narrower copies of the networks of a space, on smaller images.

    The copies have the strides of the full networks. Images whose size is not given become as large as
    leaves two pixels a side before the pooling: 16 with a total stride of 8, 64 with one of 32.

    Args:
        given: Settings that are to stay, by name.
        input_size: Side in pixels of the full networks' input.

    Raises:
        UserError: If the given size is below the total stride, so that images vanish on the way.
    """
    multiple = best_multiple(space.backbone, space.width, proxy.network_width(space.width))
    found = replace(proxy, **{"layout_size": input_size, "channel_multiple": multiple, **given})
    stride = found.layout(space.unmodified).total_stride
    if "input_size" not in given:
        return replace(found, input_size=max(found.input_size, _LAST_SIDE * stride))
    if found.input_size < stride:
        raise UserError(
            f"--proxy: input_size must be at least {stride} pixels, the total stride of networks of "
            f"{found.layout_size} pixels, got {found.input_size}; raise it, or lower layout_size"
        )
    return found
