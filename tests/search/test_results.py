"""What the front door gives back: short to read, and as plain data."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cheapsearch.models import describe
from cheapsearch.reports import summary
from cheapsearch.search.results import RehearsalResult, RetrainResult, RunResult, TrainResult, results
from cheapsearch.space import (
    FLOPS_CONVENTION,
    TrialRecord,
    UserError,
    pareto_front,
    read_config,
)
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.verdict import verdict


@pytest.fixture(scope="module")
def result(digits_run: Path) -> RunResult:
    run = load_run(digits_run)
    trial = run.trials[0]
    best = describe(
        trial.architecture, num_classes=10, input_size=32, version="0.1.0", origin={"trial": trial.number}
    )
    return RunResult(run, best)


def test_run_result_counts_and_has_the_front(result: RunResult) -> None:
    trials = result.saved.trials
    assert result.states["complete"] == sum(trial.state == "complete" for trial in trials)
    assert result.best is not None
    members = pareto_front(trials, result.record.settings.objectives)
    assert list(result.front["number"]) == [trial.number for trial in members]
    assert list(result.trials["number"]) == [trial.number for trial in trials]
    assert (result.folder, result.report) == (result.saved.path, result.saved.path / "report.html")
    assert repr(result) == (
        f"RunResult({result.states['complete']} architectures trained, {len(result.front)} on the front of "
        f"accuracy, params, flops; best {result.best.hash}, trial 0; report {result.report})"
    )


def test_run_result_as_plain_data(result: RunResult) -> None:
    found = result.to_dict()
    assert result.best is not None
    assert json.loads(json.dumps(found)) == found
    assert (found["out"], found["budget"], found["best"]) == (str(result.folder), 4, result.best.hash)
    assert (found["trained"], found["repeated"], found["stopped"]) == (result.states["complete"], 0, 0)
    claims = result.saved.claims
    assert found["seed_deviation"] == claims.deviation
    assert found["verdict"] == verdict(result.saved)
    assert (tuple(found["equals"]), found["signal"], found["luck"]) == (
        claims.equals,
        claims.signal,
        claims.luck,
    )
    assert found["flops_convention"] == FLOPS_CONVENTION
    front = pareto_front(result.saved.trials, result.record.settings.objectives)
    tied = claims.ties(front)

    def row(trial: TrialRecord) -> dict[str, object]:
        return trial.to_row() | {
            "front_probability": claims.front[trial.number],
            "tie": tied.get(trial.number),
            "cheapest": trial.number in claims.cheapest,
            "expected": asdict(claims.expected[trial.number]),
        }

    assert found["front"] == [row(trial) for trial in front]
    assert "retrained" not in found
    retrained = RetrainResult(result.folder, (), ("trial 0, seed 0: no memory",), result.report)
    assert replace(result, retrained=retrained).to_dict() == found | {"retrained": retrained.to_dict()}


def test_results_without_a_training_say_so() -> None:
    assert repr(TrainResult(Path("a"), ())) == f"TrainResult(nothing trained; folder {Path('a')})"
    declined = RetrainResult(Path("a"), (), (), None)
    assert repr(declined) == "RetrainResult(nothing trained; report None)"
    assert declined.to_dict() == {"folder": "a", "results": [], "failures": []}


def test_rehearsal_result_says_how_far_each_sampler_came() -> None:
    shares = {"5": {"mean": 0.5}, "10": {"mean": 0.75}}
    result = RehearsalResult(Path("here/a.csv"), {"random": {"share": shares}})
    assert repr(result) == (
        "RehearsalResult(share of the best hypervolume on a.csv, of the fronts reported: random 0.750)"
    )
    assert result.to_dict() == {"random": {"share": shares}}


@pytest.fixture
def several(result: RunResult) -> RunResult:
    """The same with each network trained four times as long, one point better, too."""
    settings = replace(result.record.settings, budget=20, repeats=0, rungs=(1, 4))
    longer = [
        replace(trial, number=trial.number + 100, rung=4, accuracy=(trial.accuracy or 0.0) + 1.0)
        for trial in result.saved.trials
        if trial.state == "complete" and (trial.accuracy or 0.0) <= 99
    ]
    assert len(longer) >= 3
    record = replace(result.record, settings=settings)
    saved = replace(result.saved, record=record, trials=(*result.saved.trials, *longer))
    return replace(result, saved=saved)


def test_run_result_counts_networks_not_trainings(result: RunResult, several: RunResult) -> None:
    assert several.states["complete"] > result.states["complete"]
    assert several.to_dict()["trained"] == several.trained == result.trained == result.states["complete"]
    assert f"({result.trained} architectures trained, " in repr(several)


def test_run_result_says_how_lengths_agree(result: RunResult, several: RunResult) -> None:
    plain, found = result.to_dict(), several.to_dict()
    assert (plain["rungs"], plain["rung"], plain["rung_agreement"]) == ([1], 1, [])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["rungs"], found["rung"]) == ([1, 4], 4)
    (pair,) = found["rung_agreement"]
    networks = sum(trial.rung == 4 for trial in several.saved.trials)
    assert (pair["shorter"], pair["longer"], pair["networks"]) == (1, 4, networks)
    assert pair["lead"] == pytest.approx(1.0)
    assert pair["kendall"]["value"] == pair["spearman"]["high"] == pytest.approx(1.0)
    assert {row["rung"] for row in found["front"]} == {4}


def test_run_result_has_no_correlation_of_too_few(several: RunResult) -> None:
    first = next(trial for trial in several.saved.trials if trial.rung == 4)
    trials = tuple(t for t in several.saved.trials if t.rung == 1 or t is first)
    few = replace(several, saved=replace(several.saved, trials=trials))
    (pair,) = few.to_dict()["rung_agreement"]
    assert (pair["networks"], pair["kendall"], pair["spearman"]) == (1, None, None)


# --- in a notebook ----------------------------------------------------------------------------------


def test_figure_has_every_compared_network(result: RunResult) -> None:
    compared = result.trials[result.trials["compared"]]
    for given, cost in ((None, "params"), ("flops", "flops")):
        points = {x for trace in result.figure(given).data if "markers" in trace.mode for x in trace.x}
        assert points == set(compared[cost])
    with pytest.raises(UserError, match=r"^cost: must be one of .* did you mean 'params'"):
        result.figure("parms")


def test_results_reads_a_folder_as_the_run_gave_it(digits_run: Path) -> None:
    found = results(str(digits_run))
    assert found.best is not None
    assert found.best == read_config(digits_run / "best.yaml")
    assert found.to_dict() == RunResult(load_run(digits_run), found.best).to_dict()
    assert found._repr_html_() == summary(load_run(digits_run), found.best.origin["trial"])


def test_results_of_a_search_under_way_have_no_best(digits_run: Path, tmp_path: Path) -> None:
    for name in ("run.yaml", "trials.csv"):
        (tmp_path / name).write_bytes((digits_run / name).read_bytes())
    found = results(tmp_path)
    assert (found.best, found.to_dict()["best"]) == (None, None)
    assert "; no best.yaml yet; report " in repr(found)
    with pytest.raises(UserError, match=r"^run: must be the folder of a run, got 'nowhere'"):
        results("nowhere")


def test_results_needs_no_torch(digits_run: Path) -> None:
    program = (
        "import sys, cheapsearch\n"
        f"found = cheapsearch.results({str(digits_run)!r})\n"
        "found.front, found.trials, found.figure(), found._repr_html_()\n"
        "print('torch' in sys.modules, 'optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("False False", "")
