"""An exported architecture is read back as it was written, and a changed file is noticed."""

import json
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    PRESETS,
    Architecture,
    ArchitectureConfig,
    Cost,
    Preprocessing,
    UserError,
    architecture_hash,
    find_architecture,
    read_config,
)

STAGED = Architecture("mobilenet_v3_small", 0.5, se=("se", "se", "eca", "none", "se"), expand="reuse")
CONFIG = ArchitectureConfig(
    STAGED,
    10,
    32,
    Cost(params=1_000, flops=2_000),
    "0.1.0",
    origin={"run": "runs/erste Größe", "trial": 3, "accuracy": 61.5},
)
# What weights were trained with; its names are ones that YAML would read as something else, or not at all.
PREPROCESSING = Preprocessing(32, "shorter_side", 36, (0.125, 0.25, 0.5), (0.5, 0.25, 0.1))
NAMES = ("no", "null", "1.5", "grün", "猫", " a: b", "'", "- x", "=", "2026-01-01")
TRAINED = replace(CONFIG, classes=NAMES, preprocessing=PREPROCESSING)

# Two classes make a classifier, eight pixels are the smallest input.
LEAST = {"num_classes": 2, "input_size": 8, "params": 0, "flops": 0}


def changed(**values: object) -> str:
    return yaml.safe_dump(yaml.safe_load(CONFIG.to_yaml()) | values)


def test_config_knows_the_hash_of_its_architecture() -> None:
    assert CONFIG.hash == architecture_hash(STAGED)
    assert replace(CONFIG, hash="").hash == CONFIG.hash


@pytest.mark.parametrize("architecture", [*PRESETS.values(), STAGED])
def test_config_round_trips_through_yaml(architecture: Architecture) -> None:
    config = replace(CONFIG, architecture=architecture, hash="")
    assert ArchitectureConfig.from_yaml(config.to_yaml()) == config


def test_config_yaml_is_plain_data_in_the_order_of_the_fields() -> None:
    data = yaml.safe_load(TRAINED.to_yaml())
    names = [field.name for field in fields(ArchitectureConfig)]
    costs = names.index("costs")
    assert list(data) == ["schema", *names[:costs], "params", "flops", *names[costs + 1 :]]
    assert data["architecture"] == STAGED.to_dict()
    assert "Größe" in CONFIG.to_yaml()


def test_config_round_trips_with_classes_and_preprocessing() -> None:
    for carry in (yaml.safe_dump, json.dumps):
        found = ArchitectureConfig.from_dict(yaml.safe_load(carry(TRAINED.to_dict())))
        assert found == TRAINED
    found = ArchitectureConfig.from_yaml(TRAINED.to_yaml())
    assert found == TRAINED
    assert (found.classes, found.preprocessing) == (NAMES, PREPROCESSING)


