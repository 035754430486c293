"""What a run would do is what it does, and nothing is done."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.models import cost_table
from cheapsearch.search.study import device_tables, proxy_ladder
from cheapsearch.search.study.opening import open_run
from cheapsearch.search.study.preview import preview_run
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.space import SearchSpace, UserError
from cheapsearch.space.rungs import units
from cheapsearch.space.saved_run import load_run

PROXY = {"epochs": 2, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20}
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "budget": 12,
    "workers": 0,
    "device": "cpu",
    "sampler": "random",
    "proxy": PROXY,
}
SPEED = 100.0  # images a second that the machine is said to train on
# An image that is scored takes a third of one that is trained on; digits has 288 for that.
SECONDS = 2 * (60 + 288 / 3) / SPEED


@pytest.fixture
def _known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_ladder, "_speed", lambda *arguments: SPEED)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_preview_decides_as_the_run_does_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_ladder, "_TIMING", (0.0, 0.01))  # seconds
    found = preview_run(SETTINGS, out=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    assert (found.begun, found.done, found.wanted, found.tried) == (False, 0, 12, False)
    assert found.seconds > 0  # of steps that were really done
    with open_run(SETTINGS, out=tmp_path / "new") as run:
        decided = run.record.settings
        assert found.proxy.to_dict() == decided.proxy
        assert found.settings.lengths == decided.lengths
        assert (found.settings.repeats, found.settings.device) == (decided.repeats, decided.device)
        assert (found.train_images, found.val_images) == (run.record.train_images, run.record.val_images)
        firsts = [trial.origin for trial in islice(run.search(), 2)]
    assert list(found.first[:2]) == firsts


@pytest.mark.usefixtures("_known_speed")
def test_preview_says_how_long_what_is_left_takes(tmp_path: Path) -> None:
    new = preview_run(SETTINGS, out=tmp_path / "run")
    assert new.seconds == pytest.approx(SECONDS)
    assert new.seconds_in_all == pytest.approx(12 * SECONDS)
    with open_run(SETTINGS, out=tmp_path / "ended", make_executor=LocalExecutor):
        (tmp_path / "ended" / "trials.csv").unlink(missing_ok=True)
    ended = preview_run({"workers": 0}, out=tmp_path / "ended")
    assert (ended.begun, ended.done, ended.wanted) == (True, 0, 12)

    with open_run(SETTINGS, out=tmp_path / "run", make_executor=LocalExecutor) as run:
        list(islice(run.search(), 3))
    before = contents(tmp_path / "run")
    known = preview_run({"workers": 0, "budget": 20}, out=tmp_path / "run")
    assert contents(tmp_path / "run") == before
    done = units(load_run(tmp_path / "run").trials)
    assert 3 <= done < 12
    assert (known.begun, known.done, known.wanted) == (True, done, 20)
    assert known.seconds_in_all == pytest.approx((20 - done) * SECONDS)


@pytest.mark.usefixtures("_known_speed")
def test_preview_says_what_fits_into_the_time(tmp_path: Path) -> None:
    hours = 0.05
    given = {name: value for name, value in SETTINGS.items() if name != "budget"} | {"hours": hours}
    found = preview_run(given, out=tmp_path / "run")
    assert found.tried
    assert found.wanted == int(0.95 * 3600 * hours / SECONDS)
    assert found.seconds_in_all <= 3600 * hours
    with pytest.raises(UserError, match="hours: must be enough for 8 trainings"):
        preview_run(given | {"hours": 1e-4}, out=tmp_path / "run")


@pytest.mark.usefixtures("_known_speed")
def test_preview_counts_the_networks_within_the_limits(tmp_path: Path) -> None:
    limit = 1_000_000
    table = cost_table("mobilenet_v2", width=1.0, num_classes=10, input_size=32)
    space = SearchSpace("mobilenet_v2")
    within = sum(table.cost(one)["params"] <= limit for one in space.distinct())
    found = preview_run(SETTINGS | {"max_params": limit}, out=tmp_path / "run")
    assert 0 < within < space.distinct_size
    assert (found.allowed, found.distinct, found.counted) == (within, space.distinct_size, True)
    large = preview_run(SETTINGS | {"max_params": limit, "per_stage": ("expand",)}, out=tmp_path / "run")
    assert not large.counted
    assert 0 < large.allowed < large.distinct


@pytest.mark.usefixtures("_known_speed")
def test_preview_measures_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*arguments: object, **more: object) -> None:
        raise AssertionError("a table was measured")

    monkeypatch.setattr(device_tables, "latency_table", measured)
    asked = SETTINGS | {"objectives": ("accuracy", "latency_ms"), "max_latency_ms": 3.0}
    found = preview_run(asked, out=tmp_path / "run")
    assert found.unmeasured == ("latency_ms",)
    assert found.allowed == found.distinct  # what is within 3 ms is not known
