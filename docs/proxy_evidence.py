"""How well proxies rank architectures, against trainings several times as long: part of docs/proxy.md.

    python docs/proxy_evidence.py IMAGES NAME [--workers N] [--hours H]

IMAGES is any data set that `--dataset` takes. Every architecture is trained under each proxy with two seeds,
and under the reference. The trainings go to docs/proxy_NAME.csv as they come, an architecture after the
other; started again, it goes on where it was, so a table can grow over days.
"""

import argparse
import base64
import csv
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from cheapsearch.models import build, cost_table
from cheapsearch.search.data import channel_statistics, load_images
from cheapsearch.search.training.loop import TrainingState, score, train
from cheapsearch.search.training.proxy import CPU, Proxy, fitted
from cheapsearch.search.training.splits import MemorySplit
from cheapsearch.search.training.statistics import estimate_statistics
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Failed, Message, Progress, Trained
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.space import PRESETS, SITE_NAMES, Architecture, SearchSpace, architecture_hash, join_choice

BACKBONE = "mobilenet_v2"
ARCHITECTURES = 24
COLUMNS = (
    *("proxy", "seed", "hash", *SITE_NAMES, "cost_params", "cost_flops", "accuracy", "moving_average"),
    *("seconds", "curve", "moving_average_curve", "losses", "right"),
)
REFERENCE = "reference"
# Seeds of each training in the order in which they are done: one part for all architectures, then the next.
SEEDS: tuple[dict[str, tuple[int, ...]], ...] = (
    {REFERENCE: (0,), "new": (0, 1), "old": (0, 1)},
    {"larger images": (0, 1), "smaller images": (0, 1)},
    {REFERENCE: (1,)},
)


