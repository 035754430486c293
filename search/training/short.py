"""One proxy training: an architecture in, its validation accuracy out."""

import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from ...models import build
from ...models.pretrained import Pretrained
from ...space import Architecture, canonical
from ..data import ImageData, channel_statistics
from ..workers.jobs import Failed, Job, Message, Progress, Stopped, Trained, is_stopped
from .balance import class_weights
from .loop import Epoch, TrainingState, train
from .proxy import Proxy
from .recipe import Recipe
from .splits import MemorySplit


class ProxyTrainer:
    """Trains architectures under one proxy on one device.

    Args:
        data: Images at the proxy's input size.
        device: A torch device, such as `cpu` or `cuda:1`.
        weights: Of the classes in the loss, by name.
        metric: What an accuracy is.
        pretrained: Weights that every training begins with, None for fresh ones.
    """

    def __init__(
        self,
        data: ImageData,
        proxy: Proxy,
        device: str,
        *,
        weights: str = "none",
        metric: str = "accuracy",
        pretrained: Pretrained | None = None,
    ) -> None:
        self.proxy, self.pretrained = proxy, pretrained
        self.device = torch.device(device)
        self.classes, self.num_classes = data.classes, data.num_classes
        self._weights = class_weights(weights, data.train_labels, data.num_classes)
        self._flip, self._metric = data.flip, metric
        mean, std = channel_statistics(data.train_images)
        if pretrained is not None:
            mean, std = torch.tensor(pretrained.mean), torch.tensor(pretrained.std)
        self.train_split = MemorySplit.of(data.train_images, data.train_labels, mean, std, self.device)
        self.val_split = MemorySplit.of(data.val_images, data.val_labels, mean, std, self.device)

    def recipe(self, rung: int = 1) -> Recipe:
        """Of a training so many times as long as the proxy."""
        longer = replace(self.proxy, epochs=rung * self.proxy.epochs)
        return longer.recipe(flip=self._flip, class_weights=self._weights, metric=self._metric)

    def perform(self, job: Job[Architecture]) -> Iterator[Message]:
        """Train one architecture; whatever goes wrong is told in the outcome, not raised."""
        start = time.perf_counter()
        try:
            yield from self._train(job, start)
        except Exception as error:  # whatever it is, it ends this trial and no other
            yield Failed.of(job.index, error, time.perf_counter() - start)

    def _train(self, job: Job[Architecture], start: float) -> Iterator[Message]:
        torch.manual_seed(job.seed)
        subject = job.subject if self.pretrained is None else canonical(job.subject)
        narrow = replace(subject, width=self.proxy.network_width(subject.width))
        network = build(
            narrow,
            num_classes=self.num_classes,
            input_size=self.proxy.input_size,
            layout=self.proxy.layout(subject),
        )
        if self.pretrained is not None:
            self.pretrained.start(network, self.classes)
        recipe = self.recipe(job.rung)
        state = TrainingState(network.to(self.device), recipe, seed=job.seed)
        epochs: list[Epoch] = []
        curve: list[float] = []
        stopped = False
        # What a user's own operation does may not be of a kind that can be recorded.
        graphs = not subject.own
        for epoch in train(state, self.train_split, self.val_split, recipe, graphs=graphs):
            epochs.append(epoch)
            curve.append(epoch.val.score)
            yield Progress(job.index, epoch.epoch, epoch.val.score)
            if stopped := is_stopped(curve, job.floors):
                break
        seen = len(epochs) * (len(self.train_split.labels) + len(self.val_split.labels))
        losses = tuple(epoch.train_loss for epoch in epochs)
        seconds, speed = time.perf_counter() - start, seen / epochs[-1].seconds
        if stopped:
            yield Stopped(job.index, tuple(curve), losses, seconds, speed)
        else:
            yield Trained(job.index, curve[-1], tuple(curve), losses, seconds, speed, epochs[-1].val.right)
