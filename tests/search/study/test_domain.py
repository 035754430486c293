"""What a search of networks goes over: choices, costs, limits, and what comes first."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from cheapsearch.models import CostTable
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.study import domain as domain_module
from cheapsearch.search.study.domain import ArchitectureDomain, first_architectures
from cheapsearch.space import (
    BACKBONES,
    DEFAULT_OBJECTIVES,
    PRESETS,
    Architecture,
    SearchSpace,
    TrialRecord,
    architecture_hash,
)

V2 = "mobilenet_v2"
UNMODIFIED = Architecture(V2, 0.25)
Make = Callable[..., ArchitectureDomain]


@pytest.fixture
def make(table: CostTable) -> Make:
    def made(
        per_stage: tuple[str, ...] = (),
        limits: Limits = Limits(),  # noqa: B008
        objectives: tuple[str, ...] = DEFAULT_OBJECTIVES,
        reference: float | None = None,
    ) -> ArchitectureDomain:
        space = SearchSpace(V2, 0.25, per_stage)
        return ArchitectureDomain(space, table, limits, objectives, seed=0, reference=reference)

    return made


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("width", [1.0, 0.35])
def test_first_architectures_are_the_unmodified_one_and_the_presets_of_the_backbone(
    backbone: str, width: float
) -> None:
    expected = [("unmodified", Architecture(backbone, width))]
    expected += [
        (f"preset {name}", replace(preset, width=width))
        for name, preset in PRESETS.items()
        if preset.backbone == backbone and name != backbone
    ]
    for per_stage in ((), ("expand", "shortcut")):
        space = SearchSpace(backbone, width, per_stage)
        assert first_architectures(space) == [found for found in expected if found[1] in space]
    assert len(first_architectures(SearchSpace(backbone, width, ("expand",)))) == len(expected)


def test_domain_begins_with_the_choices_of_the_first_architectures(make: Make) -> None:
    domain = make()
    found = [(origin, domain.subject(choices)) for origin, choices in domain.first()]
    assert found == first_architectures(domain.space)


@pytest.mark.parametrize("per_stage", [(), ("expand", "shortcut")])
def test_domain_takes_a_record_back_to_its_choices(make: Make, per_stage: tuple[str, ...]) -> None:
    domain = make(per_stage)
    rng = random.Random(0)
    for _ in range(20):
        drawn = {name: rng.choice(options) for name, options in domain.parameters.items()}
        subject = domain.subject(drawn)
        record = domain.record(subject, number=3, state="complete", origin="random", accuracy=50.0)
        assert domain.subject(domain.choices(domain.subject_of(record))) == subject
        assert (record.costs["params"], record.costs["flops"]) == (
            domain.costs(subject)["params"],
            domain.costs(subject)["flops"],
        )


def test_domain_names_networks_that_train_the_same_alike(make: Make) -> None:
    domain = make()
    shuffled = replace(UNMODIFIED, project="conv_shuffle")
    assert domain.key(shuffled) == domain.key(UNMODIFIED) == architecture_hash(UNMODIFIED)
    assert domain.key(replace(UNMODIFIED, project="reduce")) != domain.key(UNMODIFIED)


def test_domain_refuses_what_is_over_a_limit(make: Make, table: CostTable) -> None:
    params = table.cost(UNMODIFIED).params
    assert make(limits=Limits({"params": params})).refusal(UNMODIFIED) == ""
    refusal = make(limits=Limits({"params": params - 1})).refusal(UNMODIFIED)
    assert refusal == f"params {params:,} are over --max-params {params - 1:,}"


def test_domain_draws_every_untried_network_once(make: Make, table: CostTable) -> None:
    # Limits at the third of the costs leave a few.
    costs = sorted({table.cost(architecture).params for architecture in SearchSpace(V2, 0.25)})
    domain = make(limits=Limits({"params": costs[2]}))
    rng, tried = random.Random(0), set[str]()
    while (drawn := domain.untried(tried, rng)) is not None:
        key = domain.key(domain.subject(drawn))
        assert key not in tried
        assert domain.refusal(domain.subject(drawn)) == ""
        tried.add(key)
    assert tried == {
        architecture_hash(architecture)
        for architecture in SearchSpace(V2, 0.25)
        if table.cost(architecture).params <= costs[2]
    }


def test_domain_draws_from_a_space_too_large_to_list_as_long_as_it_finds_something(
    make: Make, table: CostTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = make(("expand", "project"))
    drawn = domain.untried(set(), random.Random(0))
    assert drawn is not None
    assert drawn.keys() == domain.parameters.keys()
    again = domain.untried({domain.key(domain.subject(drawn))}, random.Random(0))
    assert again is not None
    assert again != drawn
    monkeypatch.setattr(domain_module, "_DRAWS", 5)
    assert make(("expand", "project"), Limits({"params": 1})).untried(set(), random.Random(0)) is None


@pytest.mark.parametrize("reference", [None, 55.5])
def test_domain_s_candidates_know_the_costs_searched_for_and_the_reference(
    make: Make, monkeypatch: pytest.MonkeyPatch, reference: float | None
) -> None:
    given: list[tuple[object, ...]] = []
    made = object()

    def recording(*arguments: object, seed: int, reference: float | None) -> object:
        given.append((*arguments, seed, reference))
        return made

    monkeypatch.setattr(domain_module, "make_candidates", recording)
    domain = make(objectives=("accuracy", "flops"), reference=reference)
    assert domain.candidates is domain.candidates is made  # made once
    assert given == [(domain.space, domain.table, domain.limits, ["flops"], 0, reference)]


def test_record_is_a_trial_record(make: Make) -> None:
    record = make().record(UNMODIFIED, number=1, state="failed", origin="tpe", reason="nan")
    assert isinstance(record, TrialRecord)
    assert (record.architecture, record.reason) == (UNMODIFIED, "nan")
