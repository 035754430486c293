"""How well proxies rank networks, and what their claims are worth: the measurement behind docs/proxy.md.

    python docs/proxy_table.py cifar10 --dataset cifar10.npz --hours 3
    python docs/proxy_table.py clothing --dataset clothing --hours 5
    python docs/proxy_table.py clothing --dataset clothing --hours 1 --device cuda --only reference
    python docs/proxy_table.py clothing

24 networks over the space are trained with two seeds under the default proxy, under others that take as long,
under one four times as long and under a reference at least eight times as long, at half of the side in pixels
of the full networks' images. The trainings go to docs/proxy_NAME.results.csv as they come; started again, it
goes on where it was. What a training takes is said of one core of a CPU, whatever it was trained on: longer
ones are so many times as long as the short one of the same network and size, which is to be trained there.

It prints what came of the trainings that are there, and writes docs/proxy_NAME.csv.gz, with the networks that
were trained at every length, in the form that `cheapsearch rehearse` reads.
"""

import argparse
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations, permutations
from multiprocessing import get_context
from pathlib import Path
from time import time

import numpy as np
import pandas as pd
from proxy_reference import add, read  # type: ignore[import-not-found]
from rungs_table import networks  # type: ignore[import-not-found]

from cheapsearch.models import CostTable, cost_table
from cheapsearch.search.data import load_images
from cheapsearch.search.samplers.surrogate import Floats
from cheapsearch.search.study.domain import first_architectures
from cheapsearch.search.training.proxy import CPU, Proxy, fitted
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.devices import prepare_process
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.space import Architecture, SearchSpace, TrialRecord, architecture_hash, join_choice
from cheapsearch.space.agreement import RankCorrelation, rank_agreement
from cheapsearch.space.claims import SURE, Claims

SPACE = SearchSpace("mobilenet_v2")
COUNT, SEEDS = 24, (0, 1)
DEFAULT, FOUR, REFERENCE = "default", "default, 4 times as long", "reference"
EPOCH = "one epoch of the reference"


@dataclass(frozen=True)
class Plan:
    """What is trained on one data set.

    Attributes:
        full_size: Side in pixels of the full networks' images.
        validation: Number of validation images.
        proxies: By name, the longest first.
        rungs: What `rehearse` calls the lengths of these, by about what they take.
        timed_by: Which shorter one a proxy's seconds are worked out from, by how many times its epochs.
    """

    full_size: int
    validation: int
    proxies: dict[str, Proxy]
    rungs: dict[str, int]
    timed_by: dict[str, tuple[str, int]]

    @property
    def compared(self) -> list[str]:
        return [name for name in self.proxies if name != EPOCH]


def proxy(full_size: int, **own: float) -> Proxy:
    return fitted(replace(CPU, **own), own, SPACE, full_size)  # type: ignore[arg-type]


OLD = replace(CPU, statistics_images=0)
# Epochs of what is to take as long as the default are from images a second, measured side by side.
PLANS = {
    "cifar10": Plan(
        full_size=32,
        validation=2000,
        proxies={
            REFERENCE: proxy(32, epochs=24),
            FOUR: proxy(32, epochs=12),
            DEFAULT: proxy(32, epochs=3),
            "smaller images": proxy(32, epochs=4, input_size=12),
            "narrower": proxy(32, epochs=4, width=0.25),
            "the default before": OLD,
        },
        rungs={DEFAULT: 1, FOUR: 4, REFERENCE: 8},
        timed_by={FOUR: (DEFAULT, 4), REFERENCE: (DEFAULT, 8)},
    ),
    "clothing": Plan(
        full_size=144,
        validation=341,
        proxies={
            REFERENCE: proxy(144, epochs=88, input_size=72),
            FOUR: proxy(144, epochs=44, input_size=40),
            DEFAULT: proxy(144, epochs=11, input_size=40),
            "larger images, fewer steps": proxy(144, epochs=6, input_size=64),
            "narrower": proxy(144, epochs=15, input_size=40, width=0.25),
            "the default before": OLD,
            EPOCH: proxy(144, epochs=1, input_size=72),
        },
        rungs={DEFAULT: 1, FOUR: 4, REFERENCE: 20},
        timed_by={FOUR: (DEFAULT, 4), REFERENCE: (EPOCH, 88)},
    ),
}


