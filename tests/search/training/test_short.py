"""A job in, an outcome out, whatever happens between them."""

import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import Network, build
from cheapsearch.search.data import ImageData, normalise
from cheapsearch.search.training import short as short_training
from cheapsearch.search.training.loop import score
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.jobs import Failed, Job, Message, Progress, Stopped, Trained
from cheapsearch.space import Architecture, get_backbone

UNMODIFIED = Architecture("mobilenet_v2", 0.25)


@pytest.fixture(scope="module")
def trainer(tiny_images: ImageData, tiny_proxy: Proxy) -> ProxyTrainer:
    return ProxyTrainer(tiny_images, tiny_proxy, "cpu")


def outcome_of(trainer: ProxyTrainer, job: Job[Architecture]) -> Message:
    """The outcome, after progress of every epoch that has ended."""
    *progress, outcome = trainer.perform(job)
    assert all(isinstance(message, Progress) for message in progress)
    assert not isinstance(outcome, Progress)
    curve = () if isinstance(outcome, Failed) else outcome.curve  # type: ignore[union-attr]
    epochs = range(1, len(curve) + 1)
    assert progress == [
        Progress(job.index, epoch, accuracy) for epoch, accuracy in zip(epochs, curve, strict=True)
    ]
    return outcome


def trained(trainer: ProxyTrainer, job: Job[Architecture]) -> Trained:
    outcome = outcome_of(trainer, job)
    assert isinstance(outcome, Trained), outcome
    return outcome


def failed(trainer: ProxyTrainer, job: Job[Architecture]) -> Failed:
    outcome = outcome_of(trainer, job)
    assert isinstance(outcome, Failed), outcome
    return outcome


def figures(outcome: Trained) -> tuple[object, ...]:
    """All but the times."""
    return outcome.index, outcome.accuracy, outcome.curve, outcome.losses


def test_proxy_trainer_weighs_classes_by_the_training_images(
    tiny_images: ImageData, tiny_proxy: Proxy
) -> None:
    kept = np.flatnonzero((tiny_images.train_labels != 0) | (np.arange(len(tiny_images.train_labels)) < 6))
    some = replace(
        tiny_images,
        train_images=tiny_images.train_images[kept],
        train_labels=tiny_images.train_labels[kept],
    )
    weights = ProxyTrainer(some, tiny_proxy, "cpu", weights="balanced").recipe().class_weights
    counts = np.bincount(some.train_labels)
    assert counts[0] < counts[1]
    assert weights == pytest.approx(len(kept) / (3 * counts))
    assert ProxyTrainer(some, tiny_proxy, "cpu").recipe().class_weights is None


def test_perform_gives_scores_by_the_metric(tiny_images: ImageData, tiny_proxy: Proxy) -> None:
    first = np.flatnonzero(tiny_images.val_labels == 0)
    kept = np.concatenate([np.flatnonzero(tiny_images.val_labels != 0), first[:1]])
    uneven = replace(
        tiny_images, val_images=tiny_images.val_images[kept], val_labels=tiny_images.val_labels[kept]
    )
    found = {
        metric: trained(ProxyTrainer(uneven, tiny_proxy, "cpu", metric=metric), Job(0, UNMODIFIED, seed=0))
        for metric in ("accuracy", "balanced_accuracy", "macro_f1")
    }
    assert len({outcome.accuracy for outcome in found.values()}) == 3
    assert len({outcome.losses for outcome in found.values()}) == 1  # scored otherwise, trained the same


@pytest.mark.parametrize("epochs", [1, 3])
def test_perform_gives_a_curve_of_one_point_an_epoch(
    tiny_images: ImageData, tiny_proxy: Proxy, epochs: int
) -> None:
    trainer = ProxyTrainer(tiny_images, replace(tiny_proxy, epochs=epochs), "cpu")
    outcome = trained(trainer, Job(7, UNMODIFIED, 0))
    assert outcome.index == 7
    assert (len(outcome.curve), len(outcome.losses)) == (epochs, epochs)
    assert outcome.accuracy == outcome.curve[-1]
    # 24 validation images: every accuracy is a multiple of 1/24
    assert all(round(24 * value / 100, 6).is_integer() for value in outcome.curve)
    # 48 training and 24 validation images are seen an epoch; what is around the epochs takes time too.
    assert outcome.images_per_second * outcome.seconds > epochs * (48 + 24)


