"""`cheapsearch report`."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from subprocess import PIPE, Popen
from urllib.request import urlopen

import pytest

from cheapsearch.space.saved_run import load_run

Call = Callable[..., tuple[int, str, str]]


def test_report_writes_the_report_again(call: Call, digits_run: Path, tmp_path: Path) -> None:
    out = copytree(digits_run, tmp_path / "copy")
    (out / "report.html").unlink()
    assert call("report", out) == (0, f"{out / 'report.html'}\n", "")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    for trial in load_run(out).trials:
        assert f"{trial.costs['params']:,}" in page or trial.hash in page


def test_report_holds_plotly_as_asked(call: Call, digits_run: Path, tmp_path: Path) -> None:
    out = copytree(digits_run, tmp_path / "copy")
    sizes = []
    for flags in (["--cdn"], [], ["--full"]):
        assert call("report", out, *flags)[0] == 0
        sizes.append((out / "report.html").stat().st_size)
    assert sizes[0] < 1e6 < sizes[1] < 3e6 < sizes[2]
    assert call("report", out, "--full", "--cdn")[0] == 2


def test_report_of_several_compares_them(call: Call, digits_run: Path, tmp_path: Path) -> None:
    other = copytree(digits_run, tmp_path / "other")
    page = tmp_path / "both.html"
    assert call("report", digits_run, other, "-o", page) == (0, f"{page}\n", "")
    assert "<title>2 runs compared: cheapsearch</title>" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "b", "--watch"), "--watch: must be of one RUN, got 2; watch each on its own"),
        (("a", "--port", "8000"), "--port: is for --watch, got 8000 without it"),
        (
            ("a", "-o", "b.html"),
            "--output: is for several RUNs, got b.html; the report of one lies in its folder",
        ),
        (("nowhere", "--watch"), "RUN: must be the folder of a run, got 'nowhere'"),
    ],
)
def test_report_refuses_what_does_not_fit(call: Call, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = call("report", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_report_watches_until_ctrl_c(digits_run: Path, tmp_path: Path) -> None:
    """In a process of its own, which is interrupted as a terminal does it."""
    run = copytree(digits_run, tmp_path / "run")
    (run / "report.html").unlink()
    command = [sys.executable, "-m", "cheapsearch", "report", str(run), "--watch"]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        url, _, rest = said.partition(" ")
        assert rest.strip() == f"the report of {run}, kept up to date; Ctrl-C ends this, not the run"
        try:
            with urlopen(f"{url}report") as answer:
                assert "mobilenet_v2 on digits" in answer.read().decode("utf-8")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
    assert out.strip() == f"no longer watched; `cheapsearch report {run}` writes the report to its folder"
    assert not (run / "report.html").exists()
