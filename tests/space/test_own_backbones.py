"""Backbones from YAML tables: those of the package's rows are the package's; whatever names one holds it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cheapsearch.space import (
    Architecture,
    RunRecord,
    RunSettings,
    SearchSpace,
    UserError,
    architecture_hash,
    get_backbone,
    load_backbone,
)
from cheapsearch.space.backbone_table import BackboneTable, TableRow
from cheapsearch.space.own_backbones import known_backbone, known_tables, named_backbone

pytestmark = pytest.mark.usefixtures("forget_own")

# MobileNetV2, table 2, as the package has it.
V2_ROWS = [
    (1, 16, 1, 1),
    (6, 24, 2, "s"),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
V2_TABLE: dict[str, Any] = {
    **{"name": "mine", "family": "v2", "stem_channels": 32, "last_channels": 1280},
    "rows": [
        {"expand_ratio": ratio, "out_channels": channels, "blocks": blocks, "stride": stride}
        for ratio, channels, blocks, stride in V2_ROWS
    ],
}
V3_TABLE: dict[str, Any] = {
    **{"name": "mine", "family": "v3", "stem_channels": 16, "last_channels": 64, "last_hidden": 96},
    "rows": [
        {"out_channels": 16, "expand_ratio": 1, "activation": "relu"},
        {"out_channels": 24, "expand_ratio": 3.5, "kernel_size": 5, "squeeze_excitation": True},
        {"out_channels": 24, "stage": 2, "expand_ratio": 2},
    ],
}


@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize("width", [0.25, 1.0, 1.4])
def test_a_table_of_mobilenet_v2_has_its_layout(width: float, size: int) -> None:
    mine, package = get_backbone(known_backbone(V2_TABLE)), get_backbone("mobilenet_v2")
    assert mine.layout(width, size) == package.layout(width, size)
    assert replace(mine, name=package.name, source=package.source) == package
    spaces = [SearchSpace(backbone.name, per_stage=("expand",)) for backbone in (mine, package)]
    assert spaces[0].parameters == spaces[1].parameters
    assert spaces[0].distinct_size == spaces[1].distinct_size


def test_rows_of_one_stage_may_differ() -> None:
    backbone = get_backbone(known_backbone(V3_TABLE))
    assert [(row.stage, row.hidden, row.out_channels) for row in backbone.rows] == [
        (1, 16, 16),
        (2, 56, 24),  # 3.5 times 16
        (2, 48, 24),
    ]
    assert [row.activation for row in backbone.rows] == ["relu", "hardswish", "hardswish"]
    assert [row.squeeze_excitation for row in backbone.rows] == [False, True, False]
    assert [block.expands for block in backbone.layout().blocks] == [False, True, True]


def test_the_name_ends_in_a_hash_of_what_the_table_says() -> None:
    name = known_backbone(V3_TABLE)
    assert name.startswith("mine@")
    said = {"blocks": 1, "kernel_size": 3}
    same = {**V3_TABLE, "rows": [said | row for row in V3_TABLE["rows"]]}
    same["rows"][0]["expand_ratio"] = 1.0
    assert known_backbone(same) == name
    assert len(known_tables()) == 1
    assert known_backbone({**V3_TABLE, "last_channels": 72}) != name
    assert known_tables()[0].full_name == name
    assert BackboneTable.from_dict(known_tables()[0].to_dict()) == known_tables()[0]


def test_an_architecture_s_data_builds_it_where_the_table_is_not_known(
    forget_own: Callable[[], None],
) -> None:
    architecture = Architecture(known_backbone(V3_TABLE), 0.5, expand=("conv", "reuse"))
    name = architecture_hash(architecture)
    written = yaml.safe_load(yaml.safe_dump(architecture.to_dict()))
    assert written["backbone"]["name"] == "mine"
    forget_own()
    with pytest.raises(UserError, match=r"^backbone: mine@\w+ is of a table of a user's own; give the path"):
        Architecture(architecture.backbone)
    again = Architecture.from_dict(written)
    assert (again, architecture_hash(again)) == (architecture, name)
    assert again.to_dict() == architecture.to_dict()


def test_a_run_record_s_data_has_the_table(tmp_path: Path, forget_own: Callable[[], None]) -> None:
    settings = RunSettings(backbone=known_backbone(V3_TABLE), input_size=32, workers=1)
    record = RunRecord("0.1.0", "2026-03-15T10:22:31+00:00", settings, "ab", 10, 100, 20)
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(record.to_dict()))
    forget_own()
    assert RunRecord.from_dict(yaml.safe_load(path.read_text())) == record
    forget_own()
    assert named_backbone(path) == settings.backbone
    assert get_backbone(settings.backbone).stages == 2
    # That of a run of one of the package's is its name.
    path.write_text(yaml.safe_dump(replace(record, settings=RunSettings(workers=1, input_size=32)).to_dict()))
    assert named_backbone(path) == "mobilenet_v2"


@pytest.mark.parametrize("backbone", ["mobilenet_v2", V3_TABLE])
def test_an_exported_yaml_says_its_backbone(tmp_path: Path, backbone: Any) -> None:
    name = known_backbone(backbone)
    path = tmp_path / "best.yaml"
    path.write_text(yaml.safe_dump({"architecture": Architecture(name).to_dict(), "num_classes": 10}))
    assert named_backbone(path) == name


def test_a_file_s_name_is_the_backbone_s(tmp_path: Path) -> None:
    path = tmp_path / "small_net.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in V3_TABLE.items() if key != "name"}))
    assert load_backbone(path).startswith("small_net@")
    assert named_backbone(str(path)) == load_backbone(path)
    assert named_backbone("mobilenet_v2") == "mobilenet_v2"


def changed(row: int | None = None, **changes: Any) -> dict[str, Any]:
    if row is None:
        return {key: value for key, value in (V3_TABLE | changes).items() if value != "left out"}
    rows = [{**old, **changes} if index == row else old for index, old in enumerate(V3_TABLE["rows"])]
    return V3_TABLE | {"rows": [{k: v for k, v in old.items() if v != "left out"} for old in rows]}


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ([1], r"must be a table of a backbone, got \[1\]"),
        (changed(stem_chanels=3), "key: must be one of .*, got 'stem_chanels'; did you mean 'stem_channels'"),
        (changed(rows="left out"), "the key 'rows' is missing"),
        (changed(rows=[]), "rows: must be one or more, got none"),
        (changed(rows=[3]), "rows: must be a list of mappings"),
        (changed(family="v4"), "family: must be one of v2, v3, got 'v4'"),
        (changed(family="v2"), "last_hidden: must be given of family v3, and of it alone, got 96 of v2"),
        (changed(last_hidden="left out"), "last_hidden: must be given of family v3, .* got None of v3"),
        (changed(name="My net"), "name: must be of small letters, digits and _, .*, got 'My net'"),
        (changed(name="mobilenet_v2"), "name: must be .* none of cheapsearch's, got 'mobilenet_v2'"),
        (changed(stem_channels=4), "stem_channels must be a whole number from 8, got 4"),
        (changed(activation="gelu"), "activation must be one of relu, relu6, hardswish, got 'gelu'"),
        (changed(0, out_chanels=8), "rows, 1: key: must be .* 'out_chanels'; did you mean 'out_channels'"),
        (changed(1, out_channels="left out"), "rows, 2: the key 'out_channels' is missing"),
        (changed(1, expand_ratio=0.5), "rows, 2: expand_ratio must be a number from 1 to 32, got 0.5"),
        (changed(1, expand_ratio="6"), "rows, 2: expand_ratio must be a number from 1 to 32, got '6'"),
        (changed(1, kernel_size=4), "rows, 2: kernel_size must be one of 3, 5, 7, got 4"),
        (changed(1, stride=True), "rows, 2: stride must be one of 1, 2, s, got True"),
        (changed(1, kernel_size=3.0), "rows, 2: kernel_size must be one of 3, 5, 7, got 3.0"),
        (changed(1, kernel_size=None), "rows, 2: kernel_size must be one of 3, 5, 7, got None"),
        (changed(1, stride=[2]), r"rows, 2: stride must be one of 1, 2, s, got \[2\]"),
        (changed(1, expand_ratio=None), "rows, 2: expand_ratio must be a number from 1 to 32, got None"),
        (changed(stem_channels=None), "stem_channels must be a whole number from 8, got None"),
        (changed(1, blocks=0), "rows, 2: blocks must be a whole number from 1, got 0"),
        (changed(1, squeeze_excitation=1), "rows, 2: squeeze_excitation must be true or false, got 1"),
        (changed(2, stage=4), "rows, 3: stage must be 2 or 3, got 4"),
        (changed(0, stage=2), "rows, 1: stage must be 1, got 2"),
        (
            changed(family="v2", last_hidden="left out"),
            "rows, 2: squeeze_excitation is of family v3, got it of v2",
        ),
    ],
)
def test_a_table_that_is_wrong_is_refused_in_a_line(tmp_path: Path, table: Any, rule: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(table))
    with pytest.raises(UserError, match=rule) as caught:
        load_backbone(path)
    assert str(caught.value).startswith(f"backbone: {path}: ")
    assert "\n" not in str(caught.value)
    assert known_tables() == ()


@pytest.mark.parametrize(
    ("text", "rule"),
    [(b"a: [1", "must be YAML, but it has a syntax error in line 1"), (b"\xff", "not a text file")],
)
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, text: bytes, rule: str) -> None:
    (tmp_path / "a.yaml").write_bytes(text)
    with pytest.raises(UserError, match=rule):
        load_backbone(tmp_path / "a.yaml")
    with pytest.raises(UserError, match="No such file"):
        load_backbone(tmp_path / "b.yaml")


def test_rows_are_documented_as_they_are() -> None:
    """docs/own_backbone.md has every key of a row, in order, and what it is without it."""
    page = (Path(__file__).parents[2] / "docs" / "own_backbone.md").read_text("utf-8")
    table = page[page.index("| key of a row |") :].split("\n\n")[0].splitlines()[2:]
    said = {row.split("|")[1].strip(" `"): row.split("|")[2].strip() for row in table}
    plain = {name: str(getattr(TableRow(8), name)) for name in said}
    words = {
        "out_channels": "",
        "activation": "the backbone's",
        "stage": "the next",
        "squeeze_excitation": "false",
    }
    assert said == {name: words.get(name, value.removesuffix(".0")) for name, value in plain.items()}
    assert set(said) == set(vars(TableRow(8)))
