"""Classes of image files by an exported ONNX file, on a device that has no torch.

This file needs numpy, Pillow and onnxruntime and nothing of the package, so it can be copied to the device
alone: `python label.py network.onnx photo.jpg holiday/`. What it makes of an image file is what training and
`cheapsearch predict` make of it, to the bit: they take it from here.
"""

import argparse
import csv
import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

# Endings of images, the further ones where this Pillow reads them.
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_FURTHER_ENDINGS = (".jpe", ".jfif", ".apng", ".pbm", ".pnm", ".jp2", ".tga", ".avif", ".jxl", ".heic")
# Reading these means running another program (Ghostscript), on a file that only claims to be an image.
_UNSAFE_FORMATS = ("EPS",)
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

ByteArray = npt.NDArray[np.uint8]
# Bits that grey values take in files that do not say so, by `grey_mode`.
GreyBits = Mapping[str, int]


@dataclass(frozen=True)
class Label:
    """What a network says of one image.

    Attributes:
        image: Its path.
        class_name: The class, empty where the image cannot be read.
        probability: Of that class, in 0..1.
        error: Why the image cannot be read, empty where it can.
    """

    image: str
    class_name: str
    probability: float
    error: str = ""


class Labeller:
    """An exported network, and how images are prepared for it.

    Args:
        path: What `cheapsearch export --format onnx` wrote.
        threads: That compute an answer; 0 for all cores.

    Raises:
        ValueError: If the file does not say what its classes are and how images are prepared.
    """

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        import onnxruntime  # here, so that training reads images without it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        said = self._session.get_modelmeta().custom_metadata_map
        if not {"classes", "preprocessing"} <= set(said):
            raise ValueError(f"{path}: must say its classes and preprocessing; export a trained network")
        self.classes: list[str] = json.loads(said["classes"])
        self.preprocessing: dict[str, Any] = json.loads(said["preprocessing"])

    def scores(self, pixels: Sequence[ByteArray]) -> npt.NDArray[np.float32]:
        """What the network answers, (N, classes), of what `prepare` made of images."""
        images = normalise(np.stack(pixels), self.preprocessing)
        asked = self._session.get_inputs()[0]
        parts = np.split(images, len(images)) if asked.shape[0] == 1 else [images]
        return np.concatenate([self._session.run(None, {asked.name: part})[0] for part in parts])

    def label(self, paths: Iterable[str | Path], *, batch: int = 32) -> Iterator[Label]:
        """The class of each image file, in order."""
        waiting: list[tuple[str, ByteArray | str]] = []
        for path in paths:
            waiting.append((str(path), self._read(path)))
            if len(waiting) == batch:
                yield from self._labels(waiting)
                waiting = []
        yield from self._labels(waiting)

    def _read(self, path: str | Path) -> ByteArray | str:
        """The prepared pixels, or why there are none."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd metadata and large images
                return prepare(path, self.preprocessing)
        except Exception as error:  # Pillow's readers raise whatever a damaged byte leads them to
            return " ".join(str(error).split()) or type(error).__name__

    def _labels(self, images: Sequence[tuple[str, ByteArray | str]]) -> Iterator[Label]:
        read = [pixels for _, pixels in images if not isinstance(pixels, str)]
        answers = iter([*softmax(self.scores(read))] if read else [])
        for path, pixels in images:
            if isinstance(pixels, str):
                yield Label(path, "", 0.0, pixels)
            else:
                shares = next(answers)
                best = int(shares.argmax())
                yield Label(path, self.classes[best], float(shares[best]))


# --- from a file to pixels ---------------------------------------------------------------------------


def prepare(path: str | Path, preprocessing: Mapping[str, Any]) -> ByteArray:
    """An image file as uint8 (S, S, 3), S the network's input size.

    Raises:
        ValueError: If the preprocessing is none that this version knows, or pixels have no known range.
        OSError: If the file cannot be read, and whatever else a damaged one leads Pillow's readers to.
    """
    size, grey_bits = preprocessing["input_size"], preprocessing["grey_bits"]
    with open_image(path) as image:
        if preprocessing["resize"] == "square":
            return square(image, size, grey_bits)
        if preprocessing["resize"] == "shorter_side":
            return shorter_side(to_rgb(image, grey_bits), preprocessing["resize_to"], size)
    raise ValueError(f"resize must be square or shorter_side, got {preprocessing['resize']!r}")


def normalise(pixels: ByteArray, preprocessing: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Pixels (N, S, S, 3) as what the network takes in, (N, 3, S, S): (value / 255 - mean) / std."""
    mean, std = (np.array(preprocessing[name], np.float32) for name in ("mean", "std"))
    values = pixels.astype(np.float32) * (1 / (255 * std)) + -mean / std
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores (N, classes) as probabilities."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def open_image(path: str | Path) -> Image.Image:
    """An image file, its header read.

    Raises:
        OSError: If it is no image.
    """
    path = Path(path)
    # A pipe would wait for a writer for ever.
    if not path.is_file():
        raise FileNotFoundError("it is no regular file" if path.exists() else "the file is not there")
    Image.init()  # does nothing the second time
    return Image.open(path, formats=[name for name in Image.ID if name not in _UNSAFE_FORMATS])


