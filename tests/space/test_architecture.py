"""An architecture is validated when it is made, and survives a trip through YAML."""

import random
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields

import pytest
import yaml

from cheapsearch.space import (
    BACKBONES,
    PRESETS,
    SITE_NAMES,
    SITES,
    STAGED_SITES,
    Architecture,
    UserError,
    get_backbone,
    parse_yaml,
)


def test_architecture_defaults_to_the_unmodified_network(backbone_name: str) -> None:
    architecture = Architecture(backbone_name)
    operations = get_backbone(backbone_name).operations
    assert architecture.width == 1.0
    assert {site: getattr(architecture, site) for site in SITE_NAMES} == {
        site: operations[site][0] for site in SITE_NAMES
    }


def test_architecture_fields_are_backbone_width_and_the_sites() -> None:
    assert [field.name for field in fields(Architecture)] == ["backbone", "width", *SITE_NAMES]


def test_architecture_is_frozen_and_hashable() -> None:
    architecture = Architecture("mobilenet_v2", expand=["reuse"] * 6 + ["conv"])  # type: ignore[arg-type]
    assert len({architecture, Architecture("mobilenet_v2", expand=("reuse",) * 6 + ("conv",))}) == 1
    with pytest.raises(FrozenInstanceError):
        architecture.expand = "conv"  # type: ignore[misc]


def test_architecture_takes_every_operation_its_backbone_offers(backbone_name: str) -> None:
    backbone = get_backbone(backbone_name)
    for site, operations in backbone.operations.items():
        for operation in operations:
            assert getattr(Architecture(backbone_name, 1.0, **{site: operation}), site) == operation


def test_architecture_refuses_every_operation_its_backbone_does_not_offer(backbone_name: str) -> None:
    backbone = get_backbone(backbone_name)
    for site, operations in backbone.operations.items():
        for operation in set(SITES[site].operations) - set(operations):
            with pytest.raises(UserError, match=f"{site} of {backbone_name}: must be one of .*{operation!r}"):
                Architecture(backbone_name, 1.0, **{site: operation})


@pytest.mark.parametrize(
    ("backbone", "site", "operation"),
    [
        ("mobilenet_v2", "se", "se"),
        ("mobilenet_v2", "se", "eca"),
        ("mobilenet_v3_large", "last_stage", "pool_first"),
        ("mobilenet_v3_small", "shortcut", "pool_reuse"),
        ("mobilenet_v3_large_e6", "shortcut", "conv"),
    ],
)
def test_architecture_refuses_an_operation_of_the_other_family(
    backbone: str, site: str, operation: str
) -> None:
    with pytest.raises(UserError) as caught:
        Architecture(backbone, 1.0, **{site: operation})
    message = str(caught.value)
    assert f"{site} of {backbone}" in message
    assert ", ".join(BACKBONES[backbone].operations[site]) in message
    assert repr(operation) in message


def test_architecture_names_the_nearest_operation_and_backbone() -> None:
    with pytest.raises(UserError, match=r"^expand: must be one of .*'shufle_reuse'; did you mean 'shuffle"):
        Architecture("mobilenet_v2", expand="shufle_reuse")
    with pytest.raises(UserError, match=r"^backbone: .* did you mean 'mobilenet_v2'\?$"):
        Architecture("mobilnet_v2")


