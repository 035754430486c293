"""The pilot chooses by what a step takes and by what networks learn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cheapsearch.search.data import OpenImages, open_images
from cheapsearch.search.study import pilot as pilot_module
from cheapsearch.search.study.pilot import (
    KnownFirst,
    effective_images,
    entropy,
    explain,
    has_learnt,
    run_pilot,
)
from cheapsearch.search.study.proxy_ladder import Wish, choose, ladder
from cheapsearch.search.training.proxy import CPU, Proxy
from cheapsearch.search.workers.executor import Setup
from cheapsearch.search.workers.jobs import Failed, Job, Measured, Message, Trained
from cheapsearch.space import Architecture, SearchSpace, UserError
from cheapsearch.space.validation_file import Validation

SPACE = SearchSpace("mobilenet_v2")
SPEED = 1e6  # pixels of all images a second that the pretended machine trains on


@pytest.fixture(scope="module")
def images() -> OpenImages:
    return open_images("digits", limit=None, seed=0)


def wish(**given: Any) -> Wish:
    settings: dict[str, Any] = {
        "given": {},
        "hours": 1.0,
        "trainings": None,
        "wanted": 32,
        "workers": 2,
        "seed": 0,
    }
    return Wish(**settings | given)


class Machine:
    """Answers timing jobs by a fixed speed, and trainings by what they are said to come to."""

    def __init__(self, outcome: Callable[[Proxy], tuple[float, float]] = lambda proxy: (90.0, 0.1)) -> None:
        self.outcome = outcome
        self.trained: list[Proxy] = []

    def __call__(self, setup: Setup, devices: Sequence[str]) -> "Machine":
        self.setup: Any = setup
        self.waiting: list[Any] = []
        return self

    @property
    def jobs(self) -> Sequence[Any]:
        return self.waiting

    def submit(self, job: Any) -> None:
        self.waiting.append(job)

    def collect(self, timeout: float | None = None) -> list[Message]:
        jobs, self.waiting = self.waiting, []
        return list(self.answers(jobs))

    def answers(self, jobs: Sequence[Any]) -> Iterator[Message]:
        for job in jobs:
            if not isinstance(job, Job):
                yield Measured(job.index, job.proxy.batch_size * job.proxy.input_size**2 / SPEED)
                continue
            proxy: Proxy = self.setup.args[1]
            self.trained.append(proxy)
            accuracy, loss = self.outcome(proxy)
            yield Trained(job.index, accuracy, (accuracy,), (loss,), seconds=7.0, right=b"\xf0" * 36)

    def close(self) -> None:
        self.waiting = []


def run(images: OpenImages, machine: Machine, asked: Wish) -> pilot_module.Pilot:
    return run_pilot(
        asked,
        CPU,
        SPACE,
        images,
        devices=["cpu", "cpu"],
        make_executor=machine,
        scored={"weights": "none", "metric": "accuracy"},
        say=lambda line: None,
    )


def seconds(proxy: Proxy, images: OpenImages) -> float:
    """What a training takes on the pretended machine."""
    count = len(images.train.labels) + len(images.val.labels) / 3
    return proxy.epochs * count * proxy.input_size**2 / SPEED


def test_ladder_leads_from_short_to_long_and_keeps_what_was_given(images: OpenImages) -> None:
    rungs = ladder(CPU, {}, SPACE, images)
    steps = [proxy.epochs * (len(images.train.labels) // proxy.batch_size) for proxy in rungs]
    assert min(steps) >= 500
    assert max(steps) >= 1600
    times = [seconds(proxy, images) for proxy in rungs]
    assert times == sorted(times)
    assert len(set(rungs)) == len(rungs)
    assert {proxy.layout_size for proxy in rungs} == {images.input_size}
    given = {"epochs": 3, "input_size": 20, "batch_size": 8, "learning_rate": 0.1}
    (only,) = ladder(CPU, given, SPACE, images)
    assert given.items() <= only.to_dict().items()


@pytest.mark.parametrize("photographs", [224, 144])
def test_ladder_leaves_two_pixels_before_the_pooling(images: OpenImages, photographs: int) -> None:
    rungs = ladder(CPU, {}, SPACE, replace(images, input_size=photographs))
    for proxy in rungs:
        stride = proxy.layout(SPACE.unmodified).total_stride
        assert stride < proxy.input_size <= photographs


@pytest.mark.parametrize("hours", [0.02, 0.1, 0.5, 4.0])
def test_choose_takes_the_longest_that_there_is_time_for(images: OpenImages, hours: float) -> None:
    asked = wish(hours=hours)
    found, taken, speeds = choose(asked, CPU, SPACE, images, ["cpu", "cpu"], Machine())
    assert taken == pytest.approx(seconds(found, images))
    assert speeds[found.input_size] == pytest.approx(SPEED / found.input_size**2)
    rungs = ladder(CPU, {}, SPACE, images)
    fitting = [proxy for proxy in rungs if seconds(proxy, images) <= asked.seconds_each]
    assert found == fitting[-1] if fitting else found.width == CPU.width / 2


def test_pilot_counts_the_trainings_that_fit(images: OpenImages) -> None:
    machine = Machine()
    found = run(images, machine, wish(hours=1.0))
    assert found.record.learnt
    assert found.record.trainings == int(0.95 * 3600 * 2 / 7.0)
    assert found.record.hours == pytest.approx(found.record.trainings * 7.0 / 2 / 3600, abs=1e-3)
    assert found.record.accuracies == {"unmodified": 90.0, "preset cheap_v2": 90.0}
    assert found.outcomes[0][0] == SPACE.unmodified
    assert machine.trained == [found.proxy] * 2
    assert found.record.images_needed == 0  # the two networks answer alike
    assert run(images, Machine(), wish(hours=1.0, trainings=9)).record.trainings == 9


def test_pilot_doubles_the_epochs_until_networks_have_learnt(images: OpenImages) -> None:
    first = run(images, Machine(), wish(hours=None, trainings=10)).proxy.epochs

    def learns_at(least: int) -> Machine:
        return Machine(lambda proxy: (90.0, 0.1) if proxy.epochs >= least else (12.0, 2.2))

    found = run(images, learns_at(2 * first), wish(hours=None, trainings=10))
    assert (found.record.learnt, found.proxy.epochs, found.record.doublings) == (True, 2 * first, 1)
    slow = learns_at(10**9)
    never = run(images, slow, wish(hours=None, trainings=1))
    assert never.record.learnt is False
    assert never.proxy.epochs == 4 * slow.trained[0].epochs
    assert any(
        line.startswith("warning: ") for line in explain(never, images=1000, validation=288, workers=2)
    )
    given = run(images, learns_at(10**9), wish(given={"epochs": 2}))
    assert (given.record.learnt, given.proxy.epochs) == (False, 2)


def test_pilot_refuses_a_time_that_is_too_short(images: OpenImages) -> None:
    with pytest.raises(UserError, match="enough for 8 trainings of the shortest proxy"):
        run(images, Machine(), wish(hours=1e-5))


def test_has_learnt_wants_an_accuracy_and_a_loss() -> None:
    error = 100 * np.sqrt(0.7 * 0.3 / 100)
    chance = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))

    def learnt(accuracy: float, loss: float) -> bool:
        return has_learnt(Trained(0, accuracy, (accuracy,), (loss,)), 70.0, 100, chance)

    assert learnt(70 + 5.1 * error, 0.5 * chance)
    assert not learnt(70 + 4.9 * error, 0.5 * chance)
    assert not learnt(70 + 5.1 * error, 0.9 * chance)


def test_entropy_is_that_of_the_loss_with_its_class_weights() -> None:
    labels = np.repeat(np.arange(3), (90, 10, 0))
    assert entropy(labels, "none") == pytest.approx(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)))
    assert entropy(labels, "balanced") == pytest.approx(np.log(2))


def test_fewer_images_count_where_classes_are_uneven_and_weigh_the_same() -> None:
    validation = Validation(np.repeat(np.arange(2), (90, 10)), {})
    assert effective_images(validation, "accuracy") == 100
    # The variance of the mean of two classes' shares, of deviation s each, is (s²/90 + s²/10) / 4 = s²/36.
    assert effective_images(validation, "balanced_accuracy") == pytest.approx(36)


def test_pilot_tries_no_network_again_that_failed(images: OpenImages) -> None:
    class Half(Machine):
        def answers(self, jobs: Sequence[Any]) -> Iterator[Message]:
            for job, answer in zip(jobs, super().answers(jobs), strict=True):
                fails = isinstance(job, Job) and job.index == 1
                yield Failed(job.index, "MemoryError: too large") if fails else answer

    machine = Half(lambda proxy: (12.0, 2.2))
    found = run(images, machine, wish(hours=None, trainings=10))
    assert (found.record.learnt, found.record.doublings) == (False, 0)
    assert machine.trained == [found.proxy] * 2  # each network once
    assert list(found.record.accuracies) == ["unmodified"]
    executor = KnownFirst(machine, found.outcomes)
    for index, (subject, seed, _) in enumerate(found.outcomes):
        executor.submit(Job(index, subject, seed))
    assert executor.collect()[1] == Failed(1, "MemoryError: too large")


def test_pilot_says_how_many_images_tell_networks_apart(images: OpenImages) -> None:
    class Unlike(Machine):
        def answers(self, jobs: Sequence[Any]) -> Iterator[Message]:
            for answer in super().answers(jobs):
                unlike = b"\x0f" * 36 if answer.index else b"\xf0" * 36
                yield replace(answer, right=unlike) if isinstance(answer, Trained) else answer

    found = run(images, Unlike(), wish(hours=1.0))
    # All are answered differently: the difference of two shares has a variance of 1 / images.
    needed = found.record.images_needed
    assert 1.645 * np.sqrt(1 / needed) <= 0.02 < 1.645 * np.sqrt(1 / (needed - 1))
    few = f"288 validation images are few: to tell networks 2 points apart takes about {needed:,}"
    assert few in explain(found, images=1000, validation=288, workers=2)
    assert few not in explain(found, images=1000, validation=needed, workers=2)


def test_known_outcomes_are_not_trained_again() -> None:
    unmodified, other = SPACE.unmodified, Architecture("mobilenet_v2", expand="reuse")
    machine = Machine()(lambda device: machine, ["cpu"])  # type: ignore[arg-type, return-value]
    executor = KnownFirst(machine, [(unmodified, 5, Trained(9, 41.0))])
    executor.submit(Job(3, unmodified, 5))
    assert [job.index for job in executor.jobs] == [3]
    assert executor.collect() == [Trained(3, 41.0)]
    assert executor.jobs == []
    executor.submit(Job(4, unmodified, 6))
    executor.submit(Job(5, other, 5))
    executor.submit(Job(6, unmodified, 5, rung=4))  # a longer training is another
    assert [job.index for job in executor.jobs] == [4, 5, 6]


def test_pilot_says_when_nothing_can_be_timed(images: OpenImages) -> None:
    class Broken(Machine):
        def answers(self, jobs: Sequence[Any]) -> Iterator[Message]:
            for job in jobs:
                yield Failed(job.index, "RuntimeError: out of memory")

    with pytest.raises(UserError, match="out of memory"):
        run(images, Broken(), wish())