def test_perform_stops_below_a_floor(tiny_images: ImageData, tiny_proxy: Proxy) -> None:
    trainer = ProxyTrainer(tiny_images, replace(tiny_proxy, epochs=3), "cpu")
    whole = trained(trainer, Job(7, UNMODIFIED, 0))
    for floors in ((0.0, 0.0), (whole.curve[0], whole.curve[1])):
        assert figures(trained(trainer, Job(7, UNMODIFIED, 0, floors))) == figures(whole)
    for after in (1, 2):
        outcome = outcome_of(trainer, Job(7, UNMODIFIED, 0, (0.0,) * (after - 1) + (100.0,)))
        assert isinstance(outcome, Stopped)
        assert (outcome.index, outcome.curve) == (7, whole.curve[:after])
        assert outcome.losses == whole.losses[:after]
        assert outcome.images_per_second * outcome.seconds > after * (48 + 24)


def test_perform_is_the_same_to_the_last_bit_for_the_same_job(trainer: ProxyTrainer) -> None:
    job = Job(0, UNMODIFIED, 5)
    first = trained(trainer, job)
    trained(trainer, Job(1, replace(UNMODIFIED, expand="reuse"), 6))  # what was before does not matter
    torch.rand(3)
    assert figures(trained(trainer, job)) == figures(first)


def test_perform_depends_on_seed_and_architecture(trainer: ProxyTrainer) -> None:
    losses = {
        trained(trainer, Job(0, architecture, seed)).losses
        for architecture in (UNMODIFIED, replace(UNMODIFIED, expand="reuse"))
        for seed in (0, 1)
    }
    assert len(losses) == 4


def test_perform_builds_the_network_of_the_proxy(
    tiny_images: ImageData, tiny_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Architecture, dict[str, Any]]] = []

    def watched(architecture: Architecture, **settings: Any) -> nn.Module:
        made.append((architecture, settings))
        return build(architecture, **settings)

    monkeypatch.setattr(short_training, "build", watched)
    trainer = ProxyTrainer(tiny_images, replace(tiny_proxy, width=0.5, epochs=1), "cpu")
    trained(trainer, Job(0, Architecture("mobilenet_v2", 0.8, expand="reuse"), 0))
    narrow = Architecture("mobilenet_v2", 0.8 * 0.5, expand="reuse")
    layout = get_backbone("mobilenet_v2").layout(0.4, 8)
    assert made == [(narrow, {"num_classes": 3, "input_size": 8, "layout": layout})]


def test_perform_keeps_the_strides_of_the_full_network(
    tiny_images: ImageData, tiny_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Network] = []

    def watched(architecture: Architecture, **settings: Any) -> Network:
        built.append(build(architecture, **settings))
        return built[-1]

    monkeypatch.setattr(short_training, "build", watched)
    for size in (64, 224):
        proxy = replace(tiny_proxy, layout_size=size, epochs=1)
        trained(ProxyTrainer(tiny_images, proxy, "cpu"), Job(0, UNMODIFIED, 0))
    images = torch.zeros(1, 3, 64, 64)
    # The stem and the second stage have a stride of 2 in networks of more than 64 pixels only.
    assert [network.eval().first_conv(images).shape[-1] for network in built] == [64, 32]  # type: ignore[misc]
    assert [network.blocks(network.first_conv(images)).shape[-1] for network in built] == [8, 2]  # type: ignore[misc]


