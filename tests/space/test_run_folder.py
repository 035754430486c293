"""The files of a run folder are whole, read back, and kept from a second run."""

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cheapsearch.space import Architecture, Cost, RunRecord, RunSettings, TrialRecord, UserError, table_costs
from cheapsearch.space.run_folder import RunFolder

RECORD = RunRecord(
    version="0.1.0",
    created="2026-01-02T03:04:05+00:00",
    settings=RunSettings(dataset="Bilder für alle", per_stage=("expand",), input_size=32, workers=2),
    fingerprint="0123456789abcdef",
    num_classes=10,
    train_images=1150,
    val_images=288,
)
MIXED = Architecture("mobilenet_v2", expand=("conv", "reuse", "ghost", "conv", "reuse", "reuse", "conv"))
COST = Cost(params=10, flops=20)
TRIALS = [
    TrialRecord(0, MIXED, "complete", "unmodified", COST, 61.25, 12.5),
    TrialRecord(1, MIXED, "failed", "tpe", COST, None, 0.25, 'loss is NaN, "again",\nstep 3'),
    TrialRecord(3, MIXED, "duplicate", "tpe", COST, 61.25, None, "the same network as trial 0"),
]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path / "run")


def test_run_folder_names_the_files_of_the_design(tmp_path: Path) -> None:
    # design.md, "What a run leaves"
    folder = RunFolder(tmp_path)
    paths = [folder.record_path, folder.trials_path, folder.study_path, folder.report_path, folder.best_path]
    names = ["run.yaml", "trials.csv", "study.db", "report.html", "best.yaml"]
    assert paths == [tmp_path / name for name in names]


def test_record_round_trips(folder: RunFolder) -> None:
    assert folder.read_record() is None
    folder.write_record(RECORD)
    assert folder.read_record() == RECORD
    larger = replace(RECORD, settings=replace(RECORD.settings, budget=40))
    folder.write_record(larger)
    assert folder.read_record() == larger
    assert [path.name for path in folder.path.iterdir()] == ["run.yaml"]
    assert "Bilder für alle" in folder.record_path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("kept", "seconds"), [("12.5\n", 12.5), ("-3\n", 0.0), ("abc", None), (None, None)])
def test_time_that_a_search_has_taken_is_unknown_where_its_file_is_damaged(
    folder: RunFolder, kept: str | None, seconds: float | None
) -> None:
    if kept is not None:
        folder.elapsed_path.write_text(kept, "utf-8")
    assert folder.read_elapsed() == seconds
    folder.write_elapsed(7.0)
    assert folder.read_elapsed() == 7.0


def test_trials_round_trip_and_are_written_anew(folder: RunFolder) -> None:
    for count in (0, 1, 3):
        folder.write_trials(TRIALS[:count])
        with folder.trials_path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            # None of them knows a cost on a device.
            assert reader.fieldnames == [name for name in TrialRecord.columns() if name not in table_costs()]
        assert [TrialRecord.from_row(row, backbone="mobilenet_v2", width=1.0) for row in rows] == TRIALS[
            :count
        ]
    assert b"\r" not in folder.trials_path.read_bytes()


def test_add_trial_writes_its_row_alone_and_all_where_the_file_is_not_as_it_was_left(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[int] = []
    write = folder.write_trials

    def write_all(trials: Sequence[TrialRecord]) -> None:
        whole.append(len(trials))
        write(trials)

    monkeypatch.setattr(folder, "write_trials", write_all)
    for count in range(1, len(TRIALS) + 1):
        folder.add_trial(TRIALS[:count])
    assert whole == [1]
    alone = RunFolder(folder.path)
    added = folder.trials_path.read_bytes()
    alone.write_trials(TRIALS)
    assert alone.trials_path.read_bytes() == added
    for spoil in (folder.trials_path.unlink, lambda: folder.trials_path.write_text("mine")):
        spoil()
        folder.add_trial(TRIALS)
        assert folder.trials_path.read_bytes() == added
    dearer = replace(TRIALS[0], number=99, costs=Cost({**TRIALS[0].costs, "latency_ms": 3.5}))
    folder.add_trial([*TRIALS, dearer])
    alone.write_trials([*TRIALS, dearer])
    assert whole == [1, *[len(TRIALS)] * 2, len(TRIALS) + 1]
    assert b"latency_ms" in folder.trials_path.read_bytes().splitlines()[0]


def test_read_record_misses_it_beside_a_study(folder: RunFolder) -> None:
    folder.study_path.touch()
    with pytest.raises(UserError) as caught:
        folder.read_record()
    assert str(caught.value) == (
        f"out: must be a whole run folder, but {folder.path} has study.db and no run.yaml; "
        "choose another folder"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "must be UTF-8 text, got byte 0xff at position 0"),
        (b"budget: [", "must be YAML, but it has a syntax error"),
        (b"", "must be a mapping, got NoneType"),
        (b"- 3", "must be a mapping, got list"),
        (b"budget: 3", "the key 'version' is missing"),
        (b"bugdet: 3", "did you mean 'budget'?"),
        (yaml.safe_dump(RECORD.to_dict() | {"budget": "many"}).encode(), "budget: must be a whole number"),
    ],
)
def test_read_record_refuses_a_damaged_one_in_one_line(
    folder: RunFolder, content: bytes, message: str
) -> None:
    folder.record_path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        folder.read_record()
    assert message in str(caught.value)
    assert "run.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("per_stage", "expand"), ("objectives", 3)])
def test_read_record_refuses_a_value_of_another_type(folder: RunFolder, key: str, value: object) -> None:
    folder.record_path.write_text(yaml.safe_dump(RECORD.to_dict() | {key: value}))
    with pytest.raises(UserError, match=f"run.yaml: {key}: must be a list of names, got "):
        folder.read_record()


# --- the lock ---------------------------------------------------------------------------------------


def test_locked_makes_the_folder_and_lets_go(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "deep" / "run")
    for _ in range(2):
        with folder.locked():
            assert folder.path.is_dir()


def test_locked_lets_go_after_an_error(folder: RunFolder) -> None:
    with pytest.raises(KeyError), folder.locked():
        raise KeyError
    with folder.locked():
        assert folder.path.is_dir()


def test_locked_refuses_a_folder_that_another_process_works_in(folder: RunFolder) -> None:
    program = (
        "import sys\n"
        "from filelock import FileLock\n"
        f"with FileLock({str(folder.path / '.lock')!r}):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError) as caught, folder.locked():
            raise AssertionError("two runs in one folder")
        assert str(caught.value) == (
            f"out: must not be in use, but another cheapsearch works in {folder.path}; "
            "wait for it or choose another folder"
        )
        other.kill()  # the lock goes with the process, however it ends
        other.wait()
        with folder.locked():
            assert folder.path.is_dir()


@pytest.mark.parametrize("below", ["run", "deep/run"])
def test_locked_refuses_a_folder_below_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / below
    with pytest.raises(UserError) as caught, RunFolder(path).locked():
        raise AssertionError(os.fspath(path))
    assert str(caught.value).startswith(f"out: must be a folder that can be written, {path} is not (")


def test_locked_refuses_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with (
        pytest.raises(UserError, match=r"^out: must be a folder that can be written, "),
        RunFolder(path).locked(),
    ):
        raise AssertionError(os.fspath(path))