def proxies(images: int, input_size: int) -> dict[str, Proxy]:
    """The proxies that are compared, and the reference, for so many training images of this size."""
    space = SearchSpace(BACKBONE)
    steps = images // 64

    def of_steps(wanted: int, **settings: int) -> Proxy:
        epochs = -(-wanted // steps)
        return fitted(replace(CPU, epochs=epochs), settings, space, input_size=input_size)

    if input_size <= 32:
        new = CPU
        others = {
            "larger images": replace(CPU, input_size=24, epochs=2),
            "smaller images": replace(CPU, input_size=12, epochs=5),
        }
        return {REFERENCE: replace(CPU, epochs=24), "new": new, "old": CPU, **others}
    new = replace(of_steps(800), input_size=48)
    return {
        REFERENCE: replace(of_steps(3200), input_size=64),
        "new": new,
        "old": replace(CPU, layout_size=32),
        "larger images": replace(of_steps(500), input_size=64),
        "smaller images": replace(of_steps(1600), input_size=33),
    }


class Job:
    """One training."""

    def __init__(self, index: int, proxy: str, architecture: Architecture, seed: int) -> None:
        self.index, self.proxy, self.architecture, self.seed = index, proxy, architecture, seed


class BothWays:
    """Trains under any of the proxies, and scores with both kinds of batch norm's statistics."""

    def __init__(self, dataset: str, known: dict[str, Proxy], device: str) -> None:
        self.dataset, self.known = dataset, known
        self.rows: dict[int, dict[str, object]] = {}

    def perform(self, job: Job) -> Iterator[Message]:
        try:
            yield from self._train(job)
        except Exception as error:
            yield Failed.of(job.index, error, 0.0)

    def _train(self, job: Job) -> Iterator[Message]:
        proxy = self.known[job.proxy]
        data = load_images(self.dataset, limit=proxy.images, seed=0, input_size=proxy.input_size)
        device = torch.device("cpu")
        mean, std = channel_statistics(data.train_images)
        trained_on = MemorySplit.of(data.train_images, data.train_labels, mean, std, device)
        scored_on = MemorySplit.of(data.val_images, data.val_labels, mean, std, device)
        torch.manual_seed(job.seed)
        start = time.perf_counter()
        network = build(
            replace(job.architecture, width=proxy.network_width(job.architecture.width)),
            num_classes=data.num_classes,
            input_size=proxy.input_size,
            layout=proxy.layout(job.architecture),
        )
        recipe = replace(proxy.recipe(flip=data.flip), statistics_images=0)
        state = TrainingState(network, recipe, seed=job.seed)
        moving, curve, losses = [], [], []
        for epoch in train(state, trained_on, scored_on, recipe):
            moving.append(epoch.val.score)
            losses.append(epoch.train_loss)
            kept = {name: value.clone() for name, value in network.state_dict().items()}
            estimate_statistics(network, trained_on.first(500))
            scores = score(network, scored_on)
            network.load_state_dict(kept)
            curve.append(scores.score)
            yield Progress(job.index, epoch.epoch, scores.score)
        right = base64.b64encode(scores.right).decode()
        reason = "|".join((right, " ".join(f"{value:.3f}" for value in moving)))
        # What only this script wants goes where a reader of outcomes looks last.
        yield Trained(
            job.index,
            curve[-1],
            tuple(curve),
            tuple(losses),
            time.perf_counter() - start,
            0.0,
            reason.encode(),
        )


def architectures(input_size: int) -> list[Architecture]:
    """The presets, then one drawn from each part of the space by FLOPs, in an order spread over the range."""
    space = SearchSpace(BACKBONE)
    table = cost_table(BACKBONE, input_size=input_size)
    first = [preset for preset in PRESETS.values() if preset.backbone == BACKBONE and preset in space]
    by_flops = sorted(space.distinct(), key=lambda architecture: table.cost(architecture).flops)
    rng = np.random.default_rng(0)
    edges = np.linspace(0, len(by_flops), ARCHITECTURES - len(first) + 1, dtype=int)
    drawn = [by_flops[rng.integers(low, high)] for low, high in pairwise(edges)]
    spread = [drawn[index] for index in np.argsort([index * 0.618 % 1 for index in range(len(drawn))])]
    return [*first, *spread]


def measure(dataset: str, results: Path, workers: int, hours: float) -> None:
    """Train what the results do not have yet, until the time is up."""
    small = load_images(dataset, limit=None, seed=0, input_size=16)
    full = full_size(dataset)
    known = proxies(len(small.train_labels), full)
    done = {(row["proxy"], row["hash"], int(row["seed"])) for row in read(results)}
    table = cost_table(BACKBONE, num_classes=small.num_classes, input_size=full)
    jobs = [
        Job(0, proxy, architecture, seed)
        for parts in SEEDS
        for architecture in architectures(full)
        for proxy, seeds in parts.items()
        for seed in seeds
        if (proxy, architecture_hash(architecture), seed) not in done
        and not (proxy == "old" and known["old"] == known["new"])
    ]
    for index, job in enumerate(jobs):
        job.index = index
    until = time.monotonic() + 3600 * hours

    def waiting() -> Iterator[Job]:
        yield from jobs

    pool: WorkerPool[Job] = WorkerPool(partial(BothWays, dataset, known), ["cpu"] * workers)
    with closing(pool):
        for job, outcome in perform_all(pool, waiting()):
            if not isinstance(outcome, Trained):
                raise SystemExit(f"{job.proxy}, {job.architecture}: {outcome}")
            right, moving = outcome.right.decode().split("|")
            cost = table.cost(job.architecture)
            add(
                results,
                {
                    "proxy": job.proxy,
                    "seed": job.seed,
                    "hash": architecture_hash(job.architecture),
                    **{site: join_choice(getattr(job.architecture, site)) for site in SITE_NAMES},
                    "cost_params": cost.params,
                    "cost_flops": cost.flops,
                    "accuracy": f"{outcome.accuracy:.4f}",
                    "moving_average": moving.split()[-1],
                    "seconds": f"{outcome.seconds:.1f}",
                    "curve": " ".join(f"{value:.3f}" for value in outcome.curve),
                    "moving_average_curve": moving,
                    "losses": " ".join(f"{value:.4f}" for value in outcome.losses),
                    "right": right,
                },
            )
            print(
                f"{job.proxy}, seed {job.seed}: {outcome.accuracy:.2f} %, {outcome.seconds:.0f} s", flush=True
            )
            if time.monotonic() > until:
                return


def full_size(dataset: str) -> int:
    """Side in pixels of the full networks' input."""
    from cheapsearch.search.data import open_images

    return open_images(dataset, limit=None, seed=0).input_size


def read(results: Path) -> list[dict[str, str]]:
    if not results.exists():
        return []
    with results.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add(results: Path, row: dict[str, object]) -> None:
    new = not results.exists()
    with results.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", metavar="IMAGES")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hours", type=float, default=0.0)
    arguments = parser.parse_args()
    results = Path(__file__).with_name(f"proxy_{arguments.name}.csv")
    if arguments.hours:
        measure(arguments.images, results, arguments.workers, arguments.hours)


if __name__ == "__main__":
    from proxy_evidence import main as run  # type: ignore[import-not-found]  # by its name, so that workers find what is defined here

    run()
