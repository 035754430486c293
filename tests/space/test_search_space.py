"""The search space lists what it says, once each; counts are checked against plain enumeration."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, product
from math import prod
from types import MappingProxyType

import pytest

from cheapsearch.space import (
    BACKBONES,
    PRESETS,
    SITE_NAMES,
    STAGED_SITES,
    Architecture,
    Choice,
    SearchSpace,
    UserError,
    architecture_hash,
    canonical,
    get_backbone,
)
from cheapsearch.space.canonical import stage_form

V2, LARGE, E6, D6, K, SMALL, *_ = BACKBONES


def every_architecture(backbone: str, width: float, per_stage: Iterable[str]) -> list[Architecture]:
    """Every choice at every site (and every stage of the `per_stage` ones), even those without effect."""
    found = get_backbone(backbone)
    options: list[Sequence[Choice]] = []
    for site in SITE_NAMES:
        operations = found.operations[site]
        options.append(list(product(operations, repeat=found.stages)) if site in per_stage else operations)
    return [
        Architecture(backbone, width, **dict(zip(SITE_NAMES, choices, strict=True)))
        for choices in product(*options)
    ]


def small_backbone(
    monkeypatch: pytest.MonkeyPatch, like: str, stages: Iterable[int], **operations: tuple[str, ...]
) -> str:
    """Make a backbone of a few stages of another, with some sites narrowed; return its name."""
    whole = BACKBONES[like]
    stages = list(stages)
    rows = [replace(row, stage=stages.index(row.stage) + 1) for row in whole.rows if row.stage in stages]
    # The caches of layouts and forms are by name, so each variant needs its own.
    name = f"{like} {stages} {sorted(operations.items())}"
    kept = MappingProxyType(dict(whole.operations) | operations)
    small = replace(whole, name=name, rows=tuple(rows), operations=kept)
    monkeypatch.setattr("cheapsearch.space.backbones.BACKBONES", {**BACKBONES, name: small})
    return name


def staged_sites(backbone: str) -> tuple[str, ...]:
    """The sites that can go stage by stage: those with a choice to make inside the blocks."""
    operations = get_backbone(backbone).operations
    return tuple(site for site in STAGED_SITES if len(operations[site]) > 1)


# --- the choices and their number -------------------------------------------------------------------


def test_parameters_are_the_sites_with_more_than_one_operation(backbone_name: str) -> None:
    operations = get_backbone(backbone_name).operations
    expected = {site: operations[site] for site in SITE_NAMES if len(operations[site]) > 1}
    assert SearchSpace(backbone_name).parameters == expected
    assert ("se" in expected) is (get_backbone(backbone_name).family == "v3")


def test_size_is_the_product_of_the_operations(backbone_name: str) -> None:
    # design.md, "Sites and operations": V2 3 * 6 * 4 * 4 * 4, V3 3 * 6 * 4 * 2 * 3 * 5
    expected = 3 * 6 * 4 * 4 * 4 if get_backbone(backbone_name).family == "v2" else 3 * 6 * 4 * 2 * 3 * 5
    assert SearchSpace(backbone_name).size == expected
    assert len(list(SearchSpace(backbone_name))) == expected


def test_parameters_go_stage_by_stage_and_leave_out_what_changes_nothing() -> None:
    expand = get_backbone(LARGE).operations["expand"]
    assert SearchSpace(LARGE, per_stage=("expand",)).parameters == {
        "first_conv": ("conv", "reuse", "pre_reuse"),
        **{f"expand.{stage}": expand for stage in range(2, 7)},  # no expand conv in stage 1
        "project": ("conv", "conv_shuffle", "group_conv", "reduce"),
        "shortcut": ("identity", "reuse"),
        "last_stage": ("conv", "reuse", "group_conv"),
        "se": ("se", "reuse_r4", "reuse_r8", "eca", "none"),
    }


@pytest.mark.parametrize(
    ("backbone", "site", "stages"),
    [
        (V2, "expand", range(1, 8)),
        (V2, "project", range(1, 8)),
        (V2, "shortcut", range(1, 8)),
        (LARGE, "expand", range(2, 7)),
        (LARGE, "project", range(2, 7)),  # stage 1: one copy, one group
        (LARGE, "shortcut", (2, 5)),  # 16 -> 24 and 80 -> 112; the others begin with stride 2 or are equal
        (LARGE, "se", (3, 5, 6)),
        (SMALL, "se", (1, 3, 4, 5)),
        (SMALL, "shortcut", (4,)),  # 40 -> 48
    ],
)
def test_parameters_name_the_stages_where_a_site_counts(
    backbone: str, site: str, stages: Iterable[int]
) -> None:
    found = SearchSpace(backbone, per_stage=(site,)).parameters
    assert [name for name in found if name.startswith(f"{site}.")] == [f"{site}.{i}" for i in stages]
    assert site not in found


def test_parameters_leave_out_only_what_changes_nothing_beside_any_other(
    backbone_name: str,
) -> None:
    backbone = get_backbone(backbone_name)
    kept = SearchSpace(backbone_name, per_stage=staged_sites(backbone_name)).parameters
    for index, site in enumerate(STAGED_SITES):
        for stage in range(1, backbone.stages + 1):
            if f"{site}.{stage}" in kept:
                continue
            others = [backbone.operations[name] for name in STAGED_SITES if name != site]
            for beside in product(*others):
                forms = {
                    stage_form(backbone_name, 1.0, stage, *beside[:index], operation, *beside[index:])
                    for operation in backbone.operations[site]
                }
                assert len(forms) == 1, (site, stage, beside)


@pytest.mark.parametrize(
    ("backbone", "per_stage"), [(V2, ("expand",)), (LARGE, STAGED_SITES), (SMALL, ("project", "se"))]
)
def test_size_is_the_product_of_the_parameters_stage_by_stage(
    backbone: str, per_stage: tuple[str, ...]
) -> None:
    space = SearchSpace(backbone, per_stage=per_stage)
    assert space.size == prod(len(options) for options in space.parameters.values())
    count = {site: sum(name.split(".")[0] == site for name in space.parameters) for site in per_stage}
    operations = get_backbone(backbone).operations
    single = [len(operations[site]) for site in SITE_NAMES if site not in per_stage]
    assert space.size == prod(single) * prod(len(operations[site]) ** n for site, n in count.items())


@pytest.mark.parametrize(("name", "width"), [(V2, 1.0), (LARGE, 1.0), (D6, 1.0), (V2, 0.25), (SMALL, 0.25)])
def test_distinct_size_is_the_number_of_canonical_forms(name: str, width: float) -> None:
    tried = every_architecture(name, width, ())
    space = SearchSpace(name, width)
    assert space.distinct_size == len({canonical(architecture) for architecture in tried})
    assert space.distinct_size < space.size


# Of three stems and the projections `conv` (also as `conv_shuffle`) and `reduce`, for each last stage, those
# gates (and on the small one shortcuts) between which `shuffle_reuse` is `reuse` only as a whole network.
@pytest.mark.parametrize(
    ("name", "apart", "turning"),
    [
        (V2, 768, 0),
        (LARGE, 1620, 5 + 5 + 2),
        (E6, 1548, 3 + 3),
        (D6, 1548, 3 + 3),
        (K, 1548, 3 + 3),
        (SMALL, 1620, (2 + 2 + 2) * 2),
    ],
)
def test_distinct_size_leaves_out_what_is_one_only_as_a_whole_network(
    monkeypatch: pytest.MonkeyPatch, name: str, apart: int, turning: int
) -> None:
    space = SearchSpace(name)
    assert space.distinct_size == apart - 3 * 2 * turning
    monkeypatch.setattr("cheapsearch.space.search_space.turns", lambda *arguments: False)
    assert space.distinct_size == apart


@pytest.mark.parametrize(
    ("like", "stages", "operations", "per_stage"),
    [
        (
            V2,
            (1, 2, 7),
            {"expand": ("conv", "reuse", "shuffle_reuse"), "shortcut": ("conv",)},
            ("expand", "project"),
        ),
        (
            LARGE,
            (1, 2, 3),
            {
                "expand": ("conv", "reuse", "shuffle_reuse"),
                "se": ("eca", "none"),
                "last_stage": ("group_conv",),
            },
            ("expand",),
        ),
        (LARGE, (2, 3, 5), {"last_stage": ("conv", "group_conv"), "se": ("eca",)}, ("project",)),
        (V2, (1, 2, 5), {"project": ("conv",), "last_stage": ("conv", "group_conv")}, ("shortcut",)),
        (V2, (1, 3), {"shortcut": ("reuse", "pool_reuse")}, ("expand",)),
        (V2, (1, 2), {"expand": ("conv", "reuse", "ghost")}, ("project", "shortcut")),
        (
            V2,
            (1, 2, 4),
            {"expand": ("conv", "reuse", "shuffle_reuse"), "shortcut": ("conv",)},
            ("expand", "project"),
        ),
        (E6, (1, 3), {"expand": ("conv", "reuse", "shuffle_reuse")}, ("se",)),
        (E6, (1, 2, 3), {"project": ("conv",), "se": ("se", "reuse_r8")}, ("expand",)),
        (
            D6,
            (2, 3),
            {"expand": ("conv", "reuse", "shuffle_reuse"), "se": ("se", "eca")},
            ("expand", "project"),
        ),
        (K, (1, 5), {"project": ("conv_shuffle",)}, ("expand", "shortcut")),
        (LARGE, range(1, 7), {"expand": ("conv",), "se": ("se", "none")}, ("shortcut",)),
        (SMALL, range(1, 6), {"expand": ("conv", "reuse"), "project": ("conv",)}, ("shortcut",)),
        (
            SMALL,
            range(1, 6),
            {"expand": ("conv",), "project": ("conv",), "se": ("se", "reuse_r4", "none")},
            ("se",),
        ),
        (LARGE, (1, 2, 4), {"project": ("group_conv",), "se": ("se", "none")}, ("expand",)),
        (SMALL, (1, 4), {"expand": ("conv", "reuse", "shuffle_reuse"), "se": ("se", "eca")}, STAGED_SITES),
    ],
)
def test_distinct_size_is_the_number_of_canonical_forms_stage_by_stage(
    monkeypatch: pytest.MonkeyPatch,
    like: str,
    stages: Iterable[int],
    operations: dict[str, tuple[str, ...]],
    per_stage: tuple[str, ...],
) -> None:
    """Enumerates also the choices that the space leaves out because they change nothing."""
    name = small_backbone(
        monkeypatch, like, stages, **{"first_conv": ("conv",), "last_stage": ("conv",)} | operations
    )
    forms = {canonical(architecture) for architecture in every_architecture(name, 1.0, per_stage)}
    space = SearchSpace(name, per_stage=per_stage)
    assert space.distinct_size == len(forms)
    assert set(space.distinct()) == forms


@pytest.mark.parametrize("backbone", [V2, LARGE, SMALL])
def test_distinct_size_of_everything_stage_by_stage_is_found_without_listing(backbone: str) -> None:
    space = SearchSpace(backbone, per_stage=staged_sites(backbone))
    assert SearchSpace(backbone).distinct_size < space.distinct_size <= space.size
    assert space.size > 10**9


# --- iteration --------------------------------------------------------------------------------------


def test_iteration_lists_every_point_once_in_the_same_order(backbone_name: str) -> None:
    points = list(SearchSpace(backbone_name))
    assert len(set(points)) == len(points)
    assert points == list(SearchSpace(backbone_name))
    assert set(points) == set(every_architecture(backbone_name, 1.0, ()))
    assert points[0] == SearchSpace(backbone_name).unmodified == Architecture(backbone_name)


def test_iteration_varies_the_last_site_fastest() -> None:
    first = list(islice(SearchSpace(SMALL, 0.5), 6))
    assert [point.se for point in first] == ["se", "reuse_r4", "reuse_r8", "eca", "none", "se"]
    assert [point.last_stage for point in first] == ["conv"] * 5 + ["reuse"]
    assert {point.width for point in first} == {0.5}


def test_iteration_stage_by_stage_begins_at_once_and_stays_in_the_space() -> None:
    space = SearchSpace(V2, per_stage=staged_sites(V2))
    points = list(islice(space, 500))
    assert len(set(points)) == 500
    assert all(point in space for point in points)


@pytest.mark.parametrize("backbone", [V2])
def test_distinct_lists_each_canonical_form_once_in_order_of_appearance(backbone: str) -> None:
    space = SearchSpace(backbone)
    forms = list(space.distinct())
    assert forms == list(dict.fromkeys(canonical(point) for point in space))
    assert len(forms) == space.distinct_size
    assert len({architecture_hash(form) for form in forms}) == len(forms)
    assert all(form in space for form in forms)


# --- membership and conversion ----------------------------------------------------------------------


@pytest.mark.parametrize("per_stage", [(), ("expand",), ("se", "shortcut"), STAGED_SITES])
def test_architecture_and_choices_are_inverse(backbone_name: str, per_stage: tuple[str, ...]) -> None:
    per_stage = tuple(site for site in per_stage if site in staged_sites(backbone_name))
    space = SearchSpace(backbone_name, 0.75, per_stage)
    rng = random.Random(f"{backbone_name} {per_stage}")
    for _ in range(25):
        choices = {name: rng.choice(options) for name, options in space.parameters.items()}
        architecture = space.architecture(choices)
        assert architecture in space
        assert space.choices(architecture) == choices
        assert list(space.choices(architecture)) == list(space.parameters)
        assert space.architecture(space.choices(architecture)) == architecture


def test_choices_of_any_member_describe_the_same_network(backbone_name: str) -> None:
    """A member may differ in a choice that changes nothing; its choices give the same canonical form."""
    backbone = get_backbone(backbone_name)
    space = SearchSpace(backbone_name, per_stage=staged_sites(backbone_name))
    rng = random.Random(backbone_name)
    for _ in range(50):
        staged = {
            site: tuple(rng.choice(backbone.operations[site]) for _ in range(backbone.stages))
            for site in staged_sites(backbone_name)
        }
        member = Architecture(backbone_name, 1.0, **staged)
        assert canonical(space.architecture(space.choices(member))) == canonical(member)


@pytest.mark.parametrize("staged", [False, True])
def test_canonical_choices_are_those_of_the_canonical_form(backbone_name: str, staged: bool) -> None:
    space = SearchSpace(backbone_name, per_stage=staged_sites(backbone_name) if staged else ())
    rng = random.Random(backbone_name)
    changed = 0
    for _ in range(40):
        choices = {name: rng.choice(options) for name, options in space.parameters.items()}
        form = canonical(space.architecture(choices))
        found = space.canonical_choices(choices)
        assert canonical(space.architecture(found)) == form
        assert space.canonical_choices(found) == found
        changed += found != choices
    assert changed  # `conv_shuffle` alone is a quarter of the choices at the projection


def test_architecture_without_choices_is_the_unmodified_network(backbone_name: str) -> None:
    for per_stage in ((), staged_sites(backbone_name)):
        space = SearchSpace(backbone_name, per_stage=per_stage)
        assert space.architecture({}) == space.unmodified


@pytest.mark.parametrize(
    ("per_stage", "name", "nearest"),
    [
        ((), "exapnd", "; did you mean 'expand'?"),
        ((), "expand.2", "; did you mean 'expand'?"),  # it does not go stage by stage here
        ((), "se", ""),  # V2 has none
        (("expand",), "expand", "; did you mean 'expand.7'?"),
        (("expand",), "expand.8", "; did you mean 'expand.7'?"),  # V2 has seven stages
        (("expand",), "width", ""),
    ],
)
def test_architecture_refuses_an_unknown_choice(per_stage: tuple[str, ...], name: str, nearest: str) -> None:
    space = SearchSpace(V2, per_stage=per_stage)
    with pytest.raises(UserError) as caught:
        space.architecture({"project": "reduce", name: "reuse"})
    names = ", ".join(space.parameters)
    assert str(caught.value) == f"choices: key: must be one of {names}, got {name!r}{nearest}"


@pytest.mark.parametrize(
    ("backbone", "sites"),
    [(V2, ("expand", "project", "shortcut")), *((name, STAGED_SITES) for name in (LARGE, E6, D6, K, SMALL))],
)
def test_space_takes_the_sites_with_a_choice_stage_by_stage(backbone: str, sites: tuple[str, ...]) -> None:
    assert staged_sites(backbone) == sites
    for site in STAGED_SITES:
        if site in sites:
            assert SearchSpace(backbone, per_stage=(site,)).per_stage == (site,)
        else:
            with pytest.raises(UserError, match=f"^per_stage: must be one of {', '.join(sites)}, got"):
                SearchSpace(backbone, per_stage=(site,))


def test_architecture_reads_stage_choices() -> None:
    space = SearchSpace(V2, per_stage=("expand",))
    architecture = space.architecture({"expand.2": "reuse", "expand.7": "ghost", "project": "reduce"})
    assert architecture == Architecture(
        V2, expand=("conv", "reuse", "conv", "conv", "conv", "conv", "ghost"), project="reduce"
    )


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("per_stage", [(), ("expand", "shortcut")])
def test_presets_are_in_the_space_of_their_backbone_and_no_other(
    name: str, per_stage: tuple[str, ...]
) -> None:
    preset = PRESETS[name]
    if isinstance(preset.expand, tuple) and not per_stage:
        assert not any(preset in SearchSpace(backbone) for backbone in BACKBONES)
        return
    home = [backbone for backbone in BACKBONES if preset in SearchSpace(backbone, per_stage=per_stage)]
    assert home == [preset.backbone]
    assert preset not in SearchSpace(preset.backbone, 0.5, per_stage)
    space = SearchSpace(preset.backbone, per_stage=per_stage)
    assert canonical(space.architecture(space.choices(preset))) == canonical(preset)


def test_contains_refuses_foreign_things() -> None:
    space = SearchSpace(V2, per_stage=("expand",))
    mixed = ("conv", "reuse") * 3 + ("conv",)
    assert Architecture(V2, expand=mixed) in space
    assert Architecture(V2, project=("conv", "reduce") * 3 + ("conv",)) not in space
    assert Architecture(V2, expand=mixed) not in SearchSpace(V2)
    assert Architecture(V2, 0.5) not in space
    assert Architecture(LARGE) not in space
    for thing in ("mobilenet_v2", None, {"backbone": V2}):
        assert thing not in space


def test_choices_refuse_an_architecture_outside_the_space() -> None:
    with pytest.raises(UserError) as caught:
        SearchSpace(V2, per_stage=("expand",)).choices(Architecture(LARGE))
    message = str(caught.value)
    assert "backbone mobilenet_v2, width 1.0" in message
    assert "only at expand" in message
    assert "'mobilenet_v3_large'" in message
    with pytest.raises(UserError, match="only at no site"):
        SearchSpace(V2).choices(Architecture(V2, 0.5))


# --- making one -------------------------------------------------------------------------------------


def test_space_orders_per_stage_sites_and_drops_repeats() -> None:
    space = SearchSpace(LARGE, per_stage=("se", "expand", "se"))
    assert space.per_stage == ("expand", "se")
    assert space == SearchSpace(LARGE, 1, ("expand", "se"))
    assert hash(space) == hash(SearchSpace(LARGE, 1.0, ["se", "expand"]))  # type: ignore[arg-type]


def test_space_unmodified_has_its_width() -> None:
    assert SearchSpace(SMALL, 0.5).unmodified == Architecture(SMALL, 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mobilenet_v1",), r"^backbone: must be one of .*did you mean 'mobilenet_v2'\?"),
        ((V2, 3.0), r"^width: must be a number from 0.25 to 2.0, got 3.0"),
        ((V2, True), "^width: must be a number"),
        ((V2, 1.0, ("exapnd",)), r"^per_stage: must be one of expand, .*did you mean 'expand'\?"),
        (
            (LARGE, 1.0, ("first_conv",)),
            "^per_stage: must be one of expand, project, shortcut, se, got 'first_c",
        ),
        # MobileNetV2 has no `se` site, so there is nothing to choose stage by stage.
        ((V2, 1.0, ("se",)), "^per_stage: must be one of expand, project, shortcut, got 'se'$"),
        ((V2, 1.0, ("expand", "se")), "^per_stage: must be one of expand, project, shortcut, got 'se'$"),
    ],
)
def test_space_refuses_wrong_arguments(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SearchSpace(*arguments)  # type: ignore[arg-type]
