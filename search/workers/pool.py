"""Worker processes that train: their caller outlives a crash of one of them, and they never outlive it."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any, Generic, Literal

from .executor import Carrying, JobT, Setup
from .jobs import Failed, Message, Progress, reason_of
from .time_limit import LOOK_SECONDS, TimeLimit

_log = logging.getLogger(__name__)

MAX_FALSE_STARTS = 3  # workers in a row that end before they are ready


class WorkersFailedError(RuntimeError):
    """No worker comes as far as taking jobs."""


@dataclass(frozen=True)
class _Started:
    """A worker runs and waits for its setup."""


@dataclass(frozen=True)
class _Ready:
    """A worker can take jobs."""


@dataclass(frozen=True)
class _Unfit:
    """A worker could not be set up."""

    reason: str
    trace: str


@dataclass
class _Worker(Generic[JobT]):
    process: SpawnProcess
    connection: Connection
    device: str
    stage: Literal["starting", "loading", "ready"] = "starting"
    job: JobT | None = None
    began: float = 0.0  # when the job did, by the clock of the limit


class WorkerPool(Generic[JobT]):
    """Does jobs in processes of their own, one after another in each.

    On a CPU every worker computes with one thread, which makes the figures independent of the number
    of workers. The setup, with the images in it, reaches a worker once, after it has started. A worker that
    dies is replaced and its job tried once more; after that it has failed. The workers do not import the
    caller's script, so it needs no guard against being run again.

    Args:
        setup: Makes what does the jobs on a device, in the worker.
        devices: The torch device of each worker.
        limit: How long a job may take; a worker that takes longer is ended and replaced, and the job has
            failed. None for no limit.
    """

    def __init__(self, setup: Setup, devices: Sequence[str], *, limit: TimeLimit | None = None) -> None:
        self._limit = limit
        self._context = multiprocessing.get_context("spawn")
        self._setup = bytes(ForkingPickler.dumps(Carrying.of(setup)))
        self._waiting: deque[JobT] = deque()
        self._died: set[int] = set()  # jobs a worker died of once
        self._false_starts = 0
        self._workers: list[_Worker[JobT]] = []
        try:
            for device in devices:
                self._workers.append(self._start(device))
        except BaseException:
            self.close()
            raise

    @property
    def jobs(self) -> list[JobT]:
        return [worker.job for worker in self._workers if worker.job is not None]

    def submit(self, job: JobT) -> None:
        self._waiting.append(job)
        self._assign()

    def collect(self, timeout: float | None = None) -> list[Message]:
        """As every executor does.

        Raises:
            WorkersFailedError: If worker after worker ends before it is ready.
        """
        by_handle: dict[Any, _Worker[JobT]] = {}
        for worker in self._workers:
            by_handle[worker.process.sentinel] = by_handle[worker.connection] = worker
        longest = inf if self._limit is None else LOOK_SECONDS
        soonest = min([longest if timeout is None else timeout, *map(self._left, self._workers)])
        handles = wait(list(by_handle), None if soonest == inf else soonest)
        ready = {id(by_handle[handle]): by_handle[handle] for handle in handles}
        messages = [message for worker in ready.values() for message in self._receive(worker)]
        messages += self._end_overdue()
        self._assign()
        return messages

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._workers = []

    def _receive(self, worker: _Worker[JobT]) -> list[Message]:
        messages: list[Message] = []
        try:
            while worker.connection.poll():
                received = worker.connection.recv()
                if isinstance(received, _Started):
                    worker.stage = "loading"
                    worker.connection.send_bytes(self._setup)
                elif isinstance(received, _Ready):
                    worker.stage = "ready"
                    _log.info("worker %s on %s is ready", worker.process.pid, worker.device)
                    self._false_starts = 0
                elif isinstance(received, _Unfit):
                    raise WorkersFailedError(f"a worker process cannot begin: {received.reason}")
                else:
                    messages.append(received)
                    if not isinstance(received, Progress):
                        if self._limit is not None:
                            self._limit.told(worker.job, received)
                        worker.job = None
            if worker.process.is_alive():
                return messages
        except (EOFError, OSError):
            pass  # it died, or is about to: its end of the connection is closed
        return messages + self._replace(worker)

    def _replace(self, worker: _Worker[JobT]) -> list[Message]:
        """Start another in the place of one that died; what became of its job, where that is known."""
        worker.process.join(1.0)
        self._end(worker)
        cause = _cause_of_death(worker.process.exitcode)
        _log.info("worker %s: %s; another is started", worker.process.pid, cause)
        if worker.stage != "ready":
            self._false_starts += 1
            if self._false_starts >= MAX_FALSE_STARTS:
                raise WorkersFailedError(f"{self._false_starts} times in a row {cause} before it was ready")
        self._workers[self._workers.index(worker)] = self._start(worker.device)
        job = worker.job
        if job is None:
            return []
        if job.index not in self._died:
            # More often than not it was the machine's fault, out of memory for a moment: once more.
            self._died.add(job.index)
            self._waiting.appendleft(job)
            return []
        return [Failed(job.index, cause)]

    def _end(self, worker: _Worker[JobT]) -> None:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()

    def _left(self, worker: _Worker[JobT]) -> float:
        """Seconds that a worker has left for its job."""
        if self._limit is None or worker.job is None:
            return inf
        return self._limit.left(worker.job, worker.began)

    def _end_overdue(self) -> list[Message]:
        """End the workers whose job takes too long, and start others in their place."""
        failures: list[Message] = []
        for worker in [worker for worker in self._workers if self._left(worker) == 0.0]:
            assert self._limit is not None
            failures.append(self._limit.failure(worker.job, worker.began))
            _log.info("worker %s is ended, its job takes too long", worker.process.pid)
            self._end(worker)
            self._workers[self._workers.index(worker)] = self._start(worker.device)
        return failures

    def _assign(self) -> None:
        for worker in self._workers:
            if worker.stage == "ready" and worker.job is None and self._waiting:
                worker.job = self._waiting.popleft()
                _log.debug("worker %s begins job %d", worker.process.pid, worker.job.index)
                worker.began = 0.0 if self._limit is None else self._limit.now()
                try:
                    worker.connection.send(worker.job)
                except OSError:
                    return  # it died idle; collect() replaces it and reports the job

    def _start(self, device: str) -> _Worker[JobT]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, device),
            name=f"cheapsearch worker {device}",
            daemon=False,  # or it could have no data workers of its own
        )
        with _interrupts_held(), _script_hidden():
            process.start()
        theirs.close()
        return _Worker(process, ours, device)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back; a process started meanwhile holds it back until it says otherwise."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting this helper of multiprocessing's lets Ctrl-C through again, so it comes first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _script_hidden() -> Iterator[None]:
    """A process started meanwhile does not import the caller's script: all that a worker runs is in here.

    So a script without `if __name__ == "__main__":` does not begin anew in every worker, and one that is read
    from stdin, which cannot be imported, works too.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        known = {int(number): number.name for number in signal.Signals}
        name = known.get(-exit_code, f"signal {-exit_code}")
        hint = "; out of memory?" if name == "SIGKILL" else ""
        return f"the worker process was ended by {name}{hint}"
    return f"the worker process ended with exit code {exit_code}"


def _serve(connection: Connection, device: str) -> None:
    # Ctrl-C reaches the whole process group; the search decides what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    from .devices import prepare_process

    prepare_process(device, threads=1)
    try:
        connection.send(_Started())
        setup: Setup = ForkingPickler.loads(connection.recv_bytes())
        try:
            performer = setup(device)
        except Exception as error:  # whatever it is, the search has to say it
            connection.send(_Unfit(reason_of(error), traceback.format_exc()))
            return
        connection.send(_Ready())
        while True:
            job = connection.recv()
            for message in performer.perform(job):
                connection.send(message)
    except (EOFError, BrokenPipeError):
        return  # the search has ended


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
