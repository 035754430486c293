"""What deploying saves of the published networks: parameters, multiply-adds, and time of an answer.

    python docs/deploy_table.py

Prints the rows of the tables in docs/deploy.md. Times are of one image on one thread, medians of rounds in
which both forms answer in turn; their ratio stands when other work runs beside.
"""

from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

from cheapsearch.models import build, count, deploy
from cheapsearch.space import PRESETS

SETTINGS = ((100, 32), (1000, 224))  # classes and pixels
ROUNDS = 60
WARM_UP = 5


def milliseconds(networks: list[nn.Module], x: Tensor) -> list[float]:
    """Of an answer of each network."""
    rounds: list[list[float]] = []
    with torch.inference_mode():
        for _ in range(WARM_UP + ROUNDS):
            times = []
            for network in networks:
                start = perf_counter()
                network(x)
                times.append(1000 * (perf_counter() - start))
            rounds.append(times)
    return [median(times) for times in zip(*rounds[WARM_UP:], strict=True)]


def row(name: str, classes: int, pixels: int) -> str:
    """Of both forms of a preset."""
    torch.manual_seed(0)
    network = build(name, num_classes=classes, input_size=pixels).eval()
    cost = count(network)
    trained, deployed = milliseconds([network, deploy(network)], torch.randn(1, 3, pixels, pixels))
    params = f"{cost.params:,} → {cost.deploy_params:,}"
    flops = f"{cost.flops / 1e6:.2f} M → {cost.deploy_flops / 1e6:.2f} M"
    return f"| `{name}` | {params} | {flops} | {trained:.1f} → {deployed:.1f} ms | {trained / deployed:.2f} |"


def main() -> None:
    torch.set_num_threads(1)
    for classes, pixels in SETTINGS:
        print(f"\n{classes} classes, {pixels} x {pixels} pixels\n")
        for name in PRESETS:
            print(row(name, classes, pixels), flush=True)


if __name__ == "__main__":
    main()