@pytest.mark.parametrize("site", SITE_NAMES)
@pytest.mark.parametrize("value", [None, 1, True, {"conv": 1}, {"conv"}])
def test_architecture_refuses_a_choice_that_is_no_name(site: str, value: object) -> None:
    with pytest.raises(UserError, match=f"^{site}: must be one of"):
        Architecture("mobilenet_v3_large", **{site: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("backbone", [None, 2, ["mobilenet_v2"], ""])
def test_architecture_refuses_a_backbone_that_is_no_name(backbone: object) -> None:
    with pytest.raises(UserError, match=r"^backbone: must be one of mobilenet_v2, "):
        Architecture(backbone)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [0.1, 2.5, float("nan"), True, "1", None])
def test_architecture_refuses_a_width_out_of_range_or_no_number(width: object) -> None:
    with pytest.raises(UserError, match=r"^width: must be a number from 0.25 to 2.0, got "):
        Architecture("mobilenet_v2", width)  # type: ignore[arg-type]


def test_architecture_makes_the_width_a_float() -> None:
    architecture = Architecture("mobilenet_v2", 1)
    assert type(architecture.width) is float
    assert architecture == Architecture("mobilenet_v2", 1.0)


@pytest.mark.parametrize("site", STAGED_SITES)
@pytest.mark.parametrize("difference", [-1, 1])
def test_architecture_refuses_a_per_stage_list_of_the_wrong_length(
    backbone_name: str, site: str, difference: int
) -> None:
    backbone = get_backbone(backbone_name)
    operations = (backbone.operations[site][0],) * (backbone.stages + difference)
    with pytest.raises(UserError) as caught:
        Architecture(backbone_name, 1.0, **{site: operations})
    assert str(caught.value) == (
        f"{site}: a per-stage list for {backbone_name} needs {backbone.stages} operations, "
        f"got {len(operations)}"
    )


@pytest.mark.parametrize("site", [site for site in SITE_NAMES if site not in STAGED_SITES])
def test_architecture_refuses_a_per_stage_list_at_a_site_that_occurs_once(site: str) -> None:
    with pytest.raises(UserError, match=f"^{site}: takes one operation, .*'conv', 'reuse'"):
        Architecture("mobilenet_v2", 1.0, **{site: ("conv", "reuse", *("conv",) * 5)})


def test_architecture_names_the_stage_of_a_wrong_operation() -> None:
    operations = ["conv", "conv", "resue", "conv", "conv", "conv"]
    with pytest.raises(UserError, match=r"^expand, stage 3: must be one of .*did you mean 'reuse'\?$"):
        Architecture("mobilenet_v3_large", expand=operations)  # type: ignore[arg-type]
    operations = ["identity", "identity", "identity", "identity", "pool_reuse", "identity"]
    with pytest.raises(UserError, match=r"^shortcut, stage 5 of mobilenet_v3_large: must be one of identity"):
        Architecture("mobilenet_v3_large", shortcut=operations)  # type: ignore[arg-type]


def test_architecture_keeps_a_mixed_list_as_a_tuple_and_reads_it_by_stage() -> None:
    expand = ["conv", "reuse", "ghost", "group_conv", "reuse_group", "shuffle_reuse", "conv"]
    architecture = Architecture("mobilenet_v2", expand=expand, project="reduce")  # type: ignore[arg-type]
    assert architecture.expand == tuple(expand)
    assert [architecture.operation("expand", stage) for stage in range(1, 8)] == expand
    assert {architecture.operation("project", stage) for stage in range(1, 8)} == {"reduce"}
    assert architecture.operation("first_conv", 1) == "conv"


def test_architecture_turns_a_uniform_list_into_one_operation(backbone_name: str) -> None:
    backbone = get_backbone(backbone_name)
    for site in STAGED_SITES:
        for operation in backbone.operations[site]:
            listed = Architecture(backbone_name, 1.0, **{site: (operation,) * backbone.stages})
            assert listed == Architecture(backbone_name, 1.0, **{site: operation})
            assert getattr(listed, site) == operation


def test_architecture_round_trips_through_dict_and_yaml(
    random_architecture: Callable[..., Architecture],
) -> None:
    rng = random.Random(0)
    tried = list(PRESETS.values())
    tried += [random_architecture(rng, name, width) for name in BACKBONES for width in (0.35, 1.0, 1.4)]
    assert any(isinstance(architecture.expand, tuple) for architecture in tried)
    for architecture in tried:
        assert Architecture.from_dict(architecture.to_dict()) == architecture
        assert Architecture.from_yaml(architecture.to_yaml()) == architecture


def test_to_dict_is_plain_data_in_the_order_of_the_fields() -> None:
    architecture = Architecture("mobilenet_v3_small", 0.5, se=("se", "se", "eca", "none", "se"))
    data = architecture.to_dict()
    assert list(data) == ["backbone", "width", *SITE_NAMES]
    assert data["se"] == ["se", "se", "eca", "none", "se"]
    assert yaml.safe_load(architecture.to_yaml()) == data
    assert list(yaml.safe_load(architecture.to_yaml())) == list(data)


def test_from_yaml_fills_in_what_is_left_out() -> None:
    text = "backbone: mobilenet_v3_small\nse: none\n"
    assert Architecture.from_yaml(text) == Architecture("mobilenet_v3_small", se="none")


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("expnd", "expand"), ("backbones", "backbone"), ("last_stages", "last_stage"), ("widht", "width")],
)
def test_from_dict_refuses_an_unknown_key_and_names_the_nearest(key: str, nearest: str) -> None:
    with pytest.raises(UserError) as caught:
        Architecture.from_dict({"backbone": "mobilenet_v2", key: "conv"})
    assert str(caught.value).startswith("architecture: key: must be one of backbone, width, first_conv")
    assert str(caught.value).endswith(f"got {key!r}; did you mean {nearest!r}?")


