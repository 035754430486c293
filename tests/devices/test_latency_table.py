"""Pieces that are measured are the layers of the networks they are cut from; tables are made and kept."""

import csv
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from cheapsearch.devices import latency_table as module
from cheapsearch.devices import measure
from cheapsearch.devices.latency_table import TableRequest, latency_table, some_networks
from cheapsearch.devices.onnx_file import onnx_models
from cheapsearch.devices.piece_models import lead_module, piece_module
from cheapsearch.models import build, cost_table, deploy
from cheapsearch.models.layers import Shuffle, Tile
from cheapsearch.models.operations import build_operation
from cheapsearch.models.traced import Select
from cheapsearch.space import (
    OPERATIONS,
    PRESETS,
    Architecture,
    SearchSpace,
    UserError,
    canonical,
    get_backbone,
)
from cheapsearch.space.device_table import DeviceTable, Value, read_device_table
from cheapsearch.space.pieces import SHUFFLED_PROJECTIONS, pieces_of, pieces_of_space

REQUEST = TableRequest(SearchSpace("mobilenet_v2", 0.25), 10, 16)
MIXED = (
    replace(PRESETS["cheap_v2"], project="group_conv", shortcut="pool_reuse", width=0.5),
    Architecture("mobilenet_v2_torchvision", 0.5, expand="shuffle_reuse", project="group_conv"),
    replace(PRESETS["cheap_v3"], project="group_conv", expand="ghost"),
    replace(PRESETS["cheap_v3_k"], last_stage="group_conv", se="eca"),
    Architecture("mobilenet_v3_small_torchvision", 0.5, expand="group_conv", project="group_conv"),
)


def layers(deployed: nn.Module) -> Counter[str]:
    """What a traced module calls, by what it costs: what copies nothing costs nothing."""
    found: Counter[str] = Counter()
    for node in deployed.graph.nodes:  # type: ignore[union-attr]
        layer = deployed.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, Tile) and layer.channels == layer.in_channels:
            continue
        if layer is not None:
            shapes = [tuple(weight.shape) for weight in layer.parameters()]
            found[f"{type(layer).__name__} {shapes} {getattr(layer, 'groups', '')}"] += 1
        elif node.op == "call_function":
            found[node.target.__name__] += 1
    return found


@pytest.mark.parametrize("architecture", MIXED, ids=str)
def test_pieces_together_are_the_layers_of_the_deployed_network(architecture: Architecture) -> None:
    whole = deploy(build(canonical(architecture), num_classes=10, input_size=32))
    together: Counter[str] = Counter()
    for piece in pieces_of(architecture, num_classes=10, input_size=32):
        made = piece_module(piece)
        together += layers(made[1] if piece.lead else made)  # type: ignore[index]
    assert together == layers(whole)


def test_pieces_fit_together() -> None:
    for architecture in MIXED[:1] + MIXED[2:3]:
        found = pieces_of(architecture, num_classes=10, input_size=32)
        for piece, following in pairwise(found):
            image = torch.zeros(2, piece.read_channels, piece.side, piece.side)
            assert piece_module(piece)(image).shape == (2, following.in_channels, *[following.side] * 2)
            assert lead_module(piece)(image).shape[1] == (piece.in_channels if piece.lead else 3)
        last = found[-1]
        image = torch.zeros(2, last.read_channels, last.side, last.side)
        assert piece_module(last)(image).shape == (2, 10)


def test_the_projections_that_end_in_a_shuffle_are_known() -> None:
    backbone = get_backbone("mobilenet_v2")
    block = backbone.layout(1.0, 32).blocks[3]
    for operation in (row for row in OPERATIONS if row.site == "project"):
        built = build_operation(operation, backbone, block)
        deployed = deploy(nn.Sequential(nn.Conv2d(3, block.hidden, 1), built).eval())  # type: ignore[arg-type]
        left = any(isinstance(layer, (Shuffle, Select)) for layer in deployed.modules())
        assert left is (operation.name in SHUFFLED_PROJECTIONS), operation.name


def test_a_canonical_network_copies_and_shuffles_no_more_than_its_equals() -> None:
    """Why the latency of a class of equal networks is that of its canonical form."""

    def moves(architecture: Architecture) -> int:
        deployed = deploy(build(architecture, num_classes=10, input_size=32))
        return sum(isinstance(layer, (Tile, Shuffle, Select)) for layer in deployed.modules())

    for architecture in (
        Architecture(
            "mobilenet_v2", 0.5, expand="shuffle_reuse", project="conv_shuffle", shortcut="identity"
        ),
        Architecture("mobilenet_v2", 0.5, expand="shuffle_reuse", project="group_conv", shortcut="reuse"),
        Architecture("mobilenet_v3_small", 0.5, expand="shuffle_reuse", project="reduce", se="reuse_r4"),
    ):
        assert moves(canonical(architecture)) <= moves(architecture)


