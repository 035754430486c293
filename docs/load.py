"""What a search of thousands of trials costs beside its trainings: the table of docs/reliability.md.

    python docs/load.py 10000 --out /tmp/load

searches MobileNetV2 stage by stage with everything a real search has, its study in SQLite, trials.csv,
validation.npz, the report, but the trainings: an accuracy is worked out from the operations, plus noise. It
prints after 100, 300, 1,000, 3,000 and 10,000 trials the driver's time per trial over the last tenth of them,
and what this process holds in memory.
"""

import argparse
import random
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cheapsearch.reports import write_report
from cheapsearch.search.study.opening import open_run
from cheapsearch.search.workers.jobs import Job, Message, Trained
from cheapsearch.space import Architecture

CHECKPOINTS = (100, 300, 1_000, 2_000, 3_000, 5_000, 10_000)


class StandIn:
    """An executor that trains nothing: operations have a worth each, drawn once, and trainings noise."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._jobs: list[Job[Architecture]] = []

    def submit(self, job: Job[Architecture]) -> None:
        self._jobs.append(job)

    def close(self) -> None:
        self._jobs = []

    def collect(self, timeout: float | None = None) -> Sequence[Message]:
        job = self._jobs.pop(0)
        worth = 0.0
        for site in ("first_conv", "expand", "project", "shortcut", "last_stage"):
            choice = getattr(job.subject, site)
            stages = [choice] if isinstance(choice, str) else list(choice)
            for stage, operation in enumerate(stages):
                worth += random.Random(f"{site} {stage} {operation}").gauss(0.0, 1.0) / len(stages) ** 0.5
        share = 1.0 / (1.0 + np.exp(-0.6 - 0.3 * worth - 0.2 * np.log2(job.rung)))
        rng = np.random.default_rng([job.index, job.seed])
        right = rng.random(self._images) < share + rng.normal(0.0, 0.003)
        accuracy = 100.0 * float(right.mean())
        packed = np.packbits(right).tobytes()
        return [Trained(job.index, accuracy, (accuracy / 2, accuracy), (2.0, 1.0), 60.0, 1000.0, packed)]


def resident() -> float:
    """MB that this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("trials", type=int)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--sampler", default="cost_aware")
    options.add_argument("--rungs", default="1")
    options.add_argument("--profile", action="store_true")
    given = options.parse_args()
    settings = {
        "dataset": "digits",
        "budget": given.trials,
        "sampler": given.sampler,
        "per_stage": ("expand", "project"),
        "workers": 0,
        "repeats": 0,
        "rungs": tuple(map(int, given.rungs.split(","))),
        "proxy": {"epochs": 1},
    }
    if len(settings["rungs"]) > 1:
        del settings["repeats"]
    with open_run(settings, out=given.out, make_executor=lambda *_: StandIn(images)) as run:
        images = len(run.saved.validation.labels)
        before, count = time.process_time(), 0
        times = []
        for _ in run.search():
            now = time.process_time()
            times.append(now - before)
            before, count = now, count + 1
            if count in CHECKPOINTS or count == given.trials:
                last = times[-max(10, count // 10) :]
                print(
                    f"{count:6,} trials  {1000 * np.mean(last):8.1f} ms/trial  {resident():7.0f} MB  {sum(times):.0f} s",
                    flush=True,
                )
    start = time.perf_counter()
    path = write_report(given.out)
    print(f"report {time.perf_counter() - start:.1f} s  {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
