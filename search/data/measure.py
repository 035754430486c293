"""What a sample of the training images tells of all: how large they are, and how deep their grey values."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ...devices.label import GreyBits, grey_mode, raw_mode, stated_bits
from ...space import MIN_INPUT, UserError, shown
from .decode import FileImages, opened, quietly
from .summary import Sizes

# That of ImageNet's networks; larger ones cost more than they gain.
LARGEST_INPUT_SIZE = 224
# Images looked at.
SAMPLE = 200
# Depths that cameras and scanners have; between them a greater value than in the sample is no surprise.
_USUAL_BITS = (8, 10, 12, 14, 16)


@dataclass(frozen=True)
class Measured:
    """What the sample tells.

    Attributes:
        sizes: Smallest, largest and typical.
        input_size: By `default_input_size`.
        grey_bits: Of grey values beyond 8 bits in files that do not state them.
        notes: What that means, each a sentence.
    """

    sizes: Sizes
    input_size: int
    grey_bits: GreyBits
    notes: tuple[str, ...]


def measure(images: FileImages) -> Measured:
    """Look at a sample: at the headers, and at the pixels where they have more than 8 bits.

    Raises:
        UnreadableError: If one of the sample cannot be read.
        UserError: If colours of 16 bits have values of 12 or fewer, of which Pillow keeps nothing.
    """
    sample = np.unique(np.linspace(0, len(images.names) - 1, SAMPLE).astype(np.int64))
    sizes: list[tuple[int, int]] = []
    greatest: dict[str, int] = {}
    deepest: int | None = None
    with quietly():
        for index in sample.tolist():
            with opened(images.path(index)) as image:
                sizes.append(image.size)
                mode = grey_mode(image)
                if mode is not None and stated_bits(image) is None:
                    greatest[mode] = max(greatest.get(mode, 0), int(np.asarray(image).max()))
                elif _has_deep_colour(image):
                    deepest = max(deepest or 0, int(np.asarray(image.convert("RGB")).max()))
    if deepest is not None and deepest < 16:
        raise UserError(
            f"--dataset: colour images of 16 bits must use that range, those in '{shown(images.root)}' have "
            "12 bits or fewer and would be black: save them with 8 bits"
        )
    grey_bits = {mode: bits_for(most) for mode, most in sorted(greatest.items())}
    shorter = int(np.median([min(size) for size in sizes]))
    return Measured(
        sizes=Sizes(min(sizes, key=_area), max(sizes, key=_area), shorter, len(sizes)),
        input_size=default_input_size(shorter),
        grey_bits=grey_bits,
        notes=tuple(
            f"{mode} is taken to hold {bits} bits, from the greatest value {greatest[mode]} in the sample"
            for mode, bits in grey_bits.items()
        ),
    )


def default_input_size(shorter_side: int) -> int:
    """Side in pixels at which the full network is meant to run: the images' own, 224 at most.

    Nothing is rounded: a stride of 2 takes an odd side to the half of it, rounded up.

    Args:
        shorter_side: The typical one of the images.
    """
    return max(MIN_INPUT, min(shorter_side, LARGEST_INPUT_SIZE))


def bits_for(greatest: int) -> int:
    """Bits that grey values up to `greatest` take, from the depths that are usual."""
    return next((bits for bits in _USUAL_BITS if greatest < 2**bits), int(greatest).bit_length())


def _has_deep_colour(image: Image.Image) -> bool:
    """Whether the file has colours of 16 bits, of which Pillow keeps the upper 8; before it is loaded."""
    return grey_mode(image) is None and ";16" in raw_mode(image)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
