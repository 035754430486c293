"""The pilot: the proxy that fits the images, the machine and the time, by measurement."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, sqrt
from typing import Any

import numpy as np

from ...space import Architecture, SearchSpace, UserError, text
from ...space.pilot_record import PilotRecord
from ...space.validation_file import Validation
from ..data import ImageData, IntArray, OpenImages
from ..training.balance import class_weights
from ..training.proxy import Proxy
from ..training.short import ProxyTrainer
from ..workers.executor import Executor, ExecutorFactory, perform_all
from ..workers.jobs import Failed, Job, Message, Trained
from .domain import first_architectures
from .proxy_ladder import Wish, choose
from .seeds import training_seed

FEWEST_TRAININGS = 8  # that a search needs at least
_ERRORS = 5.0  # standard errors above the largest class that an accuracy which was learnt is
_LOSS = 0.87  # of the entropy of the classes, that the training loss falls below where something is learnt
_DOUBLINGS = 2
_OVER = 1.5  # times the seconds of a training that networks which learn slowly may take
_SURE = 1.645  # standard errors of 95 percent, one-sided
_APART = 2.0  # points

Known = tuple[Architecture, int, Trained | Failed]  # what was trained, with which seed, and what it came to


@dataclass(frozen=True)
class Pilot:
    """What was measured, and what was chosen by it.

    Attributes:
        proxy: For the search.
        data: The images as it wants them.
        outcomes: Of the trainings that tried it, to be used again; a failure is not tried again either.
    """

    proxy: Proxy
    record: PilotRecord
    data: ImageData
    outcomes: tuple[Known, ...] = ()


def run_pilot(
    wish: Wish,
    base: Proxy,
    space: SearchSpace,
    images: OpenImages,
    *,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
    scored: Mapping[str, Any],
    say: Callable[[str], None],
) -> Pilot:
    """Choose a proxy and try it on the first networks of the search, which it then need not train again.

    Args:
        base: Settings of the proxy that neither the data nor the user decide.
        devices: Of each worker.
        scored: Class weights, metric and pretrained weights, as `ProxyTrainer` takes them.
        say: Called with a line of text as it goes on.

    Raises:
        UserError: If the time is not enough for a search.
    """
    began = time.monotonic()
    say("pilot: timing two networks")
    proxy, seconds, speeds = choose(wish, base, space, images, devices, make_executor)
    check_time(wish, proxy, seconds)
    first = first_architectures(space)[:2]
    validation = Validation(images.val.labels, {})
    largest = validation.largest_class(scored["metric"])
    learns = partial(
        has_learnt,
        largest=largest,
        images=effective_images(validation, scored["metric"]),
        entropy=entropy(images.train.labels, scored["weights"]),
    )
    data = images.load(proxy.input_size, name="", progress=say)
    for doubling in range(_DOUBLINGS + 1):
        say(f"pilot: trying {_named(proxy)} on {' and '.join(origin for origin, _ in first)}")
        outcomes = _trained(proxy, first, wish, data, devices, make_executor, scored)
        ended = [(found, outcome) for found, _, outcome in outcomes if isinstance(outcome, Trained)]
        learnt = len(ended) == len(first) and all(learns(outcome) for _, outcome in ended)
        too_long = wish.hours is not None and 2 * seconds > _OVER * wish.seconds_each
        # What fails, or takes too long, does not become better by being longer.
        last = doubling == _DOUBLINGS or "epochs" in wish.given or too_long or len(ended) < len(outcomes)
        if learnt or last:
            break
        proxy, seconds = replace(proxy, epochs=2 * proxy.epochs), 2 * seconds
    if ended:
        seconds = float(np.mean([outcome.seconds for _, outcome in ended]))
    trainings = wish.trainings_of(seconds)
    names = {architecture: origin for origin, architecture in first}
    record = PilotRecord(
        trainings=trainings,
        hours=round(trainings * seconds / len(devices) / 3600, 3),
        seconds=round(seconds, 2),
        images_per_second={side: round(speed, 1) for side, speed in speeds.items()},
        accuracies={names[found]: round(outcome.accuracy, 2) for found, outcome in ended},
        largest_class=round(largest, 2),
        learnt=learnt,
        images_needed=_needed([outcome.right for _, outcome in ended], len(images.val.labels)),
        timed=wish.trainings is None,
        doublings=doubling,
        took=round(time.monotonic() - began, 1),
    )
    return Pilot(proxy, record, data, tuple(outcomes))


def has_learnt(outcome: Trained, largest: float, images: float, entropy: float) -> bool:
    """Whether a network has learnt more than how common the classes are.

    Its accuracy is five standard errors above what answering always the largest class scores, and its last
    training loss well below the entropy of the classes.

    Args:
        largest: That score in percent.
        images: Validation images.
        entropy: In nats.
    """
    error = sqrt(largest * (100.0 - largest) / images)
    return outcome.accuracy >= largest + _ERRORS * error and outcome.losses[-1] < _LOSS * entropy


def entropy(labels: IntArray, weights: str) -> float:
    """The loss in nats of a network that has learnt only how common the classes are.

    Args:
        labels: Of the training images.
        weights: Of the classes in the loss, by name.
    """
    counts = np.bincount(labels)
    each = class_weights(weights, labels, len(counts))
    shares = counts * (1.0 if each is None else np.array(each)) / len(labels)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def effective_images(validation: Validation, metric: str) -> float:
    """So many images that count the same leave as much chance in the metric as these do."""
    weights = validation.weights(metric)
    return len(validation.labels) / (1.0 if weights is None else float(np.mean(weights**2)))


def check_time(wish: Wish, proxy: Proxy, seconds: float) -> None:
    """Make sure that the time is enough for a search of trainings that take so long.

    Raises:
        UserError: If it is not.
    """
    fitting = wish.fitting(seconds)
    if wish.hours is not None and fitting is not None and fitting < FEWEST_TRAININGS:
        least = FEWEST_TRAININGS * seconds / wish.workers / 3600 * 1.06
        raise UserError(
            f"--hours: must be enough for {FEWEST_TRAININGS} trainings of the shortest proxy "
            f"({_named(proxy)}), {least:.1g} here, got {wish.hours:g}; raise it, or set --proxy epochs"
        )


def explain(pilot: Pilot, *, images: int, validation: int, workers: int) -> list[str]:
    """What was chosen and why, in two lines, and a warning where there is need of one.

    Args:
        images: Training images that are used.
    """
    proxy, record = pilot.proxy, pilot.record
    steps = proxy.epochs * max(1, images // proxy.batch_size)
    speeds = ", ".join(f"{speed:.0f} at {side} px" for side, speed in record.images_per_second.items())
    lines = [
        f"proxy: {_named(proxy)}, batches of {proxy.batch_size}, {steps:,} steps: the longest there is time "
        f"for, {text.duration(record.seconds)} a training (images a second and worker: {speeds})",
        ", ".join(f"{origin} {text.percent(value)} %" for origin, value in record.accuracies.items())
        + f" after it, the largest class {text.percent(record.largest_class)} %; {record.trainings} "
        f"trainings take about {text.duration(3600 * record.hours)} on "
        f"{text.many(workers, 'worker')}, this pilot took {text.duration(record.took)}",
    ]
    if record.images_needed > validation:
        lines.append(
            f"{validation:,} validation images are few: to tell networks {_APART:g} points apart takes about "
            f"{record.images_needed:,}"
        )
    if not record.learnt:
        lines.append(
            "warning: this proxy teaches networks hardly more than how common the classes are, so it cannot "
            "rank them; give it more time with --hours, or more images"
        )
    return lines


def _named(proxy: Proxy) -> str:
    epochs = text.many(proxy.epochs, "epoch")
    return f"{epochs} of {proxy.input_size}-px images at width {proxy.width:g}"


def _trained(
    proxy: Proxy,
    first: Sequence[tuple[str, Architecture]],
    wish: Wish,
    data: ImageData,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
    scored: Mapping[str, Any],
) -> list[Known]:
    """The first networks, trained as the search would train them."""
    setup = partial(ProxyTrainer, data, proxy, **scored)
    seed = training_seed(wish.seed, 0)
    jobs = [Job(index, architecture, seed) for index, (_, architecture) in enumerate(first)]
    with closing(make_executor(setup, devices[: len(jobs)])) as executor:
        done = [(job.subject, seed, outcome) for job, outcome in perform_all(executor, jobs)]
    ended = [
        (subject, seed, outcome) for subject, seed, outcome in done if isinstance(outcome, (Trained, Failed))
    ]
    return sorted(ended, key=lambda found: found[2].index)


def _needed(right: Sequence[bytes], count: int) -> int:
    """Validation images that tell two networks 2 points apart, by how often these two differ."""
    if len(right) < 2 or not all(right):
        return 0
    one, other = (np.unpackbits(np.frombuffer(bits, np.uint8))[:count] for bits in right[:2])
    apart = float(np.mean(one != other))
    return ceil(apart * (100.0 * _SURE / _APART) ** 2)


class KnownFirst:
    """An executor that answers jobs whose outcome is known at once, and hands on the others.

    Args:
        known: What a pilot has trained as the jobs ask for it.
    """

    def __init__(self, executor: Executor[Job[Architecture]], known: Sequence[Known]) -> None:
        self._executor = executor
        self._known = {(architecture, seed): outcome for architecture, seed, outcome in known}
        self._answers: list[tuple[Job[Architecture], Message]] = []

    @property
    def jobs(self) -> Sequence[Job[Architecture]]:
        return [*(job for job, _ in self._answers), *self._executor.jobs]

    def submit(self, job: Job[Architecture]) -> None:
        outcome = self._known.get((job.subject, job.seed)) if job.rung == 1 else None
        if outcome is None:
            self._executor.submit(job)
        else:
            self._answers.append((job, replace(outcome, index=job.index)))

    def collect(self, timeout: float | None = None) -> list[Message]:
        if not self._answers:
            return self._executor.collect(timeout)
        answers, self._answers = self._answers, []
        return [message for _, message in answers]

    def close(self) -> None:
        self._executor.close()
