"""Costs on a device through a search: objectives, limits, a run's own table, and its front measured."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.models import cost_table
from cheapsearch.search import latency
from cheapsearch.search.api import run
from cheapsearch.search.cli.main import main, make_parser
from cheapsearch.search.cli.search_display import front_table
from cheapsearch.search.study import opening
from cheapsearch.space import Architecture, SearchSpace, UserError, pareto_front
from cheapsearch.space.device_table import DeviceTable, Value
from cheapsearch.space.pieces import pieces_of, pieces_of_space
from cheapsearch.space.saved_run import load_run

SPACE = SearchSpace("mobilenet_v2")
SIZES = {"num_classes": 10, "input_size": 32}
FACTS = {"machine": "a phone", "runtime": "a runtime", "threads": "1", "batch": "1"}
COMMAND = (
    *("run", "--dataset", "digits", "--workers", "0", "--seed", "1"),
    *("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=10"),
)


def milliseconds(architecture: Architecture) -> float:
    """What the table below comes to: a piece takes as many microseconds as it reads and writes channels."""
    return sum(_channels(piece) for piece in pieces_of(architecture, **SIZES)) / 1000


def _channels(piece: Any) -> int:
    expands = 2 if "expand=conv" in piece.name[0] else 1
    return expands * sum(map(int, piece.name[1].partition("@")[0].split("-")))


def table(cost: str, facts: dict[str, str]) -> DeviceTable:
    found = {piece.name: Value(_channels(piece) / 1000) for piece in pieces_of_space(SPACE, **SIZES)}
    return DeviceTable(cost, found, facts)


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    path = tmp_path / "phone.csv"
    path.write_text(table("latency_ms", FACTS).to_text(), encoding="utf-8")
    return path


def test_a_search_by_a_table_keeps_its_limit_and_goes_on_with_its_own_copy(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    most = milliseconds(SPACE.unmodified) - 0.001
    out = tmp_path / "run"
    command = [*COMMAND, "--out", str(out), "--objectives", "accuracy,latency_ms"]
    given = ["--latency-table", str(phone), "--max-latency", str(most)]
    assert main([*command, *given, "--budget", "2", "--json"]) == 0
    front = json.loads(capsys.readouterr().out)["front"]
    run = load_run(out)
    assert front
    for trial in run.trials:
        expected = milliseconds(trial.architecture)
        assert trial.costs["latency_ms"] == pytest.approx(expected, rel=1e-4)
        assert (trial.state == "refused") == (expected > most)
    assert "are over --max-latency-ms" in run.trials[0].reason
    assert run.front_latency == {}  # the table is not of this machine
    # The table may go: the run has its own.
    phone.unlink()
    assert main([*command, "--budget", "3"]) == 0
    assert len(load_run(out).trials) > len(run.trials)
    assert "a phone, a runtime, threads 1, batch 1" in capsys.readouterr().out
    # Another one would not compare.
    other = tmp_path / "other.csv"
    other.write_text(table("latency_ms", FACTS | {"machine": "another"}).to_text(), encoding="utf-8")
    assert main([*command, "--budget", "3", "--latency-table", str(other)]) == 2
    assert "--latency-table: must stay" in capsys.readouterr().err
    (out / "latency_ms.csv").unlink()
    assert main([*command, "--budget", "4"]) == 2
    assert "must hold latency_ms.csv" in capsys.readouterr().err

    (out / "latency_ms.csv").write_text(table("latency_ms", FACTS).to_text(), encoding="utf-8")
    check_measured(out, capsys)


def check_measured(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The front is measured, measured again in the same order, and shown."""
    measured: list[list[Architecture]] = []

    def measure(networks: Sequence[Architecture], **settings: Any) -> list[Value]:
        measured.append(list(networks))
        assert (settings["num_classes"], settings["input_size"]) == (10, 32)
        return [Value(2 * milliseconds(network), 0.0001) for network in networks]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "measure_networks", measure)
        patch.setattr(latency, "machine_facts", lambda **settings: FACTS)
        assert main(["latency", str(out)]) == 0
        capsys.readouterr()
        assert main(["latency", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    run = load_run(out)
    front = pareto_front(run.trials, run.record.settings.objectives)
    assert measured[0][0] == SPACE.unmodified
    assert {trial.hash for trial in front} <= set(run.front_latency)
    assert [network["latency_ms"] for network in found["networks"]] == sorted(
        network["latency_ms"] for network in found["networks"]
    )
    for network in found["networks"]:
        assert network["latency_ms"] == pytest.approx(2 * network["predicted_ms"], rel=1e-3)
    pairs = len(measured[0]) * (len(measured[0]) - 1) // 2
    assert found["kept_again"] == {"kept": pairs, "pairs": pairs}
    assert "measured latency_ms" in [str(column.header) for column in front_table(run).columns]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "measured ms, ±" in page
    assert "a phone, a runtime, threads 1, batch 1" in page


def test_a_cost_of_ones_own_is_an_objective_by_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "energy.csv", tmp_path / "run"
    path.write_text(table("energy_mj", {}).to_text(), encoding="utf-8")
    command = [*COMMAND, "--budget", "1", "--objectives", "accuracy,energy_mj", "--out", str(out)]
    assert main(command) == 2
    assert "--cost-table energy_mj=FILE" in capsys.readouterr().err
    assert main([*command, "--cost-table", f"energy_mj={path}"]) == 0
    capsys.readouterr()
    (trial, *_) = load_run(out).trials
    assert trial.costs["energy_mj"] == pytest.approx(milliseconds(trial.architecture), rel=1e-4)
    assert (
        main(["show", "cheap_v2", "--input-size", "32", "--cost-table", f"energy_mj={path}", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["energy_mj"] > 0


def test_a_table_that_lacks_pieces_is_refused_before_anything_is_trained(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = phone.read_text("utf-8").splitlines()
    phone.write_text("\n".join(lines[:-3]) + "\n", encoding="utf-8")
    command = [*COMMAND, "--budget", "1", "--latency-table", str(phone), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "lacks 3 of" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_piece_is_listed_by_a_command_of_the_same_space(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["--width", "0.5", "--per-stage", "expand,project"]
    command = [
        *COMMAND,
        *space,
        "--budget",
        "1",
        "--latency-table",
        str(phone),
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(command) == 2
    (given,) = re.findall("`cheapsearch (.*)`", capsys.readouterr().err)
    asked = make_parser().parse_args(given.split())
    assert (asked.backbone, asked.width, tuple(asked.per_stage)) == (
        "mobilenet_v2",
        0.5,
        ("expand", "project"),
    )
    assert (asked.num_classes, asked.input_size) == (10, 32)
    assert (asked.latency_batch, asked.latency_threads) == (1, 1)


def test_a_table_is_looked_at_before_a_pilot_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "fit_proxy", lambda *a, **k: pytest.fail("a pilot before the table"))
    with pytest.raises(UserError, match=r"^latency_table: must be a CSV file that can be read"):
        run(dataset="digits", workers=0, hours=1.0, latency_table=tmp_path / "gone.csv", out=tmp_path / "run")


def test_a_new_run_keeps_its_own_tables_and_ends_where_nothing_can_be_measured(
    phone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(**settings: Any) -> dict[str, str]:
        raise UserError("latency: needs the package onnxruntime")

    monkeypatch.setattr(latency, "machine_facts", absent)
    out = tmp_path / "run"
    out.mkdir()
    (out / "latency_ms.csv").write_text("of a run that is gone", encoding="utf-8")
    assert main([*COMMAND, "--budget", "1", "--latency-table", str(phone), "--out", str(out)]) == 0
    assert "the front is not measured: latency: needs the package onnxruntime" in capsys.readouterr().out
    assert (out / "latency_ms.csv").read_text("utf-8") == phone.read_text("utf-8")
    for number in ("0", "-1"):
        assert main(["latency", str(out), "--latency-batch", number]) == 2
        assert f"--latency-batch: must be 1 or more, got {number}" in capsys.readouterr().err


def test_a_table_predicts_without_measuring_and_is_left_out_where_there_is_none() -> None:
    counted = cost_table("mobilenet_v2", num_classes=10, input_size=32)
    assert "latency_ms" not in counted.cost(SPACE.unmodified)
    predicted = counted.with_tables([table("latency_ms", FACTS)])
    assert predicted.cost(SPACE.unmodified, ["latency_ms"]).latency_ms == pytest.approx(
        milliseconds(SPACE.unmodified)
    )
    assert "latency_ms" not in counted.cost(SPACE.unmodified)  # the two share what was counted
    other = replace(counted, input_size=64).with_tables([table("latency_ms", FACTS)])
    with pytest.raises(UserError, match="must have latency_ms of every piece"):
        other.cost(SPACE.unmodified)
