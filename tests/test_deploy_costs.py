"""Costs of the deploy form through a search: objectives, limits, files old and new, what is shown."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cheapsearch.models import cost_table, describe, load
from cheapsearch.reports.page import render
from cheapsearch.search.cli.main import main
from cheapsearch.search.cli.search_display import front_table, trial_line
from cheapsearch.space import PRESETS, Architecture, RunRecord, RunSettings, SearchSpace, TrialRecord
from cheapsearch.space.saved_run import SavedRun, load_run

DEPLOY = ("deploy_params", "deploy_flops")
SPACE = SearchSpace("mobilenet_v2", 0.25)
COMMAND = (
    *("run", "--dataset", "digits", "--workers", "0", "--seed", "1"),
    *("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=10"),
)


@pytest.fixture
def saved(tmp_path: Path) -> SavedRun:
    settings = RunSettings(width=0.25, input_size=32, budget=2, workers=1, device="cpu")
    record = RunRecord(
        version="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        settings=settings,
        fingerprint="0123abcd",
        num_classes=10,
        train_images=1000,
        val_images=500,
    )
    table = cost_table("mobilenet_v2", width=0.25)
    tried = (SPACE.unmodified, replace(SPACE.unmodified, last_stage="reuse"))
    trials = tuple(
        TrialRecord(number, tried[number], "complete", "tpe", table.cost(tried[number]), 70.0 - number, 1.0)
        for number in range(2)
    )
    return SavedRun(tmp_path, record, trials)


def test_a_search_for_the_deploy_form_keeps_its_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = cost_table("mobilenet_v2", input_size=8).cost(Architecture("mobilenet_v2"))
    command = [*COMMAND, "--budget", "2", "--out", str(tmp_path / "run"), "--json"]
    most = whole["deploy_params"] - 1
    objectives = ("--objectives", "accuracy,deploy_flops", "--max-deploy-params", str(most))
    assert main([*command, *objectives]) == 0
    front = json.loads(capsys.readouterr().out)["front"]
    assert front
    run = load_run(tmp_path / "run")
    assert run.record.settings.objectives == ("accuracy", "deploy_flops")
    for trial in run.trials:
        assert (trial.state == "refused") == (trial.costs["deploy_params"] > most)
    assert run.trials[0].reason.endswith(f"are over --max-deploy-params {most:,}")


def test_a_run_of_before_there_were_any_is_read_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, "--out", str(tmp_path / "run"), "--budget"]
    assert main([*command, "2"]) == 0
    trials, settings = tmp_path / "run" / "trials.csv", tmp_path / "run" / "run.yaml"
    with trials.open(newline="", encoding="utf-8") as file:
        rows = [{k: v for k, v in row.items() if k not in DEPLOY} for row in csv.DictReader(file)]
    with trials.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    record = yaml.safe_load(settings.read_text(encoding="utf-8"))
    older = {name: value for name, value in record.items() if not name.startswith("max_deploy")}
    assert len(older) == len(record) - 2
    settings.write_text(yaml.safe_dump(older, sort_keys=False), encoding="utf-8")

    assert [list(trial.costs) for trial in load_run(tmp_path / "run").trials] == [["params", "flops"]] * len(
        rows
    )
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "deploy_params" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert main([*command, "3"]) == 0
    capsys.readouterr()
    after = load_run(tmp_path / "run").trials
    assert len(after) > len(rows)
    assert set(DEPLOY) <= set(after[-1].costs)


def test_the_report_has_them_in_its_tables_and_draws_those_that_are_objectives(saved: SavedRun) -> None:
    page = render(saved)
    assert "deploy_params, ± %" in page
    assert "Deployed FLOPs" in page
    assert 'id="accuracy-flops"' in page
    assert 'id="accuracy-deploy_flops"' not in page
    assert "mean deployed FLOPs" not in page
    settings = replace(saved.record.settings, objectives=("accuracy", "deploy_flops"))
    page = render(replace(saved, record=replace(saved.record, settings=settings)))
    assert 'id="accuracy-deploy_flops"' in page
    assert 'id="accuracy-deploy_params"' not in page
    assert "mean deployed FLOPs" in page


def test_the_terminal_shows_those_that_are_objectives(saved: SavedRun) -> None:
    names = [str(column.header) for column in front_table(saved).columns]
    assert names[:5] == ["trial", "expected", "sure", "params", "flops"]
    assert not set(DEPLOY) & set(names)
    settings = replace(saved.record.settings, objectives=("accuracy", "deploy_params"))
    run = replace(saved, record=replace(saved.record, settings=settings))
    names = [str(column.header) for column in front_table(run).columns]
    assert names[3:6] == ["params", "flops", "deploy_params"]
    trial = saved.trials[0]
    assert "deploy" not in trial_line(trial, SPACE.unmodified)
    assert " deploy_params  " in trial_line(trial, SPACE.unmodified, ("accuracy", "deploy_params"))


def test_an_export_holds_them_and_is_loaded_whatever_they_are(tmp_path: Path) -> None:
    architecture = replace(SPACE.unmodified, last_stage="reuse")
    config = describe(architecture, num_classes=10, input_size=32, version="0.1.0", origin={})
    data = yaml.safe_load(config.to_yaml())
    assert {name: data[name] for name in DEPLOY} == {
        name: cost_table("mobilenet_v2", width=0.25).cost(architecture)[name] for name in DEPLOY
    }
    path = tmp_path / "best.yaml"
    without = {name: value for name, value in data.items() if name not in DEPLOY}
    for written in (without, data | {"deploy_params": 5}):  # a version that folds otherwise wrote the last
        path.write_text(yaml.safe_dump(written), encoding="utf-8")
        assert load(path).architecture == architecture


@pytest.mark.parametrize(("classes", "pixels"), [(100, 32), (1000, 224)])
def test_the_documents_table_holds_the_costs(classes: int, pixels: int) -> None:
    page = (Path(__file__).parents[1] / "docs" / "deploy.md").read_text("utf-8")
    after = page[page.index(f"{classes:,} classes, {pixels} x {pixels} pixels:") :]
    table = cost_table("mobilenet_v2", num_classes=classes, input_size=pixels)
    for name in ("mobilenet_v2", "cheap_v2", "mobilenet_v2_paper"):
        row = next(line for line in after.splitlines() if line.startswith(f"| `{name}` |"))
        cost = table.cost(PRESETS[name])
        assert f"| {cost.params:,} → {cost.deploy_params:,} |" in row
        assert f"| {cost.flops / 1e6:.2f} M → {cost.deploy_flops / 1e6:.2f} M |" in row
