"""One proxy training: an architecture in, its validation accuracy out."""

import time
from dataclasses import replace

import torch

from ...models import build
from ..data import ImageData, channel_statistics
from ..workers.jobs import Job, Outcome, is_stopped
from .loop import Epoch, TrainingState, train
from .proxy import Proxy
from .splits import MemorySplit


class Evaluator:
    """Trains architectures under one proxy on one device.

    Args:
        data: Images at the proxy's input size.
        device: A torch device, such as `cpu` or `cuda:1`.
    """

    def __init__(self, data: ImageData, proxy: Proxy, device: str) -> None:
        self.proxy = proxy
        self.device = torch.device(device)
        self.num_classes = data.num_classes
        self.flip = data.flip
        mean, std = channel_statistics(data.train_images)
        self.train_split = MemorySplit.of(data.train_images, data.train_labels, mean, std, self.device)
        self.val_split = MemorySplit.of(data.val_images, data.val_labels, mean, std, self.device)

    def evaluate(self, job: Job) -> Outcome:
        """Train one architecture; whatever goes wrong is told in the outcome, not raised."""
        start = time.perf_counter()
        try:
            torch.manual_seed(job.seed)
            narrow = replace(job.architecture, width=self.proxy.network_width(job.architecture.width))
            network = build(narrow, num_classes=self.num_classes, input_size=self.proxy.input_size)
            recipe = self.proxy.recipe(flip=self.flip)
            state = TrainingState(network.to(self.device), recipe, seed=job.seed)
            epochs: list[Epoch] = []
            curve: list[float] = []
            stopped = False
            for epoch in train(state, self.train_split, self.val_split, recipe):
                epochs.append(epoch)
                curve.append(epoch.val.top1)
                if stopped := is_stopped(curve, job.floors):
                    break
        except Exception as error:  # whatever it is, it ends this trial and no other
            return Outcome(job.index, None, seconds=time.perf_counter() - start, reason=reason_of(error))
        seen = len(epochs) * (len(self.train_split.labels) + len(self.val_split.labels))
        return Outcome(
            index=job.index,
            accuracy=None if stopped else curve[-1],
            curve=tuple(curve),
            losses=tuple(epoch.train_loss for epoch in epochs),
            seconds=time.perf_counter() - start,
            images_per_second=seen / epochs[-1].seconds,
            stopped=stopped,
        )


def reason_of(error: Exception) -> str:
    """An error in one line, at most 300 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
