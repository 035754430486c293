from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cheapsearch.search.data import decode as decode_module
from cheapsearch.search.data.decode import FileImages, decode, shorter_side
from cheapsearch.space import UserError

# Left half dark, right half bright.
HALVES = np.repeat(np.array([[40, 200]], np.uint8), 8, axis=1).repeat(16, axis=0)


def halves_of(image: np.ndarray) -> tuple[int, int]:
    return round(float(image[:, :3].mean())), round(float(image[:, -3:].mean()))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".webp", ".tif", ".ppm"])
def test_decode_reads_every_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{suffix}"
    Image.fromarray(HALVES).convert("RGB").save(path, **({"lossless": True} if suffix == ".webp" else {}))
    image = decode(path, 16)
    assert image.shape == (16, 16, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.repeat(HALVES[..., None], 3, axis=2))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "I;16"])
def test_decode_reads_every_mode(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    if mode == "I;16":
        Image.fromarray(HALVES.astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(HALVES).convert("L" if mode == "P" else "RGB").convert(mode).save(path)
    assert halves_of(decode(path, 16)) == (40, 200)


def test_decode_reads_bilevel_images(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(HALVES).convert("1", dither=Image.Dither.NONE).save(path)
    assert halves_of(decode(path, 16)) == (0, 255)


def test_decode_refuses_floating_point_pixels(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(HALVES.astype(np.float32)).save(path)
    with pytest.raises(UserError, match="save it with 8 or 16 bits"):
        decode(path, 16)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_decode_puts_transparent_pixels_on_white(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (8, 8), (10, 20, 30, 0)[-len(mode) :] if mode == "RGBA" else (10, 0)).save(path)
    assert (decode(path, 8) == 255).all()


def test_decode_puts_a_transparent_palette_entry_on_white(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(HALVES).convert("P").save(path, transparency=40)
    assert halves_of(decode(path, 16)) == (255, 200)


def test_decode_turns_images_upright(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(HALVES).convert("RGB").save(path, exif=exif, quality=95)
    dark, bright = halves_of(decode(path, 16)[:, ::-1])
    assert abs(dark - 40) < 5
    assert abs(bright - 200) < 5


@pytest.mark.parametrize("shape", [(16, 48), (48, 16)])
def test_decode_crops_the_centre_of_the_longer_side(shape: tuple[int, int], tmp_path: Path) -> None:
    image = np.zeros(shape, np.uint8)
    height, width = shape
    image[(height - 16) // 2 :, (width - 16) // 2 :][:16, :16] = 200
    Image.fromarray(image).save(tmp_path / "image.png")
    assert (decode(tmp_path / "image.png", 16) == 200).all()


def test_decode_of_a_jpeg_read_at_a_fraction_is_close_to_the_full_filter(tmp_path: Path) -> None:
    # Five periods in 96 pixels: read at half its size it is still exact, at an eighth it is not.
    wave = np.sin(np.arange(96) / 96 * 2 * np.pi * 5)
    image = Image.fromarray(((np.outer(wave, wave) + 1) * 127.5).astype(np.uint8)).convert("RGB")
    image.save(tmp_path / "image.jpg", quality=95)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decode(tmp_path / "image.jpg", 16) - expected).max() <= 6


@pytest.mark.parametrize("damage", ["text", "empty", "cut"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_decode_names_a_file_it_cannot_read(damage: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    Image.effect_noise((64, 64), 50).save(path)
    payload = {"text": b"no image", "empty": b"", "cut": path.read_bytes()[:300]}[damage]
    path.write_bytes(payload)
    with pytest.raises(UserError) as error:
        decode(path, 16)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"dataset: '{path}' cannot be decoded as an image (")
    assert message.endswith("): replace or delete it")


def test_shorter_side_reads_the_header(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "image.png")
    assert shorter_side(tmp_path / "image.png") == 20
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"broken\.png' cannot be decoded"):
        shorter_side(tmp_path / "broken.png")


def test_file_images_reads_the_chosen_in_order_and_no_others(tmp_path: Path) -> None:
    images = FileImages(tmp_path, tuple(f"{index}.png" for index in range(40)))
    for index in range(40):
        Image.new("L", (8, 8), index).save(images.path(index))
    images.path(3).write_bytes(b"never chosen")
    chosen = np.arange(39, 3, -1)
    assert images.read(chosen, 8)[:, 0, 0, 0].tolist() == chosen.tolist()


def test_file_images_names_the_first_broken_file_whatever_thread_is_first(tmp_path: Path) -> None:
    images = FileImages(tmp_path, tuple(f"{index}.png" for index in range(40)))
    for index in range(40):
        Image.new("L", (8, 8)).save(images.path(index))
        if index >= 20:
            images.path(index).write_bytes(b"no image")
    with pytest.raises(UserError, match=r"20\.png"):
        images.read(np.arange(40), 8)


def test_file_images_reports_long_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    messages: list[str] = []
    images = FileImages(tmp_path, ("0.png",))
    monkeypatch.setattr(decode_module, "PROGRESS_EVERY", 10)
    images.read(np.zeros(25, np.int64), 8, messages.append)
    assert messages == ["decoded 10 of 25 images", "decoded 20 of 25 images"]
    images.read(np.zeros(9, np.int64), 8, messages.append)
    assert len(messages) == 2