def test_from_dict_names_the_missing_backbone() -> None:
    with pytest.raises(UserError, match="'backbone' is missing"):
        Architecture.from_dict({"expand": "reuse"})


@pytest.mark.parametrize("text", ["", "mobilenet_v2", "- backbone: mobilenet_v2", "3"])
def test_from_yaml_refuses_what_is_no_mapping(text: str) -> None:
    with pytest.raises(UserError, match="must be a mapping"):
        Architecture.from_yaml(text)


@pytest.mark.parametrize("value", ["no", "~", "3", "{conv: 1}", "[[conv]]"])
def test_from_yaml_refuses_a_choice_that_is_no_name(value: str) -> None:
    with pytest.raises(UserError, match=r"^architecture: expand"):
        Architecture.from_yaml(f"backbone: mobilenet_v2\nexpand: {value}\n")
    with pytest.raises(UserError, match=r"^best\.yaml: expand"):
        Architecture.from_yaml(f"backbone: mobilenet_v2\nexpand: {value}\n", "best.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backbone: [", "must be YAML"),
        ("mobilenet_v2", "architecture: must be a mapping"),
        ("{}", "architecture: the key 'backbone' is missing"),
        ("backbone: mobilenet_v2\nexpnd: conv", "architecture: key: must be one of backbone, "),
        ("backbone: mobilnet_v2", "backbone: must be one of "),
        ("backbone: mobilenet_v2\nwidth: 9", "width: must be a number from "),
        ("backbone: mobilenet_v2\nexpand: resue", "expand: must be one of "),
        ("backbone: mobilenet_v2\nexpand: [conv, reuse]", "expand: a per-stage list "),
        ("backbone: mobilenet_v2\nlast_stage: [conv, reuse]", "last_stage: takes one operation"),
    ],
)
def test_from_yaml_names_the_source_once_in_every_error(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Architecture.from_yaml(text, "runs/best.yaml")
    assert str(caught.value).startswith(f"runs/best.yaml: {message}")
    assert str(caught.value).count("runs/best.yaml") == 1
    assert "\n" not in str(caught.value)


def test_from_yaml_names_source_and_line_of_a_syntax_error() -> None:
    with pytest.raises(UserError, match=r"^best\.yaml: must be YAML, .* in line 2"):
        Architecture.from_yaml("backbone: mobilenet_v2\nexpand: : reuse\n", "best.yaml")


def test_parse_yaml_returns_plain_data_and_runs_nothing() -> None:
    assert parse_yaml("a: [1, x]", "here") == {"a": [1, "x"]}
    with pytest.raises(UserError, match=r"^here: must be YAML"):
        parse_yaml("a: !!python/object/apply:os.getcwd []", "here")
    with pytest.raises(UserError, match=r"^here: must be YAML"):
        parse_yaml("a: \x00", "here")
