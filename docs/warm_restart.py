"""Whether a longer training should go on from a shorter one's weights: part of docs/search.md.

    python docs/warm_restart.py docs/rungs_cifar10 --dataset cifar10.npz --networks 12

Networks that `rungs_table.py` trained with its default proxy for 1, 4 and 16 epochs from fresh weights are
trained once more: 1 epoch, and from there, with the schedule begun anew, 3 epochs (as long in all as 4 fresh
ones), and from the first again 4 (what 4 fresh ones cost where 1 epoch was trained anyway). Printed is how
accurate they are, and how well each ranks networks as 16 epochs do.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rungs_table import networks, read  # type: ignore[import-not-found]

from cheapsearch.models import build, cost_table
from cheapsearch.search.data import load_images
from cheapsearch.search.training.loop import TrainingState, train
from cheapsearch.search.training.proxy import CPU, Proxy, fitted
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.space import Architecture, SearchSpace, architecture_hash
from cheapsearch.space.agreement import rank_agreement

SPACE = SearchSpace("mobilenet_v2")
OWN: dict[str, Any] = {"epochs": 1, "width": 0.25, "input_size": 12, "batch_size": 32, "learning_rate": 0.035}
MORE = (3, 4)  # epochs from the weights of the first


def restarted(trainer: ProxyTrainer, proxy: Proxy, network: Architecture, more: int, *, seed: int) -> float:
    """Accuracy in percent after an epoch, and so many more with a schedule of their own."""
    torch.manual_seed(seed)
    narrow = replace(network, width=proxy.network_width(network.width))
    layout = proxy.layout(network)
    built = build(narrow, num_classes=trainer.num_classes, input_size=proxy.input_size, layout=layout)
    accuracy = 0.0
    for part, epochs in enumerate((1, more)):
        recipe = trainer.recipe(epochs)
        state = TrainingState(built, recipe, seed=seed + part)
        *_, last = train(state, trainer.train_split, trainer.val_split, recipe)
        accuracy = last.val.score
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME", type=Path)
    parser.add_argument("--dataset", metavar="IMAGES", required=True)
    parser.add_argument("--networks", type=int, default=12)
    given = parser.parse_args()
    fresh: dict[str, dict[int, float]] = {}
    for name, rung, seed, accuracy, *_ in read(given.name.with_name(given.name.name + ".results.csv")):
        if seed == "0":
            fresh.setdefault(name, {})[int(rung)] = float(accuracy)
    proxy = fitted(replace(CPU, **OWN), OWN, SPACE, 32)
    data = load_images(given.dataset, limit=proxy.images, seed=0, input_size=proxy.input_size)
    trainer = ProxyTrainer(data, proxy, "cpu")
    table = cost_table("mobilenet_v2", num_classes=10, input_size=32)
    whole = [n for n in networks(SPACE, table, 96) if len(fresh.get(architecture_hash(n), {})) == 3]
    found: dict[str, list[float]] = {
        "1 fresh": [],
        "4 fresh": [],
        **{f"1 and {more} more": [] for more in MORE},
    }
    longest = []
    for network in whole[: given.networks]:
        known = fresh[architecture_hash(network)]
        longest.append(known[16])
        found["1 fresh"].append(known[1])
        found["4 fresh"].append(known[4])
        for more in MORE:
            found[f"1 and {more} more"].append(restarted(trainer, proxy, network, more, seed=0))
        print({name: round(values[-1], 2) for name, values in found.items()}, known[16], flush=True)
    for name, values in found.items():
        ranks = rank_agreement(values, longest)
        mean = sum(values) / len(values)
        tau = "" if ranks is None else f", Kendall {ranks.kendall.value:.2f} with 16 epochs"
        print(f"{name}: {mean:.1f} % in the mean of {len(values)}{tau}")


if __name__ == "__main__":
    main()
