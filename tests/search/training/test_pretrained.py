"""Searches and trainings that begin with trained weights."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

import cheapsearch
from cheapsearch.models import build, describe, weights_bytes
from cheapsearch.models.pretrained import Pretrained, read_pretrained
from cheapsearch.search.data import ImageData
from cheapsearch.search.training.loop import TrainingState, train
from cheapsearch.search.training.policies import changed_policy, finetune_policy, photos_policy
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.training.splits import MemorySplit
from cheapsearch.search.training.statistics import estimate_statistics
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.space import Architecture, Preprocessing, UserError, read_config
from cheapsearch.space.run_folder import RunFolder
from cheapsearch.space.training_folder import TrainingFolder

PLAIN = Architecture("mobilenet_v2", 0.25)
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def trained_file(path: Path, seed: int) -> Path:
    """A file as a training of the unmodified network leaves it, of two classes."""
    config = describe(
        PLAIN,
        num_classes=2,
        input_size=32,
        version="0.1.0",
        origin={},
        classes=("cat", "dog"),
        preprocessing=Preprocessing(32, "square", 32, MEAN, STD),
    )
    torch.manual_seed(seed)
    path.write_bytes(weights_bytes(build(PLAIN, num_classes=2).state_dict(), config))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_file(tmp_path_factory.mktemp("weights") / "best.safetensors", 0)


@pytest.fixture(scope="module")
def pretrained(weights: Path) -> Pretrained:
    return read_pretrained("mobilenet_v2", 0.25, weights)


def test_equal_networks_begin_alike(pretrained: Pretrained, tiny_images: ImageData) -> None:
    proxy = Proxy(1, 1.0, 16, 64, 32, 0.02, 32)
    trainer = ProxyTrainer(tiny_images, proxy, "cpu", pretrained=pretrained)
    assert trainer.train_split.mean.tolist() == list(MEAN)
    found = []
    for index, project in enumerate(("conv", "conv_shuffle")):
        *_, last = trainer.perform(Job(index, Architecture("mobilenet_v2", 0.25, project=project), 7))
        assert isinstance(last, Trained), last
        found.append((last.accuracy, last.losses))
    assert found[0] == found[1]


def test_frozen_epochs_leave_what_was_taken_over_as_it_is(pretrained: Pretrained) -> None:
    torch.manual_seed(0)
    network = build(PLAIN, num_classes=3, input_size=16)
    kept = pretrained.start(network).whole
    recipe = Recipe(epochs=2, batch_size=8, learning_rate=0.1, warmup_epochs=0, frozen_epochs=1)
    images, labels = torch.randint(0, 256, (16, 3, 16, 16), dtype=torch.uint8), torch.arange(16) % 3
    split = MemorySplit(images, labels, torch.tensor(MEAN), torch.tensor(STD))
    state = TrainingState(network, recipe, seed=0, kept=kept)

    def numbers() -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in network.state_dict().items() if value.dim()}

    expected = deepcopy(network)
    estimate_statistics(expected, split)
    before = {name: value for name, value in expected.state_dict().items() if value.dim()}
    for epoch, _ in enumerate(train(state, split, split, recipe), 1):
        now = numbers()
        changed = {name for name in now if not torch.equal(now[name], before[name])}
        assert changed == ({"classifier.weight", "classifier.bias"} if epoch == 1 else set(now))


def test_finetune_is_shorter_and_slower_than_photos_and_freezes_an_epoch() -> None:
    photos, tuned = photos_policy(2000, 4), finetune_policy(2000, 4, 224)
    assert (tuned.batch_size, tuned.crop) == (photos.batch_size, "resized")
    steps = 2000 // photos.batch_size
    assert tuned.epochs == min(100, max(20, round(20_000 / 4 / steps)))
    assert tuned.learning_rate == pytest.approx(photos.learning_rate * 0.4)
    assert tuned.frozen_epochs == 1
    assert finetune_policy(2000, 4, 64).crop == "padded"
    where: dict[str, Any] = {"dataset": "cifar10", "input_size": 32, "images": 2000, "cores": 4}
    found = changed_policy(None, {}, **where, pretrained=True)
    assert found == finetune_policy(2000, 4, 32)
    assert changed_policy(None, {"epochs": 1}, **where, pretrained=True).frozen_epochs == 0
    assert changed_policy("finetune", {}, **where).frozen_epochs == 0  # of fresh weights
    with pytest.raises(UserError, match=r"^frozen_epochs: must be 0 without pretrained weights, got 2"):
        changed_policy(None, {"frozen_epochs": 2}, **where)


def test_runs_and_trainings_keep_to_the_weights_that_they_began_with(
    few_digits: Path, tmp_path: Path
) -> None:
    weights = trained_file(tmp_path / "best.safetensors", 0)
    said: list[str] = []
    run = tmp_path / "run"
    wanted: dict[str, Any] = {"dataset": few_digits, "width": 0.25, "workers": 0, "out": run}
    proxy = {"epochs": 1, "input_size": 8}
    cheapsearch.run(**wanted, budget=1, weights=weights, proxy=proxy, say=said.append)
    record = RunFolder(run).read_record()
    assert record is not None
    assert Proxy.from_dict(record.settings.proxy).width == 1.0
    read = read_pretrained("mobilenet_v2", 0.25, weights)
    tensors = sum(value.dim() > 0 for value in build(PLAIN).state_dict().values())
    taken = {"whole": tensors - 2, "partly": 0, "tensors": tensors}  # all but the classifier
    assert record.began_with == {"name": "best.safetensors", "hash": read.hash, **taken}
    assert sum(f"network takes {tensors - 2} of {tensors} tensors" in line for line in said) == 1

    other = trained_file(tmp_path / "other.safetensors", 1)
    for given, message in (
        ({"proxy": {"width": 0.5}}, r"^proxy width: must stay 1.0"),
        (
            {"proxy": {"channel_multiple": 16}, "weights": weights},
            r"^proxy: channel_multiple must be 8 with pretrained weights, which fit no other, got 16; leave",
        ),
        ({"pretrained": "imagenet"}, r"^pretrained: must stay none, as the run in"),
        ({"weights": other}, r"^weights: must stay what the run in .* began with, best.safetensors \("),
    ):
        with pytest.raises(UserError, match=message):
            cheapsearch.run(**{**wanted, **given}, budget=2)

    retrained = cheapsearch.retrain(run, epochs=2, workers=0, say=said.append)
    (result,) = retrained.results
    assert result.settings.began_with == record.began_with
    assert result.settings.policy["frozen_epochs"] == 1
    assert any("policy     finetune: 2 epochs" in line for line in said)
    config = read_config(TrainingFolder(run / "retrain" / result.settings.hash).config_path)
    assert config.origin["began_with"] == record.began_with
    assert config.preprocessing is not None
    assert config.preprocessing.mean == MEAN
    with pytest.raises(UserError, match=r"^weights: must stay what .* began with, best.safetensors"):
        cheapsearch.retrain(run, epochs=2, workers=0, weights=other)
    shutil.copy(other, weights)
    with pytest.raises(
        UserError, match=r"^weights: must stay what the run in .* began with, .*; put that file"
    ):
        cheapsearch.retrain(run, epochs=3, workers=0)
