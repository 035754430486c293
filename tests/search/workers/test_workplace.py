"""What a user says of where jobs are done, and which workers come of it."""

import io
import sys
from functools import partial
from typing import Any

import pytest

from cheapsearch.search.workers import ray_executor
from cheapsearch.search.workers.jobs import Job
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.search.workers.time_limit import TimeLimit
from cheapsearch.search.workers.workplace import Workplace
from cheapsearch.space import UserError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"executor": "slurm"}, "executor: must be one of local, ray"),
        ({"executor": "ray", "ray_cpus": -1.0}, "ray_cpus: must be a share of one or a whole number, got -1"),
        ({"executor": "ray", "ray_cpus": 1.5}, "ray_cpus: must be a share of one or a whole number, got 1.5"),
        ({"executor": "ray", "ray_cpus": float("nan")}, "ray_cpus: must be"),
        ({"ray_cpus": 4.0}, "ray_cpus: is for executor ray, got 4.0 with executor local"),
        ({"executor": "ray", "ray_gpus": 2.5}, "ray_gpus: must be a share of one or a whole number, got 2.5"),
        ({"ray_gpus": 0.5}, "ray_gpus: is for executor ray, got 0.5 with executor local"),
        ({"ray_address": "auto"}, "ray_address: is for executor ray, got auto"),
        ({"trial_timeout": 0.0}, "trial_timeout: must be above 0 seconds and finite, got 0"),
    ],
)
def test_workplace_refuses(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        Workplace(**given)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("device", "workers", "given", "said"),
    [
        ("cpu", 0, {"executor": "ray"}, "workers: must be 1 or more with executor ray, got 0"),
        ("cuda:1", 1, {"executor": "ray"}, "device: must be auto, cpu or cuda with executor ray"),
        ("cpu", 1, {"executor": "ray", "ray_gpus": 1.0}, "ray_gpus: must be 0 with device cpu, got 1"),
        ("cuda", 1, {"executor": "ray", "ray_gpus": 0.0}, "ray_gpus: must be above 0 with device cuda"),
        ("cpu", 0, {"trial_timeout": 9.0}, "trial_timeout: needs workers that can be ended, got workers 0"),
    ],
)
def test_workplace_refuses_workers_that_cannot_be(
    device: str, workers: int, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        Workplace(**given).crew(device, workers, most=4)
    assert str(caught.value).startswith(said)


def test_workplace_refuses_workers_that_reserve_nothing_and_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_executor, "connect", lambda address: None)
    place = Workplace("ray", ray_cpus=0.0)
    with pytest.raises(
        UserError, match=r"^ray_cpus: must be above 0 where workers reserve no GPU, got 0; raise"
    ):
        place.crew("cpu", None, most=4)
    assert place.crew("cpu", 2, most=4).devices == ("cpu", "cpu")
    assert (place.crew("cpu", 2, most=4).cpus, Workplace("ray").crew("cpu", 2, most=4).cpus) == (0.0, 1.0)


def test_cluster_is_looked_for_at_its_host_and_port_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    closed = io.StringIO()  # has a `close`

    def listening(where: tuple[str, int], timeout: float) -> Any:
        asked.append(where)
        return closed

    monkeypatch.setattr("socket.create_connection", listening)
    for address in ("[::1]:6379", "ray://head:10001", "auto", "", "head:6379"):
        ray_executor._check_reachable(address)
    assert asked == [("::1", 6379), ("head", 6379)]


def test_workplace_names_the_extra_where_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"^executor: ray needs the package ray; .* 'cheapsearch\[ray\]'$"):
        Workplace("ray").crew("cpu", 1, most=1)


def test_workplace_is_taken_from_the_arguments_that_are_about_it() -> None:
    given = {"budget": 3, "executor": "ray", "ray_cpus": 2.0, "trial_timeout": 9.0}
    place = Workplace.taken_from(given)
    assert given == {"budget": 3}
    assert place == Workplace("ray", None, 2.0, None, 9.0)
    assert Workplace(**place.cluster) == Workplace("ray", None, 2.0)


@pytest.mark.parametrize(("workers", "devices"), [(0, ("cpu",)), (2, ("cpu", "cpu")), (9, ("cpu",) * 4)])
def test_crew_of_this_machine_is_this_process_or_processes(workers: int, devices: tuple[str, ...]) -> None:
    crew = Workplace().crew("cpu", workers, most=4)
    assert (crew.device, crew.devices, crew.own) == ("cpu", devices, workers == 0)
    made, timed = crew.executor(), crew.timed_executor([(30.0, 1)])
    if workers == 0:
        assert made is timed is LocalExecutor
        return
    assert isinstance(made, partial)
    assert isinstance(timed, partial)
    assert (made.func, made.keywords) == (WorkerPool, {"limit": None})
    assert timed.func is WorkerPool
    assert isinstance(timed.keywords["limit"], TimeLimit)
    assert timed.keywords["limit"].of(Job(0, None, 0)) == 300.0
