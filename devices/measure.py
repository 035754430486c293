"""Time ONNX files side by side. Needs onnxruntime and numpy only, so that it runs where the package is not.

A round runs every file in turn, and a reference with them: once untimed, so that its weights and its code are
at hand as they are on a device that does nothing else, then timed. What a file takes is the median over the
rounds of its time as a multiple of the reference's in the same round, times what the reference takes; so what
slows the machine down for a while slows both down and cancels. On one thread a time is the processor time of
the call, which is its wall time wherever nothing else wants the core; on several it is wall time.

The *spread* is half the width of the 95 % interval of that median, by the order of the samples. Rounds go on
until no spread is above a given part of its median, or the time is up.

As a script in a folder that `cheapsearch latency-table --write` wrote, it makes the table of this device:

    python measure.py [--threads N] [-o latency.csv]
"""

import argparse
import csv
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime

LIST_FILE = "list.csv"  # of the files in a folder: file, operation, shape; the first is the reference
NETWORKS = "networks"  # in this folder of it are whole networks

FEWEST_ROUNDS = 11  # the first number for which the interval leaves an outlier out at each end
TOGETHER = 24  # files in a round at most, so that a round is soon over
NETWORK_SECONDS, PIECE_SECONDS = 1.2, 0.1  # for each file of a round at most
NETWORK_ENOUGH, PIECE_ENOUGH = 0.01, 0.02  # spreads, as parts of a median, that are small enough


@dataclass(frozen=True)
class Timing:
    """What one call takes.

    Attributes:
        median_ms: In milliseconds.
        spread_ms: Half the width of the 95 % interval of the median.
    """

    median_ms: float
    spread_ms: float


Row = tuple[str, str, Timing]  # operation and shape, and what it takes


