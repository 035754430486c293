"""Small data sets on disk, and a check that nobody looks into a folder."""

import os
import pickle
import sys
import tarfile
import warnings
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

PATHS = (str, bytes, os.PathLike)
# Audit hooks cannot be removed, so one hook serves every test and records only while a test asks it to.
_seen: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in ("open", "os.listdir", "os.scandir"):
        _seen.append(f"{event} {os.fsdecode(arguments[0])}" if isinstance(arguments[0], PATHS) else event)


sys.addaudithook(_audit)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """What is opened or listed while the test runs, by whatever function: `open PATH`, `os.scandir PATH`."""
    global _seen
    _seen = []
    yield _seen
    _seen = None


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes `count` PNG images of each class under a folder; image i of class c is filled with 40 c + i."""

    def make(
        where: str = "images", classes: tuple[str, ...] = ("cat", "dog"), count: int = 10, side: int = 16
    ) -> Path:
        root = tmp_path / where
        for label, name in enumerate(classes):
            (root / name).mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (side, side), (40 * label + index,) * 3).save(
                    root / name / f"{index:03}.png"
                )
        return root

    return make


@pytest.fixture
def make_npz(tmp_path: Path) -> Callable[..., Path]:
    """Writes an archive of classes 0, 1, 2; arrays given by name replace or, if None, drop its own."""

    def make(**replaced: Any) -> Path:
        arrays: dict[str, Any] = {}
        for split, count in (("train", 30), ("val", 9), ("test", 6)):
            images = np.random.RandomState(count).randint(0, 256, (count, 12, 12, 3))
            arrays[f"{split}_images"] = images.astype(np.uint8)
            arrays[f"{split}_labels"] = np.arange(count, dtype=np.uint8)[:, None] % 3
        arrays.update(replaced)
        path = tmp_path / "small.npz"
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        return path

    return make


class _OldPickle:
    """Warns when unpickled, as CIFAR's files do with NumPy 2.4."""

    def __reduce__(self) -> tuple[Any, ...]:
        return warnings.warn, ("dtype(): align", np.exceptions.VisibleDeprecationWarning)


@pytest.fixture
def cifar_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CIFAR-10 of 40 training and 10 test images, whose checksums torchvision is told."""
    root = tmp_path / "cifar"
    base = root / CIFAR10.base_folder
    base.mkdir(parents=True)

    def write(name: str, content: object) -> str:
        payload = pickle.dumps(content)
        (base / name).write_bytes(payload)
        return md5(payload).hexdigest()

    def batch(name: str, count: int) -> list[str]:
        pixels = np.random.RandomState(count).randint(0, 256, (count, 3072)).astype(np.uint8)
        labels = [index % 2 for index in range(count)]
        return [name, write(name, {"data": pixels, "labels": labels, "old": _OldPickle()})]

    monkeypatch.setattr(CIFAR10, "train_list", [batch("data_batch_1", 40)])
    monkeypatch.setattr(CIFAR10, "test_list", [batch("test_batch", 10)])
    meta_md5 = write("batches.meta", {"label_names": ["airplane", "automobile"]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta_md5})
    return root


@pytest.fixture
def cifar_archive(cifar_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the archive a user puts into the folder, not yet unpacked."""
    archive = cifar_root / CIFAR10.filename
    base = cifar_root / CIFAR10.base_folder
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(base, CIFAR10.base_folder)
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive.read_bytes()).hexdigest())
    for file in base.iterdir():
        file.unlink()
    base.rmdir()
    return archive