def costs_of(plan: Plan) -> CostTable:
    return cost_table(SPACE.backbone, num_classes=10, input_size=plan.full_size)


def measure(
    plan: Plan, results: Path, *, dataset: str, workers: int, hours: float, device: str, only: Collection[str]
) -> None:
    """Do the trainings that the results lack, under the proxies asked for, until the time is up."""
    until = time() + 3600 * hours
    done = {(row["proxy"], row["hash"], row["seed"]) for row in read(results)}
    left = [
        (name, network, seed)
        for seed in SEEDS
        for network in networks(SPACE, costs_of(plan), COUNT)
        for name in plan.proxies
        if name in only and (name, architecture_hash(network), str(seed)) not in done
    ]
    with ProcessPoolExecutor(
        workers, get_context("spawn"), partial(prepare_process, device, threads=1)
    ) as pool:
        begun = {
            pool.submit(
                train, dataset, plan.proxies[name], device, network, own_seed(plan, name, seed), until
            ): (name, network, seed)
            for name, network, seed in left
        }
        for future in as_completed(begun):
            if outcome := future.result():
                name, network, seed = begun[future]
                add(results, row_of(name, network, seed, outcome, device))
                print(f"{name}: {outcome.accuracy:.2f} % in {outcome.seconds:.0f} s", flush=True)


def own_seed(plan: Plan, name: str, seed: int) -> int:
    """No two trainings of a network begin alike, or chance would make proxies agree."""
    return 1000 * list(plan.proxies).index(name) + seed


def train(
    dataset: str, under: Proxy, device: str, network: Architecture, seed: int, until: float
) -> Trained | None:
    """None where the time is up, or it failed."""
    if time() > until:
        return None
    *_, outcome = trainer(dataset, under, device).perform(Job(0, network, seed))
    if not isinstance(outcome, Trained):
        print(f"{network}: {outcome}", flush=True)
        return None
    return outcome


@cache
def trainer(dataset: str, under: Proxy, device: str) -> ProxyTrainer:
    data = load_images(dataset, limit=under.images, seed=0, input_size=under.input_size)
    return ProxyTrainer(data, under, device)


def row_of(name: str, network: Architecture, seed: int, outcome: Trained, device: str) -> dict[str, object]:
    return {
        "proxy": name,
        "hash": architecture_hash(network),
        "seed": seed,
        "device": device,
        "accuracy": f"{outcome.accuracy:.3f}",
        "loss_sum": f"{sum(outcome.losses):.4f}",
        "seconds": f"{outcome.seconds:.1f}",
        "right": outcome.right.hex(),
        "curve": " ".join(f"{value:.2f}" for value in outcome.curve),
    }


