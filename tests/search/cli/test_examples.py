"""The examples that `--help` ends with are run, with stand-ins for images, runs and what takes minutes."""

import shlex
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cheapsearch.devices import latency_table, measure
from cheapsearch.search import latency
from cheapsearch.search.cli import presets
from cheapsearch.search.cli.main import main, make_parser
from cheapsearch.search.data.npz import npz_pool
from cheapsearch.search.data.sources import DATASETS
from cheapsearch.search.study import proxy_ladder
from cheapsearch.space import PRESETS
from cheapsearch.space.device_table import Value

EXAMPLES = [
    pytest.param(name, example, id=example)
    for name, command in make_parser().commands.items()
    for example in command.examples
]
PROXY = ("--proxy", "epochs=1,images=40,input_size=8,width=0.25,batch_size=20")
QUICK = (
    *PROXY,
    "--sampler",
    "random",
    "--workers",
    "0",
    "--device",
    "cpu",
)  # processes take seconds to start
TRAINED = ("--epochs", "1", "--width", "0.25", "--batch-size", "50", "--device", "cpu")
# What an example is given beside what it says, so that it takes little time.
ALSO = {
    "run": (*QUICK, "--budget", "3"),
    "retrain": (*TRAINED, "--top", "1", "--seeds", "1", "--workers", "0", "--yes"),
    "train": (*TRAINED, "--seeds", "1"),
    "predict": ("--device", "cpu"),
    "rehearse": ("--sampler", "random", "--budget", "10", "--seeds", "1"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the examples name: two runs, a training, and photographs."""
    root = tmp_path_factory.mktemp("examples")
    draw = np.random.RandomState(0)
    arrays: dict[str, Any] = {}
    for split, each in (("train", 5), ("val", 2), ("test", 1)):
        labels = np.repeat(np.arange(10), each)
        images = draw.randint(0, 255, (len(labels), 8, 8, 3)).astype(np.uint8)
        arrays |= {f"{split}_labels": labels, f"{split}_images": images}
    np.savez(root / "digits.npz", **arrays)
    for place in ("path/to/images/cat", "path/to/images/dog", "folder/of/photos"):
        (root / place).mkdir(parents=True)
        for index in range(10):
            photo = draw.randint(0, 255, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(photo).save(root / place / f"{index}.png")
    shutil.copy(root / "folder/of/photos/0.png", root / "photo.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setitem(DATASETS, "digits", lambda *_: npz_pool(root / "digits.npz"))
        assert main(["run", "--dataset", "digits", "--budget", "2", *QUICK]) == 0
        shutil.copytree("runs/mobilenet_v2-digits", "runs/mobilenet_v3_small-digits")
        assert main(["train", "cheap_v2", "--dataset", "digits", *TRAINED]) == 0
        yield root


@pytest.fixture
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What times or writes hundreds of networks does nothing of the kind."""

    def no_models(modules: list[Any], shapes: object) -> list[bytes]:
        return [b""] * len(modules)

    def no_times(folder: Path, **_: object) -> Iterator[list[Any]]:
        lines = (folder / measure.LIST_FILE).read_text().splitlines()[1:]
        yield [(*line.split(",")[1:], measure.Timing(1.0, 0.1)) for line in lines]

    monkeypatch.setattr(proxy_ladder, "_TIMING", (0.0, 0.01))
    for name in ("_network", "piece_module", "lead_module"):
        monkeypatch.setattr(latency_table, name, lambda *_: torch.nn.Identity())
    monkeypatch.setattr(latency_table, "onnx_models", no_models)
    monkeypatch.setattr(presets, "PRESETS", dict(islice(PRESETS.items(), 2)))
    monkeypatch.setattr(measure, "time_folder", no_times)
    monkeypatch.setattr(
        latency, "measure_networks", lambda networks, **_: [Value(1.0 + i, 0.1) for i in range(len(networks))]
    )


def test_every_command_has_examples_that_begin_as_it_does() -> None:
    for name, command in make_parser().commands.items():
        assert 1 <= len(command.examples) <= 3, name
        assert all(example.split()[:2] == ["cheapsearch", name] for example in command.examples)
        assert command.format_help().endswith("".join(f"  {example}\n" for example in command.examples))


@pytest.mark.usefixtures("_nothing_is_measured")
@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_example_runs(
    name: str, example: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = shlex.split(example)[1:]
    typed = [word for word in words[: words.index(">") if ">" in words else None] if word != ">>"]
    if typed[0] == "completion":
        typed = typed[:2]
    assert main([*typed, *ALSO.get(name, ())]) == 0
