"""How well short proxies rank architectures: the measurement behind docs/proxy.md.

    python docs/proxy_ranking.py IMAGES [--workers N]

IMAGES is an .npz of CIFAR-10 with MedMNIST's key names, or any other data set that `--dataset` takes. Every
architecture is trained under each proxy and under the reference, which is eight times as long, with two
seeds each. The results go to docs/proxy_ranking.csv as they come; started again, it goes on where it was.
"""

import argparse
import csv
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cheapsearch.models import build, cost_table
from cheapsearch.search.data import load_images
from cheapsearch.search.samplers.surrogate import Floats
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.devices import prepare_process
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.space import Architecture, SearchSpace, architecture_hash
from cheapsearch.space.agreement import RankAgreement, RankCorrelation, rank_agreement

RESULTS = Path(__file__).with_name("proxy_ranking.csv")
COLUMNS = ("proxy", "hash", "seed", "accuracy", "loss_sum")
ARCHITECTURES = 16
SEEDS = (0, 1)

_FULL = Proxy(
    epochs=16,
    width=0.5,
    input_size=24,
    images=2500,
    batch_size=64,
    learning_rate=0.05,
    layout_size=24,
    statistics_images=0,
)
REFERENCE = "reference"
# As many epochs as take about an eighth of the reference's time.
PROXIES = {
    "fewer epochs": replace(_FULL, epochs=2),
    "smaller images": replace(_FULL, epochs=4, input_size=12),
    "narrower": replace(_FULL, epochs=4, width=0.25),
    "narrower, smaller images": replace(_FULL, epochs=7, width=0.25, input_size=12),
    REFERENCE: _FULL,
}


def architectures() -> list[Architecture]:
    """One drawn from each of 16 parts of the V2 space by FLOPs, the last being the unmodified network."""
    space = SearchSpace("mobilenet_v2")
    table = cost_table("mobilenet_v2", input_size=_FULL.input_size)
    by_flops = sorted(space.distinct(), key=lambda architecture: table.cost(architecture).flops)
    rng = np.random.default_rng(0)
    edges = np.linspace(0, len(by_flops), ARCHITECTURES + 1, dtype=int)
    drawn = [by_flops[rng.integers(low, high)] for low, high in pairwise(edges)]
    return [*drawn[:-1], space.unmodified]


def measure(dataset: str, workers: int) -> None:
    """Train what results do not have yet."""
    jobs = [
        Job(index, architecture, seed)
        for index, (seed, architecture) in enumerate(product(SEEDS, architectures()))
    ]
    for name, proxy in PROXIES.items():
        done = {(row["hash"], int(row["seed"])) for row in read_results() if row["proxy"] == name}
        waiting = [job for job in jobs if (architecture_hash(job.subject), job.seed) not in done]
        if not waiting:
            continue
        data = load_images(dataset, limit=proxy.images, seed=0, input_size=proxy.input_size)
        pool: WorkerPool[Job[Architecture]] = WorkerPool(
            partial(ProxyTrainer, data, proxy), ["cpu"] * workers
        )
        with closing(pool):
            for number, (job, outcome) in enumerate(perform_all(pool, waiting), 1):
                if not isinstance(outcome, Trained):
                    raise SystemExit(f"{name}, {job.subject}: {outcome}")
                add_result(
                    {
                        "proxy": name,
                        "hash": architecture_hash(job.subject),
                        "seed": job.seed,
                        "accuracy": outcome.accuracy,
                        "loss_sum": sum(outcome.losses),
                    }
                )
                left = len(waiting) - number
                print(f"{name}, seed {job.seed}: {outcome.accuracy:.2f} %, {left} left", flush=True)


