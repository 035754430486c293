"""The published networks, against the table in design.md ("Presets")."""

import pytest

from cheapsearch.space import PRESETS, SITE_NAMES, UserError, get_preset, join_choice

# backbone, first_conv, expand, project, shortcut, last_stage, se; design.md, "Presets", word for word
DESIGN = """
mobilenet_v2           mobilenet_v2          conv      conv          conv         conv     conv  none
cheap_v2               mobilenet_v2          conv      reuse         conv         reuse    reuse none
mobilenet_v2_paper     mobilenet_v2          conv      PAPER         conv         identity conv  none
mobilenet_v3_large     mobilenet_v3_large    conv      conv          conv         identity conv  se
cheap_v3               mobilenet_v3_large_e6 conv      reuse         conv         identity reuse reuse_r4
cheap_v3_shuffle       mobilenet_v3_large_e6 reuse     reuse         conv         identity reuse reuse_r8
cheap_v3_shuffle6      mobilenet_v3_large_d6 reuse     shuffle_reuse conv         identity reuse reuse_r8
cheap_v3_imagenet      mobilenet_v3_large_d6 pre_reuse shuffle_reuse conv         identity reuse reuse_r8
cheap_v3_shuffle6_last mobilenet_v3_large_d6 conv      shuffle_reuse conv         identity conv  reuse_r8
cheap_v3_k             mobilenet_v3_large_k  conv      reuse_group   conv_shuffle identity conv  reuse_r4
mobilenet_v2_torchvision       mobilenet_v2_torchvision       conv conv conv identity conv none
mobilenet_v3_large_torchvision mobilenet_v3_large_torchvision conv conv conv identity conv se
mobilenet_v3_small_torchvision mobilenet_v3_small_torchvision conv conv conv identity conv se
""".replace("PAPER", "reuse|conv|conv|conv|conv|conv|conv")
ROWS = [line.split() for line in DESIGN.strip().splitlines()]


def test_presets_are_those_of_the_design() -> None:
    assert list(PRESETS) == [name for name, *_ in ROWS]


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, *row in ROWS])
def test_preset_is_its_row_in_the_design(name: str, row: list[str]) -> None:
    preset = PRESETS[name]
    assert preset.width == 1.0  # design.md, "Training policies": width multiplier 1.0
    assert [preset.backbone, *(join_choice(getattr(preset, site)) for site in SITE_NAMES)] == row


def test_presets_are_distinct_networks() -> None:
    assert len(set(PRESETS.values())) == len(PRESETS)


def test_presets_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["cheap_v2"]  # type: ignore[index]


@pytest.mark.parametrize("name", PRESETS)
def test_get_preset_finds_by_name(name: str) -> None:
    assert get_preset(name) is PRESETS[name]


def test_get_preset_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^preset: must be one of mobilenet_v2, .*did you mean 'cheap_v2'\?"):
        get_preset("cheep_v2")
