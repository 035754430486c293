"""The training loop on images that a colour tells apart, and on networks made for one question."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import build
from cheapsearch.search.data import ImageData, channel_statistics
from cheapsearch.search.training import loop as training
from cheapsearch.search.training import splits
from cheapsearch.search.training.loop import DivergedError, Epoch, TrainingState, score, train
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.schedule import learning_rate
from cheapsearch.search.training.splits import MemorySplit
from cheapsearch.space import Architecture

PLAIN = Recipe(epochs=2, batch_size=16, learning_rate=0.1, warmup_epochs=0.5, padding=1)
MEAN, STD = torch.zeros(3), torch.ones(3) / 255  # so that pixels go in as they are, in 0 to 255


def split(images: Tensor, labels: Tensor) -> MemorySplit:
    return MemorySplit(images, labels, MEAN, STD)


def zeros(count: int) -> MemorySplit:
    images = torch.zeros(count, 3, 8, 8, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    return split(images, torch.arange(count) % 3)


def begin(
    network: nn.Module, train_split: MemorySplit, val_split: MemorySplit, recipe: Recipe, *, seed: int = 0
) -> Iterator[Epoch]:
    return train(TrainingState(network, recipe, seed=seed), train_split, val_split, recipe)


class Watched(nn.Module):
    """One linear layer on the mean colour; keeps what it was given in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.batches: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.batches.append(x)
        return self.layer(x.mean((2, 3)))


Learn = Callable[..., list[Epoch]]


@pytest.fixture
def learn(tiny_images: ImageData) -> Learn:
    """Train a network on the tiny images; keywords change the recipe."""
    mean, std = channel_statistics(tiny_images.train_images)
    of = (mean, std, torch.device("cpu"))
    train_split = MemorySplit.of(tiny_images.train_images, tiny_images.train_labels, *of)
    val_split = MemorySplit.of(tiny_images.val_images, tiny_images.val_labels, *of)

    def run(network: nn.Module, *, seed: int = 0, **changes: Any) -> list[Epoch]:
        recipe = replace(PLAIN, **changes)
        return list(begin(network, train_split, val_split, recipe, seed=seed))

    return run


def small_network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build(Architecture("mobilenet_v2", 0.25), num_classes=3, input_size=8)


# --- learning ---------------------------------------------------------------------------------------


def test_train_learns_what_a_colour_tells(learn: Learn) -> None:
    torch.manual_seed(0)
    epochs = learn(Watched(), epochs=10, learning_rate=0.5)
    assert epochs[-1].val.top1 == 100.0
    assert epochs[-1].train_loss < 0.1 < math.log(3) / 2 < epochs[0].train_loss


def test_train_learns_with_a_network_of_the_space(learn: Learn) -> None:
    epochs = learn(small_network(), epochs=24, batch_size=12, learning_rate=0.02)
    assert sum(epoch.val.top1 for epoch in epochs[-3:]) / 3 > 80.0  # a guess is right once in three
    assert epochs[-1].train_loss < epochs[0].train_loss / 2


def test_train_gives_every_epoch_as_it_ends(learn: Learn) -> None:
    epochs = learn(Watched(), epochs=3)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    seconds = [epoch.seconds for epoch in epochs]
    assert 0 < seconds[0] < seconds[1] < seconds[2]


def test_train_loss_weighs_every_image_by_its_class(learn: Learn, tiny_images: ImageData) -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.answers = nn.Parameter(torch.tensor([2.0, 1.0, 0.0]))

        def forward(self, x: Tensor) -> Tensor:
            return self.answers.expand(len(x), 3)

    whole = {"epochs": 1, "batch_size": len(tiny_images.train_labels), "learning_rate": 1e-9}
    weights = torch.tensor([3.0, 0.5, 0.25])
    labels = torch.from_numpy(tiny_images.train_labels)
    smoothed = 0.9 * torch.eye(3)[labels] + 0.1 / 3
    losses = -(smoothed * torch.log_softmax(torch.tensor([2.0, 1.0, 0.0]), 0)).sum(1)

    (plain,) = learn(Constant(), label_smoothing=0.1, **whole)
    (weighted,) = learn(Constant(), label_smoothing=0.1, class_weights=tuple(weights.tolist()), **whole)

    assert plain.train_loss == pytest.approx(losses.mean().item())
    assert weighted.train_loss == pytest.approx((losses * weights[labels]).mean().item())
    assert weighted.val.loss == pytest.approx(plain.val.loss)  # what is scored counts as it is


def figures(epochs: list[Epoch]) -> list[tuple[float, float]]:
    return [(epoch.train_loss, epoch.val.top1) for epoch in epochs]


