"""Searches whose study lies elsewhere than in the run folder, and what is done to them there."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import event

from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.opening import open_run
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.storage import open_storage, storage_errors
from cheapsearch.space import UserError

SETTINGS: dict[str, Any] = {
    **{"dataset": "digits", "budget": 8, "workers": 0, "device": "cpu", "repeats": 2},
    "proxy": {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20},
}

DoSearch = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def search(tmp_path: Path, fake_pool: Callable[..., Any]) -> DoSearch:
    """Search, or go on, in a folder, with trainings that are none; gives what the trials came to."""

    def do(name: str, **given: Any) -> list[tuple[Any, ...]]:
        with open_run(given, out=tmp_path / name, make_executor=lambda *_: fake_pool()) as run:
            list(run.search())
            return [(trial.hash, trial.state, trial.origin, trial.accuracy) for trial in run.trials]

    return do


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


# --- PostgreSQL -------------------------------------------------------------------------------------


class Server:
    """PostgreSQL on the loopback interface, with a folder of its own."""

    def __init__(self, programs: Path) -> None:
        # The server refuses to run as root. Its user could not reach the folders that pytest makes.
        self._programs, self._user = programs, None if os.getuid() else pwd.getpwnam("postgres").pw_name
        self.folder = Path(tempfile.mkdtemp(prefix="cheapsearch-postgresql-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://searcher:secret@127.0.0.1:{self.port}/postgres"
        self._start("initdb", "-U", "searcher", "-A", "trust", "-N", "-D", self.folder / "data").wait(60)
        self.start()

    def _start(self, program: str, *arguments: Any) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, *arguments],
                cwd=self.folder,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        place = ("-D", self.folder / "data", "-k", self.folder, "-p", str(self.port), "-h", "127.0.0.1")
        self._server = self._start("postgres", *place)
        engine = sqlalchemy.create_engine(self.url)
        for _ in range(300):
            try:
                engine.connect().close()
                break
            except sqlalchemy.exc.OperationalError:
                time.sleep(0.1)
        else:
            raise AssertionError((self.folder / "log").read_text())
        engine.dispose()

    def kill(self) -> None:
        """At once, with every process that serves a connection."""
        found = subprocess.run(
            ["ps", "--ppid", str(self._server.pid), "-o", "pid="], capture_output=True, text=True
        )
        for pid in (self._server.pid, *map(int, found.stdout.split())):
            os.kill(pid, signal.SIGKILL)
        self._server.wait(10)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="needs the extra cheapsearch[postgresql]")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("postgres")
    places += [Path(found).parent] if found else []
    if not places:
        pytest.skip("needs a PostgreSQL server's programs, such as Debian's package postgresql")
    server = Server(places[-1])
    yield server
    server.close()


@pytest.mark.slow
def test_postgresql_killed_in_transactions_goes_on_to_the_same_trials(
    server: Server, search: DoSearch
) -> None:
    commits, last = 0, 0

    def begin_commit(connection: sqlalchemy.Connection) -> None:
        nonlocal commits
        commits += connection.engine.dialect.name == "postgresql"
        if commits == last:
            server.kill()

    event.listen(sqlalchemy.Engine, "commit", begin_commit)
    given: dict[str, Any] = SETTINGS | {"storage": server.url}
    try:
        for more in (61, 40, 33, 26):  # in a proposal, and where a trial is told of
            last = commits + more
            with pytest.raises(UserError) as caught:
                search("run", **given)
            assert str(caught.value).startswith("storage: ")
            assert "secret" not in str(caught.value)
            assert "\n" not in str(caught.value)
            server.start()
            given = {"storage": server.url}
    finally:
        event.remove(sqlalchemy.Engine, "commit", begin_commit)
    assert search("run", **given) == search("undisturbed", **SETTINGS)


def test_storage_whose_driver_is_missing_names_what_to_install(search: DoSearch) -> None:
    with pytest.raises(UserError) as caught:
        search("run", **SETTINGS, storage="mysql+pymysql://me:secret@host/db")
    assert str(caught.value) == (
        "storage: needs pymysql, which is not installed, to open mysql+pymysql://me:***@host/db; "
        "pip install pymysql, or choose another storage"
    )
