"""What a run's claims are worth against trainings several times as long: part of docs/proxy.md.

    python docs/proxy_reference.py RUN [--dataset IMAGES] [--factor 4] [--input-size 72] [--hours 0.5]

Networks of the run folder RUN, the first of a search and others spread over its accuracies, are trained again
under its proxy with so many times the epochs of its shortest trainings, of larger images where that is asked
for, and, for comparison, under the fixed proxy of small images with two seeds. The trainings go to
RUN/reference.csv as they come; started again, it goes on where it was. At the end it prints what came of it:
rank correlations, and of pairs of networks that the run is sure of how many hold.
"""

import argparse
import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from time import monotonic

import numpy as np
import pandas as pd

from cheapsearch.search.data import load_images
from cheapsearch.search.study.domain import first_architectures
from cheapsearch.search.training.proxy import CPU, Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.space import (
    SITE_NAMES,
    Architecture,
    TrialRecord,
    architecture_hash,
    averaged,
    join_choice,
)
from cheapsearch.space.agreement import RankCorrelation, rank_agreement
from cheapsearch.space.saved_run import SavedRun, load_run

REFERENCE, FIXED = "reference", "fixed"
SURE = 0.95


def networks(run: SavedRun, count: int) -> list[TrialRecord]:
    """The first of a search, as far as they are compared, then others spread over the accuracies."""
    ordered = sorted(averaged(run.trials), key=lambda trial: trial.accuracy or 0.0)
    spread = [ordered[index] for index in np.linspace(0, len(ordered) - 1, count).round().astype(int)]
    begun = {architecture_hash(architecture) for _, architecture in first_architectures(run.space)}
    first = [trial for trial in ordered if trial.hash in begun]
    chosen = {trial.number: trial for trial in [*first, *spread[::-2], *spread[::2]]}
    return list(chosen.values())[:count]


def longer(run: SavedRun, factor: int, size: int | None) -> tuple[str, Proxy]:
    """The reference of a run, with its name."""
    own = Proxy.from_dict(run.record.settings.proxy)
    epochs, name = factor * own.epochs, REFERENCE if size is None else f"{REFERENCE} of {size} pixels"
    return name, replace(own, epochs=epochs, input_size=size or own.input_size)


def trainings(
    run: SavedRun, count: int, factor: int, size: int | None
) -> Iterator[tuple[str, Proxy, list[tuple[TrialRecord, int]]]]:
    """Proxies by name, with the networks and seeds that are to be trained under each."""
    chosen = networks(run, count)
    fixed = replace(CPU, statistics_images=0)
    yield FIXED, fixed, [(trial, seed) for seed in (0, 1) for trial in chosen]
    # Another seed than the run's, since the first steps would be the same else.
    yield *longer(run, factor, size), [(trial, 1000) for trial in chosen]


def measure(
    run: SavedRun,
    results: Path,
    *,
    count: int,
    factor: int,
    size: int | None,
    workers: int,
    hours: float,
    dataset: str | None,
) -> None:
    """Train what the results do not have yet, until the time is up."""
    until = monotonic() + 3600 * hours
    settings = run.record.settings
    done = {tuple(row[name] for name in ("proxy", "epochs", "number", "seed")) for row in read(results)}
    for name, proxy, wanted in trainings(run, count, factor, size):
        left = [
            (trial, seed)
            for trial, seed in wanted
            if (name, str(proxy.epochs), str(trial.number), str(seed)) not in done
        ]
        if not left or monotonic() > until:
            continue
        data = load_images(
            dataset or settings.dataset,
            data_dir=settings.data_dir,
            limit=proxy.images,
            seed=settings.seed,
            input_size=proxy.input_size,
        )
        jobs = [Job(index, trial.architecture, seed) for index, (trial, seed) in enumerate(left)]
        pool: WorkerPool[Job[Architecture]] = WorkerPool(
            partial(ProxyTrainer, data, proxy), ["cpu"] * workers
        )
        with closing(pool):
            for job, outcome in perform_all(pool, jobs):
                if not isinstance(outcome, Trained):
                    raise SystemExit(f"{name}, {job.subject}: {outcome}")
                add(results, row_of(name, proxy, left[job.index][0], job.seed, outcome))
                print(f"{name}: {outcome.accuracy:.2f} % in {outcome.seconds:.0f} s", flush=True)
                if monotonic() > until:
                    return


