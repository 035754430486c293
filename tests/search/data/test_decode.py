import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cheapsearch.search.data import decode as decode_module
from cheapsearch.search.data.decode import FileImages, UnreadableError, decode
from cheapsearch.space import UserError

# Left half dark, right half bright.
HALVES = np.repeat(np.array([[40, 200]], np.uint8), 8, axis=1).repeat(16, axis=0)


def halves_of(image: np.ndarray) -> tuple[int, int]:
    return round(float(image[:, :3].mean())), round(float(image[:, -3:].mean()))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".webp", ".tif", ".ppm", ".apng", ".tga"])
def test_decode_reads_every_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{suffix}"
    settings: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(HALVES).convert("RGB").save(path, **settings)
    image = decode(path, 16, {})
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
    assert halves_of(decode(path, 16, {})) == (40, 200)


def test_decode_reads_bilevel_images(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(HALVES).convert("1", dither=Image.Dither.NONE).save(path)
    assert halves_of(decode(path, 16, {})) == (0, 255)


def test_decode_refuses_floating_point_pixels(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(HALVES.astype(np.float32)).save(path)
    with pytest.raises(UserError, match="save it with 8 or 16 bits"):
        decode(path, 16, {})


@pytest.mark.parametrize(("mode", "clear"), [("RGBA", (10, 20, 30, 0)), ("LA", (10, 0))])
def test_decode_puts_transparent_pixels_on_white(mode: str, clear: tuple[int, ...], tmp_path: Path) -> None:
    image = Image.new(mode, (8, 8), clear)
    image.putpixel((0, 0), (*clear[:-1], 255))
    image.save(tmp_path / "image.png")
    decoded = decode(tmp_path / "image.png", 8, {})
    assert (decoded[1:] == 255).all()
    assert decoded[0, 0, 0] == 10


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_decode_refuses_an_image_of_which_nothing_can_be_seen(mode: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"transparency": 0} if mode == "P" else {}
    Image.new(mode, (8, 8), 0).save(tmp_path / "image.png", **settings)
    with pytest.raises(UserError, match="every pixel is transparent"):
        decode(tmp_path / "image.png", 8, {})


def test_decode_puts_a_transparent_palette_entry_on_white(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(HALVES).convert("P").save(path, transparency=40)
    assert halves_of(decode(path, 16, {})) == (255, 200)


@pytest.mark.parametrize("shape", [(16, 48), (48, 16)])
def test_decode_crops_the_centre_of_the_longer_side(shape: tuple[int, int], tmp_path: Path) -> None:
    image = np.zeros(shape, np.uint8)
    height, width = shape
    image[(height - 16) // 2 :, (width - 16) // 2 :][:16, :16] = 200
    Image.fromarray(image).save(tmp_path / "image.png")
    assert (decode(tmp_path / "image.png", 16, {}) == 200).all()


def test_decode_of_a_jpeg_read_at_a_fraction_is_close_to_the_full_filter(tmp_path: Path) -> None:
    # Five periods in 96 pixels: read at half its size it is still exact, at an eighth it is not.
    wave = np.sin(np.arange(96) / 96 * 2 * np.pi * 5)
    image = Image.fromarray(((np.outer(wave, wave) + 1) * 127.5).astype(np.uint8)).convert("RGB")
    image.save(tmp_path / "image.jpg", quality=95)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decode(tmp_path / "image.jpg", 16, {}) - expected).max() <= 6


@pytest.mark.parametrize("damage", ["text", "empty", "cut"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_decode_names_a_file_it_cannot_read(damage: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    Image.effect_noise((64, 64), 50).save(path)
    payload = {"text": b"no image", "empty": b"", "cut": path.read_bytes()[:300]}[damage]
    path.write_bytes(payload)
    with pytest.raises(UserError) as error:
        decode(path, 16, {})
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"dataset: '{path}' cannot be decoded as an image (")
    assert message.endswith("): replace or delete it, or leave it out with skip_corrupt")


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


def test_file_images_says_what_is_wrong_with_every_file(tmp_path: Path) -> None:
    names = ("good.png", "text.png", "cut.jpg", "gone.png", "pipe.png", "folder.png", "loop.png")
    Image.new("L", (8, 8)).save(tmp_path / "good.png")
    (tmp_path / "text.png").write_bytes(b"no image")
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:900])
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    found = FileImages(tmp_path, names).unreadable()
    assert {position: file.path.name for position, file in found.items()} == dict(enumerate(names[1:], 1))
    assert found[1].reason == "its content is no image's"
    assert "truncated" in found[2].reason
    assert found[3].reason == "the file is not there"
    assert found[4].reason == "it is no regular file"


def test_file_images_runs_no_program_for_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow reads EPS by Ghostscript, whatever the file is called.
    (tmp_path / "image.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("it was run"))
    assert FileImages(tmp_path, ("image.png",)).unreadable()[0].reason == "its content is no image's"


@pytest.mark.filterwarnings("error")
def test_file_images_reads_a_very_large_image_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    Image.new("L", (16, 16)).save(tmp_path / "large.png")
    Image.new("L", (32, 32)).save(tmp_path / "bomb.png")
    images = FileImages(tmp_path, ("large.png", "bomb.png"))
    assert images.read(np.array([0]), 8).shape == (1, 8, 8, 3)
    assert list(images.unreadable()) == [1]


def test_unreadable_error_keeps_its_files_between_processes(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as error:
        decode(tmp_path / "none.png", 8, {})
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value)
    assert again.files == error.value.files
