"""What MLflow and Weights & Biases have of a search, where their packages are."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import cheapsearch

pytestmark = pytest.mark.slow

Needed = Callable[[str, str], Any]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Search digits, or go on, with retrainings of one epoch."""
    proxy = {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20}

    def do(budget: int, track: str, *, retrain: bool = False) -> None:
        out = tmp_path / "run"
        settings: dict[str, Any] = {"dataset": "digits", "proxy": proxy, "sampler": "random", "repeats": 0}
        settings |= {"width": 0.25, "in_flight": 1}
        cheapsearch.run(out=out, budget=budget, workers=0, track=track, **settings)
        if retrain:
            cheapsearch.retrain(out, top=1, workers=0, track=track, epochs=2, warmup_epochs=0)

    return do


def test_mlflow_has_each_trial_and_retraining_once(
    tmp_path: Path,
    run: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    mlflow_server: str,
    needed: Needed,
) -> None:
    mlflow = needed("mlflow", "pip install mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)
    run(2, "mlflow")
    kept = json.loads((tmp_path / "run" / "tracking.json").read_text())
    assert kept["mlflow"]["trials"] == [0, 1]
    # Killed between logging and writing that down.
    kept["mlflow"]["trials"] = [0]
    (tmp_path / "run" / "tracking.json").write_text(json.dumps(kept))
    run(4, "mlflow", retrain=True)
    client = mlflow.MlflowClient()
    (experiment,) = [e for e in client.search_experiments() if e.name == "cheapsearch"]
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    assert len(client.search_runs([experiment.experiment_id])) == len(runs) == 1 + 4 + 1
    parent = runs.pop("run")
    assert parent.data.params["dataset"] == "digits"
    assert {found.data.tags["mlflow.parentRunId"] for found in runs.values()} == {parent.info.run_id}
    assert {found.info.status for found in runs.values()} == {"FINISHED"}
    unmodified = runs["trial 0"].data
    assert unmodified.params["origin"] == "unmodified"
    assert unmodified.metrics["params"] > 0
    assert 0 <= unmodified.metrics["accuracy"] <= 100
    (retrained,) = [found for name, found in runs.items() if not name.startswith("trial ")]
    curve = client.get_metric_history(retrained.info.run_id, "epoch_val_score")
    assert [point.step for point in curve] == [1, 2]
    assert max(point.value for point in curve) == retrained.data.metrics["val_score"]


def test_mlflow_has_the_settings_of_a_search_that_was_killed_before_they_were_logged(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, mlflow_server: str, needed: Needed
) -> None:
    mlflow = needed("mlflow", "pip install mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)

    def kill(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, "log_batch", kill)
        with pytest.raises(KeyboardInterrupt):
            run(1, "mlflow")
    run(1, "mlflow")
    client = mlflow.MlflowClient()
    (experiment,) = [e for e in client.search_experiments() if e.name == "cheapsearch"]
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["run", "trial 0"]
    assert runs["run"].data.params["dataset"] == "digits"
    assert {found.info.status for found in runs.values()} == {"FINISHED"}


@pytest.fixture
def mlflow_server(tmp_path: Path, needed: Needed) -> Any:
    """A server of MLflow on the loopback interface."""
    # What its server is made of: importing that would set up its tables here too, with warnings of its own.
    needed("flask", "pip install mlflow, the whole of it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urlopen(f"{url}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError((tmp_path / "log").read_text())
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def test_wandb_keeps_trials_and_retrainings_offline(
    tmp_path: Path, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, needed: Needed
) -> None:
    needed("wandb", "pip install 'cheapsearch[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    run(2, "wandb")
    run(3, "wandb", retrain=True)
    assert [len(rows) for _, rows in offline(tmp_path)] == [2, 1, 2]
    trials = [row for name, rows in offline(tmp_path) if name == "run" for row in rows]
    assert [(row["_step"], row["trial"]) for row in trials] == [(0, "0"), (1, "1"), (2, "2")]
    assert all(0 <= row["accuracy"] <= 100 and row["params"] > 0 for row in trials)
    *_, (name, epochs) = offline(tmp_path)
    assert name != "run"
    assert [row["_step"] for row in epochs] == [1, 2]
    assert all(row["epoch_train_loss"] > 0 for row in epochs)


def offline(folder: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """Names and rows of the runs that lie in a folder, in the order they began."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for path in sorted((folder / "wandb").glob("offline-run-*/run-*.wandb")):
        name, rows = "", []
        for data in records(path.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                name = record.run.display_name
            elif kind == "history":
                items = record.history.item
                row = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
                rows.append({"_step": record.history.step.num, **row})
        found.append((name, rows))
    return found


def records(data: bytes) -> Iterator[bytes]:
    """Of a log as LevelDB writes it, in blocks of 32 KiB, after W&B's seven bytes.

    Each piece of a record has a header of seven bytes: checksum, length, and whether it is whole (1), the
    first (2), one between, or the last (4).
    """
    at, whole = 7, b""
    while at + 7 <= len(data):
        left = 32_768 - at % 32_768
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole = data[at + 7 : at + 7 + length] if kind in (1, 2) else whole + data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield whole
