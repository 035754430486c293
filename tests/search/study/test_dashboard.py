"""What optuna-dashboard shows of a search, read in a browser."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from cheapsearch.search.study.opening import open_run
from cheapsearch.space import COSTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    **{"dataset": "digits", "budget": 4, "workers": 0, "device": "cpu", "repeats": 0, "sampler": "random"},
    "proxy": {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20},
}


@pytest.fixture
def dashboard(
    tmp_path: Path, fake_pool: Callable[..., Any], needed: Callable[[str, str], Any]
) -> Iterator[str]:
    """The address of one, of a short search."""
    needed("optuna_dashboard", "pip install optuna-dashboard")
    with open_run(SETTINGS, out=tmp_path / "run", make_executor=lambda *_: fake_pool()) as run:
        list(run.search())
        study = run.folder.study_path
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from optuna_dashboard._cli import main; main()"
    command = [sys.executable, "-c", program, f"sqlite:///{study}", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/dashboard"
    try:
        for _ in range(300):
            try:
                urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError((tmp_path / "log").read_text())
        yield address
    finally:
        server.kill()
        server.wait(10)


def test_dashboard_names_objectives_with_their_units_and_says_what_became_of_a_trial(
    dashboard: str, browser: "Browser"
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(dashboard)
    page.get_by_text("cheapsearch").first.click()  # the study, of the list of them
    for name in ("accuracy (%)", COSTS["params"].heading, COSTS["flops"].heading):
        page.get_by_text(name, exact=True).first.wait_for()
    page.goto(f"{dashboard}/studies/1/trials")
    # The operations of a trial, by the names of their sites, and what became of it in a sentence.
    page.get_by_text("last_stage conv").first.wait_for()
    page.get_by_text("proposed as unmodified, complete, a training of ").first.wait_for()
    page.close()
