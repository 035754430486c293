"""Workers in a cluster of Ray of two nodes, each a set of processes of its own on this machine."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.models import load_operations
from cheapsearch.search.data import ImageData
from cheapsearch.search.testing.executors import check_executor_factory
from cheapsearch.search.testing.faults import Trouble, Troubled, check_faults, tries_of
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.search.workers.ray_executor import RayExecutor, connect, has_gpus, room_for
from cheapsearch.search.workers.time_limit import TimeLimit
from cheapsearch.search.workers.workplace import Workplace
from cheapsearch.space import Architecture, UserError

pytestmark = pytest.mark.slow
EXPAND = ("conv", "reuse", "partial_conv")


def test_connect_names_a_cluster_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, needed: Callable[[str, str], Any]
) -> None:
    ray = needed("ray", "pip install 'cheapsearch[ray]'")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # another test may have joined one
    with pytest.raises(UserError) as caught:
        connect("127.0.0.1:1")
    assert str(caught.value).startswith("ray_address: must be a cluster that this machine can join, got 127.")
    assert "\n" not in str(caught.value)


def test_room_is_what_each_node_has(ray_cluster: Any) -> None:
    assert [room_for(1.0, 0.0), room_for(0.5, 0.0), room_for(2.0, 0.0), room_for(1.0, 1.0)] == [2, 4, 0, 0]
    assert not has_gpus()
    crew = Workplace("ray").crew("auto", None, most=4)
    assert (crew.device, crew.devices, crew.own) == ("cpu", ("cpu", "cpu"), False)
    assert Workplace("ray").crew("cpu", 5, most=9).devices == ("cpu",) * 5  # Ray waits for room
    with pytest.raises(UserError, match=r"^executor: ray must have room for a worker of 2 CPUs and 0 GPUs "):
        Workplace("ray", ray_cpus=2.0).crew("cpu", None, most=4)


def test_ray_executor_keeps_to_the_contract(ray_cluster: Any) -> None:
    check_executor_factory(RayExecutor)


def test_ray_executor_outlives_what_befalls_its_workers(ray_cluster: Any, tmp_path: Path) -> None:
    check_faults(lambda setup, limit: RayExecutor(setup, ["cpu"], limit=limit), tmp_path, seconds=30.0)


def test_ray_executor_gives_the_figures_of_this_process_for_a_user_s_own_operation_too(
    ray_cluster: Any, tiny_images: ImageData, tiny_proxy: Proxy, forget_own: Callable[[], None]
) -> None:
    load_operations(Path(__file__).parents[3] / "examples" / "partial_conv.py")
    setup = partial(ProxyTrainer, tiny_images, tiny_proxy)
    jobs = [
        Job(index, Architecture("mobilenet_v2", 0.25, expand=name), 0) for index, name in enumerate(EXPAND)
    ]
    found = []
    for executor in (LocalExecutor(setup, ["cpu"]), RayExecutor(setup, ["cpu", "cpu"])):
        with closing(executor):
            done = {job.index: outcome for job, outcome in perform_all(executor, jobs)}
        trained = {index: outcome for index, outcome in done.items() if isinstance(outcome, Trained)}
        assert len(trained) == len(jobs)
        found.append({index: (o.accuracy, o.curve, o.losses, o.right) for index, o in trained.items()})
    assert found[0] == found[1]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_ray_node_that_is_lost_in_a_trial_is_replaced_by_another(ray_cluster: Any, tmp_path: Path) -> None:
    """Every process of the node that does a job is killed; Ray does the job again on the other one."""
    jobs = [Job(0, Trouble(seconds=8.0), 70), Job(1, Trouble(), 71)]
    with closing(RayExecutor(partial(Troubled, tmp_path), ["cpu"])) as executor:
        for job in jobs:
            executor.submit(job)
        while not (tries := tries_of(jobs[0], tmp_path)):
            assert executor.collect(0.1) == []
        raylet = parent_of(tries[0])
        node = next(n for n in ray_cluster.nodes if n.all_processes["raylet"][0].process.pid == raylet)
        ray_cluster.kill(node)
        ray_cluster.add()
        found: list[Any] = []
        while len(found) < 2:
            found += executor.collect()
    assert {outcome.index: outcome.accuracy for outcome in found} == {0: 70.0, 1: 71.0}
    first, second = tries_of(jobs[0], tmp_path)
    assert first != second


def test_job_that_waited_for_a_machine_beyond_its_limit_is_done_on_it(
    ray_cluster: Any, tmp_path: Path
) -> None:
    """No node is left, and the next comes after the limit."""
    job, limit = Job(0, Trouble(seconds=6.0), 70), TimeLimit(15.0)
    with closing(RayExecutor(partial(Troubled, tmp_path), ["cpu"], limit=limit)) as executor:
        executor.submit(job)
        while not tries_of(job, tmp_path):
            assert executor.collect(0.1) == []
        for node in tuple(ray_cluster.nodes):
            ray_cluster.kill(node)
        while executor.jobs:
            assert executor.collect(0.5) == []
        ray_cluster.add()
        ray_cluster.add()
        found: list[Any] = []
        while not found:
            found += executor.collect()
    assert [outcome.accuracy for outcome in found] == [70.0]
    assert len(set(tries_of(job, tmp_path))) == 2