def square(image: Image.Image, size: int, grey_bits: GreyBits) -> ByteArray:
    """The central square of an opened image, scaled to `size` pixels a side."""
    # JPEG decodes to an eighth to a half at a fraction of the cost; the filter gets twice the target.
    image.draft(None, (2 * size, 2 * size))
    rgb = to_rgb(image, grey_bits)
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0))


def shorter_side(rgb: Image.Image, resize_to: int, size: int) -> ByteArray:
    """An image, its shorter side scaled to `resize_to` pixels, and of that the central square of `size`."""
    shorter = min(rgb.size)
    width, height = (resize_to * side // shorter for side in rgb.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    scaled = rgb.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(scaled.crop((left, top, left + size, top + size)))


def to_rgb(image: Image.Image, grey_bits: GreyBits) -> Image.Image:
    """An opened image upright and as RGB: grey values scaled to 8 bits, transparent pixels on white.

    Args:
        grey_bits: That values of a `grey_mode` take, 8 or more; what is greater becomes white.

    Raises:
        ValueError: If pixels have no known range or none can be seen.
    """
    bits = stated_bits(image) or grey_bits.get(grey_mode(image) or "", 16)
    image = _upright(image)
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
    return 12 if raw_mode(image) == "I;12" else None


def raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, where its format says so; before it is loaded."""
    tiles = getattr(image, "tile", [])
    arguments = tiles[0].args if tiles else ""
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) else ""


def _upright(image: Image.Image) -> Image.Image:
    """The image as it is to be looked at, by the one EXIF entry that says so; nothing else there is read."""
    image.load()  # after which Pillow has turned a TIFF already
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # of damaged EXIF, in many ways; it is no reason to do without the image
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


# --- the command -------------------------------------------------------------------------------------


def image_endings() -> tuple[str, ...]:
    """Endings that an image file can have here, in lower case."""
    return _ENDINGS + tuple(ending for ending in _FURTHER_ENDINGS if ending in Image.registered_extensions())


def find_images(paths: Iterable[str]) -> Iterator[str]:
    """Files as given, and the image files of folders at any depth; hidden ones are left out."""
    for path in paths:
        if not Path(path).is_dir():
            yield path
            continue
        for parent, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if name.lower().endswith(image_endings()) and not name.startswith("."):
                    yield str(Path(parent) / name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print CSV: image, class, probability, and why an image cannot be read; 1 where one cannot."""
    parser = argparse.ArgumentParser(description="Print the class of image files, by an exported ONNX file.")
    parser.add_argument("network", help="what `cheapsearch export --format onnx` wrote")
    parser.add_argument("images", nargs="+", help="image files and folders of them")
    options = parser.parse_args(arguments)
    try:
        labeller = Labeller(options.network)
    except Exception as error:  # onnxruntime has errors of its own for a file that is none
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("image", "class", "probability", "error"))
    failed = 0
    for found in labeller.label(find_images(options.images)):
        share = "" if found.error else f"{found.probability:.6f}"
        writer.writerow((found.image, found.class_name, share, found.error))
        failed += bool(found.error)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
