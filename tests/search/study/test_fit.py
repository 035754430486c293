"""The lengths of trainings of a new run, and what is said of them."""

from types import SimpleNamespace
from typing import Any

import pytest

from cheapsearch.search.data import OpenImages, open_images
from cheapsearch.search.study import fit as fit_module
from cheapsearch.search.study.fit import fit_proxy
from cheapsearch.search.training.proxy import CPU
from cheapsearch.space import RunSettings


@pytest.fixture(scope="module")
def images() -> OpenImages:
    return open_images("digits", limit=None, seed=0)


def fitted(images: OpenImages, given: dict[str, Any], workers: int = 1) -> tuple[tuple[int, ...], list[str]]:
    """The lengths that a run on CIFAR-10 gets, and the lines."""
    said: list[str] = []
    given = {"dataset": "cifar10", "sampler": "cost_aware", **given}
    settings, _ = fit_proxy(
        RunSettings.from_dict(given),
        given,
        images,
        devices=["cpu"] * workers,
        make_executor=lambda *setup: pytest.fail("nothing is to be trained"),
        say=said.append,
    )
    return settings.lengths, said


@pytest.mark.parametrize(
    ("given", "lengths", "said"),
    [
        ({"budget": 40}, (1, 4), []),
        ({"budget": 200}, (1, 4, 16), []),
        (
            {"budget": 39},
            (1,),
            ["longer ones want a budget of 40, got 39 (else --budget 40, or --rungs 1,4)"],
        ),
        # Of 4 times as long there must be 4, so that 15 units are too few to ask for them.
        ({"budget": 15}, (1,), ["longer ones want a budget of 40, got 15 (else --budget 40)"]),
        ({"budget": 16, "rungs": (1, 4)}, (1, 4), []),
        ({"budget": 16, "rungs": (1,)}, (1,), []),
        ({"budget": 16, "sampler": "random"}, (1,), []),
        ({"budget": 16, "repeats": 2}, (1,), []),
        ({"budget": 16, "dataset": "digits"}, (1,), []),
        (
            {"budget": 200, "dataset": "digits"},
            (1,),
            ["longer ones leave networks alike on digits (else --rungs 1,4,16)"],
        ),
    ],
)
def test_fit_proxy_says_why_a_run_that_leaves_its_lengths_open_has_one(
    images: OpenImages, given: dict[str, Any], lengths: tuple[int, ...], said: list[str]
) -> None:
    assert fitted(images, given) == (lengths, [f"trainings of one length: {line}" for line in said])


@pytest.mark.parametrize(
    ("trainings", "workers", "lengths", "said"),
    [
        (64, 4, (1, 4), None),
        (63, 4, (1,), "64 of the shortest, 63 fit into the time of 4 workers"),
        (40, 1, (1, 4), None),
        (39, 1, (1,), "40 of the shortest, 39 fit into the time of 1 worker"),
        (200, 3, (1, 4, 16), None),
        (255, 4, (1, 4), None),
        (256, 4, (1, 4, 16), None),
    ],
)
def test_fit_proxy_wants_time_for_longer_trainings_of_every_worker(
    images: OpenImages,
    monkeypatch: pytest.MonkeyPatch,
    trainings: int,
    workers: int,
    lengths: tuple[int, ...],
    said: str | None,
) -> None:
    pilot = SimpleNamespace(proxy=CPU, record=SimpleNamespace(trainings=trainings))
    monkeypatch.setattr(fit_module, "run_pilot", lambda *arguments, **named: pilot)
    monkeypatch.setattr(fit_module, "explain", lambda *arguments, **named: [])
    more = "(else more --hours, or --rungs 1,4)"
    expected = [] if said is None else [f"trainings of one length: longer ones want {said} {more}"]
    assert fitted(images, {"hours": 1.0}, workers) == (lengths, expected)


def test_fit_proxy_names_the_budget_where_that_binds_and_not_the_time(
    images: OpenImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = SimpleNamespace(proxy=CPU, record=SimpleNamespace(trainings=30))
    monkeypatch.setattr(fit_module, "run_pilot", lambda *arguments, **named: pilot)
    monkeypatch.setattr(fit_module, "explain", lambda *arguments, **named: [])
    lengths, (line,) = fitted(images, {"hours": 8.0, "budget": 30}, 2)
    assert (lengths, "want a budget of 40, got 30 (else --budget 40" in line) == ((1,), True)


@pytest.mark.parametrize(("workers", "lengths"), [(3, (1, 4, 16)), (4, (1, 4))])
def test_fit_proxy_wants_time_for_the_longest_of_every_worker_where_the_budget_is_given_too(
    images: OpenImages, monkeypatch: pytest.MonkeyPatch, workers: int, lengths: tuple[int, ...]
) -> None:
    pilot = SimpleNamespace(proxy=CPU, record=SimpleNamespace(trainings=200))
    monkeypatch.setattr(fit_module, "run_pilot", lambda *arguments, **named: pilot)
    monkeypatch.setattr(fit_module, "explain", lambda *arguments, **named: [])
    assert fitted(images, {"hours": 8.0, "budget": 200}, workers) == (lengths, [])


@pytest.mark.parametrize("rungs", [None, (1, 4)])
def test_fit_proxy_says_that_nothing_is_stopped_where_lengths_are_several(
    images: OpenImages, rungs: tuple[int, ...] | None
) -> None:
    named: dict[str, Any] = {"budget": 40} | ({} if rungs is None else {"rungs": rungs})
    lengths, (line,) = fitted(images, named | {"stopping": True})
    assert lengths == (1, 4)
    assert line.startswith("--stopping has no effect with trainings of several lengths")
    assert fitted(images, named | {"stopping": False}) == fitted(images, named) == ((1, 4), [])
    assert fitted(images, {"budget": 40, "rungs": (1,), "stopping": True}) == ((1,), [])
