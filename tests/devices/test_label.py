"""A process without torch and without the package labels image files as `predict` does."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import cheapsearch
from cheapsearch.devices import label
from cheapsearch.devices.label import Labeller, prepare
from cheapsearch.devices.onnx_file import write_metadata, write_onnx
from cheapsearch.models import Network
from cheapsearch.search.training.predict import predict
from cheapsearch.space import Architecture, Preprocessing, get_backbone

CLASSES = ("grün", "rot", "a,b")
MEAN, STD = (0.48123, 0.4581, 0.40821), (0.2686, 0.2613, 0.2758)
BITS = {"16-bit grey": 12}
WAYS = {
    "square": Preprocessing(24, "square", 24, MEAN, STD, grey_bits=BITS),
    "shorter_side": Preprocessing(24, "shorter_side", 27, MEAN, STD, grey_bits=BITS),
}
# As `python label.py ...`, where neither torch nor the package can be imported.
ALONE = """
import runpy, sys
sys.modules.update(dict.fromkeys(("torch", "torchvision", "cheapsearch")))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def network() -> Network:
    """A few blocks that nobody has trained, and that are of different opinions about different images."""
    torch.manual_seed(1)
    layout = get_backbone("mobilenet_v3_small").layout(0.25, 24)
    layout = replace(layout, blocks=layout.blocks[:2])
    made = cheapsearch.build(
        Architecture("mobilenet_v3_small", 0.25), num_classes=3, input_size=24, layout=layout
    )
    with torch.no_grad():
        made.classifier.weight.mul_(300)
    made.classes = CLASSES
    return made.eval()


@pytest.fixture(scope="module")
def written(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    write_onnx(network, path, shape=(3, 24, 24), metadata={})
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind that is prepared in its own way, small and large ones, and a damaged one."""
    root = tmp_path_factory.mktemp("photos")
    (root / "below").mkdir()
    draw = np.random.RandomState(5)

    def pixels(height: int, width: int, channels: int = 3) -> Any:
        small = draw.randint(0, 256, (4, 4, channels), dtype=np.uint8)
        coarse = np.kron(small, np.ones((-(-height // 4), -(-width // 4), 1), np.uint8))[:height, :width]
        noise = draw.randint(-40, 40, coarse.shape)
        return (coarse + noise).clip(0, 255).astype(np.uint8)

    turned = Image.Exif()
    turned[0x0112] = 6
    for index in range(12):
        height, width = draw.randint(10, 90, 2)
        Image.fromarray(pixels(height, width)).save(root / "below" / f"{index}.png")
    Image.fromarray(pixels(60, 41)).save(root / "turned.jpg", exif=turned)
    Image.fromarray(pixels(400, 333)).save(root / "large.jpg", quality=80)  # decodes to a quarter
    Image.fromarray(pixels(50, 50, 4)).save(root / "clear.webp")
    Image.fromarray(pixels(40, 30)).convert("CMYK").save(root / "inks.jpg")
    Image.fromarray(pixels(31, 47)).quantize(16).save(root / "palette.gif")
    Image.fromarray((pixels(33, 33)[..., 0].astype(np.uint16)) << 4).save(root / "deep.png")
    Image.fromarray(pixels(24, 24)[..., 0]).save(root / "grey.tif")
    (root / "damaged.png").write_bytes((root / "below" / "0.png").read_bytes()[:60])
    (root / "notes.txt").write_text("no image")
    return root


def said(path: Path, network: Network, preprocessing: Preprocessing, where: Path) -> Path:
    """The file, saying its classes and this preprocessing."""
    facts = {"classes": CLASSES, "preprocessing": preprocessing.to_dict()}
    where.write_bytes(path.read_bytes())
    write_metadata(where, {key: json.dumps(value, ensure_ascii=False) for key, value in facts.items()})
    return where


@pytest.mark.parametrize("way", WAYS)
def test_label_without_torch_agrees_with_predict_on_every_file(
    way: str, network: Network, written: Path, photos: Path, tmp_path: Path
) -> None:
    file = said(written, network, WAYS[way], tmp_path / "network.onnx")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(label.__file__), str(file), str(photos)],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "utf-8"},
    )
    assert (done.returncode, done.stderr) == (1, "")  # one file is damaged
    found = {row["image"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    network.preprocessing = WAYS[way]
    expected = {image.image: image for image in predict(network, photos).images}
    assert set(found) == set(expected)
    assert len(expected) == 20
    assert len({image.class_name for image in expected.values()}) >= 3  # two classes, and None
    for path, image in expected.items():
        assert found[path]["class"] == (image.class_name or ""), path
        assert bool(found[path]["error"]) == (image.error is not None), path
        if image.probability is not None:
            assert float(found[path]["probability"]) == pytest.approx(image.probability, abs=1e-4), path


@pytest.mark.parametrize(
    ("shape", "resize_to", "box"), [((30, 60), 20, (0, 0)), ((61, 30), 21, (11, 0)), ((20, 20), 20, (0, 0))]
)
def test_prepare_scales_the_shorter_side_and_cuts_the_centre(
    shape: tuple[int, int], resize_to: int, box: tuple[int, int], tmp_path: Path
) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    found = prepare(tmp_path / "image.png", Preprocessing(20, "shorter_side", resize_to, MEAN, STD).to_dict())
    height, width = (int(side * resize_to / min(shape)) for side in shape)
    scaled = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    top, left = round((height - 20) / 2), round((width - 20) / 2)
    np.testing.assert_array_equal(found, scaled[top : top + 20, left : left + 20])


class Means(nn.Module):
    """The mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def test_labeller_takes_a_file_of_one_image_at_a_time(network: Network, tmp_path: Path) -> None:
    write_onnx(Means(), tmp_path / "one.onnx", shape=(3, 24, 24), metadata={}, dynamic_batch=False)
    file = said(tmp_path / "one.onnx", network, WAYS["square"], tmp_path / "said.onnx")
    for channel in range(3):
        pixels = np.zeros((30, 30, 3), np.uint8)
        pixels[..., channel] = 255
        Image.fromarray(pixels).save(tmp_path / f"{channel}.png")
    paths = [tmp_path / f"{channel}.png" for channel in (2, 0, 1)]
    assert [found.class_name for found in Labeller(file).label(paths)] == [CLASSES[at] for at in (2, 0, 1)]
    assert [found.class_name for found in Labeller(file).label(paths, batch=2)] == [
        CLASSES[at] for at in (2, 0, 1)
    ]


def test_label_refuses_a_file_that_does_not_say_its_classes(
    written: Path, photos: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert label.main([str(written), str(photos)]) == 2
    assert capsys.readouterr().err.endswith(
        "must say its classes and preprocessing; export a trained network\n"
    )
    (tmp_path / "none.onnx").write_bytes(b"nothing")
    assert label.main([str(tmp_path / "none.onnx"), str(photos)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
