"""`cheapsearch train` as it is typed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import cheapsearch
from cheapsearch.search.cli.main import main
from cheapsearch.search.cli.train import epoch_line
from cheapsearch.search.training.loop import Epoch, Scores
from cheapsearch.search.training.policy import Policy

POLICY = (
    *("--epochs", "5", "--warmup-epochs", "1", "--learning-rate", "0.05", "--width", "0.25"),
    *("--batch-size", "256", "--dropout", "0.1", "--ema-decay", "0.5"),
)
TRAIN = ("train", "mobilenet_v2", "--dataset", "digits", "--input-size", "8", *POLICY)
KEPT = ("metrics.csv", "architecture.yaml", "best.safetensors")


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """A command takes all cores; other tests go on as they began."""
    threads = torch.get_num_threads()
    handler = signal.getsignal(signal.SIGTERM)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, handler)


def test_train_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert main([*TRAIN, "--out", str(undisturbed)]) == 0

    command = [sys.executable, "-m", "cheapsearch", *TRAIN, "--out", str(killed)]
    for epochs in (1, 2, 4):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and _epochs(killed) < epochs:
                time.sleep(0.01)
            process.kill()
        assert process.returncode == -signal.SIGKILL  # it was not over
    assert not (killed / "result.json").exists()
    assert main([*TRAIN, "--out", str(killed)]) == 0

    for name in KEPT:
        assert (killed / name).read_bytes() == (undisturbed / name).read_bytes()
    mine, theirs = (json.loads((folder / "result.json").read_text()) for folder in (killed, undisturbed))
    for result in (mine, theirs):
        assert result.pop("seconds") > 0
        result["settings"].pop("created")
    assert mine == theirs


def test_train_prints_results_and_trains_each_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plain"
    assert main([*TRAIN, "--epochs", "2", "--seeds", "2", "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["results"]
    assert [result["settings"]["seed"] for result in printed] == [0, 1]
    assert printed[0] == json.loads((out / "result.json").read_text())
    assert printed[1] == json.loads((tmp_path / "plain-seed1" / "result.json").read_text())
    assert printed[0]["settings"]["policy"]["dropout"] == 0.1
    network = cheapsearch.load(out / "architecture.yaml", weights=out / "best.safetensors")
    assert cheapsearch.count(network).params == printed[0]["settings"]["params"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--dropout", "1.5"), "--dropout: must be at least 0 and below 1, got 1.5"),
        (("--epochs", "0"), "--epochs: must be a whole number from 1, got 0"),
        (("--seeds", "0"), "--seeds: must be 1 or more, got 0"),
        (("--policy", "cifar"), "got 'cifar'; did you mean 'cifar10'?"),
    ],
)
def test_train_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], message: str
) -> None:
    assert main([*TRAIN, *given, "--out", str(tmp_path / "refused")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "refused").exists()


def _epochs(folder: Path) -> int:
    metrics = folder / "metrics.csv"
    return len(metrics.read_text().splitlines()) - 1 if metrics.exists() else 0


def test_epoch_line_has_every_figure() -> None:
    epoch = Epoch(3, 0.3497, 1.23456, Scores(1.0, 61.111, 98.96, 50.5), 5.0)
    line = "epoch 3 of 400  loss 1.2346  validation 61.11 % (top-5 98.96 %)  lr 0.3497"
    assert epoch_line(epoch, Policy()) == line
    line = line.replace("validation", "balanced accuracy 50.50 %  validation")
    assert epoch_line(epoch, Policy(metric="balanced_accuracy")) == line
