"""Which device computes, and how many workers it feeds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ...space import UserError
from .allocator import keep_freed_memory


def resolve_device(wanted: str) -> str:
    """Check a device, or choose one.

    Args:
        wanted: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Returns:
        The device; `auto` becomes `cuda` where there is one, else `cpu`.

    Raises:
        UserError: If there is no such device on this machine.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    present = ["cpu"]
    if gpus:
        present += ["cuda", *(f"cuda:{index}" for index in range(gpus))]
    if torch.backends.mps.is_available():
        present.append("mps")
    if wanted == "auto":
        return "cuda" if gpus else "cpu"
    if wanted not in present:
        raise UserError(
            f"--device: must be auto or one that this machine has, {', '.join(present)}, got {wanted!r}"
        )
    return wanted


def worker_devices(device: str, workers: int | None, in_flight: int) -> list[str]:
    """The device of each worker.

    Args:
        device: As `resolve_device` returns it; `cuda` means every GPU there is.
        workers: How many, None for one per CPU core or GPU, 0 for this process alone.
        in_flight: The most that can have work at a time.

    Raises:
        UserError: If there are fewer than none.
    """
    if workers is not None and workers < 0:
        raise UserError(f"--workers: must be 0 or more, got {workers}")
    if workers == 0:
        return ["cuda:0" if device == "cuda" else device]
    if device == "cuda":
        import torch

        gpus = torch.cuda.device_count()
        count = min(workers or gpus, in_flight)
        return [f"cuda:{index % gpus}" for index in range(count)]
    default = available_cores() if device == "cpu" else 1
    return [device] * min(workers or default, in_flight)


def available_cores() -> int:
    """CPU cores this process may use, by its affinity and the quota of its container."""
    from joblib import cpu_count

    return int(cpu_count())


def let_threads_sleep() -> None:
    """Make threads that wait for one another sleep; it is too late once torch is loaded.

    By default they keep their cores busy meanwhile. Beside other work, where a core is not always there, a
    step of two threads then takes several times as long as one of a single thread.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def prepare_process(device: str, *, threads: int) -> None:
    """Make this process train fast on a device, and the same numbers come from the same seed.

    Args:
        device: A torch device.
        threads: How many compute on a CPU; the numbers may depend on it.
    """
    import torch

    if device == "cpu":
        keep_freed_memory()
        torch.set_num_threads(threads)
    elif device.startswith("cuda"):
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Nothing here reads memory that it did not write; to fill all of it takes a fifth of a training.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def prepared(device: str, *, threads: int) -> Iterator[None]:
    """As `prepare_process`, but how many threads this process uses otherwise stays its owner's."""
    import torch

    before = torch.get_num_threads()
    prepare_process(device, threads=threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
