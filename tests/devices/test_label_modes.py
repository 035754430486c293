import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cheapsearch.devices.label import stated_bits
from cheapsearch.search.data.decode import FileImages, decode
from cheapsearch.search.data.measure import bits_for, measure
from cheapsearch.space import UserError

# Left half dark, right half bright.
HALVES = np.repeat(np.array([[40, 200]], np.uint8), 8, axis=1).repeat(16, axis=0)


def halves_of(image: np.ndarray) -> tuple[int, int]:
    return round(float(image[:, :3].mean())), round(float(image[:, -3:].mean()))


def exif_block(orientation: int, *, resolution_type: int = 5, entries: int = 2) -> bytes:
    """EXIF with an orientation and a resolution, which as text (type 2) no standard allows."""
    tags = [struct.pack("<HHII", 0x0112, 3, 1, orientation)]
    tags.append(struct.pack("<HHII", 0x011A, resolution_type, 4, 0x20646162))
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, entries) + b"".join(tags) + bytes(4)


def save_turned(path: Path, exif: bytes) -> None:
    """HALVES below black: the corner that tells all eight orientations apart is the bright one."""
    Image.fromarray(HALVES).convert("RGB").save(path, exif=exif, quality=95)


# Where the bright right half is to be looked for after turning, by EXIF's table of orientations.
BRIGHT = {1: "right", 2: "left", 3: "left", 4: "right", 5: "bottom", 6: "bottom", 7: "top", 8: "top"}


def bright_side(image: np.ndarray) -> str:
    sides = {"left": image[:, :3], "right": image[:, -3:], "top": image[:3], "bottom": image[-3:]}
    return max(sides, key=lambda side: float(sides[side].mean()))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(("orientation", "side"), BRIGHT.items())
def test_upright_turns_by_the_orientation(orientation: int, side: str, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    save_turned(tmp_path / f"image{suffix}", exif.tobytes())
    assert bright_side(decode(tmp_path / f"image{suffix}", 16, {})) == side
    assert bright_side(FileImages(tmp_path, (f"image{suffix}",)).original(0)) == side


def test_upright_reads_the_orientation_beside_a_resolution_stored_as_text(tmp_path: Path) -> None:
    save_turned(tmp_path / "image.jpg", exif_block(6, resolution_type=2))
    assert bright_side(decode(tmp_path / "image.jpg", 16, {})) == "bottom"


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0II*\0",
        b"Exif\0\0 nonsense",
        exif_block(6)[:20],
        exif_block(0),
        exif_block(9),
        exif_block(65535),
        b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0x0112, 2, 4, 0x36363636),
    ],
)
def test_upright_takes_damaged_exif_for_none(exif: bytes, tmp_path: Path) -> None:
    save_turned(tmp_path / "image.jpg", exif)
    assert FileImages(tmp_path, ("image.jpg",)).unreadable() == {}
    assert bright_side(FileImages(tmp_path, ("image.jpg",)).read(np.array([0]), 16)[0]) == "right"


@pytest.mark.parametrize(("suffix", "dtype"), [(".png", np.uint16), (".tif", np.uint16), (".tif", np.int32)])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_values_keep_their_contrast_whatever_depth_they_use(
    bits: int, suffix: str, dtype: type, tmp_path: Path
) -> None:
    deep = HALVES.astype(dtype) << (bits - 8)
    deep[0, 0] = 2**bits - 1
    Image.fromarray(deep).save(tmp_path / f"image{suffix}")
    images = FileImages(tmp_path, (f"image{suffix}",))
    measured = measure(images)
    assert set(measured.grey_bits.values()) == {bits}
    assert f"{bits} bits, from the greatest value {2**bits - 1} in the sample" in measured.notes[0]
    decoded = decode(images.path(0), 16, measured.grey_bits)
    assert halves_of(decoded[2:]) == (40, 200)


def test_grey_values_are_scaled_alike_in_every_image(tmp_path: Path) -> None:
    for name, value in (("bright.png", 4095), ("dark.png", 160), ("beyond.png", 5000)):
        Image.fromarray(np.full((8, 8), value, np.uint16)).save(tmp_path / name)
    bits = measure(FileImages(tmp_path, ("bright.png", "dark.png"))).grey_bits
    # 12 bits: a sixteenth of the value, and white beyond.
    decoded = [decode(tmp_path / name, 8, bits)[0, 0, 0] for name in ("bright.png", "dark.png", "beyond.png")]
    assert decoded == [255, 10, 255]


def test_grey_values_of_a_file_that_states_its_depth_are_scaled_by_it(tmp_path: Path) -> None:
    dark = np.full((8, 8), 160, np.uint16)
    Image.fromarray(dark).save(tmp_path / "stated.tif", tiffinfo={281: 4095})
    (tmp_path / "stated.pgm").write_bytes(b"P5 8 8 4095\n" + dark.astype(">u2").tobytes())
    for name in ("stated.tif", "stated.pgm"):
        measured = measure(FileImages(tmp_path, (name,)))
        assert measured.grey_bits == {}
        assert decode(tmp_path / name, 8, {})[0, 0, 0] == 10


def test_stated_bits_are_none_of_an_ordinary_image() -> None:
    assert stated_bits(Image.new("I;16", (8, 8))) is None


@pytest.mark.parametrize(
    ("greatest", "bits"),
    [
        (0, 8),
        (255, 8),
        (256, 10),
        (1024, 12),
        (4095, 12),
        (4096, 14),
        (65535, 16),
        (65536, 17),
        (2**31 - 1, 31),
    ],
)
def test_bits_for_is_the_least_usual_depth(greatest: int, bits: int) -> None:
    assert bits_for(greatest) == bits


def test_grey_values_below_zero_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), -1000, np.int32)).save(tmp_path / "image.tif")
    with pytest.raises(UserError, match="negative grey values have no known range"):
        decode(tmp_path / "image.tif", 8, {})


def save_deep_colour(path: Path, value: int) -> None:
    """A PNG of 16-bit colours, which Pillow reads but does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + struct.pack(">H", value) * 3 * 8) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def test_measure_refuses_deep_colours_that_would_be_black(tmp_path: Path) -> None:
    save_deep_colour(tmp_path / "dark.png", 4095)
    save_deep_colour(tmp_path / "bright.png", 40000)
    with pytest.raises(UserError, match="colour images of 16 bits must use that range"):
        measure(FileImages(tmp_path, ("dark.png",)))
    assert measure(FileImages(tmp_path, ("dark.png", "bright.png"))).notes == ()
    assert decode(tmp_path / "bright.png", 8, {})[0, 0].tolist() == [40000 >> 8] * 3
