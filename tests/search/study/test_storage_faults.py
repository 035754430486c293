"""Searches whose study lies elsewhere than in the run folder, and what is done to them there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.storages.journal import JournalFileBackend

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
