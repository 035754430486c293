"""Jobs done by Ray's actors, wherever in a cluster there is room for them."""

import logging
import os
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any
from warnings import catch_warnings, filterwarnings

from ...space import UserError
from .devices import prepare_process
from .executor import Carrying, Setup
from .jobs import Failed, Message, reason_of
from .pool import MAX_FALSE_STARTS, WorkersFailedError
from .time_limit import LOOK_SECONDS, TimeLimit

MAX_RESTARTS = 1  # of an actor, and so of the job that it does: lost a second time, that has failed
MAX_TASK_RETRIES = -1  # as often as the actor starts again
_REACHABLE_SECONDS = 10.0


def connect(address: str | None) -> None:
    """Join a cluster, or begin one on this machine where there is none; a connection there is stays.

    Args:
        address: As `ray.init` takes it; None for the one that RAY_ADDRESS names, else the latest that was
            started on this machine, else one begun here.

    Raises:
        UserError: If Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or Ray reports that it is used
    try:
        import ray
    except ImportError:
        raise UserError(
            "--executor: ray needs the package ray; install it with pip install 'cheapsearch[ray]'"
        ) from None
    if ray.is_initialized():
        return
    named = address or os.environ.get("RAY_ADDRESS", "")
    try:
        _check_reachable(named)
        ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"--ray-address: must be a cluster that this machine can join, got {named or 'none'} "
            f"({reason_of(error)}); give that of `ray status`, or local to begin one here"
        ) from None


def _check_reachable(address: str) -> None:
    """Raise an OSError where nobody listens at HOST:PORT; Ray would try for minutes.

    What has a scheme, as `ray://HOST:PORT`, is left to Ray.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHABLE_SECONDS).close()


def room_for(cpus: float, gpus: float) -> int:
    """How many workers fit into the cluster as it is, each on one machine."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {"CPU": cpus, "GPU": gpus}
    return sum(
        int(min(node.get(name, 0.0) / share for name, share in wanted.items() if share > 0)) for node in nodes
    )


def has_gpus() -> bool:
    import ray

    return bool(ray.cluster_resources().get("GPU", 0.0) >= 1)


class _Worker:
    """What an actor is; it sees the GPUs alone that Ray gave it.

    Of the setup it is handed the reference, in a list: Ray would fetch the object itself for every job. So it
    is fetched when it is first needed, also after Ray has started the actor again.
    """

    def __init__(self, device: str) -> None:
        import ray

        prepare_process(device, threads=1)
        self._restarted = ray.get_runtime_context().was_current_actor_reconstructed
        self._device = device
        self._performer: Any = None

    def ready(self, setup: Sequence[Any]) -> tuple[str, str]:
        """Answered once the worker has been set up: why it could not be, empty if it could, and its node."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        try:
            self._set_up(setup)
        except Exception as error:  # whatever it is, the search has to say it
            return reason_of(error), node
        return "", node

    def perform(self, setup: Sequence[Any], job: Any) -> Any:
        """The outcome of a job, and whether Ray has started this actor again."""
        self._set_up(setup)
        last = None
        for message in self._performer.perform(job):
            last = message
        return last, self._restarted

    def _set_up(self, setup: Sequence[Any]) -> None:
        if self._performer is None:
            import ray

            with catch_warnings():
                # They are shared by the workers of a machine, and none of them writes to them.
                filterwarnings("ignore", message="The given NumPy array is not writable")
                self._performer = ray.get(setup[0])(self._device)


@dataclass(frozen=True)
class _Idle:
    actor: Any
    device: str
    node: str  # that it began on


@dataclass(frozen=True)
class _Doing(_Idle):
    job: Any
    began: float  # by the clock of the limit


