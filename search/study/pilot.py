"""The pilot: the proxy that fits the images, the machine and the time, by measurement."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, sqrt
from typing import Any

import numpy as np

from ...space import Architecture, SearchSpace, UserError, text
from ..data import IntArray, OpenImages
from ..training.proxy import Proxy
from ..training.short import ProxyTrainer
from ..workers.executor import Executor, ExecutorFactory, perform_all
from ..workers.jobs import Job, Message, Trained
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

Known = tuple[Architecture, int, Trained]  # what was trained, with which seed, and what it came to


@dataclass(frozen=True)
class Pilot:
    """What was measured, and what was chosen by it.

    Attributes:
        proxy: For the search.
        trainings: How many of them fit into the time.
        hours: That they take, in all.
        seconds: One takes, in the mean of the networks that were tried.
        images_per_second: Of one worker while all work, by side of the images in pixels.
        accuracies: Of the first networks under the proxy in percent, by origin.
        largest_class: Its share of the validation images in percent.
        learnt: Whether both networks have learnt more than how common the classes are.
        images_needed: Validation images that tell two networks apart which are 2 points apart, by those that
            the two networks tried answer differently; 0 where they could not be tried.
        outcomes: Of those trainings, to be used again.
    """

    proxy: Proxy
    trainings: int
    hours: float
    seconds: float
    images_per_second: Mapping[int, float]
    accuracies: Mapping[str, float]
    largest_class: float
    learnt: bool
    images_needed: int
    outcomes: tuple[Known, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What run.yaml keeps: plain data."""
        return {
            "trainings": self.trainings,
            "hours": round(self.hours, 3),
            "seconds": round(self.seconds, 2),
            "images_per_second": {side: round(speed, 1) for side, speed in self.images_per_second.items()},
            "accuracies": dict(self.accuracies),
            "largest_class": round(self.largest_class, 2),
            "learnt": self.learnt,
            "images_needed": self.images_needed,
        }


def run_pilot(
    wish: Wish,
    base: Proxy,
    space: SearchSpace,
    images: OpenImages,
    *,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
    scored: Mapping[str, str],
    say: Callable[[str], None],
) -> Pilot:
    """Choose a proxy and try it on the first networks of the search, which it then need not train again.

    Args:
        base: Settings of the proxy that neither the data nor the user decide.
        devices: Of each worker.
        scored: Class weights and metric, as `ProxyTrainer` takes them.
        say: Called with a line of text as it goes on.

    Raises:
        UserError: If the time is not enough for a search.
    """
    say("pilot: timing two networks")
    proxy, seconds, speeds = choose(wish, base, space, images, devices, make_executor)
    _check_time(wish, proxy, seconds)
    first = first_architectures(space)[:2]
    largest = 100.0 * float(np.bincount(images.val.labels).max() / len(images.val.labels))
    for doubling in range(_DOUBLINGS + 1):
        say(f"pilot: trying {_named(proxy)} on {' and '.join(origin for origin, _ in first)}")
        outcomes = _trained(proxy, first, wish, images, devices, make_executor, scored)
        learnt = len(outcomes) == len(first) and all(
            has_learnt(outcome, images.val.labels, images.train.labels) for _, _, outcome in outcomes
        )
        too_long = wish.hours is not None and 2 * seconds > _OVER * wish.seconds_each
        last = doubling == _DOUBLINGS or "epochs" in wish.given or too_long
        if learnt or last:
            break
        proxy, seconds = replace(proxy, epochs=2 * proxy.epochs), 2 * seconds
    if outcomes:
        seconds = float(np.mean([outcome.seconds for _, _, outcome in outcomes]))
    fitting = wish.fitting(seconds)
    trainings = wish.trainings if fitting is None else min(fitting, wish.trainings or fitting)
    assert trainings is not None, "a wish has trainings or hours"
    names = {architecture: origin for origin, architecture in first}
    return Pilot(
        proxy=proxy,
        trainings=max(1, trainings),
        hours=trainings * seconds / len(devices) / 3600,
        seconds=seconds,
        images_per_second=speeds,
        accuracies={names[found]: round(outcome.accuracy, 2) for found, _, outcome in outcomes},
        largest_class=largest,
        learnt=learnt,
        images_needed=_needed([outcome.right for _, _, outcome in outcomes], len(images.val.labels)),
        outcomes=tuple(outcomes),
    )


def has_learnt(outcome: Trained, validation: IntArray, training: IntArray) -> bool:
    """Whether a network has learnt more than how common the classes are.

    Its accuracy is five standard errors above the share of the largest class, and its last training loss
    well below the entropy of the classes.

    Args:
        validation: Labels of the validation images, `training` those of the training images.
    """
    share = float(np.bincount(validation).max() / len(validation))
    error = 100.0 * sqrt(share * (1.0 - share) / len(validation))
    shares = np.bincount(training) / len(training)
    entropy = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    return outcome.accuracy >= 100.0 * share + _ERRORS * error and outcome.losses[-1] < _LOSS * entropy


def _check_time(wish: Wish, proxy: Proxy, seconds: float) -> None:
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
    proxy, tried = pilot.proxy, pilot.accuracies
    steps = proxy.epochs * max(1, images // proxy.batch_size)
    speeds = ", ".join(f"{speed:.0f} at {side} px" for side, speed in pilot.images_per_second.items())
    lines = [
        f"proxy: {_named(proxy)}, batches of {proxy.batch_size}, {steps:,} steps: the longest there is time "
        f"for, {text.duration(pilot.seconds)} a training (images a second and worker: {speeds})",
        ", ".join(f"{origin} {text.percent(accuracy)} %" for origin, accuracy in tried.items())
        + f" after it, the largest class {text.percent(pilot.largest_class)} %; {pilot.trainings} trainings "
        f"take about {text.duration(3600 * pilot.hours)} on {workers} worker{'' if workers == 1 else 's'}",
    ]
    if pilot.images_needed > validation:
        lines.append(
            f"{validation:,} validation images are few: to tell networks {_APART:g} points apart takes about "
            f"{pilot.images_needed:,}"
        )
    if not pilot.learnt:
        lines.append(
            "warning: this proxy teaches networks hardly more than how common the classes are, so it cannot "
            "rank them; give it more time with --hours, or more images"
        )
    return lines


def _named(proxy: Proxy) -> str:
    return f"{proxy.epochs} epochs of {proxy.input_size}-px images at width {proxy.width:g}"


def _trained(
    proxy: Proxy,
    first: Sequence[tuple[str, Architecture]],
    wish: Wish,
    images: OpenImages,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
    scored: Mapping[str, str],
) -> list[Known]:
    """The first networks, trained as the search would train them."""
    setup = partial(ProxyTrainer, images.load(proxy.input_size, name=""), proxy, **scored)
    seed = training_seed(wish.seed, 0)
    jobs = [Job(index, architecture, seed) for index, (_, architecture) in enumerate(first)]
    with closing(make_executor(setup, devices[: len(jobs)])) as executor:
        done = [(job.subject, seed, outcome) for job, outcome in perform_all(executor, jobs)]
    ended = [(subject, seed, outcome) for subject, seed, outcome in done if isinstance(outcome, Trained)]
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
        outcome = self._known.get((job.subject, job.seed))
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
