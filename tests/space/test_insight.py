"""insight.json comes back as it was written, and says of which trials it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cheapsearch.space import UserError
from cheapsearch.space.insight import (
    Effect,
    Insight,
    Interaction,
    Knowledge,
    Prediction,
    Progress,
    trials_hash,
)
from cheapsearch.space.saved_run import load_run

RUN = Path(__file__).parents[1] / "fixtures" / "schema_0" / "run"
KNOWLEDGE = Knowledge(
    rung=4,
    networks=9,
    effects=(
        Effect("expand", "reuse", 1.5, -0.5, 3.5, {"params": -33.4, "flops": -43.3}, 5),
        Effect("project", "conv_shuffle", 0.0, 0.0, 0.0, {"params": 0.0, "flops": 0.0}, 0),
    ),
    interactions=(Interaction("expand", "reuse", "project", "reduce", -2.0, -3.0, -1.0),),
    whole_space=True,
    importance={"expand": 0.7, "project": 0.1},
    importance_rung=1,
    progress=(Progress(1, 0.0, 0.1, 0.0, 0.3), Progress(5, 2.0, None, None, None)),
    reference_accuracy=55.5,
    predictions=(Prediction(3, 70.0, 2.0, 73.0), Prediction(4, 70.0, 2.0, 69.0)),
)


@pytest.fixture
def insight(part_costs) -> Insight:
    return Insight("0.1.0", "9c2f0b1d", part_costs("mobilenet_v2"), knowledge=KNOWLEDGE)


def test_insight_comes_back(insight: Insight) -> None:
    assert Insight.from_json(insight.to_json()) == insight
    few = replace(insight, knowledge=None, missing="too few")
    assert Insight.from_json(few.to_json()) == few


@pytest.mark.parametrize(("missing", "knowledge"), [("", None), ("too few", KNOWLEDGE)])
def test_insight_has_knowledge_or_says_why_not(insight: Insight, missing: str, knowledge) -> None:
    with pytest.raises(UserError, match=r"^knowledge: must be there, or missing must say why"):
        replace(insight, missing=missing, knowledge=knowledge)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["knowledge"].update(rungs=1), r"'rungs'; did you mean 'rung'\?"),
        (lambda data: data["knowledge"]["effects"][0].pop("low"), r"effects: the key 'low' is missing$"),
        (lambda data: data["knowledge"]["progress"][0].update(spend=1), r"did you mean 'spent'\?"),
        (lambda data: data.pop("trials"), r"^insight.json: the key 'trials' is missing$"),
        (lambda data: data["parts"].pop("parts"), r"^parts: the key 'parts' is missing$"),
    ],
)
def test_insight_refuses_other_keys(insight: Insight, change, message: str) -> None:
    data = json.loads(insight.to_json())
    change(data)
    with pytest.raises(UserError, match=message):
        Insight.from_dict(data)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda data: data["knowledge"].update(effects=None), "effects: must be a list of rows, got None"),
        (
            lambda data: data["knowledge"]["effects"][0].update(accuracy="x"),
            "accuracy: must be a finite number",
        ),
        (
            lambda data: data["knowledge"]["effects"][0]["costs"].update(params=float("nan")),
            "costs: must be finite",
        ),
        (
            lambda data: data["knowledge"]["predictions"][0].update(deviation=0.0),
            "deviation: must be above 0",
        ),
        (
            lambda data: data["knowledge"]["progress"][0].update(spent=1.5),
            "spent: must be a whole number, got 1.5",
        ),
        (lambda data: data["knowledge"].update(importance=[1]), "importance: must be finite numbers by name"),
        (lambda data: data["knowledge"].update(whole_space=1), "whole_space: must be true or false, got 1"),
        (lambda data: data.update(knowledge=5), "knowledge: must be a mapping, got 5"),
        (lambda data: data.update(version=1), "must be text"),
        (lambda data: data["parts"]["parts"][0].update(site=[1]), "parts: must be rows of names and numbers"),
    ],
)
def test_insight_refuses_other_kinds_of_values(insight: Insight, change, rule: str) -> None:
    data = json.loads(insight.to_json())
    change(data)
    with pytest.raises(UserError, match=rf"^insight\.json: .*{rule}"):
        Insight.from_dict(data)


def test_insight_refuses_what_is_no_json() -> None:
    with pytest.raises(UserError, match=r"^insight.json: must be JSON, but line 1 is not; remove it$"):
        Insight.from_json("{")
    with pytest.raises(UserError, match=r"^insight.json: must be a mapping, got \[\]$"):
        Insight.from_json("[]")


def test_predictions_are_counted_by_how_far_off_they_were() -> None:
    # 1.5 and 0.5 deviations off.
    assert [KNOWLEDGE.within(bound) for bound in (0.4, 0.5, 1.5)] == [0, 1, 2]


def test_an_operation_that_changes_nothing_is_equal() -> None:
    assert [effect.equal for effect in KNOWLEDGE.effects] == [False, True]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("run.yaml", "trials.csv"):
        (tmp_path / name).write_bytes((RUN / name).read_bytes())
    return tmp_path


def write(folder: Path, insight: Insight) -> None:
    (folder / "insight.json").write_text(insight.to_json())


def test_a_run_has_the_insight_of_its_trials(folder: Path, part_costs) -> None:
    assert load_run(folder).insight is None
    record = load_run(folder).record
    parts = part_costs(
        record.settings.backbone,
        record.settings.width,
        num_classes=record.num_classes,
        input_size=record.input_size,
    )
    known = Insight("0.1.0", trials_hash(folder / "trials.csv"), parts, knowledge=KNOWLEDGE)
    write(folder, known)
    assert load_run(folder).insight == known
    rows = (folder / "trials.csv").read_text().splitlines(keepends=True)
    (folder / "trials.csv").write_text("".join(rows[:-1]))
    stale = load_run(folder).insight
    assert stale is not None
    assert (stale.knowledge, stale.parts) == (None, parts)
    assert stale.missing
    write(folder, replace(known, parts=replace(parts, num_classes=parts.num_classes + 1)))
    assert load_run(folder).insight is None
    # One of before an operation was known; of those that are searched, not only of those that were trained.
    searched = load_run(folder).space.operations["project"][-1]
    costs = {
        place: {name: cost for name, cost in known.items() if name != searched}
        for place, known in parts.costs.items()
    }
    write(folder, replace(known, parts=replace(parts, costs=costs)))
    assert load_run(folder).insight is None
    (folder / "insight.json").write_text("{")
    assert load_run(folder).insight is None
