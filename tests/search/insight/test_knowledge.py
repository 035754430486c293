"""Everything together, on runs that were made, and kept in their folders."""

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cheapsearch.search.insight.importance import importance
from cheapsearch.search.insight.knowledge import FEWEST, insight_of
from cheapsearch.search.insight.writing import write_insight
from cheapsearch.space import COSTS, Cost, SearchSpace
from cheapsearch.space.insight import Insight
from cheapsearch.space.saved_run import load_run

RUNS = Path(__file__).parents[3] / "docs"
STAGED = SearchSpace("mobilenet_v2", 1.0, ("expand",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUNS / "clothing_rungs", tmp_path / "run"))


def draw(space: SearchSpace, count: int):
    rng = random.Random(0)
    return [
        space.architecture({name: rng.choice(options) for name, options in space.parameters.items()})
        for _ in range(count)
    ]


def test_a_run_of_several_lengths_is_understood(folder: Path) -> None:
    write_insight(folder)
    run = load_run(folder)
    assert run.insight is not None
    assert Insight.from_json(run.insight.to_json()) == run.insight
    for trial in run.trials:
        total = run.insight.parts.total(trial.architecture)
        assert all(total[name] == value for name, value in trial.costs.items())
        assert {"params", "flops"} <= trial.costs.keys() <= COSTS.keys()
    known = run.insight.knowledge
    assert known is not None
    assert (known.rung, known.importance_rung, known.whole_space) == (4, 1, True)
    assert known.networks == len({trial.hash for trial in run.trials if trial.state == "complete"})
    said = {trial.number: trial for trial in run.trials if trial.predicted is not None}
    assert {prediction.trial for prediction in known.predictions} == {*said}
    for prediction in known.predictions:
        assert prediction.deviation > (said[prediction.trial].deviation or 0.0)
    assert known.progress[-1].spent == sum(trial.rung for trial in run.trials)
    for effect in known.effects:
        assert effect.low <= effect.accuracy <= effect.high
        assert effect.costs.keys() == {"params", "flops"}
        assert effect.trained <= known.networks


def test_insight_is_worked_out_once_for_the_same_trials(folder: Path) -> None:
    write_insight(folder)
    kept = folder / "insight.json"
    before = kept.stat().st_mtime_ns
    write_insight(folder)
    assert kept.stat().st_mtime_ns == before
    rows = (folder / "trials.csv").read_text().splitlines(keepends=True)
    (folder / "trials.csv").write_text("".join(rows[: FEWEST - 1]))  # and the heading
    # The costs of its parts are kept, so that no network is built.
    code = (
        f"import sys; from cheapsearch.search.insight.writing import write_insight as w; w({str(folder)!r}); "
    )
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    insight = load_run(folder).insight
    assert insight is not None
    few = len({trial.hash for trial in load_run(folder).trials})
    assert insight.missing == f"{few} networks were trained to the end, and {FEWEST} are needed"
    kept.write_text("damaged")
    write_insight(folder)
    assert load_run(folder).insight == insight


def test_parts_of_another_version_are_counted_again(folder: Path) -> None:
    write_insight(folder)
    kept = folder / "insight.json"
    insight = Insight.from_json(kept.read_text())
    costs = {
        place: {name: Cost({**cost, "params": cost["params"] + 1}) for name, cost in known.items()}
        for place, known in insight.parts.costs.items()
    }
    kept.write_text(replace(insight, version="0.0.1", parts=replace(insight.parts, costs=costs)).to_json())
    write_insight(folder)
    assert Insight.from_json(kept.read_text()) == insight


def test_trials_that_come_while_it_is_worked_out_are_not_taken_for_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = folder / "trials.csv"
    rows = trials.read_text().splitlines(keepends=True)
    trials.write_text("".join(rows[:FEWEST]))

    def late(path: Path):
        run = load_run(path)
        trials.write_text("".join(rows[: FEWEST + 1]))
        return run

    with monkeypatch.context() as racing:
        racing.setattr("cheapsearch.search.insight.writing.load_run", late)
        write_insight(folder)
    insight = load_run(folder).insight
    assert insight is not None
    assert insight.missing == "trials came since it was worked out"


