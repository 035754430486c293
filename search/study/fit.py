"""The proxy of a new run: a fixed one where it is known to fit, else what a pilot finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...models.pretrained import Pretrained
from ...space import RunSettings
from ..data import OpenImages
from ..training.proxy import FIXED_SIZE, Proxy, default_proxy, fitted
from ..workers.executor import ExecutorFactory
from .pilot import Pilot, check_time, explain, run_pilot
from .plan import (
    ALIKE_WHEN_LONGER,
    FEWEST_UNITS,
    LEAST_LONGEST,
    SEVERAL,
    affordable_rungs,
    check_budget,
    default_rungs,
    leaves_lengths,
)
from .proxy_ladder import Wish, choose

# Trainings that a proxy is chosen for where only the time is given: of one length, and the shortest of some.
_WANTED, _WANTED_OF_RUNGS = 32, 64
# The same of one worker alone, with some lengths: else many workers leave none of them time for the longest.
_WANTED_OF_A_WORKER = LEAST_LONGEST * SEVERAL[-1]
_FEWEST_STEPS = 400  # of the fixed proxy, below which it says little of what it trains


def fit_proxy(
    settings: RunSettings,
    given: Mapping[str, Any],
    images: OpenImages,
    *,
    pretrained: Pretrained | None = None,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
    say: Callable[[str], None],
) -> tuple[RunSettings, Pilot | None]:
    """Settings with the whole proxy, its lengths, and, where only the time is given, what fits into it.

    Args:
        settings: Of a new run.
        given: Those of them that were given.
        pretrained: Weights that trainings begin with.
        devices: Of each worker.
        say: Called with lines of text about the pilot.

    Raises:
        UserError: If a setting of the proxy does not fit, or the time is not enough.
    """
    settings, base = _with_base(settings, images, pretrained, devices)
    if _is_fixed(base, settings, images):
        proxy = fitted(base, settings.proxy, settings.space, images.input_size)
        return _with_rungs(replace(settings, proxy=proxy.to_dict()), given, devices, say), None
    pilot = run_pilot(
        _wish(settings, given, devices),
        base,
        settings.space,
        images,
        devices=devices,
        make_executor=make_executor,
        scored={"weights": settings.class_weights, "metric": settings.metric, "pretrained": pretrained},
        say=say,
    )
    count = len(images.train.labels)
    for line in explain(pilot, images=count, validation=len(images.val.labels), workers=len(devices)):
        say(line)
    return _with_choice(settings, given, pilot.proxy, pilot.record.trainings, devices, say), pilot


def time_proxy(
    settings: RunSettings,
    given: Mapping[str, Any],
    images: OpenImages,
    *,
    pretrained: Pretrained | None = None,
    devices: Sequence[str],
    make_executor: ExecutorFactory,
    say: Callable[[str], None],
) -> tuple[RunSettings, float, bool]:
    """What `fit_proxy` would come to, by a few timed steps and without any training.

    Arguments and errors are those of `fit_proxy`.

    Returns:
        The settings, the seconds of a training, and whether a pilot would try the proxy first, which may make
        it longer.
    """
    settings, base = _with_base(settings, images, pretrained, devices)
    if _is_fixed(base, settings, images):
        proxy = fitted(base, settings.proxy, settings.space, images.input_size)
        settings = _with_rungs(replace(settings, proxy=proxy.to_dict()), given, devices, say)
        return settings, time_training(settings, images, devices, make_executor), False
    wish = _wish(settings, given, devices)
    proxy, seconds, _ = choose(wish, base, settings.space, images, devices, make_executor)
    check_time(wish, proxy, seconds)
    return _with_choice(settings, given, proxy, wish.trainings_of(seconds), devices, say), seconds, True


def time_training(
    settings: RunSettings, images: OpenImages, devices: Sequence[str], make_executor: ExecutorFactory
) -> float:
    """Seconds of a training under settings with the whole proxy, by a few timed steps.

    Raises:
        UserError: If no step can be done.
    """
    proxy = Proxy.from_dict(settings.proxy)
    # All is given, so that the ladder is of one rung.
    wish = Wish(settings.proxy, None, settings.budget, _WANTED, len(devices), settings.seed)
    _, seconds, _ = choose(wish, proxy, settings.space, images, devices, make_executor)
    return seconds


def _with_base(
    settings: RunSettings, images: OpenImages, pretrained: Pretrained | None, devices: Sequence[str]
) -> tuple[RunSettings, Proxy]:
    """Settings with what weights decide of the proxy, and the proxy before it is fitted."""
    if pretrained is not None:
        # They fit one width. Its rate stays: in so few steps lower ones learnt less (docs/pretrained.md).
        settings = replace(settings, proxy={**settings.proxy, "width": 1.0})
    return settings, replace(default_proxy(settings.dataset, devices[0]), **settings.proxy)


def _wish(settings: RunSettings, given: Mapping[str, Any], devices: Sequence[str]) -> Wish:
    several = settings.has_rungs or (settings.rungs is None and len(default_rungs(settings, given)) > 1)
    return Wish(
        given=settings.proxy,
        hours=settings.hours,
        trainings=settings.budget if "budget" in given or settings.hours is None else None,
        wanted=max(_WANTED_OF_RUNGS, _WANTED_OF_A_WORKER * len(devices)) if several else _WANTED,
        workers=len(devices),
        seed=settings.seed,
    )


def _with_choice(
    settings: RunSettings,
    given: Mapping[str, Any],
    proxy: Proxy,
    trainings: int,
    devices: Sequence[str],
    say: Callable[[str], None],
) -> RunSettings:
    """Settings with a proxy that was chosen, and so many trainings where the time was given."""
    settings = replace(settings, proxy=proxy.to_dict())
    if settings.hours is not None:
        repeats = settings.repeats if "repeats" in given else None
        settings = replace(settings, budget=trainings, repeats=repeats)
        check_budget(settings)
    return _with_rungs(settings, given, devices, say)


def _with_rungs(
    settings: RunSettings, given: Mapping[str, Any], devices: Sequence[str], say: Callable[[str], None]
) -> RunSettings:
    """With the lengths of trainings, where they are not given; what that leaves out is said."""
    if settings.rungs is None:
        rungs = default_rungs(settings, given, workers=len(devices))
        if why := _why_one(settings, given, devices):
            say(f"trainings of one length: {why}")
        repeats = settings.repeats if "repeats" in given else None
        settings = replace(settings, rungs=rungs, repeats=repeats)
    if settings.has_rungs and given.get("stopping"):
        say("--stopping has no effect with trainings of several lengths, of which the short ones do its work")
    return settings


def _why_one(settings: RunSettings, given: Mapping[str, Any], devices: Sequence[str]) -> str:
    """Why a run that leaves its lengths open has one, and what gives it several; empty where it has those."""
    if not leaves_lengths(settings, given):
        return ""  # who asks for what goes with one length has chosen it
    if settings.dataset in ALIKE_WHEN_LONGER:
        rungs = affordable_rungs(settings, given, workers=len(devices))
        lengths = ",".join(map(str, rungs))
        alike = f"longer ones leave networks alike on {settings.dataset} (else --rungs {lengths})"
        return alike if len(rungs) > 1 else ""
    lengths = ",".join(map(str, SEVERAL))
    budget, fewest = settings.budget, FEWEST_UNITS
    if settings.hours is not None:
        fewest = max(fewest, _WANTED_OF_A_WORKER * len(devices))
    if budget >= fewest:
        return ""
    named = f", or --rungs {lengths}" if LEAST_LONGEST * SEVERAL[-1] <= budget else ""
    if settings.hours is None or given.get("budget") == budget:
        return f"longer ones want a budget of {fewest}, got {budget} (else --budget {fewest}{named})"
    fit = f"longer ones want {fewest} of the shortest, {budget} fit into the time of {len(devices)}"
    return f"{fit} worker{'' if len(devices) == 1 else 's'} (else more --hours{named})"


def _is_fixed(proxy: Proxy, settings: RunSettings, images: OpenImages) -> bool:
    """Whether a run takes the fixed proxy: nothing is left to choose, or it is long enough for the images."""
    if settings.hours is not None:
        return False
    if {"epochs", "input_size"} <= settings.proxy.keys():
        return True
    steps = proxy.epochs * (min(proxy.images, len(images.train.labels)) // proxy.batch_size)
    known = settings.dataset in ("digits", "cifar10", "cifar100")
    return known or (images.input_size <= FIXED_SIZE and steps >= _FEWEST_STEPS)
