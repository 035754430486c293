"""Which device is chosen, and how many workers it feeds."""

import os
import subprocess
import sys

import pytest
import torch

from cheapsearch.search.workers.devices import (
    let_threads_sleep,
    resolve_device,
    worker_devices,
)
from cheapsearch.space import UserError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with two GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


@pytest.mark.usefixtures("no_gpu")
def test_resolve_device_without_a_gpu_takes_the_cpu() -> None:
    assert resolve_device("auto") == "cpu"
    assert resolve_device("cpu") == "cpu"


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "mps", "gpu", "", "CPU"])
def test_resolve_device_without_a_gpu_refuses_another(wanted: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve_device(wanted)
    assert str(caught.value) == (f"device: must be auto or one that this machine has, cpu, got {wanted!r}")


@pytest.mark.usefixtures("gpus")
def test_resolve_device_with_gpus_prefers_them_and_takes_each() -> None:
    assert resolve_device("auto") == "cuda"
    for wanted in ("cpu", "cuda", "cuda:0", "cuda:1"):
        assert resolve_device(wanted) == wanted
    with pytest.raises(UserError, match=r"has, cpu, cuda, cuda:0, cuda:1, got 'cuda:2'$"):
        resolve_device("cuda:2")


def test_resolve_device_takes_mps_only_when_asked(no_gpu: pytest.MonkeyPatch) -> None:
    no_gpu.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == "cpu"
    assert resolve_device("mps") == "mps"


@pytest.mark.parametrize(
    ("device", "workers", "in_flight", "expected"),
    [
        ("cuda", None, 4, ["cuda:0", "cuda:1"]),  # one for each GPU
        ("cuda", 5, 8, ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]),
        ("cuda", 5, 3, ["cuda:0", "cuda:1", "cuda:0"]),  # more could have no work
        ("cuda", None, 1, ["cuda:0"]),
        ("cuda:1", None, 4, ["cuda:1"]),
        ("cuda:1", 2, 4, ["cuda:1", "cuda:1"]),
        ("mps", None, 4, ["mps"]),
        ("cpu", None, 99, ["cpu"] * 6),  # one for each core
        ("cpu", None, 4, ["cpu"] * 4),
        ("cpu", 1, 4, ["cpu"]),
        ("cpu", 9, 4, ["cpu"] * 4),
        ("cpu", 0, 4, ["cpu"]),  # this process
        ("cuda", 0, 4, ["cuda:0"]),
        ("cuda:1", 0, 4, ["cuda:1"]),
    ],
)
def test_worker_devices_are_one_for_each_worker_that_can_have_work(
    gpus: pytest.MonkeyPatch, device: str, workers: int | None, in_flight: int, expected: list[str]
) -> None:
    gpus.setattr("cheapsearch.search.workers.devices.available_cores", lambda: 6)
    assert worker_devices(device, workers, in_flight) == expected


def test_worker_devices_refuse_fewer_than_none() -> None:
    with pytest.raises(UserError) as caught:
        worker_devices("cpu", -1, 4)
    assert str(caught.value) == "workers: must be 0 or more, got -1"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot bind a process to cores")
def test_available_cores_are_those_this_process_may_use() -> None:
    program = (
        "import os\n"
        "from cheapsearch.search.workers.devices import available_cores\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_threads_sleep_while_they_wait_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