def read_results() -> list[dict[str, str]]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_result(row: dict[str, object]) -> None:
    new = not RESULTS.exists()
    with RESULTS.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def relative_costs(dataset: str) -> dict[str, float]:
    """Time of a training under each proxy as a share of the reference's, measured side by side."""
    prepare_process("cpu", threads=1)
    seconds = dict.fromkeys(PROXIES, 0.0)
    trainers = {
        name: ProxyTrainer(
            load_images(dataset, limit=proxy.images, seed=0, input_size=proxy.input_size),
            replace(proxy, epochs=1),
            "cpu",
        )
        for name, proxy in PROXIES.items()
    }
    for architecture in architectures()[3::4]:
        for name, trainer in trainers.items():
            *_, outcome = trainer.perform(Job(0, architecture, 0))
            assert isinstance(outcome, Trained)
            seconds[name] += PROXIES[name].epochs * outcome.seconds
    return {name: spent / seconds[REFERENCE] for name, spent in seconds.items()}


def synflow(architecture: Architecture) -> float:
    """Logarithm of the sum of |weight * gradient| with all weights positive and an image of ones.

    Source: Tanaka et al., Pruning neural networks without any data by iteratively conserving synaptic
    flow, NeurIPS 2020; as a score of architectures: Abdelfattah et al., Zero-cost proxies for lightweight
    NAS, ICLR 2021.
    """
    torch.manual_seed(0)
    narrow = replace(architecture, width=_FULL.width)
    network = build(narrow, num_classes=10, input_size=_FULL.input_size).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network(torch.ones(1, 3, _FULL.input_size, _FULL.input_size, dtype=torch.float64)).sum().backward()
    terms = [(p.detach() * p.grad).abs().sum() for p in network.parameters() if p.grad is not None]
    return float(torch.stack(terms).sum().log().item())


def table(shares: dict[str, float]) -> str:
    """The results as a table in Markdown; `shares` are the costs of the proxies."""
    frame = pd.DataFrame(read_results()).astype({"seed": int, "accuracy": float, "loss_sum": float})
    networks = {architecture_hash(architecture): architecture for architecture in architectures()}
    costs = cost_table("mobilenet_v2", input_size=_FULL.input_size)

    def by_network(proxy: str, column: str) -> Floats:
        """One row for each network, one column for each seed."""
        part = frame[frame["proxy"] == proxy]
        return part.pivot_table(index="hash", columns="seed", values=column).loc[list(networks)].to_numpy()

    trained = by_network(REFERENCE, "accuracy")
    lines = [
        "| score | cost | Kendall, one seed | Kendall, both seeds | Spearman, both seeds |",
        "|---|---|---|---|---|",
    ]

    def add(name: str, cost: float, scores: Floats, truth: Floats = trained) -> None:
        alone = [agreement(column, truth.mean(axis=1)).kendall.value for column in scores.T]
        both = agreement(scores.mean(axis=1), truth.mean(axis=1))
        cells = [
            name,
            f"{100 * cost:.0f} %",
            f"{np.mean(alone):.2f}",
            *map(interval, (both.kendall, both.spearman)),
        ]
        lines.append(f"| {' | '.join(cells)} |")

    for proxy in PROXIES:
        if proxy == REFERENCE:
            continue
        add(f"{proxy}: accuracy", shares[proxy], by_network(proxy, "accuracy"))
        add(f"{proxy}: sum of training losses", shares[proxy], -by_network(proxy, "loss_sum"))
    scores: dict[str, Callable[[Architecture], float]] = {
        "synflow": synflow,
        "parameters": lambda architecture: float(costs.cost(architecture).params),
        "multiply-adds": lambda architecture: float(costs.cost(architecture).flops),
    }
    for name, score in scores.items():
        add(f"{name}, no training", 0, np.array([[score(network)] for network in networks.values()]))
    add("the reference with another seed", 1, trained[:, :1], trained[:, 1:])
    return "\n".join(lines)


def agreement(scores: Floats, truth: Floats) -> RankAgreement:
    found = rank_agreement(list(scores), list(truth))
    assert found is not None
    return found


def interval(value: RankCorrelation) -> str:
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", metavar="IMAGES")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    measure(arguments.images, arguments.workers)
    print(table(relative_costs(arguments.images)))


if __name__ == "__main__":
    main()