def test_networks_that_are_measured_whole_go_from_small_to_large() -> None:
    networks = some_networks(REQUEST)
    assert len(set(networks)) == len(networks) == module.NETWORKS
    assert networks[0] == canonical(REQUEST.space.unmodified)
    table = cost_table("mobilenet_v2", width=0.25, input_size=16)
    flops = [table.cost(network).deploy_flops for network in networks[1:]]
    assert flops == sorted(flops)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pieces and two networks of one layer, since a whole table takes minutes."""
    all_of_them = pieces_of_space(REQUEST.space, num_classes=10, input_size=16)
    few = [piece for piece in all_of_them if piece.side == 2][:3]
    assert few
    monkeypatch.setattr(TableRequest, "pieces", property(lambda request: few))
    two = [canonical(REQUEST.space.unmodified), canonical(replace(REQUEST.space.unmodified, expand="reuse"))]
    monkeypatch.setattr(module, "some_networks", lambda request: two)
    monkeypatch.setattr(module, "_network", lambda request, network: nn.Conv2d(3, 8, 3).eval())
    monkeypatch.setattr(module, "NETWORKS", 5)
    monkeypatch.setattr(measure, "NETWORK_SECONDS", 0.01)
    monkeypatch.setattr(measure, "PIECE_SECONDS", 0.01)


def test_a_table_is_made_once_for_a_machine(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said: list[str] = []
    table = latency_table(REQUEST, say=said.append)
    names = {name for piece in REQUEST.pieces for name in (piece.name, piece.lead_name)}
    assert names < set(table.values)
    assert len(table.values) == len(names) + 2
    assert all(value.value > 0 for value in table.values.values())
    assert table.facts["batch"] == "1"
    assert said
    said.clear()
    again = latency_table(REQUEST, say=said.append)
    assert {name: value.value for name, value in again.values.items()} == pytest.approx(
        {name: value.value for name, value in table.values.items()}, rel=1e-5
    )
    assert said == []
    (kept,) = tmp_path.rglob("*.csv")
    assert "1_threads-batch_1" in kept.name
    # What another version wrote is not what this one writes.
    monkeypatch.setattr(module, "__version__", "999")
    assert module.cache_file(dict(table.facts)) != kept


def test_a_space_by_stage_has_networks_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of the same shape another space had measured."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    staged = replace(REQUEST, space=SearchSpace("mobilenet_v2", 0.25, ("expand",)))
    facts = module.machine_facts(threads=1, batch=1)
    names = [name for piece in staged.pieces for name in (piece.name, piece.lead_name) if name]
    uniform, own = ([request.name_of(one) for one in some_networks(request)] for request in (REQUEST, staged))
    kept = dict.fromkeys([*names, *uniform, *own], Value(1.0))
    path = module.cache_file(facts)
    path.parent.mkdir(parents=True)
    path.write_text(DeviceTable("latency_ms", kept, facts).to_text(), encoding="utf-8")
    table = latency_table(staged, say=lambda line: pytest.fail(line))  # nothing is timed
    assert set(table.values) == {*names, *own}
    assert any("|" in operation for operation, _ in own)


def test_a_folder_is_timed_without_the_package(tmp_path: Path) -> None:
    """What `write_folder` makes, in small: the script needs neither torch nor this package."""
    folder = tmp_path / "pieces"
    (folder / measure.NETWORKS).mkdir(parents=True)
    rows = [("networks/0.onnx", "network", "a"), ("1.onnx", "piece", "b"), ("2.onnx", "piece", "c")]
    shapes = [(2, 3, 8, 8), (2, 4, 8, 8), (2, 5, 8, 8)]
    models = onnx_models([nn.Conv2d(shape[1], 4, 3).eval() for shape in shapes], shapes)
    for (name, _, _), model in zip(rows, models, strict=True):
        (folder / name).write_bytes(model)
    with (folder / measure.LIST_FILE).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "operation", "shape"), *rows])
    shutil.copy(str(measure.__file__), folder / "measure.py")
    program = (
        "import runpy, sys\n"
        "sys.modules['torch'] = sys.modules['cheapsearch'] = None\n"
        "sys.argv = ['measure.py', '-o', 'latency.csv']\n"
        "runpy.run_path('pieces/measure.py', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = read_device_table(tmp_path / "latency.csv", "latency_ms", "--latency-table")
    assert list(table.values) == [(operation, shape) for _, operation, shape in rows]
    assert (table.facts["threads"], table.facts["batch"]) == ("1", "2")


@pytest.mark.parametrize("name", ["batch", "threads"])
def test_too_few_are_refused(name: str) -> None:
    changes: dict[str, Any] = {name: 0}
    with pytest.raises(UserError, match=f"^latency_{name}: must be 1 or more, got 0"):
        replace(REQUEST, **changes)
