"""One step of training, plain and replayed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cheapsearch import load_operations
from cheapsearch.search.data import ImageData
from cheapsearch.search.training import short as short_training
from cheapsearch.search.training.loop import train
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.training.step import GraphedStep, PlainStep
from cheapsearch.search.workers.devices import prepare_process
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.space import Architecture

V2 = "mobilenet_v2"
RECIPE = Recipe(epochs=1, batch_size=4, learning_rate=0.1, warmup_epochs=0.0)


def test_rates_are_set_for_each_group_and_the_frozen_one_stays() -> None:
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    groups: list[dict[str, Any]] = [
        {"params": list(layers[0].parameters()), "frozen": False},
        {"params": list(layers[1].parameters()), "frozen": True},
    ]
    step = PlainStep(layers, torch.optim.SGD(groups, lr=0.0), RECIPE)
    step.set_rates(0.5, frozen=True)
    assert [group["lr"] for group in step.optimizer.param_groups] == [0.5, 0.0]
    step.set_rates(0.25, frozen=False)
    assert [group["lr"] for group in step.optimizer.param_groups] == [0.25, 0.25]


@pytest.mark.usefixtures("forget_own")
def test_an_own_operation_is_trained_step_by_step(
    tiny_images: ImageData, tiny_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_operations(Path(__file__).parents[3] / "examples" / "partial_conv.py")
    asked: list[bool] = []

    def watched(*arguments: Any, graphs: bool) -> Any:
        asked.append(graphs)
        return train(*arguments, graphs=graphs)

    monkeypatch.setattr(short_training, "train", watched)
    trainer = ProxyTrainer(tiny_images, tiny_proxy, "cpu")
    for network in (Architecture(V2, 0.25), Architecture(V2, 0.25, expand="partial_conv")):
        *_, outcome = trainer.perform(Job(0, network, 0))
        assert isinstance(outcome, Trained), outcome
    assert asked == [True, False]


def test_what_cannot_be_recorded_is_trained_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unrecordable(GraphedStep):
        def _aside(self, images: Tensor, labels: Tensor) -> Tensor:
            return PlainStep.__call__(self, images, labels)

        def _record(self, images: Tensor, labels: Tensor) -> torch.cuda.CUDAGraph:
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(GraphedStep, "refused", False)
    images, labels = torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(0)), torch.arange(4) % 3

    def losses(kind: type[PlainStep]) -> list[float]:
        torch.manual_seed(0)
        layer = nn.Linear(5, 3)
        step = kind(layer, torch.optim.SGD(layer.parameters(), lr=0.0, momentum=0.9), RECIPE)
        step.set_rates(0.1, frozen=False)
        return [float(step(some, labels)) for some in images]

    with pytest.warns(UserWarning, match="not replayed, which is slower: operation not permitted") as said:
        found = losses(Unrecordable)
    assert len(said) == 1
    losses(Unrecordable)  # says nothing more: the process does not try again
    assert found == pytest.approx(losses(PlainStep), rel=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("backbone", [V2, "mobilenet_v3_small"])
def test_a_replayed_step_does_what_a_plain_one_does(
    backbone: str, tiny_images: ImageData, tiny_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_process("cuda:0", threads=1)
    replays, replay = [], torch.cuda.CUDAGraph.replay

    def counted(graph: torch.cuda.CUDAGraph) -> None:
        replays.append(graph)
        replay(graph)

    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", counted)
    job = Job(0, Architecture(backbone, 0.5, expand="reuse"), 1, rung=2)
    *_, replayed = ProxyTrainer(tiny_images, tiny_proxy, "cuda:0").perform(job)
    assert len(replays) == 2 * 2 * 3 - 3  # epochs of three batches, but for the first steps
    monkeypatch.setattr("cheapsearch.search.training.loop.GraphedStep", PlainStep)
    *_, plain = ProxyTrainer(tiny_images, tiny_proxy, "cuda:0").perform(job)
    assert isinstance(replayed, Trained), replayed
    assert isinstance(plain, Trained), plain
    assert replayed.losses == pytest.approx(plain.losses, rel=1e-3)
    assert replayed.curve == pytest.approx(plain.curve, abs=2.0)
