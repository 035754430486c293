"""A further cost is a row and a function that counts it: here the layers that multiply, found everywhere."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from torch import nn

from cheapsearch.models import COUNTERS, Network, build, cost_table, count, describe, load
from cheapsearch.reports import operation_frame, operation_means, range_of_costs, trials_frame
from cheapsearch.reports.page import render
from cheapsearch.search.cli.main import main
from cheapsearch.search.samplers.candidates import make_candidates
from cheapsearch.search.samplers.history import History
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.space import (
    COSTS,
    Architecture,
    ArchitectureConfig,
    Cost,
    CostKind,
    RunRecord,
    RunSettings,
    SearchSpace,
    TrialRecord,
    UserError,
    check_objectives,
    pareto_front,
)
from cheapsearch.space.saved_run import SavedRun

SPACE = SearchSpace("mobilenet_v2", 0.25)
REUSE = replace(SPACE.unmodified, expand="reuse")


def layers(network: Network) -> dict[str, int]:
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    return {
        name: sum(isinstance(part, kinds) for part in module.modules())
        for name, module in network.named_modules()
    }


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COSTS, "layers", CostKind("layers", "layers", convention="convolutions and linear"))
    monkeypatch.setitem(COUNTERS, "layers", layers)


def test_the_table_adds_it_up() -> None:
    table = cost_table("mobilenet_v2", width=0.25)
    for architecture in (SPACE.unmodified, REUSE, replace(REUSE, last_stage="reuse", project="reduce")):
        counted = count(build(architecture))
        assert list(counted) == [name for name, kind in COSTS.items() if not kind.device]
        assert table.cost(architecture) == counted
    # One convolution for each of the 17 blocks and the stem's next, whose expansion is a convolution too.
    assert table.cost(SPACE.unmodified).layers - table.cost(REUSE).layers == 17
    assert sum(cost.layers for cost in table.by_site(REUSE).values()) == table.cost(REUSE).layers


def test_it_limits_a_search() -> None:
    table = cost_table("mobilenet_v2", width=0.25)
    limits = Limits({"layers": table.cost(REUSE)["layers"]})
    assert limits.refusal(table.cost(REUSE)) == ""
    assert "over --max-layers" in limits.refusal(table.cost(SPACE.unmodified))
    assert limits.check_reachable(SPACE, table) == ""
    with pytest.raises(UserError, match=r"^max_layers: must be at least "):
        Limits({"layers": 1}).check_reachable(SPACE, table)


@pytest.mark.parametrize("per_stage", [(), ("expand", "project")])
def test_a_sampler_weighs_it(per_stage: tuple[str, ...]) -> None:
    space = SearchSpace("mobilenet_v2", 0.25, per_stage)
    table = cost_table("mobilenet_v2", width=0.25)
    limits = Limits({"layers": table.cost(space.unmodified)["layers"] - 1})
    names = ["params", "flops", "layers"]
    candidates = make_candidates(space, table, limits, names, seed=0)
    observed: list[dict[str, str]] = []
    accuracies: list[float] = []
    for seed in range(8):
        history = History(observed, accuracies, [0.0] * len(observed), [], [])
        found = candidates.propose(history, seed=seed)
        assert found is not None
        choices, choice = found
        cost = table.cost(space.architecture(choices))
        assert limits.refusal(cost) == ""
        observed.append(choices)
        accuracies.append(50 + cost["layers"] / 10)
    assert choice.gain


@pytest.fixture
def run(tmp_path: Path) -> SavedRun:
    record = RunRecord(
        version="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        settings=RunSettings(
            width=0.25,
            input_size=32,
            objectives=("accuracy", "params", "layers"),
            limits={"layers": 50},
            budget=3,
            workers=1,
            device="cpu",
        ),
        fingerprint="0123abcd",
        num_classes=10,
        train_images=1000,
        val_images=500,
    )
    table = cost_table("mobilenet_v2", width=0.25)
    tried = (SPACE.unmodified, REUSE, replace(REUSE, expand="ghost"))
    trials = tuple(
        TrialRecord(
            number, architecture, "complete", "cost_aware", table.cost(architecture), 70.0 - number, 1.0
        )
        for number, architecture in enumerate(tried)
    )
    return SavedRun(tmp_path, record, trials)


def test_files_hold_it(run: SavedRun) -> None:
    columns = TrialRecord.columns()
    assert columns[columns.index("params") :][: len(COSTS)] == [*COSTS]
    assert [*COSTS][-1] == "layers"
    for trial in run.trials:
        row = {name: "" if value is None else str(value) for name, value in trial.to_row().items()}
        assert TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.25) == trial
    data = yaml.safe_load(yaml.safe_dump(run.record.to_dict()))
    assert (data["max_params"], data["max_layers"]) == (None, 50)
    assert RunRecord.from_dict(data) == run.record
    assert "--max-layers 50" in run.record.settings.command


def test_files_older_than_it_are_read(run: SavedRun) -> None:
    row = {name: value for name, value in run.trials[0].to_row().items() if name != "layers"}
    trial = TrialRecord.from_row(row, backbone="mobilenet_v2", width=0.25)
    assert list(trial.costs) == ["params", "flops", "deploy_params", "deploy_flops"]
    assert trial.to_row()["layers"] is None
    settings = replace(run.record.settings, objectives=("accuracy", "params"), limits={})
    old = replace(run, record=replace(run.record, settings=settings), trials=(trial,))
    assert trials_frame(old)["layers"].isna().all()
    assert "layers" in render(old)
    data = run.record.to_dict()
    del data["max_layers"]
    assert RunRecord.from_dict(data).settings.limits == {}


def test_an_export_holds_it(tmp_path: Path) -> None:
    config = describe(REUSE, num_classes=10, input_size=32, version="0.1.0", origin={})
    data = yaml.safe_load(config.to_yaml())
    assert data["layers"] == config.costs["layers"] == count(build(REUSE))["layers"]
    assert ArchitectureConfig.from_yaml(config.to_yaml()) == config
    path = tmp_path / "best.yaml"
    path.write_text(yaml.safe_dump(data | {"layers": 3}))
    with pytest.raises(UserError, match="layers must be those of the network"):
        load(path)
    del data["layers"]
    path.write_text(yaml.safe_dump(data))
    assert load(path).architecture == REUSE


def test_it_is_an_objective_when_asked_for(run: SavedRun) -> None:
    assert check_objectives(["layers", "accuracy"]) == ("accuracy", "layers")
    dearer = replace(run.trials[1], costs=Cost({**run.trials[1].costs, "layers": 99}), accuracy=70.0)
    assert len(pareto_front([run.trials[0], dearer], ("accuracy", "params"))) == 1
    assert len(pareto_front([run.trials[0], dearer], ("accuracy", "params", "layers"))) == 2


def test_the_report_shows_it(run: SavedRun) -> None:
    page = render(run)
    for said in ('id="accuracy-layers"', "layers, ± %", "mean layers", "at most 50 layers", "Layers"):
        assert said in page
    assert "convolutions and linear" in page
    means = operation_means(operation_frame(run))
    assert {"params", "flops", "layers"} <= set(means.columns)
    facts = {"ranges": {name: {"unmodified": 9} for name in COSTS}}
    assert len(range_of_costs(facts, [trial.costs for trial in run.trials]).data) == 4


def test_what_does_not_add_up_is_measured_once_for_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Architecture] = []

    def depth(network: Network) -> dict[str, float]:
        measured.append(network.architecture)
        return {"": float(len(network.blocks))}

    monkeypatch.setitem(COSTS, "depth", CostKind("depth", "depth", type=float, additive=False))
    monkeypatch.setitem(COUNTERS, "depth", depth)
    table = replace(cost_table("mobilenet_v2", width=0.25), measured={})
    same = [replace(SPACE.unmodified, project=project) for project in ("conv", "conv_shuffle", "conv")]
    assert [table.cost(architecture)["depth"] for architecture in same] == [17.0] * 3
    assert len(measured) == 1
    assert "depth" not in table.cost(REUSE, ["params"])
    assert len(measured) == 1
    assert Limits({"depth": 17.0}).check_reachable(SPACE, table) == ""
    assert "over --max-depth 16" in Limits({"depth": 16.0}).refusal(table.cost(REUSE))


def test_the_command_line_takes_it_and_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = cost_table("mobilenet_v2", num_classes=10, input_size=8)
    most = int(table.cost(SearchSpace("mobilenet_v2").unmodified).layers)
    command = [
        *("run", "--dataset", "digits", "--budget", "2", "--workers", "0", "--out", str(tmp_path / "run")),
        *("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=10"),
        *("--objectives", "accuracy,layers", "--max-layers", str(most)),
    ]
    assert main(command) == 0
    assert " layers  " in capsys.readouterr().out  # of a trial's line, and of the front's table
    with (tmp_path / "run" / "trials.csv").open(newline="", encoding="utf-8") as file:
        assert all(0 < int(row["layers"]) <= most for row in csv.DictReader(file))
    assert main([*command, "--json"]) == 0
    assert all(0 < member["layers"] <= most for member in json.loads(capsys.readouterr().out)["front"])
    for shows in (["show", "cheap_v2"], ["space"], ["presets"]):
        assert main(shows) == 0
        assert "layers" in capsys.readouterr().out
        assert main([*shows, "--json"]) == 0
        assert '"layers"' in capsys.readouterr().out