def test_proxy_trainer_normalises_by_the_training_images(
    trainer: ProxyTrainer, tiny_images: ImageData
) -> None:
    pixels = tiny_images.train_images / 255
    np.testing.assert_allclose(trainer.train_split.mean.numpy(), pixels.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(trainer.train_split.std.numpy(), pixels.std((0, 1, 2)), rtol=1e-4)
    images = normalise(trainer.train_split.images, trainer.train_split.mean, trainer.train_split.std)
    assert images.mean((0, 2, 3)).tolist() == pytest.approx([0.0] * 3, abs=1e-5)


def test_proxy_trainer_sees_the_images_in_channels_last(
    trainer: ProxyTrainer, tiny_images: ImageData
) -> None:
    for split, images in (
        (trainer.train_split, tiny_images.train_images),
        (trainer.val_split, tiny_images.val_images),
    ):
        assert split.images.shape == (len(images), 3, 8, 8)
        assert split.images.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(split.images.permute(0, 2, 3, 1).numpy(), images)


def test_perform_scores_on_the_validation_images(
    trainer: ProxyTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[nn.Module] = []

    def keep(architecture: Architecture, **settings: Any) -> nn.Module:
        kept.append(build(architecture, **settings))
        return kept[0]

    monkeypatch.setattr(short_training, "build", keep)
    outcome = trained(trainer, Job(0, UNMODIFIED, 0))
    scored = score(kept[0], trainer.val_split).top1
    assert outcome.accuracy == scored


# --- failures ---------------------------------------------------------------------------------------


def test_perform_tells_of_any_error_in_one_line_and_keeps_its_traceback(
    trainer: ProxyTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **settings: object) -> nn.Module:
        raise RuntimeError("CUDA error:\n  out of\tmemory\n")

    monkeypatch.setattr(short_training, "build", broken)
    outcome = failed(trainer, Job(4, UNMODIFIED, 0))
    assert (outcome.index, outcome.reason) == (4, "RuntimeError: CUDA error: out of memory")
    assert outcome.trace.startswith("Traceback (most recent call last):\n")
    assert "in broken" in outcome.trace
    assert outcome.seconds > 0


CRAMPED = """
import pickle, resource, sys
from pathlib import Path
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.jobs import Job
from cheapsearch.space import Architecture

def outcome(index, width):
    return list(trainer.perform(Job(index, Architecture("mobilenet_v2", width), 1)))[-1]

trainer = ProxyTrainer(*pickle.load(sys.stdin.buffer), "cpu")
outcomes = [outcome(0, 0.25)]
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limits = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 16 * 2**20, limits[1]))
outcomes.append(outcome(1, 2.0))
resource.setrlimit(resource.RLIMIT_AS, limits)
outcomes.append(outcome(2, 0.25))
pickle.dump(outcomes, sys.stdout.buffer)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_perform_outlives_an_architecture_for_which_there_is_no_memory(
    tiny_images: ImageData, tiny_proxy: Proxy
) -> None:
    """In a process that may take 16 MiB more: the weights of a network twice as wide as usual are 35 MB."""
    given = pickle.dumps((tiny_images, replace(tiny_proxy, width=1.0)))
    done = subprocess.run([sys.executable, "-c", CRAMPED], input=given, stdout=subprocess.PIPE, check=True)
    before, large, after = pickle.loads(done.stdout)
    assert isinstance(large, Failed)
    assert "memory" in large.reason
    assert large.trace.startswith("Traceback (most recent call last):\n")
    assert isinstance(after, Trained)
    assert figures(replace(after, index=0)) == figures(before)


def test_perform_tells_a_diverged_training(trainer: ProxyTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            answers: Tensor = self.layer(x.mean((2, 3))) * float("nan")
            return answers

    monkeypatch.setattr(short_training, "build", lambda *arguments, **settings: Broken())
    outcome = failed(trainer, Job(0, UNMODIFIED, 0))
    assert outcome.reason == "DivergedError: the training loss is nan in epoch 1"


def test_perform_trains_longer_by_the_rung(trainer: ProxyTrainer, tiny_proxy: Proxy) -> None:
    once, thrice = (trained(trainer, Job(0, UNMODIFIED, 1, rung=rung)) for rung in (1, 3))
    assert len(once.curve) == tiny_proxy.epochs
    assert len(thrice.curve) == 3 * tiny_proxy.epochs
    # One schedule over its whole length: warm-up grows with it, so that not even the first epoch is the same.
    assert trainer.recipe(3).warmup_epochs == pytest.approx(3 * trainer.recipe(1).warmup_epochs)
    assert once.losses[0] != thrice.losses[0]