def test_train_is_the_same_to_the_last_bit_for_the_same_seed(learn: Learn) -> None:
    first, again = (small_network(), small_network())
    assert figures(learn(first)) == figures(learn(again))
    for mine, theirs in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_train_draws_order_and_crops_by_the_seed(learn: Learn) -> None:
    networks = [Watched(), Watched()]
    for network, seed in zip(networks, (0, 1), strict=True):
        learn(network, seed=seed, epochs=1)
    assert not torch.equal(networks[0].batches[0], networks[1].batches[0])


def test_train_draws_another_order_in_every_epoch(learn: Learn) -> None:
    network = Watched()
    learn(network, epochs=2, batch_size=48, padding=0, flip=False)
    first, second = network.batches
    assert not torch.equal(first, second)
    # Without augmentation both epochs hold the same images.
    assert torch.allclose(first.sum(0), second.sum(0), atol=1e-3)


# --- batches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (12, 4, [4, 4, 4]),
        (14, 4, [4, 4, 4]),  # the last two images wait for another epoch
        (7, 4, [4]),
        (6, 100, [6]),  # fewer images than a batch: all of them
    ],
)
def test_train_takes_whole_batches_only(count: int, batch_size: int, sizes: list[int]) -> None:
    network = Watched()
    recipe = replace(PLAIN, epochs=2, batch_size=batch_size)
    list(begin(network, zeros(count), zeros(3), recipe))
    assert [len(batch) for batch in network.batches] == 2 * sizes


def test_train_takes_each_image_at_most_once_an_epoch() -> None:
    # The images are told apart by their pixels: 0, 1, 2, ...
    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 3, 8, 8)
    images = images.contiguous(memory_format=torch.channels_last)
    network = Watched()
    recipe = replace(PLAIN, epochs=3, batch_size=4, padding=0)
    train_split = split(images, torch.arange(10) % 3)
    list(begin(network, train_split, zeros(3), recipe))
    for epoch in range(3):
        seen = torch.cat(network.batches[2 * epoch : 2 * epoch + 2])[:, 0, 0, 0].round().int().tolist()
        assert len(set(seen)) == 8
        assert set(seen) <= set(range(10))


def test_train_computes_in_channels_last(learn: Learn) -> None:
    network = small_network()
    seen = []
    conv = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    conv.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    learn(network, epochs=1)
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images in seen)
    assert not any(images.is_contiguous() for images in seen)
    weights = [parameter for parameter in network.parameters() if parameter.dim() == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)
    # Where one image channel meets one pixel both layouts are the same; elsewhere they are told apart.
    assert not all(weight.is_contiguous() for weight in weights)


# --- steps ------------------------------------------------------------------------------------------


