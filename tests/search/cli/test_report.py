"""`cheapsearch report`."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

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
