"""A table to rehearse rungs on: networks trained for several lengths each, with several seeds.

    python docs/rungs_table.py docs/rungs_cifar10 --dataset cifar10.npz --hours 10
    cheapsearch rehearse docs/rungs_cifar10.csv.gz --rungs 1,4,16

The networks are the first of a search and others from equal parts of the space by multiply-adds. Every
length is a training of its own, from fresh weights to the end of its schedule. What is trained is written to
NAME.results.csv as it comes; started again, it goes on where it was. NAME.csv.gz has the networks of which
every length is there, with one run of each length for every seed that all of them have; with `--filled PATH`
a second table goes there, in which a network that lacks a seed has its first again. At the end it says how
the lengths agree.
"""

import argparse
import csv
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise
from math import inf
from pathlib import Path
from time import monotonic

import pandas as pd

from cheapsearch.models import CostTable, cost_table
from cheapsearch.search.data import load_images
from cheapsearch.search.study.domain import first_architectures
from cheapsearch.search.training.proxy import CPU, Proxy, fitted
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.space import Architecture, SearchSpace, architecture_hash, join_choice
from cheapsearch.space.agreement import rank_agreement
from cheapsearch.space.text import times
from cheapsearch.space.verdict import correlations

COLUMNS = ("hash", "rung", "seed", "accuracy", "seconds", "curve")


