"""The six sites and their operations, as design.md's table "Sites and operations" lists them."""

from dataclasses import FrozenInstanceError

import pytest

from cheapsearch.space import BACKBONES, SITE_NAMES, SITES, STAGED_SITES

# design.md, "Sites and operations": the names of each row, in order; V2's first shortcut comes first.
DESIGN = {
    "first_conv": "conv reuse pre_reuse",
    "expand": "conv reuse shuffle_reuse reuse_group group_conv ghost",
    "project": "conv conv_shuffle group_conv reduce",
    "shortcut": "conv identity reuse pool_reuse",
    "last_stage": "conv reuse pool_first group_conv",
    "se": "se reuse_r4 reuse_r8 eca none",
}
V2, V3 = ([b.name for b in BACKBONES.values() if b.family == family] for family in ("v2", "v3"))


def test_sites_are_those_of_the_design_in_its_order() -> None:
    assert tuple(DESIGN) == SITE_NAMES
    assert tuple(SITES) == SITE_NAMES
    assert [site.name for site in SITES.values()] == list(SITE_NAMES)


@pytest.mark.parametrize("name", DESIGN)
def test_site_operations_are_those_of_the_design(name: str) -> None:
    assert list(SITES[name].operations) == DESIGN[name].split()


def test_staged_sites_are_those_inside_the_blocks() -> None:
    assert STAGED_SITES == ("expand", "project", "shortcut", "se")
    assert [site.name for site in SITES.values() if site.staged] == list(STAGED_SITES)


@pytest.mark.parametrize("name", DESIGN)
def test_site_describes_its_place_and_every_operation(name: str) -> None:
    site = SITES[name]
    assert site.where
    assert all(site.operations.values())
    assert len(set(site.operations.values())) == len(site.operations)


def test_sites_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SITES["stem"] = SITES["first_conv"]  # type: ignore[index]
    with pytest.raises(TypeError):
        SITES["se"].operations["gate"] = "a gate"  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        SITES["se"].staged = False  # type: ignore[misc]


@pytest.mark.parametrize("name", DESIGN)
def test_site_operations_are_each_offered_by_a_backbone(name: str) -> None:
    offered = {operation for backbone in BACKBONES.values() for operation in backbone.operations[name]}
    assert offered == set(SITES[name].operations)


@pytest.mark.parametrize("name", V2)
def test_v2_offers_every_operation_but_squeeze_and_excitation(name: str) -> None:
    # "MobileNetV2 has no `se` site (its only value is `none`); the shortcut site is searched on V2"
    operations = BACKBONES[name].operations
    assert operations["se"] == ("none",)
    for site in set(DESIGN) - {"se"}:
        assert set(operations[site]) == set(DESIGN[site].split())


@pytest.mark.parametrize("name", V3)
def test_v3_offers_every_operation_but_those_of_v2_only(name: str) -> None:
    # "on V3 offers `identity` and `reuse`"; `pool_first` is V2's
    operations = BACKBONES[name].operations
    assert operations["shortcut"] == ("identity", "reuse")
    assert operations["last_stage"] == ("conv", "reuse", "group_conv")
    for site in ("first_conv", "expand", "project", "se"):
        assert list(operations[site]) == DESIGN[site].split()