def open_session(model: str | bytes | Path, *, threads: int) -> Any:
    """A file, or what is in one, ready to run on so many threads of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def time_sessions(
    sessions: Sequence[Any],
    reference: Any,
    *,
    threads: int,
    seconds: float,
    enough: float,
    reference_ms: float | None = None,
) -> list[Timing]:
    """Time sessions side by side.

    Args:
        reference: A session that is run with them in every round; it may be one of them.
        threads: On which the sessions run.
        seconds: After which no further round begins, but for the first `FEWEST_ROUNDS`.
        enough: The spread of a median, as a part of it, at which no more rounds are needed.
        reference_ms: What the reference takes, None for its median in these rounds.
    """
    return time_calls(
        [session_call(session) for session in sessions],
        session_call(reference),
        now=time.thread_time if threads == 1 else time.perf_counter,
        seconds=seconds,
        enough=enough,
        reference_ms=reference_ms,
    )


def time_calls(
    timed: Sequence[Callable[[], Any]],
    reference: Callable[[], Any],
    *,
    now: Callable[[], float],
    seconds: float,
    enough: float,
    reference_ms: float | None = None,
) -> list[Timing]:
    """As `time_sessions`, of any calls, by a clock in seconds."""
    calls = [reference, *timed]
    for call in calls:
        call()
    rounds: list[list[float]] = []
    order, random, began = list(range(len(calls))), Random(0), time.perf_counter()
    while True:
        random.shuffle(order)
        taken = [0.0] * len(calls)
        for index in order:
            calls[index]()
            start = now()
            calls[index]()
            taken[index] = max(1000 * (now() - start), 1e-6)  # a clock may stand still
        rounds.append(taken)
        late = time.perf_counter() - began >= seconds
        if len(rounds) >= FEWEST_ROUNDS and (late or len(rounds) % 5 == 1):
            found = timings(np.array(rounds), reference_ms)
            if late or all(timing.spread_ms <= enough * timing.median_ms for timing in found):
                return found


def timings(rounds: "np.ndarray[Any, Any]", reference_ms: float | None = None) -> list[Timing]:
    """Of everything but the reference, which is the first column of (rounds, calls)."""
    scale = float(np.median(rounds[:, 0])) if reference_ms is None else reference_ms
    multiples = np.sort(rounds[:, 1:] / rounds[:, :1], axis=0) * scale
    count = len(multiples)
    # Ranks between which the true median lies in 95 of 100 cases, by the normal approximation.
    low = max(0, int(count / 2 - 0.98 * count**0.5))
    halves = (multiples[count - 1 - low] - multiples[low]) / 2
    medians = np.median(multiples, axis=0)
    return [Timing(float(middle), float(half)) for middle, half in zip(medians, halves, strict=True)]


def session_call(session: Any) -> Callable[[], Any]:
    """Runs a session on noise."""
    random = np.random.default_rng(0)
    inputs = {node.name: random.random(node.shape, dtype=np.float32) for node in session.get_inputs()}
    return lambda: session.run(None, inputs)


def time_folder(
    folder: Path, *, threads: int, known: Mapping[tuple[str, str], float] | None = None
) -> Iterator[list[Row]]:
    """Time the files of a folder, whole networks first.

    Args:
        known: What is known already, by operation and shape: of the reference it is taken as it is, the
            rest is not timed.

    Yields:
        The rows of some files, as they become known.
    """
    known = dict(known or {})
    with (folder / LIST_FILE).open(encoding="utf-8", newline="") as file:
        listed = [(row["file"], (row["operation"], row["shape"])) for row in csv.DictReader(file)]
    reference_file, reference_name = listed[0]
    reference = open_session(folder / reference_file, threads=threads)
    groups: list[list[tuple[str, tuple[str, str]]]] = []
    wanted = [entry for entry in listed if entry[1] not in known]
    whole = [entry for entry in wanted if entry[0].startswith(f"{NETWORKS}/")]
    for some in (whole, [entry for entry in wanted if entry not in whole]):
        groups += [some[start : start + TOGETHER] for start in range(0, len(some), TOGETHER)]
    for group in groups:
        networks = group[0][0].startswith(f"{NETWORKS}/")
        found = time_sessions(
            [open_session(folder / name, threads=threads) for name, _ in group],
            reference,
            threads=threads,
            seconds=len(group) * (NETWORK_SECONDS if networks else PIECE_SECONDS),
            enough=NETWORK_ENOUGH if networks else PIECE_ENOUGH,
            reference_ms=known.get(reference_name),
        )
        rows = [(*name, timing) for (_, name), timing in zip(group, found, strict=True)]
        known |= {(operation, shape): timing.median_ms for operation, shape, timing in rows}
        yield rows


def facts(*, threads: int, batch: int) -> dict[str, str]:
    """On what is measured: `machine`, `runtime`, `threads` and `batch`."""
    machine = " ".join(filter(None, (platform.system(), platform.machine(), _processor())))
    runtime = f"onnxruntime {onnxruntime.__version__}"
    return {"machine": machine, "runtime": runtime, "threads": str(threads), "batch": str(batch)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor()


def main(arguments: Sequence[str] | None = None) -> None:
    """Time the files beside this script and write the table."""
    parser = argparse.ArgumentParser(description="Time the ONNX files beside this script, and write a table.")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="that run a file (default 1)")
    parser.add_argument("-o", "--output", type=Path, default=Path("latency.csv"), metavar="FILE")
    options = parser.parse_args(arguments)
    folder, rows = Path(__file__).resolve().parent, list[Row]()
    for some in time_folder(folder, threads=options.threads):
        rows += some
        print(f"{len(rows)} files timed", flush=True)
    with (folder / LIST_FILE).open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))["file"]
    batch = open_session(folder / first, threads=1).get_inputs()[0].shape[0]
    known = facts(threads=options.threads, batch=batch)
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["operation", "shape", "latency_ms", "spread", *known])
        for operation, shape, timing in rows:
            numbers = (f"{timing.median_ms:.6g}", f"{timing.spread_ms:.6g}")
            writer.writerow([operation, shape, *numbers, *known.values()])
    print(f"written to {options.output}")


if __name__ == "__main__":
    main()
