"""Searches whose study lies elsewhere than in the run folder, and what is done to them there."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage

from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.storage import open_storage, storage_errors
from cheapsearch.space import UserError


def test_journal_with_lines_half_written_goes_on_to_the_same_trials(
    tmp_path: Path,
    make_plan: Callable[..., Plan],
    make_store: Callable[..., Any],
    fake_pool: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a full disk leaves them, or a process killed in the middle of a write."""
    journal = tmp_path / "shared.log"
    whole, written = JournalFileBackend.append_logs, 0

    def half(self: JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        nonlocal written
        written += 1
        if written % 25 == 0:
            with journal.open("ab") as file:
                file.write(b'{"op_code":8,"worker_id":"')
            raise OSError(28, "No space left on device")
        whole(self, logs)

    def search(storage: str) -> list[tuple[Any, ...]]:
        store = make_store(open_storage(storage))
        found = run_search(Search(make_plan(sampler="cost_aware", budget=12), store), fake_pool())
        with storage_errors(tmp_path):
            list(found)
        return [(trial.hash, trial.state, trial.origin, trial.accuracy) for trial in store.records()]

    monkeypatch.setattr(JournalFileBackend, "append_logs", half)
    for _ in range(4):
        with pytest.raises(UserError) as caught:
            search(f"journal:{journal}")
        assert str(caught.value).startswith("storage: cannot read or write the study ([Errno 28] No space")
        assert not journal.read_bytes().endswith(b"\n")
    monkeypatch.undo()
    assert search(f"journal:{journal}") == search("sqlite://")


def test_journal_has_whole_lines_though_another_who_had_it_open_was_killed_in_one(tmp_path: Path) -> None:
    """What is open already goes on behind a line that was never finished, and all studies stay readable."""
    journal = tmp_path / "shared.log"
    study = optuna.create_study(storage=open_storage(f"journal:{journal}"), study_name="goes on")
    with journal.open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"')
    for _ in range(3):
        study.tell(study.ask(), 1.0)
    again = optuna.load_study(storage=open_storage(f"journal:{journal}"), study_name="goes on")
    assert [trial.value for trial in again.trials] == [1.0] * 3


class Clock(SimpleNamespace):
    """Time that passes where somebody waits for it, or asks for it a million times."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1e-3
        assert self.now < 1000.0, "waits for ever"
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_journal_whose_lock_a_killed_process_left_is_taken_after_30_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    killed = open_storage("journal:sub/shared.log")
    assert isinstance(killed, JournalStorage)
    killed._backend._lock.acquire()  # type: ignore[attr-defined]
    clock = Clock()
    monkeypatch.setattr("optuna.storages.journal._file.time", clock)
    study = optuna.create_study(storage=open_storage("journal:sub/shared.log"), study_name="goes on")
    assert 30.0 < clock.now < 35.0
    assert study.trials == []


def test_journal_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no journal\nat all\n")
    with pytest.raises(UserError) as caught:
        open_storage(f"journal:{tmp_path / 'notes.txt'}")
    assert str(caught.value).startswith(
        f"storage: must be a readable Optuna study, journal:{tmp_path / 'notes.txt'} is not ("
    )


def test_storage_whose_driver_is_missing_names_what_to_install() -> None:
    with pytest.raises(UserError) as caught:
        open_storage("mysql+pymysql://me:secret@host/db")
    assert str(caught.value) == (
        "storage: needs pymysql, which is not installed, to open mysql+pymysql://me:***@host/db; "
        "pip install pymysql, or choose another storage"
    )
