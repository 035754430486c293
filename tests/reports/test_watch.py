"""The report of a run that goes on, by a real server."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cheapsearch.reports import LiveReport, ReportServer
from cheapsearch.space import UserError


@contextmanager
def served(folder: Path, **options: float) -> Iterator[ReportServer]:
    with ReportServer(LiveReport(folder, **options)) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def get(server: ReportServer, path: str) -> str:
    with urlopen(f"{server.url}{path}") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return str(answer.read().decode("utf-8"))


def status(server: ReportServer, path: str, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("GET", path, headers={"Host": host})
    found = connection.getresponse().status
    connection.close()
    return found


def grow(run: Path, rows: int) -> None:
    """Leave the header and so many rows of the trials.csv that lies beside."""
    lines = (run / "whole.csv").read_text().splitlines(keepends=True)
    (run / "trials.csv").write_text("".join(lines[: rows + 1]))


@pytest.fixture
def run(make_run: Callable[..., Path]) -> Path:
    folder = make_run()
    (folder / "trials.csv").rename(folder / "whole.csv")
    return folder


def test_page_follows_a_trials_csv_that_grows(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cheapsearch.reports.watch._SHARE", 1e9)  # of the time that making it took
    before = {path.name for path in run.iterdir()}
    with served(run, least_seconds=0.0) as server:
        assert get(server, "version") == "waiting"
        assert "the run has not begun to search" in get(server, "report")
        versions = []
        for rows, said in ((0, "0 trials."), (2, "2 trials: 2 complete."), (4, "4 trials: 4 complete.")):
            grow(run, rows)
            versions.append(get(server, "version"))
            assert said in get(server, "report")
            assert get(server, "version") == versions[-1]
        assert len(set(versions)) == 3

        # Half a row is one that is being written: what was shown stays until it is whole.
        with (run / "trials.csv").open("a") as file:
            file.write("4,abc")
        assert get(server, "version") == versions[-1]
        assert "4 trials: 4 complete." in get(server, "report")
        grow(run, 5)
        assert get(server, "version") not in versions
        assert "5 trials: " in get(server, "report")
    assert {path.name for path in run.iterdir()} == before | {"trials.csv"}  # nothing is written


def test_page_is_made_again_only_so_often(run: Path) -> None:
    grow(run, 1)
    report = LiveReport(run, least_seconds=1000.0)
    first = report.current()
    grow(run, 2)
    assert report.current() == first
    soon = LiveReport(run, least_seconds=0.0)
    assert soon.current()[0] != first[0]


def test_frame_of_the_page_asks_for_versions(run: Path) -> None:
    with served(run) as server:
        page = get(server, "")
        assert f"<title>{run}: watched</title>" in page
        assert "fetch('/version'" in page
        assert status(server, "/nothing", f"127.0.0.1:{server.server_port}") == 404


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        *(("127.0.0.1:{}", 200), ("localhost:{}", 200), ("[::1]:{}", 200), ("LOCALHOST:9000", 200)),
        *(
            ("evil.example", 403),
            ("evil.example:{}", 403),
            ("127.0.0.1.evil.example", 403),
            ("", 403),
            ("[", 403),
        ),
    ],
)
def test_only_names_of_this_machine_are_answered(run: Path, host: str, answer: int) -> None:
    with served(run) as server:
        for path in ("/", "/version", "/report"):
            assert status(server, path, host.format(server.server_port)) == answer


def test_page_follows_what_the_model_knows(run: Path, write_insight: Callable[..., None]) -> None:
    grow(run, 7)
    report = LiveReport(run, least_seconds=0.0)
    report._next = 0.0
    version, page = report.current()
    assert "The network of the pick" not in page
    write_insight(run)
    report._next = 0.0
    found, page = report.current()
    assert found != version
    assert "The network of the pick" in page


def test_a_page_that_cannot_be_made_is_told_on_one_line_until_it_can(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cheapsearch.reports.watch._SHARE", 1e9)
    grow(run, 2)

    def fails(*arguments: object, **keywords: object) -> str:
        raise KeyError("costs")

    with served(run, least_seconds=0.0) as server:
        with monkeypatch.context() as odd:
            odd.setattr("cheapsearch.reports.page.render", fails)
            for path in ("version", "report"):
                with pytest.raises(HTTPError) as caught:
                    get(server, path)
                with caught.value as answer:
                    assert answer.code == 500
                    assert answer.read() == b"the report cannot be made (KeyError: 'costs')"
        assert "2 trials: 2 complete." in get(server, "report")


def test_a_browser_that_goes_away_is_no_error(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = ReportServer(LiveReport(run))
    for error in (ConnectionResetError("gone"), BrokenPipeError("gone")):
        try:
            raise error
        except ConnectionError:
            server.handle_error(None, ("127.0.0.1", 1))
    assert capsys.readouterr().err == ""
    try:
        raise ValueError("odd")
    except ValueError:
        server.handle_error(None, ("127.0.0.1", 1))
    assert "odd" in capsys.readouterr().err
    server.server_close()


def test_server_listens_on_loopback_alone(run: Path) -> None:
    with served(run) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert server.url == f"http://127.0.0.1:{server.server_port}/"
        with pytest.raises(
            UserError, match=rf"^port: must be free for listening, got {server.server_port} \("
        ):
            ReportServer(server.report, port=server.server_port)


def test_refuses_what_is_no_folder_or_no_port(run: Path) -> None:
    with pytest.raises(UserError, match=r"^run: must be the folder of a run, got .*nowhere"):
        LiveReport(run / "nowhere")
    with pytest.raises(UserError, match=r"^port: must be from 0 to 65535, got 70000"):
        ReportServer(LiveReport(run), port=70000)
