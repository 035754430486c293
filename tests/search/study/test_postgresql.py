"""A search whose study lies in a PostgreSQL server that is killed in its transactions."""

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
from sqlalchemy import event

from cheapsearch.search.study.opening import open_run
from cheapsearch.space import UserError

pytestmark = pytest.mark.slow

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
        # Else a killed server leaves memory behind that nobody gives back.
        memory = ("-c", "dynamic_shared_memory_type=mmap")
        self._server = self._start("postgres", *place, *memory)
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
        self._server.send_signal(signal.SIGINT)  # a fast shutdown
        self._server.wait(30)
        shutil.rmtree(self.folder)


@pytest.fixture
def server(needed: Callable[[str, str], Any], lacking: Callable[[str], None]) -> Iterator[Server]:
    needed("psycopg", "pip install 'cheapsearch[postgresql]'")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("postgres")
    places += [Path(found).parent] if found else []
    if not places:
        lacking("needs a PostgreSQL server's programs: apt-get install postgresql")
    server = Server(places[-1])
    yield server
    server.close()


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
