"""A run's report, served to a browser of this machine while the run goes on, and made again as it changes."""

import logging
import sys
import threading
import time
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..space import RETRAIN_FOLDER, UserError
from ..space.saved_run import FRONT_LATENCY_FILE, INSIGHT_FILE, RECORD_FILE, TRIALS_FILE, load_run
from ..space.validation_file import VALIDATION_FILE
from . import page as whole
from .template import render

HOST = "127.0.0.1"
# A page of another name that resolves to this machine could read the report else (DNS rebinding).
_OWN_NAMES = {HOST, "localhost", "::1"}
_FILES = (
    *(RECORD_FILE, TRIALS_FILE, VALIDATION_FILE, FRONT_LATENCY_FILE, INSIGHT_FILE),
    f"{RETRAIN_FOLDER}/*/result.json",
)
_LEAST_SECONDS = 3.0  # between two reports
_SHARE = 0.2  # of a core that making reports takes at most
_POLL_MS = 2000

_log = logging.getLogger(__name__)


class LiveReport:
    """The report of a run folder, made again when it is asked for and the folder has changed.

    Nothing is locked or written, so another process may search in the folder.

    Args:
        folder: The run folder; it may be empty still.
        plotly: As of `write_report`.
        least_seconds: Between two reports.

    Raises:
        UserError: If there is no such folder.
    """

    def __init__(
        self, folder: Path, *, plotly: str = "packed", least_seconds: float = _LEAST_SECONDS
    ) -> None:
        if not folder.is_dir():
            load_run(folder)  # which says so
        self.folder = folder
        self._plotly, self._least_seconds = plotly, least_seconds
        self._lock = threading.Lock()
        self._next = 0.0
        self._made_of, self._html, self._failure = "", "", ""

    def current(self) -> tuple[str, str]:
        """A version that changes with the page, and the page.

        Raises:
            RuntimeError: If the page cannot be made, by a fault of the program.
        """
        with self._lock:
            found = self._found()
            if found != self._made_of and time.monotonic() >= self._next:
                self._make(found)
            if self._failure:
                raise RuntimeError(self._failure)
            return self._made_of or "waiting", self._html

    def _make(self, found: str) -> None:
        began, self._failure = time.monotonic(), ""
        try:
            self._html = whole.render(load_run(self.folder), plotly=self._plotly)
            self._made_of = found
        except UserError as error:
            # A file is not there yet, or was being written: what was shown stays, and the next time tells.
            if not self._made_of:
                why = error.at_terminal if (self.folder / TRIALS_FILE).exists() else ""
                self._html = render("waiting.html.j2", figures=False, run=self.folder, why=why)
        except Exception as error:
            self._failure = f"the report cannot be made ({type(error).__name__}: {error})"
            _log.warning(self._failure, exc_info=_log.isEnabledFor(logging.INFO))
        ended = time.monotonic()
        self._next = ended + max(self._least_seconds, (ended - began) / _SHARE)

    def _found(self) -> str:
        """Digits that change with the files of the folder."""
        digest = sha256()
        for pattern in _FILES:
            for path in sorted(self.folder.glob(pattern)):
                stat = path.stat()
                digest.update(
                    f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode("utf-8", "backslashreplace")
                )
        return digest.hexdigest()[:16]


class ReportServer(ThreadingHTTPServer):
    """Serves the page of a `LiveReport` on loopback; a context manager.

    Args:
        report: The report.
        port: To listen at, 0 for any that is free.

    Raises:
        UserError: If the port is none, or not free.
    """

    daemon_threads = True

    def __init__(self, report: LiveReport, *, port: int = 0) -> None:
        self.report = report
        if not 0 <= port <= 65535:
            raise UserError(f"--port: must be from 0 to 65535, got {port}")
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UserError(
                f"--port: must be free for listening, got {port} ({error.strerror}); leave it out for any "
                "that is"
            ) from None

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, but not that a browser went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if _name(self.headers.get("Host", "")) not in _OWN_NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "Only this machine's own names are answered")
            return
        path = urlsplit(self.path).path
        if path == "/":
            run = self.server.report.folder
            self._answer("text/html", render("watch.html.j2", run=run, poll_ms=_POLL_MS))
        elif path in ("/version", "/report"):
            try:
                version, page = self.server.report.current()
            except Exception as error:
                self._answer("text/plain", str(error), HTTPStatus.INTERNAL_SERVER_ERROR)
                return
            self._answer(*(("text/plain", version) if path == "/version" else ("text/html", page)))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, kind: str, content: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = content.encode("utf-8", "backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the terminal is the user's."""


def _name(host: str) -> str | None:
    """Of a Host header, without the port; None if there is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
