"""`cheapsearch run --dry-run`: what it prints."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cheapsearch.search.study import proxy_ladder

Call = Callable[..., tuple[int, str, str]]
TINY = ("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=30", "--device", "cpu")
ASKED = (
    "run",
    "--dataset",
    "digits",
    "--budget",
    3,
    "--max-params",
    "1M",
    "--workers",
    0,
    *TINY,
    "--dry-run",
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are timed for a moment."""
    monkeypatch.setattr(proxy_ladder, "_TIMING", (0.0, 0.01))


def test_dry_run_says_what_would_be_done(call: Call, tmp_path: Path) -> None:
    code, out, err = call(*ASKED)
    assert (code, err) == (0, "")
    assert list(tmp_path.iterdir()) == []
    said = dict(line.split(maxsplit=1) for line in out.splitlines() if line.strip())
    assert said["search"].startswith("mobilenet_v2 at width 1: 768 distinct networks, ")
    assert "of them within --max-params 1,000,000; by accuracy, params, flops" in said["search"]
    assert said["first"].startswith("unmodified, preset ")
    assert (
        said["train"]
        == "1 epoch of 2 steps, 60 images of 8 px in batches of 30, at width 0.25; scored on 288"
    )
    assert said["budget"] == "3 trainings"
    assert said["store"].startswith("runs/mobilenet_v2-digits (new): report.html, ")
    assert " on 1 worker, less what is stopped early; " in said["time"]
    assert out.endswith("nothing was trained or written\n")


def test_dry_run_counts_on_no_stopping_where_there_is_none(call: Call) -> None:
    for more in (("--no-stopping",), ("--budget", 16, "--rungs", "1,4")):
        _, out, _ = call(*ASKED, *more)
        assert "stopped early" not in out
        assert " on 1 worker; " in out


def test_dry_run_as_json_is_plain_data(call: Call, tmp_path: Path) -> None:
    code, out, _ = call(*ASKED, "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["wanted"], found["done"], found["out"]) == (3, 0, "runs/mobilenet_v2-digits")
    assert found["proxy"]["input_size"] == found["settings"]["proxy"]["input_size"] == 8
    assert found["seconds_in_all"] == 3 * found["seconds"]
