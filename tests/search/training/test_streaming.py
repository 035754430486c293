"""Images of any size are decoded each time and cropped to one size."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cheapsearch.search.data import open_images
from cheapsearch.search.training import streaming
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.streaming import StreamedSplit
from cheapsearch.search.training.team import ALONE, Team
from cheapsearch.space import UserError

RECIPE = Recipe(epochs=1, batch_size=4, learning_rate=0.1, warmup_epochs=0, flip=True, rotation=5)


def write_images(root: Path) -> None:
    """Ten images in two classes, of 9 x 12 to 21 x 24 pixels, dark at the rim and white within."""
    for label, name in enumerate(("cat", "dog")):
        (root / "train" / name).mkdir(parents=True)
        (root / "val" / name).mkdir(parents=True)
        for index in range(5):
            height, width = 9 + 3 * index, 12 + 3 * index
            pixels = np.full((height, width, 3), 255, np.uint8)
            pixels[:, :2] = 10 * (5 * label + index)
            Image.fromarray(pixels).save(root / "train" / name / f"{index}.png")
        Image.fromarray(pixels).save(root / "val" / name / "0.png")


@pytest.fixture
def streamed(tmp_path: Path) -> StreamedSplit:
    write_images(tmp_path)
    part = open_images(str(tmp_path), seed=0, input_size=8).train
    return StreamedSplit(part, 8, 8, 0, torch.zeros(3), torch.ones(3))


def batches_of(split: StreamedSplit, team: Team = ALONE, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    return list(split.training_batches(RECIPE, torch.Generator().manual_seed(seed), team))


def test_streamed_split_training_batches_are_whole_and_of_one_size(streamed: StreamedSplit) -> None:
    assert len(streamed) == 10
    batches = batches_of(streamed)

    assert [images.shape for images, _ in batches] == 2 * [(4, 3, 8, 8)]
    assert [labels.dtype for _, labels in batches] == 2 * [torch.int64]


@pytest.mark.parametrize("workers", [0, 1])
def test_streamed_split_training_batches_depend_on_the_generator_alone(
    workers: int, streamed: StreamedSplit
) -> None:
    streamed = replace(streamed, workers=workers)
    runs: list[Any] = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(runs))  # whatever the process has drawn before
        runs.append(batches_of(streamed, seed=seed))
    first, again, other = (torch.cat([images for images, _ in run]) for run in runs)

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_streamed_split_training_batches_are_the_same_whoever_decodes_them(streamed: StreamedSplit) -> None:
    before = torch.get_rng_state()
    batches = batches_of(streamed)
    elsewhere = batches_of(replace(streamed, workers=2))
    shares = [batches_of(streamed, Team(rank, 2)) for rank in range(2)]

    assert torch.equal(torch.get_rng_state(), before)  # dropout draws from there
    for number, (images, _) in enumerate(batches):
        assert torch.equal(elsewhere[number][0], images)
        for rank in range(2):
            assert torch.equal(shares[rank][number][0], images[rank::2])


def test_streamed_split_says_nothing_of_more_data_workers_than_cores(
    streamed: StreamedSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(replace(streamed, workers=2).evaluation_batches(ALONE))) == 1


@pytest.mark.parametrize(
    "said",
    [
        "unable to allocate shared memory(shm) for file </torch_1_2_0>: No space left on device (28)",
        "DataLoader worker (pid 9) is killed by signal: Bus error. It is possible that dataloader's workers "
        "are out of shared memory.",
    ],
)
def test_streamed_split_says_that_shared_memory_is_full(
    said: str, streamed: StreamedSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(items: object) -> NoReturn:
        raise RuntimeError(said)

    monkeypatch.setattr(streaming, "_collate", full)
    with pytest.raises(UserError, match=r"^data_workers: need room for their batches, but /dev/shm is full"):
        list(replace(streamed, workers=1).evaluation_batches(ALONE))


def test_streamed_split_passes_other_errors_on(
    streamed: StreamedSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(items: object) -> NoReturn:
        raise RuntimeError("something else")

    monkeypatch.setattr(streaming, "_collate", broken)
    with pytest.raises(RuntimeError, match="something else"):
        list(streamed.evaluation_batches(ALONE))


def test_streamed_split_evaluation_batches_give_every_image_once(streamed: StreamedSplit) -> None:
    ((images, labels),) = streamed.evaluation_batches(ALONE)
    parts = [batch for rank in range(3) for batch in streamed.evaluation_batches(Team(rank, 3))]

    assert images.shape == (10, 3, 8, 8)
    assert labels.tolist() == streamed.part.labels.tolist()
    for rank, (mine, theirs) in enumerate(parts):
        assert torch.equal(mine, images[rank::3])
        assert torch.equal(theirs, labels[rank::3])


def test_streamed_split_first_keeps_the_first(streamed: StreamedSplit) -> None:
    assert streamed.first(3).part.labels.tolist() == streamed.part.labels[:3].tolist()
    assert len(streamed.first(100)) == 10


@pytest.mark.parametrize("workers", [0, 1])
def test_streamed_split_names_the_file_that_cannot_be_read(
    workers: int, streamed: StreamedSplit, tmp_path: Path
) -> None:
    file = tmp_path / "train" / "dog" / "3.png"
    file.write_bytes(file.read_bytes()[:60])
    split = replace(streamed, workers=workers)
    for batches in (lambda: batches_of(split), lambda: list(split.evaluation_batches(ALONE))):
        with pytest.raises(UserError) as error:
            batches()
        message = str(error.value)
        assert message.startswith(f"dataset: '{file}' cannot be decoded as an image (")
        assert "\n" not in message
        assert len(message) - len(str(file)) < 150