class Recorded:
    """The trainings that are there, of the networks that have one under every proxy."""

    def __init__(self, plan: Plan, results: Path) -> None:
        self.plan = plan
        self.rows = {(row["proxy"], row["hash"], int(row["seed"])): row for row in read(results)}
        self.costs = costs_of(plan)
        self.networks = [
            network
            for network in networks(SPACE, self.costs, COUNT)
            if all((name, architecture_hash(network), 0) in self.rows for name in plan.proxies)
        ]
        self.hashes = [architecture_hash(network) for network in self.networks]
        if not self.networks:
            raise SystemExit(f"{results}: no network was trained under every proxy yet")

    def seeds(self, name: str) -> list[int]:
        """Those that every network has."""
        return [seed for seed in SEEDS if all((name, of, seed) in self.rows for of in self.hashes)]

    def by_network(self, name: str, column: str = "accuracy") -> Floats:
        """One row for each network, one column for each seed."""
        return np.array(
            [[float(self.rows[name, of, seed][column]) for seed in self.seeds(name)] for of in self.hashes]
        )

    def seconds(self, name: str) -> Floats:
        """What a training of each network takes on one core."""
        if name in self.plan.timed_by:
            shorter, times = self.plan.timed_by[name]
            return times * self.seconds(shorter)
        # Other work on the machine only adds to it.
        return np.min(self.by_network(name, "seconds"), axis=1)  # type: ignore[no-any-return]

    def claims(self, name: str, seeds: Sequence[int]) -> Claims:
        """What a search that had trained all the networks under a proxy with these seeds would claim."""
        trials = [
            TrialRecord(
                number=len(self.networks) * seed + number,
                architecture=network,
                state="repeat" if seed else "complete",
                origin="",
                costs=self.costs.cost(network),
                accuracy=float(self.rows[name, of, seed]["accuracy"]),
                right=bytes.fromhex(self.rows[name, of, seed]["right"]),
            )
            for seed in seeds
            for number, (network, of) in enumerate(zip(self.networks, self.hashes, strict=True))
        ]
        return Claims.of(trials, images=self.plan.validation)

    def table(self) -> pd.DataFrame:
        """One row for each network, with the columns that `rehearse` reads."""
        first = {architecture_hash(network): origin for origin, network in first_architectures(SPACE)}
        seconds = {rung: self.seconds(name) for name, rung in self.plan.rungs.items()}
        rows: list[dict[str, object]] = []
        for index, (network, of) in enumerate(zip(self.networks, self.hashes, strict=True)):
            row: dict[str, object] = {
                f"choice_{site}": join_choice(op) for site, op in SPACE.choices(network).items()
            }
            row["first"] = first.get(of, "")
            for name, rung in self.plan.rungs.items():
                trainings = [self.rows[name, of, seed] for seed in self.seeds(name)]
                row |= {
                    f"accuracy@{rung}_{number}": one["accuracy"] for number, one in enumerate(trainings, 1)
                }
                row[f"seconds@{rung}"] = round(float(seconds[rung][index]), 1)
            rows.append(row | {f"cost_{cost}": value for cost, value in self.costs.cost(network).items()})
        return pd.DataFrame(rows)

    def lines(self) -> Iterator[str]:
        """What came of it, as tables in Markdown."""
        truth = self.by_network(REFERENCE)
        seeds, count = len(self.seeds(REFERENCE)), len(self.networks)
        span = f"{truth.min():.1f} to {truth.max():.1f} %"
        yield f"{count} networks, {seeds} reference trainings of each, {span}"
        for name in self.plan.compared:
            if len(self.seeds(name)) > 1:
                deviation = np.sqrt(self.by_network(name).var(axis=1, ddof=1).mean())
                yield f"{name}: seeds deviate by {deviation:.2f} points"
        yield "| score | seconds | Kendall, one seed | all seeds | upper half |"
        yield "|---|---|---|---|---|"
        upper = truth.mean(axis=1) >= np.median(truth.mean(axis=1))
        for name in self.plan.compared:
            seconds = f"{np.median(self.seconds(name)):.0f}"
            if name == REFERENCE:
                if seeds > 1:
                    yield row(f"{name}, the other seed", seconds, truth[:, :1], truth[:, 1], upper)
                continue
            yield row(f"{name}: accuracy", seconds, self.by_network(name), truth.mean(axis=1), upper)
            losses = -self.by_network(name, "loss_sum")
            yield row(f"{name}: sum of losses", seconds, losses, truth.mean(axis=1), upper)
        for cost in ("params", "flops"):
            values = np.array([[self.costs.cost(network)[cost]] for network in self.networks], float)
            yield row(f"{cost}, no training", "0", values, truth.mean(axis=1), upper)
        yield from self.by_size()
        reference = self.claims(REFERENCE, self.seeds(REFERENCE))
        pairs = count * (count - 1) // 2
        yield f"of {pairs} pairs the reference is sure of {len(self.sure(reference))} at {100 * SURE:.0f} %"
        for name in (DEFAULT, FOUR):
            for last in self.seeds(name):
                claims = self.claims(name, range(last + 1))
                yield f"{name}, {last + 1} each: {self.held(claims, truth, reference)}"

    def by_size(self) -> Iterator[str]:
        """What multiply-adds say of accuracies, and how far these lie apart."""
        flops = np.array([self.costs.cost(network)["flops"] for network in self.networks], float)
        means = {name: self.by_network(name).mean(axis=1) for name in self.plan.compared}
        taus = [f"{name} {interval(agreement(flops, mean))}" for name, mean in means.items()]
        yield f"tau of multiply-adds with accuracies: {', '.join(taus)}"
        truth = means[REFERENCE]
        thirds = ", ".join(f"{truth[part].mean():.1f}" for part in np.array_split(np.argsort(flops), 3))
        yield f"the reference by thirds of multiply-adds, the smallest first: {thirds} %"
        alike, images = np.argsort(truth)[3:], self.plan.validation
        spread = [float(some.std(ddof=1)) for some in (truth, truth[alike])]
        yield f"the reference deviates by {spread[0]:.1f} points, by {spread[1]:.1f} without the three lowest"
        packed = [bytes.fromhex(self.rows[REFERENCE, self.hashes[row], 0]["right"]) for row in alike]
        right = [np.unpackbits(np.frombuffer(bits, np.uint8), count=images) for bits in packed]
        apart = np.mean([np.var(a.astype(float) - b, ddof=1) for a, b in combinations(right, 2)])
        drawing = 100 * np.sqrt(apart / 2 / images)
        yield f"drawing {images:,} images puts these {drawing:.1f} apart, were they equal"

    def sure(self, claims: Claims) -> list[tuple[int, int]]:
        """The pairs of which claims say that the first network is better."""
        pairs = permutations(range(len(self.networks)), 2)
        return [pair for pair in pairs if claims.better(*pair) >= SURE]

    def held(self, claims: Claims, truth: Floats, reference: Claims) -> str:
        """How many of the pairs that a search is sure of hold in the reference, or surely do not."""
        mean, sure = truth.mean(axis=1), self.sure(claims)
        if not sure:
            return "no pair sure"
        held = sum(bool(mean[a] > mean[b]) for a, b in sure)
        turned = sum(reference.better(b, a) >= SURE for a, b in sure)
        stated = 100 * np.mean([claims.better(*pair) for pair in sure])
        apart = np.mean([mean[a] - mean[b] for a, b in sure])
        return (
            f"{len(sure)} pairs sure ({stated:.1f} % stated in the mean), of which {held} hold; "
            f"in the reference they are {apart:.1f} points apart in the mean, and of "
            f"{turned} it is sure the other way"
        )


