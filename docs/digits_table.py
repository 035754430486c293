"""A table to rehearse samplers on: 512 networks of MobileNetV2, each trained once on digits.

    python docs/digits_table.py digits.csv [--workers N]
    cheapsearch rehearse digits.csv --stopping

The networks are all of the V2 space that do not start with `pre_reuse`, and the proxy is so short that it
leaves them apart. The table has their accuracy after every epoch. Results are kept beside it as they come;
started again, it goes on where it was.
"""

import argparse
import csv
from contextlib import closing
from functools import partial
from pathlib import Path

import pandas as pd

from cheapsearch.models import cost_table
from cheapsearch.search.data import load_images
from cheapsearch.search.study.domain import first_architectures
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.space import Architecture, SearchSpace, architecture_hash

PROXY = Proxy(
    epochs=10, width=0.25, input_size=8, images=600, batch_size=32, learning_rate=0.05, layout_size=8
)
SPACE = SearchSpace("mobilenet_v2")
NETWORKS = [architecture for architecture in SPACE.distinct() if architecture.first_conv != "pre_reuse"]


def train(kept: Path, workers: int) -> None:
    """Train every network that has no results yet."""
    data = load_images("digits", limit=PROXY.images, seed=0, input_size=PROXY.input_size)
    done = read_results(kept)
    jobs = [Job(i, a, i) for i, a in enumerate(NETWORKS) if architecture_hash(a) not in done]
    pool: WorkerPool[Job[Architecture]] = WorkerPool(partial(ProxyTrainer, data, PROXY), ["cpu"] * workers)
    with closing(pool):
        for job, outcome in perform_all(pool, jobs):
            if not isinstance(outcome, Trained):
                raise SystemExit(f"{job.subject}: {outcome}")
            with kept.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow([architecture_hash(job.subject), *outcome.curve])


def read_results(kept: Path) -> dict[str, list[float]]:
    """Accuracy after each epoch by the network's hash."""
    if not kept.exists():
        return {}
    with kept.open(encoding="utf-8", newline="") as file:
        return {name: list(map(float, curve)) for name, *curve in csv.reader(file)}


def table(kept: Path) -> pd.DataFrame:
    """One row for each network: its choices, accuracy after each epoch and at the end, and costs."""
    results = read_results(kept)
    costs = cost_table("mobilenet_v2")
    first = {architecture_hash(network): origin for origin, network in first_architectures(SPACE)}
    rows = []
    for network in NETWORKS:
        curve = [round(accuracy, 2) for accuracy in results[architecture_hash(network)]]
        row: dict[str, object] = {f"choice_{site}": op for site, op in SPACE.choices(network).items()}
        row["first"] = first.get(architecture_hash(network), "")
        row |= {f"curve_{epoch}": accuracy for epoch, accuracy in enumerate(curve, 1)}
        row["accuracy_1"] = curve[-1]
        rows.append(row | {f"cost_{name}": value for name, value in costs.cost(network).items()})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    kept = arguments.csv.with_name(f"{arguments.csv.name}.part")
    train(kept, arguments.workers)
    table(kept).to_csv(arguments.csv, index=False)
    kept.unlink()


if __name__ == "__main__":
    main()