def test_what_goes_wrong_is_logged_and_kept_and_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trials = folder / "trials.csv"
    trials.write_text("".join(trials.read_text().splitlines(keepends=True)[:FEWEST]))

    def fails(*arguments: object, **keywords: object) -> None:
        raise ValueError("too odd")

    with monkeypatch.context() as odd, caplog.at_level("INFO", "cheapsearch"):
        odd.setattr("cheapsearch.search.insight.knowledge.insight_of", fails)
        write_insight(folder)
    insight = load_run(folder).insight
    assert insight is not None
    assert insight.missing == "working it out failed (ValueError: too odd)"
    assert "goes without it (ValueError: too odd)\nTraceback" in caplog.text
    told: list[str] = []
    write_insight(folder, say=told.append)
    insight = load_run(folder).insight
    assert insight is not None
    assert insight.missing.endswith("are needed")
    assert told == []  # of few trials it does not take long
    monkeypatch.setattr("cheapsearch.search.insight.writing._MANY", FEWEST - 2)
    (folder / "insight.json").unlink()
    write_insight(folder, say=told.append)
    assert told == [f"working out what the model knows of {FEWEST - 1} trials"]
    (folder / "insight.json").unlink()
    monkeypatch.setattr("cheapsearch.models.cost_table", fails)
    caplog.clear()
    write_insight(folder)
    assert load_run(folder).insight is None
    assert "(ValueError: too odd)" in caplog.text
    assert "Traceback" not in caplog.text  # only where decisions are logged


def test_a_search_stage_by_stage_has_effects_by_operation(make_run, parts) -> None:
    def worth(network) -> float:
        return (
            60.0 + 2.0 * sum(name == "ghost" for name in network.expand) - 3.0 * (network.project == "reduce")
        )

    networks = draw(STAGED, 60)
    run = make_run([(network, worth(network)) for network in networks], per_stage=("expand",))
    known = insight_of(run, parts, trials="x").knowledge
    assert known is not None
    assert not known.whole_space
    assert known.interactions == ()
    by_name = {(effect.site, effect.operation): effect for effect in known.effects}
    assert len(by_name) == len(known.effects)
    ghost, reduce = by_name["expand", "ghost"], by_name["project", "reduce"]
    assert ghost.low <= 2.0 <= ghost.high
    assert reduce.low <= -3.0 <= reduce.high
    assert ghost.accuracy > 1.0 > -1.0 > reduce.accuracy


@pytest.mark.parametrize("accuracy", [0.0, 71.5, 100.0])
def test_accuracies_that_are_all_the_same_are_no_fault(make_run, parts, accuracy: float) -> None:
    run = make_run([(network, accuracy) for network in draw(SearchSpace("mobilenet_v2"), 10)])
    known = insight_of(run, parts, trials="x").knowledge
    assert known is not None
    assert known.importance == {}
    assert all(effect.low <= 0.0 <= effect.high for effect in known.effects)


def test_importance_is_of_the_site_that_decides(make_run) -> None:
    space = SearchSpace("mobilenet_v2")
    networks = draw(space, 80)
    rng = random.Random(1)
    run = make_run([(n, 60 + 20 * (n.shortcut == "pool_reuse") + rng.random()) for n in networks])
    found = importance(space, run.trials, seed=0)
    assert next(iter(found)) == "shortcut"
    assert found["shortcut"] > 0.8
    assert sum(found.values()) <= 1.0 + 1e-3
    staged = make_run(
        [(n, 60 + 5 * sum(name == "conv" for name in n.expand) + rng.random()) for n in draw(STAGED, 60)],
        per_stage=("expand",),
    )
    assert next(iter(importance(STAGED, staged.trials, seed=0))) == "expand"  # its stages together
