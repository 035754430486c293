"""Where jobs are done: in this process, in processes of this machine, or in a Ray cluster."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from ...space import UserError, check_name, flag
from .devices import resolve_device, worker_devices
from .executor import ExecutorFactory
from .local import LocalExecutor
from .pool import WorkerPool
from .time_limit import TimeLimit

EXECUTORS = ("local", "ray")
# What a user says of it, by name: which cluster, and what else a search is told.
CLUSTER = ("executor", "ray_address", "ray_cpus", "ray_gpus")
WORKPLACE = (*CLUSTER, "trial_timeout")


@dataclass(frozen=True)
class Workplace:
    """Where jobs are done, as a user says it.

    Attributes:
        executor: `local` or `ray`.
        ray_address: Of the cluster, as `ray.init` takes it; None for that of RAY_ADDRESS, else the
            latest of this machine, else one begun here.
        ray_cpus: That each worker reserves in a cluster; None for one.
        ray_gpus: That each reserves there, below 1 for a share of one; None for one where GPUs are used.
        trial_timeout: Seconds the shortest training of a search may take; None to work it out.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    executor: str = "local"
    ray_address: str | None = None
    ray_cpus: float | None = None
    ray_gpus: float | None = None
    trial_timeout: float | None = None

    def __post_init__(self) -> None:
        check_name("--executor", self.executor, EXECUTORS)
        for name in ("ray_cpus", "ray_gpus"):
            share = getattr(self, name)
            if share is not None and (not 0 <= share < inf or (share > 1 and share % 1)):
                raise UserError(f"{flag(name)}: must be a share of one or a whole number, got {share:g}")
        if self.trial_timeout is not None and not 0 < self.trial_timeout < inf:
            raise UserError(
                f"--trial-timeout: must be above 0 seconds and finite, got {self.trial_timeout:g}"
            )
        if self.executor != "ray":
            for name in ("ray_address", "ray_cpus", "ray_gpus"):
                if getattr(self, name) is not None:
                    raise UserError(
                        f"{flag(name)}: is for --executor ray, got {getattr(self, name)} with "
                        f"--executor {self.executor}"
                    )

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> "Workplace":
        """From the arguments that are about it, which are taken out."""
        return cls(**{name: given.pop(name) for name in WORKPLACE if name in given})

    @property
    def cluster(self) -> dict[str, Any]:
        """The arguments that ask for the same cluster."""
        return {name: getattr(self, name) for name in CLUSTER}

    def crew(self, device: str, workers: int | None, *, most: int) -> "Crew":
        """The workers there will be; a cluster is joined.

        Args:
            device: As the user wants it.
            workers: How many, None for as many as the machine or cluster has room for, 0 for this process.
            most: The most that can have work at a time.

        Raises:
            UserError: If there is no such device, or no room for a worker.
        """
        if self.executor == "ray":
            return self._ray_crew(device, workers, most)
        if workers == 0 and self.trial_timeout is not None:
            raise UserError("--trial-timeout: needs workers that can be ended, got --workers 0")
        found = resolve_device(device)
        return Crew(found, tuple(worker_devices(found, workers, most)), self, own=workers == 0)

    def _ray_crew(self, device: str, workers: int | None, most: int) -> "Crew":
        from .ray_executor import connect, has_gpus, room_for

        if workers is not None and workers < 1:
            raise UserError(f"--workers: must be 1 or more with --executor ray, got {workers}")
        if device not in ("auto", "cpu", "cuda"):
            raise UserError(f"--device: must be auto, cpu or cuda with --executor ray, got {device}")
        if device == "cpu" and self.ray_gpus:
            raise UserError(f"--ray-gpus: must be 0 with --device cpu, got {self.ray_gpus:g}")
        if device == "cuda" and self.ray_gpus == 0:
            raise UserError("--ray-gpus: must be above 0 with --device cuda, got 0")
        connect(self.ray_address)
        if device == "auto":
            wanted = has_gpus() if self.ray_gpus is None else self.ray_gpus > 0
            device = "cuda" if wanted else "cpu"
        gpus = (1.0 if self.ray_gpus is None else self.ray_gpus) if device == "cuda" else 0.0
        cpus = 1.0 if self.ray_cpus is None else self.ray_cpus
        if cpus == gpus == 0 and workers is None:
            raise UserError(
                "--ray-cpus: must be above 0 where workers reserve no GPU, got 0; raise it or say --workers N"
            )
        count = room_for(cpus, gpus) if workers is None else workers
        if count < 1:
            raise UserError(
                f"--executor: ray must have room for a worker of {cpus:g} CPUs and {gpus:g} GPUs on "
                "one machine, and has none; lower --ray-cpus or --ray-gpus, or say --workers N and Ray waits"
            )
        return Crew(device, (device,) * min(count, most), self, cpus=cpus, gpus=gpus)


@dataclass(frozen=True)
class Crew:
    """Workers that there will be.

    Attributes:
        device: That all of them compute on, `cuda` for every GPU there is.
        devices: The torch device of each.
        own: Whether it is this process alone.
        cpus: That each reserves in a cluster.
        gpus: The same.
    """

    device: str
    devices: tuple[str, ...]
    place: Workplace
    own: bool = False
    cpus: float = 1.0
    gpus: float = 0.0

    def executor(self) -> ExecutorFactory:
        """What does jobs, whatever time they take."""
        return self._factory(None)

    def timed_executor(self, known: Iterable[tuple[float, int]]) -> ExecutorFactory:
        """What does trainings and ends those that take too long; this process cannot do so to itself.

        Args:
            known: Seconds and rung of trainings that ended before.
        """
        return self._factory(TimeLimit(self.place.trial_timeout, known))

    def _factory(self, limit: TimeLimit | None) -> ExecutorFactory:
        if self.own:
            return LocalExecutor
        if self.place.executor == "ray":
            from .ray_executor import RayExecutor

            return partial(RayExecutor, cpus=self.cpus, gpus=self.gpus, limit=limit)
        return partial(WorkerPool, limit=limit)
