"""Every sampler by name, and the one that proposes what it is told to."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest

from cheapsearch.search.samplers.candidates import Candidates, ListedCandidates
from cheapsearch.search.samplers.registry import (
    SAMPLERS,
    CostAwareSampler,
    fixed_sampler,
    make_sampler,
    reasons_of,
)
from cheapsearch.search.study.seeds import proposal_seed
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.space import PRESETS, Architecture, SearchSpace, TrialRecord, UserError, architecture_hash

MakeStore = Callable[..., TrialStore[Architecture, TrialRecord]]


def no_candidates() -> Candidates:
    """For the samplers that do not look at them; listing a space takes a while."""
    raise AssertionError("a sampler that knows no costs asked for candidates")


def test_samplers_hold_those_of_optuna() -> None:
    assert {"tpe", "random", "nsga2", "gp"} <= set(SAMPLERS)


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2", "gp"])
def test_make_sampler_gives_a_fresh_one_of_optuna_s(name: str) -> None:
    made = [make_sampler(name, no_candidates, seed=0) for _ in range(2)]
    assert made[0] is not made[1]
    kinds = {
        "tpe": optuna.samplers.TPESampler,
        "random": optuna.samplers.RandomSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
        "gp": optuna.samplers.GPSampler,
    }
    assert isinstance(made[0], kinds[name])
    assert reasons_of(made[0]) == {}


def test_make_sampler_takes_candidates_and_samplers_of_one_s_own(candidates: Candidates) -> None:
    asked: list[int] = []

    def give() -> Candidates:
        asked.append(1)
        return candidates

    def mine(candidates: Callable[[], Candidates], seed: int) -> Any:
        return SimpleNamespace(candidates=candidates(), seed=seed)

    assert isinstance(make_sampler("cost_aware", give, seed=0), CostAwareSampler)
    assert asked == [1]
    made: Any = make_sampler("mine", give, seed=7, samplers={"mine": mine})
    assert (made.candidates, made.seed, asked) == (candidates, 7, [1, 1])


def test_make_sampler_refuses_an_unknown_name_and_names_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        make_sampler("nsga", no_candidates, seed=0)
    names = ", ".join(SAMPLERS)
    assert str(caught.value) == f"sampler: must be one of {names}, got 'nsga'; did you mean 'nsga2'?"


@pytest.mark.parametrize("name", ["cost_aware", "tpe", "random"])
def test_sampler_proposes_members_of_the_space_and_the_same_again(make_store: MakeStore, name: str) -> None:
    def proposals(seed: int) -> list[Architecture]:
        store = make_store()
        samplers = [
            make_sampler(name, lambda: store.domain.candidates, seed=seed + index) for index in range(4)
        ]
        return [store.ask(sampler)[1] for sampler in samplers]

    first = proposals(0)
    assert all(architecture in SearchSpace("mobilenet_v2", 0.25) for architecture in first)
    assert proposals(0) == first
    assert proposals(100) != first


def test_proposal_seed_is_another_for_every_search_and_index() -> None:
    seeds = {proposal_seed(seed, index) for seed in range(20) for index in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_cost_aware_doubts_more_where_more_noise_is_known() -> None:
    options = {name: tuple("abcde") for name in ("first", "second")}
    points = [{"first": a, "second": b} for a in "abcde" for b in "abcde"]
    costs = np.arange(1.0, 26.0)[:, None]
    distributions = {name: optuna.distributions.CategoricalDistribution(ops) for name, ops in options.items()}
    deviations = []
    for noise in (0.1, 3.0):
        study = optuna.create_study(directions=["maximize", "minimize"])
        for point, cost in zip(points[:-1], costs[:-1, 0], strict=True):
            values = [60.0 + cost, cost]
            study.add_trial(
                optuna.create_trial(params=dict(point), distributions=dict(distributions), values=values)
            )
        sampler = CostAwareSampler(ListedCandidates(options, points, costs), seed=0, noise=noise)
        study.sampler = sampler
        trial = study.ask(dict(distributions))
        assert trial.params == points[-1]  # the one that is left
        assert sampler.choice is not None
        accuracy = sampler.choice.accuracy
        assert sampler.reasons["accuracy"] == float(f"{accuracy:.6g}")
        deviations.append(sampler.choice.deviation or 0.0)
    assert 0.0 < deviations[0] < deviations[1]


@pytest.mark.parametrize("per_stage", [(), ("expand", "shortcut")])
@pytest.mark.parametrize("seed", [0, 1])
def test_fixed_sampler_proposes_the_choices_given(
    make_store: MakeStore, per_stage: tuple[str, ...], seed: int
) -> None:
    space = SearchSpace("mobilenet_v2", 0.25, per_stage)
    store = make_store(space=space)
    cheap = PRESETS["cheap_v2"]
    wanted = Architecture(
        "mobilenet_v2", 0.25, expand=cheap.expand, shortcut=cheap.shortcut, last_stage=cheap.last_stage
    )
    _, subject, reasons = store.ask(fixed_sampler(space.choices(wanted), seed=seed))
    assert space.choices(subject) == space.choices(wanted)
    assert architecture_hash(subject) == architecture_hash(wanted)
    assert reasons == {}