def row_of(name: str, proxy: Proxy, trial: TrialRecord, seed: int, outcome: Trained) -> dict[str, object]:
    sites = {f"choice_{site}": join_choice(getattr(trial.architecture, site)) for site in SITE_NAMES}
    costs = {f"cost_{cost}": value for cost, value in trial.costs.items()}
    known = {"proxy": name, "number": trial.number, "seed": seed, "epochs": proxy.epochs, **sites, **costs}
    curve = " ".join(f"{value:.2f}" for value in outcome.curve)
    return known | {
        "accuracy": round(outcome.accuracy, 3),
        "seconds": round(outcome.seconds, 1),
        "curve": curve,
    }


def read(results: Path) -> list[dict[str, str]]:
    if not results.exists():
        return []
    with results.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add(results: Path, row: dict[str, object]) -> None:
    new = not results.exists()
    with results.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def compare(run: SavedRun, results: Path, factor: int, size: int | None) -> None:
    """Print how the run's accuracies, and those of the fixed proxy, agree with the reference."""
    frame = pd.DataFrame(read(results)).astype({"number": int, "epochs": int, "accuracy": float})
    name, reference = longer(run, factor, size)
    frame = frame[
        (frame["proxy"] == FIXED) | ((frame["proxy"] == name) & (frame["epochs"] == reference.epochs))
    ]
    means = frame.groupby(["proxy", "number"])["accuracy"].mean()
    truth = means[name]
    claims = run.claims
    measured = {trial.number: trial.accuracy or 0.0 for trial in averaged(run.trials)}
    scores = {
        "the run, expected": [claims.expected[number].mean for number in truth.index],
        "the run, observed": [measured[number] for number in truth.index],
        "the fixed proxy, two seeds": [means[FIXED][number] for number in truth.index],
    }
    for name, values in scores.items():
        found = rank_agreement(values, list(truth))
        if found is not None:
            print(f"{name}: Kendall {interval(found.kendall)}, Spearman {interval(found.spearman)}")
    gained = truth - [claims.expected[number].mean for number in truth.index]
    print(f"longer trainings deviate by {truth.std():.1f} points, {gained.mean():+.1f} to what was expected")
    for number in truth.index:
        row = claims.expected[number]
        expected = f"{row.mean:.1f} ({row.low:.1f} to {row.high:.1f})"
        print(f"trial {number}: expected {expected}, then {truth[number]:.1f} %")
    sure = [
        (a, b) if claims.better(a, b) >= SURE else (b, a)
        for a, b in combinations(truth.index, 2)
        if max(claims.better(a, b), claims.better(b, a)) >= SURE
    ]
    held = sum(truth[a] > truth[b] for a, b in sure)
    print(f"pairs sure at {100 * SURE:.0f} %: {len(sure)}, of which {held} hold in longer trainings")


def interval(value: RankCorrelation) -> str:
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("--dataset", metavar="IMAGES", help="where the run's images lie now")
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--input-size", type=int, help="of the longer trainings, in pixels")
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hours", type=float, default=0.0)
    arguments = parser.parse_args()
    run, results = load_run(arguments.run), arguments.run / "reference.csv"
    if arguments.hours:
        measure(
            run,
            results,
            count=arguments.networks,
            factor=arguments.factor,
            size=arguments.input_size,
            workers=arguments.workers,
            hours=arguments.hours,
            dataset=arguments.dataset,
        )
    compare(run, results, arguments.factor, arguments.input_size)


if __name__ == "__main__":
    main()