def test_config_of_no_weights_says_nothing_of_classes_and_preprocessing() -> None:
    assert not {"classes", "preprocessing"} & set(yaml.safe_load(CONFIG.to_yaml()))
    found = ArchitectureConfig.from_yaml(CONFIG.to_yaml())
    assert (found.classes, found.preprocessing) == (None, None)
    assert ArchitectureConfig.from_yaml(changed(classes=None, preprocessing=None)) == CONFIG


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (NAMES[1:], "must be 10 names, one for each class, got ["),
        ("abcdefghij", "must be 10 names, one for each class, got 'abc"),
        (dict.fromkeys(NAMES, 1), "must be 10 names"),
        ((*NAMES[1:], NAMES[1]), "must differ, got 'null' twice"),
        ((*NAMES[1:], ""), "must be names without control characters"),
        ((*NAMES[1:], 3), "must be names without control characters"),
        ((*NAMES[1:], "a\n\x1b[2Jb"), r"got 'a\n\x1b[2Jb'; rename it"),
        ((*NAMES[1:], "a\udcff"), r"got 'a\udcff'; rename it"),
    ],
)
def test_config_refuses_classes_that_cannot_be(classes: Any, message: str) -> None:
    given = list(classes) if isinstance(classes, tuple) else classes
    with pytest.raises(UserError, match=r"^best.yaml: classes: ") as caught:
        ArchitectureConfig.from_dict(CONFIG.to_dict() | {"classes": given}, "best.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_config_refuses_preprocessing_for_another_input() -> None:
    other = Preprocessing(48, "square", 48, PREPROCESSING.mean, PREPROCESSING.std)
    with pytest.raises(UserError, match=r"^preprocessing: input_size must be the network's, 32, got 48$"):
        replace(CONFIG, preprocessing=other)
    with pytest.raises(UserError, match=r"^best.yaml: preprocessing: must be a mapping, got 'square'$"):
        ArchitectureConfig.from_yaml(changed(preprocessing="square"), "best.yaml")


def test_config_refuses_a_hash_of_another_architecture_and_says_what_to_do() -> None:
    data = yaml.safe_load(CONFIG.to_yaml())
    text = changed(architecture=data["architecture"] | {"expand": "conv"})
    expected = architecture_hash(replace(STAGED, expand="conv"))
    with pytest.raises(
        UserError, match=f"^best.yaml: hash: must be {expected} .* got {CONFIG.hash}; .*remove"
    ):
        ArchitectureConfig.from_yaml(text, "best.yaml")


def test_config_takes_the_hash_of_before_orders_were_followed_between_blocks() -> None:
    config = replace(CONFIG, architecture=PRESETS["cheap_v3_shuffle6"], hash="")
    written = config.to_yaml()
    assert config.hash in written
    former = ArchitectureConfig.from_yaml(written.replace(config.hash, "56c04233e6c6"), "best.yaml")
    assert former == config


def test_config_accepts_a_change_without_a_hash() -> None:
    data = yaml.safe_load(CONFIG.to_yaml())
    del data["hash"], data["origin"]
    data["architecture"]["expand"] = "conv"
    config = ArchitectureConfig.from_yaml(yaml.safe_dump(data))
    assert config.architecture == replace(STAGED, expand="conv")
    assert config.origin == {}


@pytest.mark.parametrize(
    "key", [key for key in yaml.safe_load(CONFIG.to_yaml()) if key not in ("schema", "hash", "origin")]
)
def test_config_names_source_and_missing_key(key: str) -> None:
    data = yaml.safe_load(CONFIG.to_yaml())
    del data[key]
    with pytest.raises(UserError, match=f"^best.yaml: the key '{key}' is missing"):
        ArchitectureConfig.from_yaml(yaml.safe_dump(data), "best.yaml")


def test_config_refuses_an_unknown_key_and_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^best.yaml: key: .*'num_clases'; did you mean 'num_classes'\?"):
        ArchitectureConfig.from_yaml(changed(num_clases=3), "best.yaml")


@pytest.mark.parametrize("key", LEAST)
@pytest.mark.parametrize("value", ["10", 10.0, None, True, [10]])
def test_config_refuses_what_is_no_whole_number(key: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        ArchitectureConfig.from_yaml(changed(**{key: value}), "best.yaml")
    least = LEAST[key]
    assert str(caught.value) == f"best.yaml: {key}: must be a whole number from {least}, got {value!r}"


@pytest.mark.parametrize("key", LEAST)
def test_config_refuses_a_number_below_the_least(key: str) -> None:
    ArchitectureConfig.from_yaml(changed(**{key: LEAST[key]}))
    with pytest.raises(UserError) as caught:
        ArchitectureConfig.from_yaml(changed(**{key: LEAST[key] - 1}))
    assert (
        str(caught.value) == f"config: {key}: must be a whole number from {LEAST[key]}, got {LEAST[key] - 1}"
    )


@pytest.mark.parametrize("origin", [None, "runs/first", 3, ["run", "trial"]])
def test_config_refuses_an_origin_that_is_no_mapping(origin: object) -> None:
    with pytest.raises(UserError) as caught:
        ArchitectureConfig.from_yaml(changed(origin=origin), "best.yaml")
    assert str(caught.value) == f"best.yaml: origin: must be a mapping, got {origin!r}"
    with pytest.raises(UserError, match=r"^origin: must be a mapping"):
        replace(CONFIG, origin=origin)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"backbone": "mobilenet_v2", "expand": "resue"}, "^best.yaml: expand: .*did you mean 'reuse'"),
        ({"backbone": "mobilenet_v2", "exapnd": "reuse"}, "^best.yaml: architecture: key: .*'expand'"),
        ({"expand": "reuse"}, "^best.yaml: architecture: the key 'backbone' is missing"),
        ("mobilenet_v2", "^best.yaml: architecture: must be a mapping"),
    ],
)
def test_config_refuses_a_wrong_architecture_and_names_source(architecture: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ArchitectureConfig.from_yaml(changed(architecture=architecture), "best.yaml")


@pytest.mark.parametrize(("text", "kind"), [("", "NoneType"), ("[1]", "list"), ("conv", "str")])
def test_config_refuses_what_is_no_mapping(text: str, kind: str) -> None:
    with pytest.raises(UserError, match=f"^best.yaml: must be an exported architecture, got {kind}"):
        ArchitectureConfig.from_yaml(text, "best.yaml")


def test_config_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        CONFIG.costs = Cost()  # type: ignore[misc]


def test_read_config_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(CONFIG.to_yaml(), encoding="utf-8")
    assert read_config(path) == CONFIG
    assert read_config(str(path)) == CONFIG


def test_read_config_names_a_path_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    with pytest.raises(UserError, match=r"none.yaml: must be a readable YAML file \(No such file"):
        read_config(missing)
    with pytest.raises(UserError, match=r"must be a readable YAML file \(Is a directory\)"):
        read_config(tmp_path)
    binary = tmp_path / "weights.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"weights.yaml: must be a readable YAML file \(not a text file\)"):
        read_config(binary)


@pytest.mark.parametrize("name", PRESETS)
def test_find_architecture_takes_a_preset(name: str) -> None:
    assert find_architecture(name) is PRESETS[name]


@pytest.mark.parametrize("name", ["best.yaml", "best.yml", "best"])
def test_find_architecture_takes_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(CONFIG.to_yaml(), encoding="utf-8")
    assert find_architecture(str(path)) == CONFIG


def test_find_architecture_refuses_neither_and_names_the_nearest_preset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^arch: .*'cheap_v'; did you mean 'cheap_v[23]'\?"):
        find_architecture("cheap_v")
    with pytest.raises(UserError, match=r"none\.yaml: must be a readable YAML file"):
        find_architecture(str(tmp_path / "none.yaml"))


def test_find_architecture_names_the_pick_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").touch()
    with pytest.raises(UserError, match=rf"is the folder of a run; its pick is `{tmp_path}/best\.yaml`$"):
        find_architecture(str(tmp_path))


def test_config_is_short_in_what_python_shows() -> None:
    shown = repr(replace(CONFIG, origin={"run": "runs/a"}))
    assert f"architecture={CONFIG.architecture!r}, num_classes={CONFIG.num_classes}, " in shown
    assert "runs/a" not in shown
