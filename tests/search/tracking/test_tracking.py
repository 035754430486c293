"""What has ended is logged once, wherever a search stops, and a tracker that fails ends nothing."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cheapsearch.search.tracking import tracking as tracking_module
from cheapsearch.search.tracking.entry import Entry
from cheapsearch.search.tracking.tracking import Tracking, check_trackers
from cheapsearch.space import Architecture, Cost, RunRecord, RunSettings, TrialRecord, UserError

RECORD = RunRecord(
    version="0.1.0",
    created="2026-01-02T03:04:05+00:00",
    settings=RunSettings(dataset="digits", input_size=32, device="cpu", workers=1, rungs=(1,)),
    fingerprint="0" * 16,
    num_classes=10,
    train_images=100,
    val_images=50,
    skipped=(),
    study="cheapsearch",
    versions={},
    classes=tuple("0123456789"),
)
TRIALS = [
    TrialRecord(
        number, Architecture("mobilenet_v2"), "complete", "random", Cost({"params": 5, "flops": 7}), 50.0
    )
    for number in range(6)
]


class Notebook:
    """A tracker that keeps what it is told in a list that outlives it."""

    pages: ClassVar[list[tuple[str, str, int]]] = []
    away_after = 99

    def __init__(self, key: str, title: str, settings: Mapping[str, str]) -> None:
        assert settings["dataset"] == "digits"
        self.key, self.title = key, title

    def log(self, entry: Entry) -> None:
        if len(self.pages) >= self.away_after:
            raise ConnectionError("the server\nis away")
        self.pages.append((self.key, entry.name, entry.step))

    def close(self) -> None:
        self.pages.append((self.key, "closed", -1))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> type[Notebook]:
    monkeypatch.setattr(tracking_module, "TRACKERS", {"mlflow": Notebook})
    monkeypatch.setattr(Notebook, "pages", [])
    return Notebook


def test_tracking_logs_each_trial_once_and_what_a_tracker_missed_when_it_is_back(
    tmp_path: Path, notebook: type[Notebook], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    first = Tracking(("mlflow",), tmp_path, RECORD, say=said.append)
    first.trials(TRIALS[:1])
    monkeypatch.setattr(notebook, "away_after", 2)
    for count in (2, 3, 4):
        first.trials(TRIALS[:count])
    first.close()
    assert said == [
        "--track mlflow: nothing more is logged for now (ConnectionError: the server is away); "
        "what is missing is logged when the same command goes on"
    ]
    monkeypatch.setattr(notebook, "away_after", 99)
    again = Tracking(("mlflow",), tmp_path, RECORD, say=said.append)
    again.trials(TRIALS[:4])
    again.trials(TRIALS)
    again.close()
    (key,) = {key for key, _, _ in notebook.pages}
    assert notebook.pages == [*((key, f"trial {n}", n) for n in range(6)), (key, "closed", -1)]
    assert len(said) == 1


def test_tracking_logs_each_trial_once_in_whatever_order_they_were_told(
    tmp_path: Path, notebook: type[Notebook], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `--order arrival`, where those that were told are in the order of their numbers later."""
    monkeypatch.setattr(notebook, "away_after", 1)
    first = Tracking(("mlflow",), tmp_path, RECORD, say=lambda line: None)
    first.trials([TRIALS[3]])
    first.trials([TRIALS[3], TRIALS[0]])
    monkeypatch.setattr(notebook, "away_after", 99)
    again = Tracking(("mlflow",), tmp_path, RECORD, say=print)
    again.trials([TRIALS[0], TRIALS[3]])
    again.trials([TRIALS[0], TRIALS[3], TRIALS[1]])
    assert [page[1:] for page in notebook.pages] == [("trial 3", 0), ("trial 0", 1), ("trial 1", 2)]


def test_tracking_takes_up_a_file_that_has_how_many_were_logged(
    tmp_path: Path, notebook: type[Notebook]
) -> None:
    (tmp_path / "tracking.json").write_text('{"mlflow": {"key": "k", "trials": 2, "retrainings": []}}')
    Tracking(("mlflow",), tmp_path, RECORD, say=print).trials(TRIALS[:3])
    assert notebook.pages == [("k", "trial 2", 2)]


def test_tracking_without_trackers_writes_nothing(tmp_path: Path) -> None:
    tracking = Tracking((), tmp_path, RECORD, say=print)
    tracking.trials(TRIALS)
    tracking.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"mlflow": {"key": 3}}', '{"mlflow": 3}'])
def test_tracking_refuses_a_damaged_file(tmp_path: Path, content: str, notebook: type[Notebook]) -> None:
    (tmp_path / "tracking.json").write_text(content)
    with pytest.raises(UserError, match=r"tracking\.json: must be as `cheapsearch` wrote it"):
        Tracking(("mlflow",), tmp_path, RECORD, say=print)


def test_check_trackers_takes_a_name_or_several_and_refuses_others() -> None:
    assert check_trackers("mlflow") == ("mlflow",)
    assert check_trackers(["wandb", "mlflow", "wandb"]) == ("wandb", "mlflow")
    with pytest.raises(UserError, match="did you mean 'mlflow'"):
        check_trackers("mlfow")


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_tracking_without_the_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError) as caught:
        Tracking((name,), tmp_path, RECORD, say=print)
    assert str(caught.value) == (
        f"track {name}: needs the package {name}, which is not installed; `pip install 'cheapsearch[{name}]'`"
    )


def test_mlflow_server_that_is_away_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: Callable[[str, str], Any]
) -> None:
    needed("mlflow", "pip install 'cheapsearch[mlflow]'")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said: list[str] = []
    tracking = Tracking(("mlflow",), tmp_path, RECORD, say=said.append)
    tracking.trials(TRIALS)
    tracking.close()
    assert len(said) == 1
    assert said[0].startswith("--track mlflow: nothing more is logged for now (MlflowException: ")