class RayExecutor:
    """Does jobs in actors of Ray, one after another in each.

    Ray finds the machines, starts an actor again elsewhere when its process or machine is lost, and does the
    job that it had once more. An actor that was started again makes room for a fresh one after that job, so
    that the next may be lost once too. The setup, with the images in it, is put into the object store once,
    and each machine fetches it once. A job that is overdue and whose machine was lost may have waited for
    another one all that time, so it is given to a fresh actor, once. No progress comes between outcomes; full
    trainings leave files.

    Args:
        setup: Makes what does the jobs on a device, in the actor.
        devices: The torch device of each actor; `cuda` is the GPU, or the share of one, that Ray gives it.
        cpus: That each reserves.
        gpus: That each reserves, a fraction of one too.
        limit: How long a job may take; an actor that takes longer is ended and replaced. None for no limit.
    """

    def __init__(
        self,
        setup: Setup,
        devices: Sequence[str],
        *,
        cpus: float = 1.0,
        gpus: float = 0.0,
        limit: TimeLimit | None = None,
    ) -> None:
        import ray

        self._ray, self._limit = ray, limit
        self._setup = [ray.put(Carrying.of(setup))]
        reserved = {"num_cpus": cpus, "num_gpus": gpus}
        retried = {"max_restarts": MAX_RESTARTS, "max_task_retries": MAX_TASK_RETRIES}
        self._actor_class = ray.remote(**reserved, **retried)(_Worker)
        self._waiting: deque[Any] = deque()
        self._starting: dict[Any, tuple[Any, str]] = {}  # by what they answer
        self._idle: list[_Idle] = []
        self._moved: set[int] = set()  # jobs that were overdue with their machine lost
        self._false_starts = 0  # in a row
        self._doing: dict[Any, _Doing] = {}  # by what comes of it
        for device in devices:
            self._start(device)

    @property
    def jobs(self) -> Sequence[Any]:
        return [doing.job for doing in self._doing.values()]

    def submit(self, job: Any) -> None:
        self._waiting.append(job)
        self._assign()

    def collect(self, timeout: float | None = None) -> list[Message]:
        """As every executor does.

        Raises:
            WorkersFailedError: If a worker cannot be set up, or ends again and again.
        """
        awaited = [*self._starting, *self._doing]
        if not awaited:
            return []
        longest = inf if self._limit is None else LOOK_SECONDS
        soonest = min([longest if timeout is None else timeout, *map(self._left, self._doing.values())])
        self._ray.wait(awaited, timeout=None if soonest == inf else soonest)
        ended, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        messages = [message for reference in ended for message in self._take(reference)]
        messages += self._end_overdue()
        self._assign()
        return messages

    def close(self) -> None:
        actors = [actor for actor, _ in self._starting.values()]
        for actor in [*actors, *(worker.actor for worker in [*self._idle, *self._doing.values()])]:
            self._ray.kill(actor)
        self._waiting.clear()
        self._starting, self._idle, self._doing = {}, [], {}

    def _start(self, device: str) -> None:
        actor = self._actor_class.remote(device)
        self._starting[actor.ready.remote(self._setup)] = (actor, device)

    def _assign(self) -> None:
        while self._idle and self._waiting:
            worker, job = self._idle.pop(), self._waiting.popleft()
            began = 0.0 if self._limit is None else self._limit.now()
            doing = _Doing(worker.actor, worker.device, worker.node, job, began)
            self._doing[worker.actor.perform.remote(self._setup, job)] = doing

    def _take(self, reference: Any) -> list[Message]:
        """What has ended: the start of a worker, or a job."""
        if reference in self._starting:
            self._take_start(*self._starting.pop(reference), reference)
            return []
        doing = self._doing.pop(reference)
        try:
            outcome, restarted = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._replace(doing)
            return [Failed(doing.job.index, f"the worker was lost twice: {reason_of(error)}")]
        if restarted:
            self._replace(doing)
        else:
            self._idle.append(_Idle(doing.actor, doing.device, doing.node))
        if self._limit is not None:
            self._limit.told(doing.job, outcome)
        return [outcome]

    def _take_start(self, actor: Any, device: str, reference: Any) -> None:
        node = ""
        try:
            unfit, node = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._false_starts += 1
            if self._false_starts < MAX_FALSE_STARTS:
                self._start(device)
                return
            unfit = f"{self._false_starts} in a row were lost, the last one: {reason_of(error)}"
        if unfit:
            raise WorkersFailedError(f"a worker of Ray cannot begin: {unfit}")
        self._false_starts = 0
        self._idle.append(_Idle(actor, device, node))

    def _replace(self, doing: _Doing) -> None:
        self._ray.kill(doing.actor)
        self._start(doing.device)

    def _left(self, doing: _Doing) -> float:
        """Seconds that a worker has left for its job."""
        return inf if self._limit is None else self._limit.left(doing.job, doing.began)

    def _end_overdue(self) -> list[Message]:
        found: list[Message] = []
        for reference, doing in list(self._doing.items()):
            if self._left(doing) == 0.0:
                assert self._limit is not None
                del self._doing[reference]
                self._replace(doing)
                if doing.job.index not in self._moved and not self._is_there(doing.node):
                    self._moved.add(doing.job.index)
                    self._waiting.appendleft(doing.job)
                else:
                    found.append(self._limit.failure(doing.job, doing.began))
        return found

    def _is_there(self, node: str) -> bool:
        return any(found["Alive"] for found in self._ray.nodes() if found["NodeID"] == node)
