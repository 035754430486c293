"""What executors of several processes outlive: workers that die, hang, or run out of memory."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..workers.executor import Executor, Setup, perform_all
from ..workers.jobs import Failed, Job, Message, Outcome, Trained
from ..workers.time_limit import TimeLimit

_ENDING_SECONDS = 30.0
_SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Trouble:
    """What befalls a job.

    Attributes:
        kind: `none`, `killed`, `killed once`, `hangs` or `no memory`.
        seconds: That it takes beforehand.
    """

    kind: str = "none"
    seconds: float = 0.0


@dataclass(frozen=True)
class Troubled:
    """Does jobs that trouble befalls, each of which comes to its seed in percent otherwise.

    Args:
        folder: Where it notes by whom a job is done, a line for each try.
    """

    folder: Path
    device: str

    def perform(self, job: Job[Trouble]) -> Iterator[Message]:
        start = time.perf_counter()
        with (self.folder / str(job.index)).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(job.subject.seconds)
        try:
            befall(job.subject.kind, tries=len(tries_of(job, self.folder)))
        except MemoryError as error:
            yield Failed.of(job.index, error, time.perf_counter() - start)
            return
        yield Trained(job.index, float(job.seed), seconds=time.perf_counter() - start)


def tries_of(job: Job[Trouble], folder: Path) -> list[int]:
    """The processes that have begun a job, in order."""
    try:
        return [int(line) for line in (folder / str(job.index)).read_text().splitlines()]
    except FileNotFoundError:
        return []


def befall(kind: str, *, tries: int) -> None:
    """Do to this process what the kind says, for real.

    Raises:
        MemoryError: If it is out of memory.
    """
    if kind == "killed" or (kind == "killed once" and tries == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "hangs":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif kind == "no memory":
        _run_out_of_memory()


def _run_out_of_memory() -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _SPARE_BYTES, limits[1]))
    try:
        bytearray(4 * _SPARE_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _is_there(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def check_faults(
    make: Callable[[Setup, TimeLimit], Executor[Job[Trouble]]],
    folder: Path,
    kinds: Sequence[str] = ("killed once", "killed", "hangs", "no memory"),
    *,
    seconds: float = 3.0,
) -> None:
    """Check that an executor gives every job its outcome, whatever befalls the worker that does it; on Linux.

    Args:
        make: Makes an executor with processes of its own, from a setup and a limit of the time of a job.
        folder: An empty one, that workers can write to.
        kinds: What befalls jobs, between two that nothing befalls.
        seconds: After which a job that hangs is ended; a job is tried twice in less.

    Raises:
        AssertionError: If an outcome is another than it should be.
    """
    all_kinds = ("none", *kinds, "none")
    jobs = [Job(index, Trouble(kind), seed=50 + index) for index, kind in enumerate(all_kinds)]
    with closing(make(partial(Troubled, folder), TimeLimit(seconds))) as executor:
        outcomes: dict[int, Outcome] = {job.index: outcome for job, outcome in perform_all(executor, jobs)}
    begun = [pid for job in jobs for pid in tries_of(job, folder)]
    deadline = time.monotonic() + _ENDING_SECONDS
    while any(map(_is_there, begun)):
        assert time.monotonic() < deadline, "close must end every process, also one that hangs"
        time.sleep(0.1)
    for job in jobs:
        kind, outcome = job.subject.kind, outcomes[job.index]
        tries = len(tries_of(job, folder))
        assert tries == (2 if kind.startswith("killed") else 1), f"{kind}: tried {tries} times"
        if kind in ("none", "killed once"):
            assert isinstance(outcome, Trained), f"{kind}: must be trained, got {outcome}"
            assert outcome.accuracy == job.seed, f"{kind}: must be the performer's own, got {outcome}"
            continue
        assert isinstance(outcome, Failed), f"{kind}: must have failed, got {outcome}"
        said = {"killed": "", "hangs": "timed out", "no memory": "MemoryError"}[kind]
        assert outcome.reason.startswith(said), f"{kind}: must be said, got {outcome.reason}"
