"""`cheapsearch presets`, against the published counts."""

import json
from collections.abc import Callable

import pytest

from cheapsearch.search.cli.presets import preset_facts, print_presets
from cheapsearch.space import FLOPS_CONVENTION, PRESETS, additive_costs, architecture_hash

Call = Callable[..., tuple[int, str, str]]


def row(text: str, *start: str) -> list[str]:
    """The words of the line that begins with these."""
    lines = [line.split() for line in text.splitlines()]
    (found,) = [words for words in lines if words[: len(start)] == list(start)]
    return found


def test_preset_facts_are_the_published_counts(capsys: pytest.CaptureFixture[str]) -> None:
    facts = preset_facts(num_classes=100, input_size=32)
    assert list(facts["presets"]) == list(PRESETS)
    # design.md, "Presets": parameters the published code gives, and multiply-adds in millions
    published = {
        "mobilenet_v2": (2_412_212, 91.27),
        "cheap_v2": (1_173_732, 43.89),
        "mobilenet_v3_large": (4_321_948, 66.57),
        "cheap_v3": (1_803_076, 46.48),
    }
    for name, (params, flops) in published.items():
        assert facts["presets"][name]["params"] == params
        assert round(facts["presets"][name]["flops"] / 1e6, 2) == flops
    for name, preset in PRESETS.items():
        found = facts["presets"][name]
        assert found["hash"] == architecture_hash(preset)
        assert {key: found[key] for key in preset.to_dict()} == preset.to_dict()

    print_presets(facts)
    text = capsys.readouterr().out
    for name, found in facts["presets"].items():
        assert row(text, name, found["backbone"])[-len(additive_costs()) :] == [
            f"{found[cost]:,}" for cost in additive_costs()
        ]
    assert f"100 classes, 32 px; flops: {FLOPS_CONVENTION}" in text


def test_presets_as_json_and_as_text(call: Call) -> None:
    code, out, err = call("presets", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == preset_facts(num_classes=100, input_size=32)
    code, out, err = call("presets")
    assert (code, err) == (0, "")
    for name in PRESETS:
        assert f"\n{name} " in out
    assert "2,412,212" in out  # design.md, "Presets"
