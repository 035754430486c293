"""The proxy: a short, small training that ranks architectures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ...space import MAX_WIDTH, MIN_INPUT, MIN_WIDTH, UserError, check_complete
from .recipe import Recipe

# A few architectures blow up at a learning rate that suits the others; clipped, they train like these.
_MAX_GRADIENT_NORM = 2.0


@dataclass(frozen=True)
class Proxy:
    """Settings of the short training a trial consists of.

    Attributes:
        epochs: Passes over the images used.
        width: Factor on the architecture's width.
        input_size: Side in pixels the images are scaled to.
        images: Training images used at most.
        batch_size: Images per step.
        learning_rate: Highest learning rate; it warms up over a fifth of the steps.

    Raises:
        UserError: If a value is out of range.
    """

    epochs: int
    width: float
    input_size: int
    images: int
    batch_size: int
    learning_rate: float

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("input_size", MIN_INPUT), ("images", 2), ("batch_size", 2)):
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
            padding=max(1, self.input_size // 8),
            flip=flip,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Proxy":
        """Inverse of `to_dict`.

        Raises:
            UserError: If a key is unknown or missing, or a value is out of range.
        """
        check_complete("proxy", data, [field.name for field in fields(cls)])
        return cls(**data)


DIGITS = Proxy(epochs=6, width=0.5, input_size=16, images=1200, batch_size=32, learning_rate=0.05)
CPU = Proxy(epochs=3, width=0.5, input_size=16, images=10_000, batch_size=64, learning_rate=0.05)
GPU = Proxy(epochs=10, width=0.5, input_size=32, images=50_000, batch_size=128, learning_rate=0.1)


def default_proxy(dataset: str, device: str) -> Proxy:
    """The proxy for a data set on a device, such as `cpu` or `cuda:0`."""
    if dataset == "digits":
        return DIGITS
    return GPU if device.startswith("cuda") else CPU
