"""A job in, an outcome out, whatever happens between them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cheapsearch.models import build
from cheapsearch.search.data import ImageData, normalise
from cheapsearch.search.training import short as evaluation
from cheapsearch.search.training.loop import evaluate
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import Evaluator
from cheapsearch.search.workers.jobs import Job, Outcome
from cheapsearch.space import Architecture, UserError

UNMODIFIED = Architecture("mobilenet_v2", 0.25)


@pytest.fixture
def evaluator(tiny_images: ImageData, tiny_proxy: Proxy) -> Evaluator:
    return Evaluator(tiny_images, tiny_proxy, "cpu")


def figures(outcome: Outcome) -> tuple[Any, ...]:
    """All but the times."""
    return outcome.index, outcome.accuracy, outcome.curve, outcome.losses, outcome.reason


@pytest.mark.parametrize("epochs", [1, 3])
def test_evaluate_gives_a_curve_of_one_point_an_epoch(
    tiny_images: ImageData, tiny_proxy: Proxy, epochs: int
) -> None:
    evaluator = Evaluator(tiny_images, replace(tiny_proxy, epochs=epochs), "cpu")
    outcome = evaluator.evaluate(Job(7, UNMODIFIED, 0))
    assert outcome.index == 7
    assert (len(outcome.curve), len(outcome.losses)) == (epochs, epochs)
    assert outcome.accuracy == outcome.curve[-1]
    assert outcome.reason == ""
    # 24 validation images: every accuracy is a multiple of 1/24
    assert all(round(24 * value / 100, 6).is_integer() for value in outcome.curve)
    # 48 training and 24 validation images are seen an epoch; what is around the epochs takes time too.
    assert outcome.images_per_second * outcome.seconds > epochs * (48 + 24)


def test_evaluate_stops_below_a_floor(tiny_images: ImageData, tiny_proxy: Proxy) -> None:
    evaluator = Evaluator(tiny_images, replace(tiny_proxy, epochs=3), "cpu")
    whole = evaluator.evaluate(Job(7, UNMODIFIED, 0))
    assert not whole.stopped
    for floors in ((0.0, 0.0), (whole.curve[0], whole.curve[1])):
        assert figures(evaluator.evaluate(Job(7, UNMODIFIED, 0, floors))) == figures(whole)
    for after in (1, 2):
        floors = (0.0,) * (after - 1) + (100.0,)
        outcome = evaluator.evaluate(Job(7, UNMODIFIED, 0, floors))
        assert outcome.stopped
        assert outcome.accuracy is None
        assert (outcome.curve, outcome.losses) == (whole.curve[:after], whole.losses[:after])
        assert outcome.reason == ""


def test_evaluate_is_the_same_to_the_last_bit_for_the_same_job(evaluator: Evaluator) -> None:
    job = Job(0, UNMODIFIED, 5)
    first = evaluator.evaluate(job)
    evaluator.evaluate(Job(1, replace(UNMODIFIED, expand="reuse"), 6))  # what was before does not matter
    torch.rand(3)
    assert figures(evaluator.evaluate(job)) == figures(first)


def test_evaluate_depends_on_seed_and_architecture(evaluator: Evaluator) -> None:
    losses = {
        evaluator.evaluate(Job(0, architecture, seed)).losses
        for architecture in (UNMODIFIED, replace(UNMODIFIED, expand="reuse"))
        for seed in (0, 1)
    }
    assert len(losses) == 4


def test_evaluate_builds_the_network_of_the_proxy(
    tiny_images: ImageData, tiny_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Architecture, dict[str, Any]]] = []

    def watched(architecture: Architecture, **settings: Any) -> nn.Module:
        made.append((architecture, settings))
        return build(architecture, **settings)

    monkeypatch.setattr(evaluation, "build", watched)
    evaluator = Evaluator(tiny_images, replace(tiny_proxy, width=0.5, epochs=1), "cpu")
    evaluator.evaluate(Job(0, Architecture("mobilenet_v2", 0.8, expand="reuse"), 0))
    narrow = Architecture("mobilenet_v2", 0.8 * 0.5, expand="reuse")
    assert made == [(narrow, {"num_classes": 3, "input_size": 8})]


def test_evaluator_normalises_by_the_training_images(evaluator: Evaluator, tiny_images: ImageData) -> None:
    pixels = tiny_images.train_images / 255
    np.testing.assert_allclose(evaluator.train_split.mean.numpy(), pixels.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(evaluator.train_split.std.numpy(), pixels.std((0, 1, 2)), rtol=1e-4)
    images = normalise(evaluator.train_split.images, evaluator.train_split.mean, evaluator.train_split.std)
    assert images.mean((0, 2, 3)).tolist() == pytest.approx([0.0] * 3, abs=1e-5)


def test_evaluator_sees_the_images_in_channels_last(evaluator: Evaluator, tiny_images: ImageData) -> None:
    for split, images in (
        (evaluator.train_split, tiny_images.train_images),
        (evaluator.val_split, tiny_images.val_images),
    ):
        assert split.images.shape == (len(images), 3, 8, 8)
        assert split.images.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(split.images.permute(0, 2, 3, 1).numpy(), images)


def test_evaluate_scores_on_the_validation_images(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[nn.Module] = []

    def keep(architecture: Architecture, **settings: Any) -> nn.Module:
        kept.append(build(architecture, **settings))
        return kept[0]

    monkeypatch.setattr(evaluation, "build", keep)
    outcome = evaluator.evaluate(Job(0, UNMODIFIED, 0))
    scored = evaluate(kept[0], evaluator.val_split).top1
    assert outcome.accuracy == scored


# --- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA error:\n  out of\tmemory\n"), "RuntimeError: CUDA error: out of memory"),
        (MemoryError(), "MemoryError:"),
        (ZeroDivisionError("float division by zero"), "ZeroDivisionError: float division by zero"),
        (UserError("width: must be"), "UserError: width: must be"),
        (RuntimeError("x" * 1000), f"RuntimeError: {'x' * 1000}"[:300]),
    ],
)
def test_evaluate_tells_a_failure_in_one_line(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def broken(*arguments: object, **settings: object) -> nn.Module:
        raise error

    monkeypatch.setattr(evaluation, "build", broken)
    outcome = evaluator.evaluate(Job(4, UNMODIFIED, 0))
    assert (outcome.index, outcome.accuracy, outcome.curve, outcome.losses) == (4, None, (), ())
    assert outcome.reason == reason
    assert outcome.seconds > 0


def test_evaluate_tells_a_diverged_training(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x.mean((2, 3))) * float("nan")

    make: Callable[..., nn.Module] = lambda *arguments, **settings: Broken()  # noqa: E731
    monkeypatch.setattr(evaluation, "build", make)
    outcome = evaluator.evaluate(Job(0, UNMODIFIED, 0))
    assert outcome.accuracy is None
    assert outcome.reason == "DivergedError: the training loss is nan in epoch 1"


def test_evaluate_tells_of_any_error_in_the_outcome(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **settings: object) -> nn.Module:
        raise KeyError("expand")

    monkeypatch.setattr(evaluation, "build", broken)
    outcome = evaluator.evaluate(Job(0, UNMODIFIED, 0))
    assert (outcome.accuracy, outcome.reason) == (None, "KeyError: 'expand'")
