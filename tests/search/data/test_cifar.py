import socket
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets.cifar
from torchvision.datasets import CIFAR10

from cheapsearch.search.data import load_images, load_test
from cheapsearch.search.data.cifar import cache_dir, cifar_pool
from cheapsearch.space import UserError


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, *args: Any, **kwargs: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", refuse)


@pytest.mark.usefixtures("no_network")
def test_cifar_pool_reads_what_is_on_disk(cifar_root: Path) -> None:
    pool = cifar_pool("cifar10", cifar_root)
    assert pool.classes == ("airplane", "automobile")
    assert pool.train.labels.tolist() == [0, 1] * 20
    pixels = np.random.RandomState(40).randint(0, 256, (40, 3072)).astype(np.uint8)
    np.testing.assert_array_equal(
        pool.train.images.read(np.arange(40), 32), pixels.reshape(40, 3, 32, 32).transpose(0, 2, 3, 1)
    )


def test_cifar_images_hold_a_tenth_out_for_validation(cifar_root: Path) -> None:
    data = load_images("cifar10", data_dir=cifar_root, seed=0, size=16)
    assert data.train_images.shape == (36, 16, 16, 3)
    assert np.bincount(data.val_labels).tolist() == [2, 2]
    assert data.input_size == 32
    assert data.flip


def test_cifar_test_split_is_read_by_load_test_alone(
    cifar_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    before = CIFAR10.__init__

    def spy(self: CIFAR10, root: Path, train: bool = True, **settings: Any) -> None:
        asked.append(train)
        before(self, root, train=train, **settings)

    monkeypatch.setattr(CIFAR10, "__init__", spy)
    load_images("cifar10", data_dir=cifar_root, seed=0)
    assert asked == [True]
    images, labels = load_test("cifar10", data_dir=cifar_root, size=16)
    assert asked == [True, True, False]
    assert images.shape == (10, 16, 16, 3)
    assert labels.tolist() == [0, 1] * 5


def test_cifar_pool_unpacks_an_archive_put_there(cifar_archive: Path) -> None:
    messages: list[str] = []
    pool = cifar_pool("cifar10", cifar_archive.parent, messages.append)
    assert len(pool.train.labels) == 40
    assert len(messages) == 1


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "archive", "folder"),
    [
        ("cifar10", "cifar-10-python.tar.gz", "cifar-10-batches-py"),
        ("cifar100", "cifar-100-python.tar.gz", "cifar-100-python"),
    ],
)
def test_cifar_pool_without_a_network_says_where_to_put_which_file(
    name: str, archive: str, folder: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        cifar_pool(name, tmp_path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"dataset {name}: '{tmp_path / folder}' is missing or damaged")
    assert f"put {archive} from https://" in message
    assert f"into '{tmp_path}'" in message
    assert "dataset digits, which works at once" in message


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("file", ["data_batch_1", "test_batch", "batches.meta"])
def test_cifar_pool_with_a_damaged_file_says_the_same(file: str, cifar_root: Path) -> None:
    (cifar_root / CIFAR10.base_folder / file).write_bytes(b"cut")
    with pytest.raises(UserError, match="cifar-10-batches-py' is missing or damaged") as error:
        cifar_pool("cifar10", cifar_root)
    assert "\n" not in str(error.value)


def test_cifar_pool_with_a_cut_archive_says_the_same(
    cifar_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No checksum to hold it against, so it counts as whole: what fails is the unpacking.
    payload = cifar_archive.read_bytes()
    cifar_archive.write_bytes(payload[: len(payload) // 2])
    monkeypatch.setattr(CIFAR10, "tgz_md5", None)
    with pytest.raises(UserError, match="is missing or damaged"):
        cifar_pool("cifar10", cifar_archive.parent)


def test_cifar_pool_restores_the_socket_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    during: list[float | None] = []

    def refuse(*args: Any, **kwargs: Any) -> None:
        during.append(socket.getdefaulttimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", refuse)
    before = socket.getdefaulttimeout()
    with pytest.raises(UserError, match="timed out"):
        cifar_pool("cifar10", tmp_path)
    assert during == [30.0]
    assert socket.getdefaulttimeout() == before


def test_cache_dir_honours_xdg_cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "cheapsearch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "cheapsearch"


def test_cifar_pool_looks_in_the_cache_without_a_data_dir(
    cifar_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cifar_root.parent))
    cifar_root.rename(cifar_root.parent / "cheapsearch")
    assert len(cifar_pool("cifar10", None).train.labels) == 40
