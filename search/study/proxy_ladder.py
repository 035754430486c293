"""The ladder of proxies that a pilot chooses from, by the time that a step of each takes.

It leads from the shortest that says anything to one that is longer and larger than a search usually has time
for. Steps come before pixels: on 2,100 photographs of two classes one training's accuracy held no signal
after 156 steps of 16 pixels, 0.74 of its variance after 1,560, and 0.16 after 208 steps of 96 pixels.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, log2, sqrt
from typing import Any

import numpy as np

from ...space import SearchSpace, UserError
from ..data import OpenImages
from ..training.proxy import Proxy, fitted
from ..training.timing import StepTimer, TimingJob
from ..workers.executor import Executor, ExecutorFactory, Setup, perform_all
from ..workers.jobs import Measured
from .domain import first_architectures

_log = logging.getLogger(__name__)

_SIDES = (16, 24, 32, 40, 48, 64, 96, 128, 160, 192, 224)
_LEAST_SIDE = 1.2  # times the total stride, so that two pixels a side are left before the pooling
_STEPS = (500, 800, 1600)
_BATCHES = (16, 64)  # smallest and largest
_IMAGES_TO_A_BATCH = 50
_RATE = 0.05  # at batches of 64
_FEWEST_WANTED = 32  # trainings, below which networks are narrower where only the time is given
_DEFAULT_HOURS = 2.0  # that a budget is to take where no time is given
_SHARE = 0.95  # of the time, for trainings
_TIMING = (0.3, 3.0)  # seconds of steps of each network and size, at least and at most
_TIMING_SHARE = 0.001  # of the time, between these two


@dataclass(frozen=True)
class Wish:
    """What a proxy is chosen for.

    Attributes:
        given: Settings of the proxy that are to stay.
        hours: The search may take, None for no such limit.
        trainings: It shall have, None where only the time matters.
        wanted: How many it shall have then, about.
        workers: Trainings at a time.
        seed: Of the run.
    """

    given: Mapping[str, Any]
    hours: float | None
    trainings: int | None
    wanted: int
    workers: int
    seed: int

    @property
    def seconds_each(self) -> float:
        """Seconds a training may take."""
        hours = _DEFAULT_HOURS if self.hours is None else self.hours
        return _SHARE * 3600 * hours * self.workers / (self.trainings or self.wanted)

    @property
    def most_seconds(self) -> float:
        """Seconds a training may take before narrower networks are tried."""
        return self.seconds_each * (1.0 if self.trainings else self.wanted / _FEWEST_WANTED)

    def fitting(self, seconds: float) -> int | None:
        """How many trainings that take so long fit into the time, None where no time is given."""
        return None if self.hours is None else int(_SHARE * 3600 * self.hours * self.workers / seconds)

    def trainings_of(self, seconds: float) -> int:
        """How many trainings that take so long there will be."""
        fitting = self.fitting(seconds)
        trainings = self.trainings if fitting is None else min(fitting, self.trainings or fitting)
        assert trainings is not None, "a wish has trainings or hours"
        return max(1, trainings)


def ladder(base: Proxy, given: Mapping[str, Any], space: SearchSpace, images: OpenImages) -> list[Proxy]:
    """Proxies to choose from, the shortest first; steps grow before pixels do.

    Args:
        base: Settings that neither the data nor the user decide.
        given: Settings that are to stay.
    """
    count, full = min(base.images, len(images.train.labels)), images.input_size
    batch = int(min(max(2 ** round(log2(max(1, count / _IMAGES_TO_A_BATCH))), _BATCHES[0]), _BATCHES[1]))
    chosen: dict[str, Any] = {"batch_size": batch, "learning_rate": _RATE * sqrt(batch / _BATCHES[1])}
    start = fitted(replace(base, **(chosen | dict(given))), given, space, full)
    stride = start.layout(space.unmodified).total_stride
    sides = [side for side in _SIDES if max(_SIDES[0], _LEAST_SIDE * stride) <= side <= full] or [full]
    sides = [given["input_size"]] if "input_size" in given else sides
    steps_per_epoch = max(1, count // start.batch_size)
    short, middle, long = (given.get("epochs", max(1, ceil(steps / steps_per_epoch))) for steps in _STEPS)
    rungs = [(sides[0], short), (sides[0], middle), *((side, middle) for side in sides[1:2])]
    rungs += [(side, long) for side in sides[1:] or sides]
    return [replace(start, input_size=side, epochs=epochs) for side, epochs in dict.fromkeys(rungs)]


def choose(
    wish: Wish,
    base: Proxy,
    space: SearchSpace,
    images: OpenImages,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
) -> tuple[Proxy, float, dict[int, float]]:
    """The longest proxy of the ladder that leaves time for the trainings: it, the seconds one takes, speeds.

    Where not even the shortest does, at half the width too, that is the one.
    """
    widths = (base.width,) if "width" in wish.given else (base.width, base.width / 2)
    count = min(base.images, len(images.train.labels))
    ladders = [ladder(replace(base, width=width), wish.given, space, images) for width in widths]
    with closing(make_executor(_timer(wish, ladders[0], images), devices)) as executor:
        for rungs in ladders:
            speeds: dict[int, float] = {}
            found, taken = rungs[0], 0.0
            for proxy in rungs:
                side = proxy.input_size
                if side not in speeds:
                    speeds[side] = _speed(proxy, space, max(2, len(devices)), executor)
                # An image that is scored takes about a third of one that is trained on.
                seconds = proxy.epochs * (count + len(images.val.labels) / 3) / speeds[side]
                _log.info("%s would take %.1f s of %.1f s", proxy, seconds, wish.seconds_each)
                if taken and seconds > wish.seconds_each:
                    break
                found, taken = proxy, seconds
                if seconds > wish.seconds_each:
                    break
            if taken <= wish.most_seconds:
                break
    return found, taken, speeds


def _timer(wish: Wish, rungs: Sequence[Proxy], images: OpenImages) -> Setup:
    """Makes what times steps, of a batch of images of every size there is."""
    count = min(rungs[0].batch_size, len(images.train.labels))
    sides = {proxy.input_size for proxy in rungs}
    few = {side: images.train.images.read(np.arange(count), side) for side in sides}
    hours = _DEFAULT_HOURS if wish.hours is None else wish.hours
    seconds = min(max(_TIMING_SHARE * 3600 * hours, _TIMING[0]), _TIMING[1])
    return partial(StepTimer, few, len(images.classes), seconds)


def _speed(proxy: Proxy, space: SearchSpace, jobs: int, executor: Executor[TimingJob]) -> float:
    """Training images a second of one worker while all of them work, in the mean of two networks."""
    first = [architecture for _, architecture in first_architectures(space)[:2]]
    timed = [TimingJob(index, first[index % len(first)], proxy) for index in range(jobs)]
    outcomes = [outcome for _, outcome in perform_all(executor, timed)]
    steps = [outcome.seconds for outcome in outcomes if isinstance(outcome, Measured)]
    if not steps:
        raise UserError(
            f"--proxy: must train, but no step of {proxy.input_size}-px images could be done "
            f"({outcomes[0]}); set input_size, width or batch_size"
        )
    return proxy.batch_size / float(np.mean(steps))
