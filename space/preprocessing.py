"""How an image becomes what a network takes in: a part of the network as much as its weights."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .backbones import MIN_INPUT
from .errors import UserError, check_complete, check_name

RESIZES = ("square", "shorter_side")
# What is the same for every network; written down for those who do it elsewhere, on a device say.
_FIXED: dict[str, object] = {
    "interpolation": "bilinear",
    "antialias": True,
    "orientation": "exif",
    "colours": "RGB",
    "transparent": "white",
}


@dataclass(frozen=True)
class Preprocessing:
    """What is done to every image that is not trained on: those scored, and those predicted later.

    An image is turned upright and made RGB of 8 bits, brought to the input size, and its values in 0..1 are
    normalised: `(value / 255 - mean) / std`.

    Attributes:
        input_size: Side of the network's input in pixels.
        resize: `square` cuts the central square and scales it to the input size; `shorter_side` scales
            the shorter side to `resize_to` pixels and cuts the central square of the input size.
        resize_to: Pixels; the input size for `square`.
        mean: Of each channel of the training images, in 0..1; float32 values, so that a file keeps every bit.
        std: Standard deviation of each channel, likewise, above 0.
        interpolation: With which it is scaled.
        antialias: Whether every pixel counts where it is made smaller.
        orientation: What says which side is up.
        colours: The order of the channels; a grey image has three equal ones.
        transparent: What is behind transparent pixels.
        grey_bits: How many bits the grey values of a file hold that does not say so, by its kind, such as
            `16-bit grey`; 16 for kinds that are not named.

    Raises:
        UserError: If a value is out of range, or another than the one there is.
    """

    input_size: int
    resize: str
    resize_to: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bilinear"
    antialias: bool = True
    orientation: str = "exif"
    colours: str = "RGB"
    transparent: str = "white"
    grey_bits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("preprocessing: resize", self.resize, RESIZES)
        for name, least in (("input_size", MIN_INPUT), ("resize_to", self.input_size)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UserError(f"preprocessing: {name} must be a whole number from {least}, got {value!r}")
        if self.resize == "square" and self.resize_to != self.input_size:
            raise UserError(
                f"preprocessing: resize_to must be the input size, {self.input_size}, where resize is "
                f"square, got {self.resize_to}"
            )
        whole = isinstance(self.grey_bits, Mapping)
        if not whole or not all(type(bits) is int and 8 <= bits <= 32 for bits in self.grey_bits.values()):
            raise UserError(
                "preprocessing: grey_bits must be whole numbers from 8 to 32 by mode, got "
                f"{self.grey_bits!r:.100}"
            )
        for name, above in (("mean", None), ("std", 0)):
            object.__setattr__(self, name, _channels(name, getattr(self, name), above))
        for name, only in _FIXED.items():
            value = getattr(self, name)
            if type(value) is not type(only) or value != only:
                raise UserError(f"preprocessing: {name} must be {only}, there is no other yet, got {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        lists = {"mean": list(self.mean), "std": list(self.std)}
        return asdict(self) | lists | {"grey_bits": dict(self.grey_bits)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Preprocessing":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, a key is unknown or missing, or a value does not validate.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"preprocessing: must be a mapping, got {data!r:.100}")
        check_complete("preprocessing", data, [f.name for f in fields(cls)])
        return cls(**data)


def _channels(name: str, values: object, above: float | None) -> tuple[float, ...]:
    """Three finite numbers; a list is what YAML and JSON make of a tuple."""
    numbers = tuple(values) if isinstance(values, (list, tuple)) else ()
    fit = all(
        isinstance(value, float) and math.isfinite(value) and (above is None or value > above)
        for value in numbers
    )
    if len(numbers) != 3 or not fit:
        rule = "" if above is None else f" above {above}"
        raise UserError(f"preprocessing: {name} must be three decimals{rule}, got {values!r:.100}")
    return numbers
