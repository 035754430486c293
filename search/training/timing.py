"""How long a step of a proxy takes, before any training."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...models import build
from ...space import Architecture
from ..data import ByteArray, channel_statistics
from ..workers.jobs import Failed, Measured, Message
from .loop import TrainingState, train
from .proxy import Proxy
from .splits import MemorySplit

_WARM_STEPS = 2  # that are not timed


@dataclass(frozen=True)
class TimingJob:
    """Steps to be timed: of an architecture, under a proxy."""

    index: int
    architecture: Architecture
    proxy: Proxy


class StepTimer:
    """Times steps of trainings on one device, until they have taken so long.

    Args:
        images: A few training images by side in pixels, uint8 (N, S, S, 3).
        seconds: Of steps, at least.
    """

    def __init__(
        self, images: Mapping[int, ByteArray], num_classes: int, seconds: float, device: str
    ) -> None:
        self._images, self._num_classes, self._seconds = images, num_classes, seconds
        self._device = torch.device(device)

    def perform(self, job: TimingJob) -> Iterator[Message]:
        """Seconds of a step, as the epoch of a `Measured`; whatever goes wrong is told, not raised."""
        start = time.perf_counter()
        try:
            yield Measured(job.index, self._step(job))
        except Exception as error:
            yield Failed.of(job.index, error, time.perf_counter() - start)

    def _step(self, job: TimingJob) -> float:
        proxy, images = job.proxy, self._images[job.proxy.input_size]
        torch.manual_seed(0)
        network = build(
            replace(job.architecture, width=proxy.network_width(job.architecture.width)),
            num_classes=self._num_classes,
            input_size=proxy.input_size,
            layout=proxy.layout(job.architecture),
        )
        labels = np.arange(len(images), dtype=np.int64) % self._num_classes
        split = MemorySplit.of(images, labels, *channel_statistics(images), self._device)
        # An epoch is a step, so that a training can be left after any of them.
        recipe = replace(
            proxy.recipe(flip=True),
            epochs=10**6,
            batch_size=len(images),
            warmup_epochs=0.0,
            statistics_images=0,
        )
        state = TrainingState(network.to(self._device), recipe, seed=0)
        taken: list[float] = []
        last = time.perf_counter()
        for _ in train(state, split, split.first(1), recipe):
            now = time.perf_counter()
            taken.append(now - last)
            last = now
            if sum(taken[_WARM_STEPS:]) >= self._seconds:
                break
        return float(np.median(taken[_WARM_STEPS:]))