def test_train_steps_by_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 images in batches of 4 are 3 steps an epoch, and the warm-up of 1.4 epochs takes round(4.2)."""
    asked: list[tuple[int, int, int, float]] = []
    used: list[float] = []

    def watched(step: int, *, total_steps: int, warmup_steps: int, initial: float, minimum: float) -> float:
        asked.append((step, total_steps, warmup_steps, initial))
        assert minimum == 0.01
        return learning_rate(
            step, total_steps=total_steps, warmup_steps=warmup_steps, initial=initial, minimum=minimum
        )

    class Optimizer(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            used.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(training, "learning_rate", watched)
    monkeypatch.setattr(torch.optim, "SGD", Optimizer)
    recipe = replace(
        PLAIN, epochs=3, batch_size=4, learning_rate=0.2, warmup_epochs=1.4, min_learning_rate=0.01
    )
    list(begin(Watched(), zeros(12), zeros(3), recipe))
    assert asked == [(step, 9, 4, 0.2) for step in range(9)]
    assert used == [
        learning_rate(step, total_steps=9, warmup_steps=4, initial=0.2, minimum=0.01) for step in range(9)
    ]


def test_train_uses_momentum_and_weight_decay_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Optimizer(torch.optim.SGD):
        def __init__(self, parameters: Any, **settings: Any) -> None:
            made.append(settings)
            super().__init__(parameters, **settings)

    monkeypatch.setattr(torch.optim, "SGD", Optimizer)
    recipe = replace(PLAIN, epochs=1, momentum=0.7, weight_decay=0.02)
    list(begin(Watched(), zeros(16), zeros(3), recipe))
    assert [(settings["momentum"], settings["weight_decay"]) for settings in made] == [(0.7, 0.02)]


def test_train_scales_gradients_down_to_the_largest_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients: list[Tensor] = []

    class Optimizer(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            parts = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
            gradients.append(torch.cat(parts).clone())
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "SGD", Optimizer)

    def first_gradient(largest: float | None) -> Tensor:
        gradients.clear()
        torch.manual_seed(0)
        recipe = replace(PLAIN, epochs=1, batch_size=3, max_gradient_norm=largest)
        list(begin(Watched(), zeros(3), zeros(3), recipe))
        assert len(gradients) == 1
        return gradients[0]

    free = first_gradient(None)
    norm = free.norm().item()
    assert norm > 0.01
    torch.testing.assert_close(first_gradient(2 * norm), free)
    torch.testing.assert_close(first_gradient(norm / 4), free / 4)


def test_train_mean_loss_is_that_of_the_batches() -> None:
    """A network without a parameter that matters answers 0, 0, 0: every loss is log 3."""

    class Zeros(Watched):
        def forward(self, x: Tensor) -> Tensor:
            return 0.0 * super().forward(x)

    for smoothing in (0.0, 0.1):  # three equal answers are as far from any mixture of labels
        recipe = replace(PLAIN, label_smoothing=smoothing)
        epochs = list(begin(Zeros(), zeros(32), zeros(3), recipe))
        assert [epoch.train_loss for epoch in epochs] == pytest.approx([math.log(3)] * 2)
        assert [epoch.val.top1 for epoch in epochs] == pytest.approx([100 / 3] * 2)  # always class 0


# --- divergence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_train_stops_where_the_loss_is_not_finite(value: float) -> None:
    class Broken(Watched):
        def forward(self, x: Tensor) -> Tensor:
            answers = super().forward(x)
            # From the second epoch of two steps on.
            return answers * value if self.training and len(self.batches) > 2 else answers

    epochs = begin(Broken(), zeros(8), zeros(3), replace(PLAIN, batch_size=4))
    assert next(epochs).epoch == 1
    with pytest.raises(DivergedError, match=r"^the training loss is (nan|inf) in epoch 2$"):
        next(epochs)


def test_train_diverges_at_a_rate_far_too_high(learn: Learn) -> None:
    with pytest.raises(DivergedError, match="the training loss is"):
        learn(small_network(), learning_rate=1e30, epochs=3)


@pytest.mark.parametrize("answer", [math.nan, math.inf])
def test_score_of_a_network_that_answers_with_no_number_is_no_share_of_the_first_class(answer: float) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full((len(x), 3), answer)

    with pytest.raises(DivergedError, match=r"^the loss on the images that are scored is nan$"):
        score(Broken(), zeros(6))


# --- scores ------------------------------------------------------------------------------------------


class Brightest(nn.Module):
    """Answers the channel that is brightest in the middle of the image."""

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training
        return x[:, :, 4, 4]


def test_score_is_the_share_counted_by_hand() -> None:
    images = torch.zeros(7, 3, 8, 8, dtype=torch.uint8)
    for index, channel in enumerate([0, 1, 2, 0, 1, 2, 0]):
        images[index, channel] = 200
    labels = torch.tensor([0, 1, 2, 1, 1, 0, 0])  # five of the seven are right
    found = score(Brightest(), split(images, labels)).top1
    assert found == pytest.approx(100 * 5 / 7)


@pytest.mark.parametrize("batch", [1, 3, 500])
def test_score_by_a_metric_is_that_of_the_whole_split(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "EVALUATION_BATCH", batch)
    images = torch.zeros(10, 3, 8, 8, dtype=torch.uint8)
    predicted = [0, 0, 0, 0, 0, 1, 1, 0, 2, 0]
    images[torch.arange(10), predicted] = 200
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 2, 2])

    expected = {
        "accuracy": 70.0,
        "balanced_accuracy": 100 * (5 / 6 + 1 / 2 + 1 / 2) / 3,
        "macro_f1": 100 * (10 / 13 + 2 / 4 + 2 / 3) / 3,  # twice the right ones, by those there and predicted
    }
    for metric, value in expected.items():
        scores = score(Brightest(), split(images, labels), metric=metric)
        assert scores.top1 == pytest.approx(70.0)
        assert scores.score == pytest.approx(value)


def test_score_counts_every_image_of_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(11, 3, 8, 8, dtype=torch.uint8)
    images[:, 0] = 200
    labels = torch.tensor([0] * 9 + [1, 0])
    for batch in (1, 4, 11, 500):
        monkeypatch.setattr(splits, "EVALUATION_BATCH", batch)
        assert score(Brightest(), split(images, labels)).top1 == 100 * 10 / 11


def test_score_keeps_no_gradient_and_no_statistics() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    norm: Any = network[0]
    before = norm.running_mean.clone()
    score(network, zeros(6))
    assert torch.equal(norm.running_mean, before)
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
