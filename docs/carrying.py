"""What carrying pretrained weights into cheap operations is worth: part of docs/pretrained.md.

    python docs/carrying.py cifar10.npz clothing

trains torchvision's unmodified V2, at width 0.35 on 16-px images, for 14 epochs on the first data set. Then
every operation of the table, on 1,000 images of the second for 6 epochs: with fresh weights, with those of
the layers that it leaves as they are, and with what `models.carrying.CARRIED` carries besides. Printed is the
accuracy in percent on the second data set's validation images.
"""

import argparse
from collections.abc import Mapping
from unittest import mock

import torch

from cheapsearch.models import Network, build
from cheapsearch.models.carrying import CARRIED, Rule, carry
from cheapsearch.search.data import ImageData, channel_statistics, load_images
from cheapsearch.search.training.loop import TrainingState, train
from cheapsearch.search.training.recipe import Recipe
from cheapsearch.search.training.splits import MemorySplit
from cheapsearch.space import Architecture, get_backbone

BACKBONE, WIDTH, SIZE, STRIDES_OF = "mobilenet_v2_torchvision", 0.35, 16, 32
IMAGES = 1000  # of the second data set
SOURCE = Recipe(
    epochs=14,
    batch_size=64,
    learning_rate=0.05,
    warmup_epochs=1,
    weight_decay=5e-4,
    padding=2,
    max_gradient_norm=2.0,
)
TUNED = Recipe(
    epochs=6,
    batch_size=32,
    learning_rate=0.02,
    warmup_epochs=1.2,
    weight_decay=1e-4,
    padding=2,
    max_gradient_norm=2.0,
    statistics_images=500,
)
NETWORKS: dict[str, dict[str, str]] = {
    "unmodified": {},
    "expand reuse": {"expand": "reuse"},
    **{
        f"{site} {operation}": {site: operation} for site, operation in CARRIED if operation != "conv_shuffle"
    },
}


def splits(data: ImageData, mean: torch.Tensor, std: torch.Tensor) -> tuple[MemorySplit, MemorySplit]:
    cpu = torch.device("cpu")
    return (
        MemorySplit.of(data.train_images, data.train_labels, mean, std, cpu),
        MemorySplit.of(data.val_images, data.val_labels, mean, std, cpu),
    )


def made(classes: int, seed: int, **operations: str) -> Network:
    torch.manual_seed(seed)
    layout = get_backbone(BACKBONE).layout(WIDTH, STRIDES_OF)
    architecture = Architecture(BACKBONE, WIDTH, **operations)
    return build(architecture, num_classes=classes, input_size=SIZE, layout=layout)


def accuracy(network: Network, images: tuple[MemorySplit, MemorySplit], recipe: Recipe, seed: int) -> float:
    *_, last = train(TrainingState(network, recipe, seed=seed), *images, recipe)
    return last.val.top1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a data set to pretrain on")
    parser.add_argument("target", help="a data set to tune on")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = load_images(given.source, size=SIZE, seed=0)
    target = load_images(given.target, size=SIZE, limit=IMAGES, seed=0)
    mean, std = channel_statistics(source.train_images)
    trained = made(source.num_classes, 0)
    print(f"source: {accuracy(trained, splits(source, mean, std), SOURCE, 0):.1f} %", flush=True)
    images = splits(target, mean, std)
    for name, operations in NETWORKS.items():
        for seed in range(given.seeds):
            found = []
            tables: tuple[Mapping[tuple[str, str], Rule] | None, ...] = (None, {}, CARRIED)
            for table in tables:
                network = made(target.num_classes, seed, **operations)
                if table is not None:
                    with mock.patch("cheapsearch.models.carrying.CARRIED", table):
                        carry(network, trained, classifier=False)
                found.append(accuracy(network, images, TUNED, seed))
            print(f"{name:24} seed {seed}  " + "  ".join(f"{value:5.1f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