def networks(space: SearchSpace, table: CostTable, count: int) -> list[Architecture]:
    """The first of a search, and one drawn from each of equal parts of the others, in random order."""
    first = [architecture for _, architecture in first_architectures(space)]
    others = sorted(
        (architecture for architecture in space.distinct() if architecture not in first),
        key=lambda architecture: table.cost(architecture)["flops"],
    )
    rng, drawn = random.Random(0), min(count - len(first), len(others))
    edges = [len(others) * part // drawn for part in range(drawn + 1)]
    spread = [others[rng.randrange(low, high)] for low, high in pairwise(edges)]
    return [*first, *rng.sample(spread, len(spread))]


def train(
    results: Path,
    wanted: list[tuple[Architecture, int, int]],
    *,
    dataset: str,
    proxy: Proxy,
    workers: int,
    hours: float,
) -> None:
    """Do the trainings (network, rung, seed) that are not there yet, in their order, until the time is up."""
    until, done = monotonic() + 3600 * hours, {row[:3] for row in read(results)}
    left = [job for job in wanted if (architecture_hash(job[0]), str(job[1]), str(job[2])) not in done]
    data = load_images(dataset, limit=proxy.images, seed=0, input_size=proxy.input_size)
    # One rung after another would hold a pool of one length each; a pool takes jobs of every length.
    trainers = {rung: replace(proxy, epochs=rung * proxy.epochs) for _, rung, _ in wanted}
    for rung, some in blocks(left):
        if monotonic() > until:
            return
        pool: WorkerPool[Job[Architecture]] = WorkerPool(
            partial(ProxyTrainer, data, trainers[rung]), ["cpu"] * workers
        )
        jobs = [Job(index, network, seed) for index, (network, _, seed) in enumerate(some)]
        with closing(pool):
            for job, outcome in perform_all(pool, jobs):
                if not isinstance(outcome, Trained):
                    print(f"{architecture_hash(job.subject)} at {rung}: {outcome}", flush=True)
                    continue
                curve = " ".join(f"{value:.2f}" for value in outcome.curve)
                add(
                    results,
                    (
                        architecture_hash(job.subject),
                        str(rung),
                        str(job.seed),
                        f"{outcome.accuracy:.3f}",
                        f"{outcome.seconds:.1f}",
                        curve,
                    ),
                )


def blocks(
    wanted: list[tuple[Architecture, int, int]],
) -> Iterator[tuple[int, list[tuple[Architecture, int, int]]]]:
    """Parts of the trainings that are of one rung: of a dozen networks at a time, every rung."""
    seeds = sorted({seed for _, _, seed in wanted})
    for seed in seeds:
        of_seed = [job for job in wanted if job[2] == seed]
        order = list(dict.fromkeys(job[0] for job in of_seed))
        for start in range(0, len(order), 12):
            some = set(order[start : start + 12])
            for rung in sorted({job[1] for job in of_seed}):
                if part := [job for job in of_seed if job[1] == rung and job[0] in some]:
                    yield rung, part


def read(results: Path) -> list[tuple[str, ...]]:
    if not results.exists():
        return []
    with results.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def add(results: Path, row: tuple[str, ...]) -> None:
    new = not results.exists()
    with results.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


def table(
    results: Path,
    space: SearchSpace,
    chosen: list[Architecture],
    costs: CostTable,
    rungs: tuple[int, ...],
    *,
    filled: bool = False,
) -> pd.DataFrame:
    """One row for each network that was trained for every length, in the form that `rehearse` reads.

    What a training takes is worked out from the network's fastest.

    Args:
        filled: Have every seed that a network has, not only those that all have.
    """
    accuracy: dict[tuple[str, int], dict[int, float]] = {}
    each: dict[str, float] = {}  # seconds of the shortest length; other work on the machine only adds to them
    for name, length, seed, reached, took, _ in read(results):
        accuracy.setdefault((name, int(length)), {})[int(seed)] = float(reached)
        each[name] = min(each.get(name, inf), float(took) / int(length))
    whole = [
        network
        for network in chosen
        if all(0 in accuracy.get((architecture_hash(network), rung), {}) for rung in rungs)
    ]
    if not whole:
        raise SystemExit(f"{results}: no network has every length yet")
    of_networks = set.union if filled else set.intersection
    known = {
        rung: of_networks(*({*accuracy[architecture_hash(network), rung]} for network in whole))
        for rung in rungs
    }
    first = {architecture_hash(network): origin for origin, network in first_architectures(space)}
    rows = []
    for network in whole:
        name = architecture_hash(network)
        row: dict[str, object] = {
            f"choice_{site}": join_choice(op) for site, op in space.choices(network).items()
        }
        row["first"] = first.get(name, "")
        for rung in rungs:
            reached_by = accuracy[name, rung]
            for number in sorted(known[rung]):
                row[f"accuracy@{rung}_{number + 1}"] = reached_by.get(number, reached_by[0])
            row[f"seconds@{rung}"] = round(rung * each[name], 1)
        rows.append(row | {f"cost_{cost}": value for cost, value in costs.cost(network).items()})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME", type=Path)
    parser.add_argument("--dataset", metavar="IMAGES")
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--rungs", default="1,4,16")
    parser.add_argument("--networks", type=int, default=96)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--proxy-width", type=float, default=0.25)
    parser.add_argument("--proxy-size", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.035)
    parser.add_argument("--full-size", type=int, default=32, help="side in pixels of the full networks")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--filled", metavar="PATH", type=Path)
    given = parser.parse_args()
    rungs = tuple(map(int, given.rungs.split(",")))
    space = SearchSpace(given.backbone)
    own = {
        "epochs": given.epochs,
        "width": given.proxy_width,
        "input_size": given.proxy_size,
        "batch_size": given.batch_size,
        "learning_rate": given.learning_rate,
    }
    proxy = fitted(replace(CPU, **own), own, space, given.full_size)
    costs = cost_table(given.backbone, num_classes=given.classes, input_size=given.full_size)
    chosen = networks(space, costs, given.networks)
    results = given.name.with_name(given.name.name + ".results.csv")
    if given.hours:
        wanted = [(n, rung, seed) for seed in range(given.seeds) for n in chosen for rung in rungs]
        train(
            results,
            wanted,
            dataset=given.dataset,
            proxy=proxy,
            workers=given.workers,
            hours=given.hours,
        )
    found = table(results, space, chosen, costs, rungs)
    out = given.name.with_name(given.name.name + ".csv.gz")
    found.to_csv(out, index=False, compression={"method": "gzip", "mtime": 0})
    print(f"{len(found)} of {len(chosen)} networks in {out}")
    for shorter, longer in combinations(rungs, 2):
        ranks = rank_agreement(*(found[f"accuracy@{rung}_1"].tolist() for rung in (shorter, longer)))
        print(f"trainings {times(shorter)} and {times(longer)}: {correlations(ranks)}")
    if given.filled:
        table(results, space, chosen, costs, rungs, filled=True).to_csv(given.filled, index=False)


if __name__ == "__main__":
    main()
