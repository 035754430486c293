"""A full training of one network from Python: what `cheapsearch train` does."""

import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from ...space import Architecture, UserError, text
from ...space.config import named_architecture
from ...space.errors import check_arguments
from ...space.training_folder import read_results
from ..data import dataset_name, handed, name_of
from ..results import TrainResult
from ..training.full import TrainingJob
from ..training.images import DataSource
from ..training.loop import Epoch
from ..training.one_by_one import train_one_by_one
from ..training.policy import Policy
from ..training.retrain import (
    seeded_folder,
)
from ..workers.devices import resolve_device
from .progress import ProgressBar
from .telling import POLICY_FIELDS, Say, nothing


def train(
    arch: Architecture | str | PathLike[str],
    *,
    dataset: Any = "cifar10",
    data_dir: str | PathLike[str] | None = None,
    input_size: int | None = None,
    skip_corrupt: bool = False,
    seed: int = 0,
    out: str | PathLike[str] | None = None,
    seeds: int = 1,
    device: str = "auto",
    threads: int | None = None,
    pretrained: str = "none",
    weights: str | PathLike[str] | None = None,
    policy: str | None = None,
    progress: bool | None = None,
    on_epoch: Callable[[Epoch, Policy], None] = nothing,
    say: Say | None = None,
    **changes: Any,
) -> TrainResult:
    """Train one network under a full policy, or go on with that.

    Under torchrun every process calls this, and they train it together; the first one alone is told of
    anything.

    Args:
        arch: An architecture, a preset's name, or the path of an exported YAML.
        dataset: As for `run`, where it may be images themselves too, and `data_dir`.
        input_size: Side of the network's input in pixels, None for the data set's.
        skip_corrupt: Leave images out that cannot be read, as for `run`.
        out: Where its files go, None for runs/ARCH-DATASET.
        seeds: How often to train it, counting from `seed`.
        threads: How many compute on a CPU, None for one per core that this process may use; a training that
            goes on keeps what it began with.
        pretrained: Weights to begin with, as for `run`; `weights` too.
        policy: Name of a policy, None for that of the data set or, with pretrained weights, `finetune`.
        progress: Whether to show a bar on stderr; None for in a notebook and at a terminal.
        on_epoch: Called with every epoch as its checkpoint is written, and the policy.
        say: Called with a line of text while data is read; None for above the bar.
        changes: Fields of the policy to change, by name.

    Raises:
        UserError: If an argument is unknown or invalid, or the folder holds another training.
        DivergedError: If the loss is not finite.
    """
    check_arguments(train, changes, POLICY_FIELDS)
    if seeds < 1:
        raise UserError(f"--seeds: must be 1 or more, got {seeds}")
    if threads is not None and threads < 1:
        raise UserError(f"--threads: must be 1 or more, got {threads}")
    architecture, _ = named_architecture(arch)
    images = handed(dataset) or os.fspath(dataset)
    folder = default_training_folder(arch, name_of(images)) if out is None else Path(out)
    place = None if data_dir is None else Path(data_dir)
    jobs = [
        TrainingJob(index, architecture, number, seeded_folder(folder, number, seed))
        for index, number in enumerate(range(seed, seed + seeds))
    ]
    source = DataSource(images, place, input_size, seed, skip_corrupt)
    bar = ProgressBar(progress, "epochs")
    trainings = train_one_by_one(
        jobs,
        source,
        policy=policy,
        changes=changes,
        pretrained=pretrained,
        weights=None if weights is None else Path(weights),
        device=resolve_device(device),
        threads=threads,
        say=say or bar.say,
    )
    with bar:
        for epoch, full in trainings:
            bar.at(epoch.epoch, full.epochs, f"{text.percent(epoch.val.score)} %")
            on_epoch(epoch, full)
    return TrainResult(folder, read_results(job.folder for job in jobs))


def default_training_folder(arch: Architecture | str | PathLike[str], dataset: str | PathLike[str]) -> Path:
    """runs/ARCH-DATASET; errors are those of `train`."""
    return Path("runs") / f"{named_architecture(arch)[1]}-{dataset_name(os.fspath(dataset))}"
