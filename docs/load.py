"""What a search of thousands of trials costs beside its trainings: the table of docs/reliability.md.

    python docs/load.py 1000 --out load
    python docs/load.py 10000 --known 9900 --out load-10000

searches MobileNetV2 stage by stage with all that a search has (a study in SQLite, trials.csv, validation.npz,
the report) but the trainings: a network's accuracy is worked out from its operations, and noise. With --known
so many random networks with their results are put into the study first. It prints the processor's time that
the driver took per trial, over the last tenth of the trials so far, the memory of the process, and how long
the report took.
"""

import argparse
import json
import random
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy
from optuna.distributions import CategoricalDistribution, distribution_to_json

from cheapsearch.models import CostTable, cost_table
from cheapsearch.reports import write_report
from cheapsearch.search.study.opening import open_run
from cheapsearch.search.study.proposal import Result
from cheapsearch.search.study.trial_store import PROPOSAL, RESULT
from cheapsearch.search.workers.jobs import Job, Message, Trained
from cheapsearch.space import Architecture, SearchSpace

SPACE = SearchSpace("mobilenet_v2", per_stage=("expand", "project"))
SAID_AT = (100, 300, 1_000, 2_000, 3_000, 5_000, 10_000)


def trained(architecture: Architecture, index: int, *, rung: int, images: int) -> Trained:
    """What a training is said to come to: every operation has a worth in its place, drawn once."""
    choices = SPACE.choices(architecture)
    worths = [random.Random(f"{place} {operation}").gauss(0.0, 1.0) for place, operation in choices.items()]
    rng = np.random.default_rng(index)
    logit = 0.6 + 0.2 * sum(worths) + 0.4 * np.log2(rung) + rng.normal(0.0, 0.02)
    right = rng.random(images) < 1.0 / (1.0 + np.exp(-logit))
    accuracy = 100.0 * float(right.mean())
    bits = np.packbits(right).tobytes()
    return Trained(index, accuracy, (accuracy / 2, accuracy), (2.0, 1.0), 60.0, 1_000.0, bits)


class StandIn:
    """An executor that trains nothing."""

    def __init__(self, images: int) -> None:
        self._images = images
        self.jobs: list[Job[Architecture]] = []

    def submit(self, job: Job[Architecture]) -> None:
        self.jobs.append(job)

    def collect(self, timeout: float | None = None) -> list[Message]:
        job = self.jobs.pop(0)
        return [trained(job.subject, job.index, rung=job.rung, images=self._images)]

    def close(self) -> None:
        self.jobs.clear()


def put_in(path: Path, table: CostTable, count: int, images: int) -> None:
    """Put random networks into an empty study, as if they had been tried.

    By the tables of Optuna's database: its own `add_trial` waits for the disk a few times for each.
    """
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    known = sqlalchemy.MetaData()
    known.reflect(engine)
    rng, rows = random.Random(0), defaultdict[str, list[dict[str, Any]]](list)
    declared = {name: CategoricalDistribution(names) for name, names in SPACE.parameters.items()}
    kinds = {name: distribution_to_json(distribution) for name, distribution in declared.items()}
    now = datetime.now(UTC)
    for number in range(count):
        params: dict[str, Any] = {name: rng.choice(one.choices) for name, one in declared.items()}
        architecture, of = SPACE.architecture(params), {"trial_id": number + 1}
        found, cost = trained(architecture, number, rung=1, images=images), table.cost(architecture)
        result = Result("complete", found.accuracy, seconds=60.0, curve=found.curve, right=found.right)
        times = {"datetime_start": now, "datetime_complete": now}
        rows["trials"].append(of | {"number": number, "study_id": 1, "state": "COMPLETE"} | times)
        for name, one in declared.items():
            index = one.to_internal_repr(params[name])
            param = {"param_name": name, "param_value": index, "distribution_json": kinds[name]}
            rows["trial_params"].append(of | param)
        for objective, value in enumerate((found.accuracy, cost.params, cost.flops)):
            rows["trial_values"].append(of | {"objective": objective, "value": value, "value_type": "FINITE"})
        for key, kept in ((PROPOSAL, {"origin": "random"}), (RESULT, result.to_dict())):
            rows["trial_user_attributes"].append(of | {"key": key, "value_json": json.dumps(kept)})
    with engine.begin() as connection:
        for name, its in rows.items():
            connection.execute(known.tables[name].insert(), its)
    engine.dispose()


def begin(out: Path, known: int, settings: dict[str, Any]) -> int:
    """Begin a search in a folder, with so many results; gives the number of validation images."""
    given: dict[str, Any] = {
        **{"dataset": "digits", "per_stage": SPACE.per_stage, "proxy": {"epochs": 1}, "workers": 0},
        **settings,
    }
    with open_run(given, out=out) as run:
        images, side = run.record.val_images, run.record.input_size
        table = cost_table(SPACE.backbone, num_classes=run.record.num_classes, input_size=side)
    if known:
        put_in(run.folder.study_path, table, known, images)
    return images


def go_on(out: Path, images: int) -> Iterator[tuple[int, float]]:
    """Go on with it: the number of trials after each, and the seconds of the processor that it took.

    The first has in it what is done once where a search goes on.
    """
    start = time.process_time()
    with open_run({}, out=out, make_executor=lambda *_: StandIn(images)) as run:
        for count, _ in enumerate(run.search(), len(run.trials) + 1):
            yield count, time.process_time() - start
            start = time.process_time()


def resident() -> float:
    """MB of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trials", type=int)
    parser.add_argument("--known", metavar="N", type=int, default=0)
    parser.add_argument("--sampler", default="cost_aware")
    parser.add_argument("--rungs", default="1")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True)
    given = parser.parse_args()
    settings = {
        **{"budget": given.trials, "sampler": given.sampler},
        "rungs": tuple(map(int, given.rungs.split(","))),
        **({"repeats": 0} if given.rungs == "1" else {}),
    }
    images = begin(given.out, given.known, settings)
    taken: list[float] = []
    for count, seconds in go_on(given.out, images):
        if count == given.known + 1:
            print(f"{given.known:6,} trials taken up in {seconds:.1f} s", flush=True)
            continue
        taken.append(seconds)
        if count in SAID_AT or count == given.trials:
            last = 1_000 * float(np.mean(taken[-max(10, count // 10) :]))
            print(f"{count:6,} trials  {last:7.1f} ms a trial  {resident():6.0f} MB", flush=True)
    start = time.process_time()
    size = write_report(given.out).stat().st_size / 1e6
    print(f"report   {time.process_time() - start:.1f} s  {size:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
