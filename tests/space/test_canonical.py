"""Architectures that are one network have one canonical form and one hash; others do not.

Here the pairs are those design.md names ("Same network, same function") and those that follow from a
block's shape; that the networks really agree is shown in `tests/models/test_equivalence.py`.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from cheapsearch.space import (
    BACKBONES,
    PRESETS,
    STAGED_SITES,
    Architecture,
    Block,
    architecture_hash,
    canonical,
    conv_groups,
    get_backbone,
    get_operation,
)
from cheapsearch.space.canonical import stage_form, stage_forms
from cheapsearch.space.effects import SHUFFLE_GROUPS, always, any_order
from cheapsearch.space.known_operations import _BY_NAME

V2, *V3 = (name for name in BACKBONES if name != "mobilenet_v2_torchvision")
LARGE, E6, D6, K, SMALL, *_ = V3
WIDTHS = (0.25, 0.5, 1.0, 1.4)


def same(first: Architecture, second: Architecture) -> bool:
    equal = canonical(first) == canonical(second)
    assert (architecture_hash(first) == architecture_hash(second)) is equal
    return equal


def at_stage(backbone: str, site: str, stage: int, operation: str, **others: str) -> Architecture:
    """The unmodified network (but for `others`) with one operation in one stage."""
    found = get_backbone(backbone)
    operations = [others.pop(site, found.operations[site][0])] * found.stages
    operations[stage - 1] = operation
    return Architecture(backbone, 1.0, **{site: tuple(operations)}, **others)


def blocks_of(backbone: str, stage: int, width: float = 1.0, size: int = 32) -> list[Block]:
    return [block for block in get_backbone(backbone).layout(width, size).blocks if block.stage == stage]


# --- properties over random architectures -----------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_canonical_is_idempotent_and_keeps_every_stage_form(
    backbone_name: str, width: float, random_architecture: Callable[..., Architecture]
) -> None:
    rng = random.Random(f"{backbone_name} {width}")
    for _ in range(20):
        architecture = random_architecture(rng, backbone_name, width)
        form = canonical(architecture)
        assert canonical(form) == form
        assert stage_forms(form) == stage_forms(architecture)
        assert architecture_hash(form) == architecture_hash(architecture)
        assert (form.backbone, form.width) == (backbone_name, width)
        assert form.first_conv == architecture.first_conv


def test_canonical_keeps_one_operation_for_the_network_as_one(backbone_name: str) -> None:
    rng = random.Random(backbone_name)
    operations = get_backbone(backbone_name).operations
    for _ in range(50):
        choices = {site: rng.choice(operations[site]) for site in operations}
        form = canonical(Architecture(backbone_name, 1.0, **choices))
        assert all(isinstance(getattr(form, site), str) for site in STAGED_SITES)


def test_canonical_ignores_each_stage_choice_exactly_where_its_form_does(
    backbone_name: str, random_architecture: Callable[..., Architecture]
) -> None:
    rng = random.Random(backbone_name)
    backbone = get_backbone(backbone_name)
    for _ in range(60):
        architecture = random_architecture(rng, backbone_name, 1.0)
        site, stage = rng.choice(STAGED_SITES), rng.randint(1, backbone.stages)
        operations = [architecture.operation(site, i) for i in range(1, backbone.stages + 1)]
        operations[stage - 1] = rng.choice(backbone.operations[site])
        changed = Architecture.from_dict(architecture.to_dict() | {site: operations})
        assert same(architecture, changed) is (stage_forms(architecture) == stage_forms(changed))


@pytest.mark.parametrize("name", PRESETS)
def test_canonical_of_a_preset_is_idempotent(name: str) -> None:
    form = canonical(PRESETS[name])
    assert canonical(form) == form


# --- one network under several names ----------------------------------------------------------------


def test_unmodified_network_is_its_own_canonical_form(backbone_name: str) -> None:
    assert canonical(Architecture(backbone_name)) == Architecture(backbone_name)


def test_single_operations_collapse_only_where_the_design_says(backbone_name: str) -> None:
    """Every pair of operations of a site, the rest unmodified: only the known pairs are one network."""
    backbone = get_backbone(backbone_name)
    # shuffle_reuse is reuse wherever dense layers follow or write what it reads; conv_shuffle is conv
    known = {frozenset({"conv", "conv_shuffle"}), frozenset({"reuse", "shuffle_reuse"})}
    for site, operations in backbone.operations.items():
        for first in operations:
            for second in operations:
                equal = first == second or frozenset({first, second}) in known
                one, other = (Architecture(backbone_name, 1.0, **{site: op}) for op in (first, second))
                assert same(one, other) is equal, (site, first, second)


@pytest.mark.parametrize("name", [V2, E6, D6, K])
@pytest.mark.parametrize("project", ["conv", "conv_shuffle", "reduce"])
@pytest.mark.parametrize("se", ["se", "none"])
def test_shuffle_reuse_is_reuse_where_everything_after_it_is_dense(name: str, project: str, se: str) -> None:
    # `reduce` sums channels of equal position in the tile, so a permutation of C passes through it
    se = "none" if name == V2 else se
    both = [Architecture(name, expand=op, project=project, se=se) for op in ("reuse", "shuffle_reuse")]
    assert same(*both)
    assert canonical(both[1]).expand == "reuse"


@pytest.mark.parametrize("name", [V2, E6, D6, K])
def test_shuffle_reuse_is_not_reuse_before_a_grouped_projection(name: str) -> None:
    both = [Architecture(name, expand=op, project="group_conv") for op in ("reuse", "shuffle_reuse")]
    assert not same(*both)


# What writes the channels before a tile can write them in the order of the shuffle, block after block.


@pytest.mark.parametrize("name", [LARGE, E6, D6, K])
@pytest.mark.parametrize("project", ["conv", "conv_shuffle", "reduce"])
@pytest.mark.parametrize("last_stage", ["conv", "reuse"])
def test_shuffle_reuse_is_reuse_between_dense_layers_whatever_gates_and_cuts_there_are(
    name: str, project: str, last_stage: str
) -> None:
    for se in ("se", "reuse_r4", "reuse_r8", "eca", "none"):
        both = [
            Architecture(name, expand=op, project=project, last_stage=last_stage, se=se)
            for op in ("reuse", "shuffle_reuse")
        ]
        assert same(*both)
        assert canonical(both[1]).expand == "reuse"


@pytest.mark.parametrize(("se", "equal"), [("se", True), ("none", True), ("reuse_r4", False), ("eca", False)])
def test_shuffle_reuse_is_not_reuse_where_the_stems_channels_meet_a_gate_that_knows_the_order(
    se: str, equal: bool
) -> None:
    # At small inputs the first block of mobilenet_v3_small has a shortcut that is the identity, and a gate.
    assert same(*(Architecture(SMALL, expand=op, se=se) for op in ("reuse", "shuffle_reuse"))) is equal


@pytest.mark.parametrize("name", V3)
@pytest.mark.parametrize(
    "others",
    [
        {"project": "group_conv"},  # writes groups, and may read them
        {"last_stage": "group_conv", "se": "eca"},  # reads groups of neighbours
    ],
)
def test_shuffle_reuse_is_not_reuse_beside_layers_that_know_the_order(
    name: str, others: dict[str, str]
) -> None:
    assert not same(*(Architecture(name, 1.0, expand=op, **others) for op in ("reuse", "shuffle_reuse")))


@pytest.mark.parametrize("name", [LARGE, E6, D6, K])
@pytest.mark.parametrize("se", ["reuse_r4", "reuse_r8", "eca"])
def test_shuffle_reuse_is_not_reuse_where_a_shortcut_tiles(name: str, se: str) -> None:
    # the fifth stage begins with a block of stride 1 that widens, and has gates
    both = [Architecture(name, expand=op, se=se, shortcut="reuse") for op in ("reuse", "shuffle_reuse")]
    assert not same(*both)


@pytest.mark.parametrize("stage", [3, 5, 6])
def test_shuffle_reuse_of_one_stage_is_reuse_only_if_its_neighbours_tiles_do_not_read_the_same(
    stage: int,
) -> None:
    # before a gate that knows the order, a stage's later blocks read what the next stage's first block does
    for beside, equal in (("conv", True), ("ghost", True), ("reuse_group", False), ("group_conv", False)):
        both = []
        for operation in ("reuse", "shuffle_reuse"):
            expand = [beside] * 6
            expand[stage - 1] = operation
            both.append(Architecture(E6, expand=tuple(expand), se="eca"))
        # after the sixth comes the last stage, and the others read the sixth stage's input only
        assert same(*both) is equal
    # stages 5 and 6 both have gates, so they are shuffled together or not at all
    mixed = Architecture(E6, expand=("reuse",) * 5 + ("shuffle_reuse",), se="eca")
    assert not same(mixed, Architecture(E6, expand="reuse", se="eca"))


def test_expand_chosen_once_keeps_its_name_where_only_some_stages_turn() -> None:
    both = [Architecture(E6, expand=op, se="eca", shortcut="reuse") for op in ("reuse", "shuffle_reuse")]
    assert [canonical(architecture).expand for architecture in both] == ["reuse", "shuffle_reuse"]


@pytest.mark.parametrize("follows", [None, any_order])
def test_shuffle_reuse_is_not_reuse_before_an_operation_that_says_nothing_of_orders(
    follows: Callable[..., bool] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(get_operation("project", "conv"), name="mine", effect=always("mine"), follows=follows)
    rows = {**_BY_NAME, ("project", "mine"): row}
    monkeypatch.setattr("cheapsearch.space.known_operations._BY_NAME", rows)
    # The caches of layouts and forms are by name, so each variant needs its own.
    name = f"mine, which follows {follows}"
    offered = MappingProxyType({**BACKBONES[V2].operations, "project": ("conv", "mine")})
    backbone = replace(BACKBONES[V2], name=name, operations=offered)
    monkeypatch.setattr("cheapsearch.space.backbones.BACKBONES", {**BACKBONES, name: backbone})
    form = stage_form(name, 1.0, 2, "shuffle_reuse", "mine", "conv", "none")
    assert form == ("shuffle_reuse" if follows is None else "reuse", "mine", "conv", "none")


def test_shuffle_reuse_preset_is_reuse_but_for_a_shortcut_that_tiles() -> None:
    preset = PRESETS["cheap_v3_shuffle6"]
    assert preset.se == "reuse_r8"
    assert same(preset, replace(preset, expand="reuse"))
    tiled = replace(preset, shortcut="reuse")
    assert not same(tiled, replace(tiled, expand="reuse"))


@pytest.mark.parametrize("name", [E6, D6, K])
@pytest.mark.parametrize("se", ["reuse_r4", "reuse_r8", "eca"])
def test_shuffle_reuse_is_reuse_in_stages_without_a_gate(name: str, se: str) -> None:
    for stage in range(2, 7):
        gated = any(block.squeeze_excitation for block in blocks_of(name, stage))
        form = stage_form(name, 1.0, stage, "shuffle_reuse", "conv", "identity", se)
        assert (form[0] == "reuse") is not gated


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", BACKBONES)
def test_shuffle_reuse_before_group_conv_is_reuse_exactly_where_no_channel_changes_group(
    name: str, width: float
) -> None:
    for stage in range(1, get_backbone(name).stages + 1):
        blocks = blocks_of(name, stage, width)
        absorbed = True
        for block in (block for block in blocks if block.expands):
            channels = np.arange(block.in_channels)
            used = max(d for d in range(1, SHUFFLE_GROUPS + 1) if block.in_channels % d == 0)
            shuffled = channels.reshape(used, -1).T.ravel()
            copies = np.arange(block.hidden) // block.in_channels * block.in_channels
            tiles = [np.resize(order, block.hidden) + copies for order in (channels, shuffled)]
            parts = [np.split(tile, conv_groups(block.hidden, block.out_channels)) for tile in tiles]
            whole = block.hidden % block.in_channels == 0
            absorbed &= whole and all(set(a) == set(b) for a, b in zip(*parts, strict=True))
        operations = get_backbone(name).operations
        beside = ("group_conv", operations["shortcut"][0], operations["se"][0])
        forms = [stage_form(name, width, stage, op, *beside)[0] for op in ("reuse", "shuffle_reuse")]
        empty = not any(block.expands for block in blocks)
        assert (forms[0] == forms[1]) is (absorbed or empty), (stage, blocks)


def test_shuffle_reuse_before_group_conv_is_reuse_in_the_second_stage_of_d6() -> None:
    # C = 24, H = 144, O = 24: six groups of 24 channels, each one whole copy of the input
    assert [(b.in_channels, b.hidden, b.out_channels) for b in blocks_of(D6, 2)] == [(24, 144, 24)] * 2
    both = [at_stage(D6, "expand", 2, op, project="group_conv") for op in ("reuse", "shuffle_reuse")]
    assert same(*both)


@pytest.mark.parametrize("name", [LARGE, SMALL])
def test_no_stage_absorbs_shuffle_reuse_where_the_tile_is_cut(name: str) -> None:
    for stage in range(2, get_backbone(name).stages + 1):
        cut = any(block.hidden % block.in_channels for block in blocks_of(name, stage))
        form = stage_form(name, 1.0, stage, "shuffle_reuse", "conv", "identity", "se")
        assert (form[0] == "reuse") is not cut


def test_conv_shuffle_is_conv(backbone_name: str) -> None:
    for expand in get_backbone(backbone_name).operations["expand"]:
        both = [Architecture(backbone_name, expand=expand, project=op) for op in ("conv", "conv_shuffle")]
        assert same(*both)
        assert canonical(both[1]).project == "conv"


@pytest.mark.parametrize("name", V3)
@pytest.mark.parametrize("operation", ["reuse", "shuffle_reuse", "reuse_group", "group_conv", "ghost"])
def test_expand_does_nothing_in_the_first_stage_of_v3(name: str, operation: str) -> None:
    # "In a V3 block without expansion (H == C) the `expand` site is empty"
    assert same(at_stage(name, "expand", 1, operation), Architecture(name))


@pytest.mark.parametrize(
    ("operation", "does_nothing_more"),
    [
        ("reuse", False),
        ("shuffle_reuse", False),
        ("reuse_group", False),
        ("group_conv", True),
        ("ghost", False),
    ],
)
def test_expand_counts_in_the_first_stage_of_v2(operation: str, does_nothing_more: bool) -> None:
    # "V2's first block keeps its 1x1 conv 32 -> 32"; a conv of 32 / 32 = 1 group is that conv
    assert same(at_stage(V2, "expand", 1, operation), Architecture(V2)) is does_nothing_more


def test_reduce_is_conv_where_there_is_one_copy_to_sum(backbone_name: str) -> None:
    for stage in range(1, get_backbone(backbone_name).stages + 1):
        single = all(block.hidden == block.in_channels for block in blocks_of(backbone_name, stage))
        assert single is (stage == 1)
        assert (
            same(at_stage(backbone_name, "project", stage, "reduce"), Architecture(backbone_name)) is single
        )


def test_grouped_projection_is_conv_where_it_has_one_group(backbone_name: str) -> None:
    for stage in range(1, get_backbone(backbone_name).stages + 1):
        single = all(conv_groups(b.hidden, b.out_channels) == 1 for b in blocks_of(backbone_name, stage))
        one = at_stage(backbone_name, "project", stage, "group_conv")
        assert same(one, Architecture(backbone_name)) is single


@pytest.mark.parametrize("name", V3)
def test_se_does_nothing_in_stages_without_it(name: str) -> None:
    stages = range(1, get_backbone(name).stages + 1)
    with_se = {stage for stage in stages if any(b.squeeze_excitation for b in blocks_of(name, stage))}
    assert with_se == ({1, 3, 4, 5} if "small" in name else {3, 5, 6})  # design.md, "Backbones"
    for stage in stages:
        for operation in ("reuse_r4", "reuse_r8", "eca", "none"):
            changed = at_stage(name, "se", stage, operation)
            assert same(changed, Architecture(name)) is (stage not in with_se)


def test_shortcuts_are_one_where_they_do_the_same_at_both_strides(backbone_name: str) -> None:
    """Two operations are one in a stage if no block of it, at either input size, tells them apart."""
    backbone = get_backbone(backbone_name)
    for stage in range(1, backbone.stages + 1):
        blocks = blocks_of(backbone_name, stage, size=32) + blocks_of(backbone_name, stage, size=224)
        for first in backbone.operations["shortcut"]:
            for second in backbone.operations["shortcut"]:
                effects = [get_operation("shortcut", operation).effect for operation in (first, second)]
                told_apart = any(effects[0](block) != effects[1](block) for block in blocks)
                one, other = (at_stage(backbone_name, "shortcut", stage, op) for op in (first, second))
                assert same(one, other) is not told_apart


def test_shortcuts_of_v2_are_one_in_the_stages_known_from_its_table() -> None:
    # stage 1: 32 -> 16, stage 5: 64 -> 96, stage 7: 160 -> 320, all with stride 1 at every input size
    for stage in (1, 5, 7):
        assert same(*(at_stage(V2, "shortcut", stage, op) for op in ("reuse", "pool_reuse")))
        assert not same(*(at_stage(V2, "shortcut", stage, op) for op in ("reuse", "conv")))
        assert not same(*(at_stage(V2, "shortcut", stage, op) for op in ("reuse", "identity")))
    # stages 3, 4 and 6 begin with stride 2 at every input size: only the pool makes a shortcut there
    for stage in (3, 4, 6):
        assert same(*(at_stage(V2, "shortcut", stage, op) for op in ("conv", "identity")))
        assert same(*(at_stage(V2, "shortcut", stage, op) for op in ("conv", "reuse")))
        assert not same(*(at_stage(V2, "shortcut", stage, op) for op in ("conv", "pool_reuse")))
    # stage 2 has stride 1 for small inputs and 2 for large ones: all four differ
    for first, second in [("conv", "identity"), ("conv", "reuse"), ("reuse", "pool_reuse")]:
        assert not same(*(at_stage(V2, "shortcut", 2, op) for op in (first, second)))


def test_shortcut_of_a_narrow_network_is_identity_where_widths_have_become_equal() -> None:
    # at width 0.25 the stem's 16 and the second stage's 24 channels both round to 8
    blocks = blocks_of(LARGE, 2, 0.25)
    assert {(block.in_channels, block.out_channels) for block in blocks} == {(8, 8)}
    shortcuts = [("identity", operation, *["identity"] * 4) for operation in ("identity", "reuse")]
    assert same(*(Architecture(LARGE, 0.25, shortcut=shortcut) for shortcut in shortcuts))
    assert not same(*(at_stage(LARGE, "shortcut", 2, op) for op in ("identity", "reuse")))


def test_per_stage_list_that_says_what_one_operation_says_becomes_it() -> None:
    # stage 1 of V3 has no expand conv, so `reuse` from the second stage on is `reuse` everywhere
    listed = Architecture(E6, expand=("conv", *["reuse"] * 5))
    assert listed.expand != "reuse"
    assert canonical(listed) == Architecture(E6, expand="reuse")
    # stages 1, 2 and 4 have no squeeze-and-excitation
    listed = Architecture(E6, se=("none", "eca", "reuse_r4", "se", "reuse_r4", "reuse_r4"))
    assert canonical(listed) == Architecture(E6, se="reuse_r4")
    # dense after it: a mixture of reuse and shuffle_reuse is reuse
    listed = Architecture(V2, expand=("reuse", "shuffle_reuse") * 3 + ("reuse",))
    assert canonical(listed) == Architecture(V2, expand="reuse")


def test_per_stage_list_equal_to_one_operation_has_its_hash(backbone_name: str) -> None:
    backbone = get_backbone(backbone_name)
    for site in STAGED_SITES:
        for operation in backbone.operations[site]:
            listed = Architecture(backbone_name, 1.0, **{site: (operation,) * backbone.stages})
            assert same(listed, Architecture(backbone_name, 1.0, **{site: operation}))


# --- different networks, and the hash ---------------------------------------------------------------


def test_hash_differs_by_width_and_backbone() -> None:
    tried = [Architecture(name, width) for name in BACKBONES for width in (*WIDTHS, 0.75)]
    assert len({architecture_hash(architecture) for architecture in tried}) == len(tried)


def test_hash_differs_between_presets() -> None:
    assert len({architecture_hash(preset) for preset in PRESETS.values()}) == len(PRESETS)


def test_hash_differs_by_stage() -> None:
    tried = [at_stage(V2, "expand", stage, "reuse") for stage in range(1, 8)]
    assert len({architecture_hash(architecture) for architecture in tried}) == 7


def test_hash_is_twelve_hexadecimal_digits() -> None:
    for preset in PRESETS.values():
        text = architecture_hash(preset)
        assert len(text) == 12
        assert set(text) <= set("0123456789abcdef")


def test_hash_is_the_same_in_other_processes() -> None:
    program = (
        "from cheapsearch.space import PRESETS, architecture_hash\n"
        "print(*(architecture_hash(preset) for preset in PRESETS.values()))"
    )
    expected = [architecture_hash(preset) for preset in PRESETS.values()]
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == expected
