"""`cheapsearch retrain` as it is typed, and `cheapsearch run --retrain`."""

import io
import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cheapsearch.search.cli.main import main
from cheapsearch.search.training.full import FullTrainer, TrainingJob
from cheapsearch.search.training.loop import DivergedError, Epoch
from cheapsearch.search.training.policies import POLICIES

POLICY = (
    *("--epochs", "5", "--warmup-epochs", "1", "--learning-rate", "0.05", "--width", "0.25"),
    *("--batch-size", "256", "--dropout", "0.1", "--ema-decay", "0.5"),
)


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """A command takes all cores; other tests go on as they began."""
    threads = torch.get_num_threads()
    handler = signal.getsignal(signal.SIGTERM)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, handler)


def test_retrain_asks_first_and_shows_the_front_retrained(
    tmp_path: Path,
    digits_run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    command = ["retrain", str(run), "--top", "1", "--workers", "0", *POLICY, "--epochs", "2"]

    for answer in ("n\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        assert main(command) == 0
        said = capsys.readouterr().out
        assert re.search(r"^trial \d+  \w.*\n1 to train for 2 epochs", said, re.MULTILINE)
        assert "about " in said
        assert "begin? [y/N] \nnothing was trained" in said
        assert not list((run / "retrain").glob("*/*"))

    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "test %" in said
    assert f"cheapsearch predict {run}/retrain/NAME IMAGE|FOLDER" in said
    (result,) = (run / "retrain").glob("*/result.json")
    settings = json.loads(result.read_text())["settings"]
    assert settings["architecture"]["width"] == 0.25
    assert settings["policy"]["epochs"] == 2

    # Nothing is trained twice, nor asked.
    before = result.stat().st_mtime_ns
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["settings"]["trial"] == settings["trial"]
    assert result.stat().st_mtime_ns == before


def test_run_goes_straight_on_to_retraining(
    tmp_path: Path,
    digits_run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The front is trained with the default policy, shortened here so that the test ends."""
    short = replace(POLICIES["cifar10"], epochs=1, warmup_epochs=0, learning_rate=0.01, width=0.25)
    monkeypatch.setitem(POLICIES, "cifar10", short)
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    assert main(["run", "--out", str(run), "--workers", "0", "--retrain"]) == 0
    said = capsys.readouterr().out
    assert "begin?" not in said
    assert "to train for 1 epoch," in said
    assert list((run / "retrain").glob("*/result.json"))


def test_retrain_that_fails_says_why_and_shows_no_empty_table(
    tmp_path: Path,
    digits_run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(self: FullTrainer, job: TrainingJob) -> Iterator[Epoch]:
        raise DivergedError("the training loss is nan in epoch 1")

    monkeypatch.setattr(FullTrainer, "train", fails)
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    assert main(["retrain", str(run), "--top", "1", "--workers", "0", "--yes", *POLICY, "--epochs", "2"]) == 1
    said = capsys.readouterr().out
    assert "the training loss is nan in epoch 1; its traceback is in " in said
    assert "test %" not in said
    (kept,) = (run / "retrain").glob("*/error.txt")
    assert "in fails" in kept.read_text()
