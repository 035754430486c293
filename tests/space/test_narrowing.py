"""A narrower copy tells architectures apart as the full network does, where rounding allows."""

from dataclasses import replace

import pytest

from cheapsearch.space import STAGED_SITES, Architecture, SearchSpace, architecture_hash, get_backbone
from cheapsearch.space.canonical import stage_form
from cheapsearch.space.narrowing import best_multiple, narrow_form, narrow_size


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0, 1.3])
def test_best_multiple_of_a_copy_as_wide_is_that_of_the_network(backbone_name: str, width: float) -> None:
    assert best_multiple(backbone_name, width, width) == 8


def test_half_the_width_keeps_every_architecture(backbone_name: str) -> None:
    multiple = best_multiple(backbone_name, 1.0, 0.5)
    distinct = list(SearchSpace(backbone_name).distinct())
    assert narrow_size(distinct, 0.5, multiple) == len(distinct)


def test_multiples_of_4_keep_the_ratios_of_multiples_of_8_at_half_the_width() -> None:
    # 40 -> 48 channels become 20 -> 24, where multiples of 8 make both 24
    assert best_multiple("mobilenet_v3_small", 1.0, 0.5) == 4
    backbone = get_backbone("mobilenet_v3_small")
    for full, half in zip(backbone.layout(1.0).blocks, backbone.layout(0.5, 32, 4).blocks, strict=True):
        assert 2 * half.in_channels == full.in_channels
        assert 2 * half.out_channels == full.out_channels
        assert 2 * half.hidden == full.hidden


def test_narrow_form_is_equal_where_the_copies_are_one_network() -> None:
    identity = Architecture("mobilenet_v3_small", shortcut="identity")
    reuse = replace(identity, shortcut="reuse")
    assert architecture_hash(identity) != architecture_hash(reuse)
    copies = [get_backbone("mobilenet_v3_small").layout(0.5, 32, multiple).blocks for multiple in (8, 4)]
    widening = [any(b.stride == 1 and b.in_channels != b.out_channels for b in blocks) for blocks in copies]
    assert widening == [False, True]  # which is all that the two shortcuts differ in
    assert narrow_form(identity, 0.5, 8) == narrow_form(reuse, 0.5, 8)
    assert narrow_form(identity, 0.5, 4) != narrow_form(reuse, 0.5, 4)


def test_narrow_size_of_rounding_to_8_halves_mobilenet_v3_small() -> None:
    distinct = list(SearchSpace("mobilenet_v3_small").distinct())
    assert 2 * narrow_size(distinct, 0.5, 8) == len(distinct)


def test_narrow_form_is_equal_for_what_is_one_network_in_full() -> None:
    name = "mobilenet_v3_large"
    one = Architecture(name, expand=("conv", "reuse", *["conv"] * 4))
    other = replace(one, expand=("conv", "shuffle_reuse", *["conv"] * 4))
    assert architecture_hash(one) == architecture_hash(other)
    # In multiples of 8 a tile of the second stage is cut, 16 to 40 channels, and there a shuffle matters.
    forms = [stage_form(name, 0.5, 2, *(a.operation(site, 2) for site in STAGED_SITES)) for a in (one, other)]
    assert forms[0] != forms[1]
    assert narrow_form(one, 0.5, 8) == narrow_form(other, 0.5, 8)
