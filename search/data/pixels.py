"""From the mode and orientation a file has to upright RGB of 8 bits."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

# By EXIF's orientation, what turns the image upright.
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAX_SAMPLE_VALUE = 281  # TIFF
# Depths that cameras and scanners have; between them a greater value than in the sample is no surprise.
_USUAL_BITS = (8, 10, 12, 14, 16)

# Bits that grey values take in files that do not say so, by `grey_mode`.
GreyBits = Mapping[str, int]


def upright(image: Image.Image) -> Image.Image:
    """The image as it is to be looked at, by the one EXIF entry that says so; nothing else there is read."""
    image.load()  # after which Pillow has turned a TIFF already
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # of damaged EXIF, in many ways; it is no reason to do without the image
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def grey_mode(image: Image.Image) -> str | None:
    """`16-bit grey` or `32-bit grey` where the file has such values, else None."""
    if not image.mode.startswith("I"):
        return None
    return "16-bit grey" if ";16" in image.mode else "32-bit grey"


def stated_bits(image: Image.Image) -> int | None:
    """Bits that the file says its grey values take, None where it says nothing; before it is loaded."""
    if image.format == "PPM":
        return 16  # to which Pillow has scaled them by the file's own maximum
    tags = getattr(image, "tag_v2", {})
    most = tags.get(_MAX_SAMPLE_VALUE)
    most = most[0] if isinstance(most, tuple) and most else most
    if isinstance(most, int) and most >= 255:
        return most.bit_length()
    return 12 if _raw_mode(image) == "I;12" else None


def has_deep_colour(image: Image.Image) -> bool:
    """Whether the file has colours of 16 bits, of which Pillow keeps the upper 8; before it is loaded."""
    return grey_mode(image) is None and ";16" in _raw_mode(image)


def bits_of(image: Image.Image, grey_bits: GreyBits) -> int:
    """Bits that grey values take, as the file states, else as `grey_bits` has it; before it is loaded."""
    return stated_bits(image) or grey_bits.get(grey_mode(image) or "", 16)


def bits_for(greatest: int) -> int:
    """Bits that grey values up to `greatest` take, from the depths that are usual."""
    return next((bits for bits in _USUAL_BITS if greatest < 2**bits), int(greatest).bit_length())


def to_rgb(image: Image.Image, bits: int) -> Image.Image:
    """The image as RGB: grey values scaled to 8 bits, transparent pixels on white.

    Args:
        bits: That values of a `grey_mode` take, 8 or more; what is greater becomes white.

    Raises:
        ValueError: If pixels have no known range or none can be seen.
    """
    if grey_mode(image) is not None:
        values = np.asarray(image)
        if values.min() < 0:
            raise ValueError("negative grey values have no known range: save it with 8 or 16 bits")
        return Image.fromarray(np.minimum(values >> (bits - 8), 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range: save it with 8 or 16 bits")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        if colours.getchannel("A").getextrema()[1] == 0:
            raise ValueError("every pixel is transparent")
        # The colour of transparent pixels is whatever the editor left there.
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    return image.convert("RGB")


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, where its format says so."""
    tiles = getattr(image, "tile", [])
    arguments = tiles[0].args if tiles else ""
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) else ""
