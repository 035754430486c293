"""Image files: any size and mode, decoded in threads straight to the size a proxy works at."""

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ...space import UserError
from .image_data import ByteArray
from .pool import Progress
from .split import IntArray

# Pillow releases the interpreter's lock while it decodes and resizes.
MAX_THREADS = 8
PROGRESS_EVERY = 1000
# What Pillow's readers raise for damaged files, beside OSError for unknown and truncated ones.
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True, eq=False)
class FileImages:
    """Image files, decoded when read.

    Attributes:
        root: The folder of all.
        names: Paths below it, with forward slashes; strings because ImageNet has 1.3 million.
    """

    root: Path
    names: tuple[str, ...]

    def path(self, index: int) -> Path:
        return self.root / self.names[index]

    def read(self, indices: IntArray, size: int, progress: Progress | None = None) -> ByteArray:
        """The files at `indices` as uint8 (len(indices), size, size, 3).

        Args:
            indices: Into `names`.
            size: Side of the result in pixels.
            progress: Called every thousand files.

        Raises:
            UserError: Naming the first file that cannot be decoded.
        """
        images = np.empty((len(indices), size, size, 3), dtype=np.uint8)

        def decode_into(position: int) -> None:
            images[position] = decode(self.path(indices[position]), size)

        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as threads:
            for done, _ in enumerate(threads.map(decode_into, range(len(indices))), start=1):
                if progress is not None and done % PROGRESS_EVERY == 0:
                    progress(f"decoded {done:,} of {len(indices):,} images")
        return images

    def original(self, index: int) -> ByteArray:
        """One file at its own size, upright, uint8 (H, W, 3).

        Raises:
            UserError: If it cannot be decoded.
        """
        path = self.path(index)
        try:
            with Image.open(path) as image:
                return np.array(_to_rgb(ImageOps.exif_transpose(image)))
        except DECODE_ERRORS as error:
            raise _undecodable(path, error) from error


def decode(path: Path, size: int) -> ByteArray:
    """One file as uint8 (size, size, 3): turned upright, shorter side to `size`, centre crop.

    Raises:
        UserError: If it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            # JPEG decodes to an eighth to a half at a fraction of the cost; the filter gets twice the target.
            image.draft(None, (2 * size, 2 * size))
            rgb = _to_rgb(ImageOps.exif_transpose(image))
        side = min(rgb.size)
        left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
        box = (left, top, left + side, top + side)
        return np.asarray(rgb.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0))
    except DECODE_ERRORS as error:
        raise _undecodable(path, error) from error


def shorter_side(path: Path) -> int:
    """Read from the file's header.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return min(image.size)
    except DECODE_ERRORS as error:
        raise _undecodable(path, error) from error


def _undecodable(path: Path, error: BaseException) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"--dataset: '{path}' cannot be decoded as an image ({reason}): replace or delete it")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16 bits, which Pillow before 11 opens as 32; convert("L") would cut everything above 255 to white.
        return Image.fromarray(np.clip(np.asarray(image) >> 8, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range: save it with 8 or 16 bits")
    if image.has_transparency_data:
        # The colour of transparent pixels is whatever the editor left there.
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