def row(
    name: str,
    seconds: str,
    scores: Floats,
    truth: Floats,
    upper: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
) -> str:
    alone = [agreement(column, truth) for column in scores.T]
    both = agreement(scores.mean(axis=1), truth)
    best = agreement(scores.mean(axis=1)[upper], truth[upper])
    one = "" if None in alone else f"{np.mean([found.value for found in alone if found]):.2f}"
    return f"| {name} | {seconds} | {one} | {interval(both)} | {interval(best)} |"


def agreement(scores: Floats, truth: Floats) -> RankCorrelation | None:
    found = rank_agreement(list(scores), list(truth))
    return None if found is None else found.kendall


def interval(value: RankCorrelation | None) -> str:
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})" if value else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=PLANS)
    parser.add_argument("--dataset", metavar="IMAGES")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", metavar="PROXY", help="by their names in the table")
    given = parser.parse_args()
    plan, results = PLANS[given.name], Path(__file__).with_name(f"proxy_{given.name}.results.csv")
    if given.hours:
        measure(
            plan,
            results,
            dataset=given.dataset,
            workers=given.workers,
            hours=given.hours,
            device=given.device,
            only=given.only or plan.proxies,
        )
    recorded = Recorded(plan, results)
    out = results.with_name(f"proxy_{given.name}.csv.gz")
    recorded.table().to_csv(out, index=False, compression={"method": "gzip", "mtime": 0})
    print(*recorded.lines(), sep="\n")


if __name__ == "__main__":
    main()
