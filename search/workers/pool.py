"""Worker processes that train: they outlive a crash of one of them and never outlive the driver."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, Protocol, TypeVar

from .jobs import Outcome


class Indexed(Protocol):
    """A job; its index says which one an outcome belongs to."""

    @property
    def index(self) -> int: ...


JobT = TypeVar("JobT", bound=Indexed)
JobT_contra = TypeVar("JobT_contra", bound=Indexed, contravariant=True)


class Evaluates(Protocol[JobT_contra]):
    """What a worker does with a job; it raises nothing."""

    def evaluate(self, job: JobT_contra, /) -> Outcome: ...


@dataclass
class _Worker(Generic[JobT]):
    process: SpawnProcess
    connection: Connection
    device: str
    job: JobT | None = None


class WorkerPool(Generic[JobT]):
    """Evaluates jobs in processes of their own, one after another in each.

    On a CPU every worker computes with one thread, which makes the figures independent of the number
    of workers. A worker that dies is replaced and its job tried once more; after that it has failed.

    Args:
        make: Makes what evaluates jobs on a device, in the worker; it is pickled.
        devices: The torch device of each worker.
    """

    def __init__(self, make: Callable[[str], Evaluates[JobT]], *, devices: Sequence[str]) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._make = make
        self._waiting: deque[JobT] = deque()
        self._died: set[int] = set()  # jobs a worker died of once
        self._workers: list[_Worker[JobT]] = []
        try:
            for device in devices:
                self._workers.append(self._start(device))
        except BaseException:
            self.close()
            raise

    @property
    def jobs(self) -> list[JobT]:
        """What is being evaluated."""
        return [worker.job for worker in self._workers if worker.job is not None]

    def submit(self, job: JobT) -> None:
        """Hand a job in; jobs start in the order they come."""
        self._waiting.append(job)
        self._assign()

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Wait until at least one job ends, or the timeout in seconds, and return what has ended."""
        by_handle: dict[Any, _Worker[JobT]] = {}
        for worker in self._workers:
            by_handle[worker.process.sentinel] = by_handle[worker.connection] = worker
        handles = wait(list(by_handle), timeout)
        ready = {id(by_handle[handle]): by_handle[handle] for handle in handles}
        outcomes = [outcome for worker in ready.values() if (outcome := self._receive(worker)) is not None]
        self._assign()
        return outcomes

    def evaluate(self, jobs: Iterable[JobT]) -> Iterator[tuple[JobT, Outcome]]:
        """Hand jobs in and give each with its outcome, in the order they end."""
        waiting = {job.index: job for job in jobs}
        for job in waiting.values():
            self.submit(job)
        while waiting:
            for outcome in self.collect():
                yield waiting.pop(outcome.index), outcome

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._workers = []

    def __enter__(self) -> "WorkerPool[JobT]":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _receive(self, worker: _Worker[JobT]) -> Outcome | None:
        try:
            if worker.connection.poll():
                outcome: Outcome = worker.connection.recv()
                worker.job = None
                return outcome
        except (EOFError, OSError):
            pass  # the worker died; the lines below say so
        if worker.process.is_alive():
            return None
        worker.process.join()
        worker.connection.close()
        self._workers[self._workers.index(worker)] = self._start(worker.device)
        job = worker.job
        if job is None:
            return None
        if job.index not in self._died:
            # More often than not it was the machine's fault, out of memory for a moment: once more.
            self._died.add(job.index)
            self._waiting.appendleft(job)
            return None
        return Outcome(job.index, None, reason=_cause_of_death(worker.process.exitcode))

    def _assign(self) -> None:
        for worker in self._workers:
            if worker.job is None and self._waiting:
                worker.job = self._waiting.popleft()
                try:
                    worker.connection.send(worker.job)
                except OSError:
                    return  # it died idle; collect() replaces it and reports the job

    def _start(self, device: str) -> _Worker[JobT]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, self._make, device),
            name=f"cheapsearch worker {device}",
            daemon=False,  # or it could have no data workers of its own
        )
        with _interrupts_held():
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


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        known = {int(number): number.name for number in signal.Signals}
        name = known.get(-exit_code, f"signal {-exit_code}")
        hint = "; out of memory?" if name == "SIGKILL" else ""
        return f"the worker process was ended by {name}{hint}"
    return f"the worker process ended with exit code {exit_code}"


def _serve(connection: Connection, make: Callable[[str], Evaluates[Any]], device: str) -> None:
    from .devices import prepare_process

    # Ctrl-C reaches the whole process group; the driver decides what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    prepare_process(device, threads=1)
    evaluator = make(device)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(evaluator.evaluate(job))


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
