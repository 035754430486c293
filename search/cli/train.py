"""`cheapsearch train`: one network under a full policy."""

import argparse
import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import ArchitectureConfig, UserError, find_architecture
from ...space.run_folder import RunFolder
from ...space.training_folder import TrainingFolder
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import add_training, given_policy

if TYPE_CHECKING:
    from ..training.loop import Epoch


def add(commands: Any) -> None:
    """Declare the command's flags."""
    train = commands.add_parser(
        "train",
        help="train one network under a full policy; again: go on",
        description="Train a preset or an exported architecture. With the same --out it goes on. Under "
        "torchrun several processes train it together.",
    )
    train.add_argument("arch", metavar="ARCH", help="a preset's name or an exported YAML")
    train.add_argument("--dataset", default="cifar10", metavar="DATA", help="as for run (default cifar10)")
    train.add_argument("--data-dir", type=Path, metavar="DIR", help="as for run")
    train.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="of the network (default: the data set's)"
    )
    train.add_argument("--seed", type=int, default=0, help="of weights and images (default 0)")
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="where its files go (default runs/ARCH-DATASET)"
    )
    add_training(train)


def perform(options: argparse.Namespace) -> int:
    """Train, printing every epoch, then the results."""
    from ..data import open_images
    from ..training.full import FullTrainer, TrainingJob
    from ..training.images import DataSource
    from ..training.loop import DivergedError
    from ..training.retrain import seeded_folder
    from ..training.team import join_team
    from ..workers.devices import available_cores, prepare_process, resolve_device
    from .console import make_console
    from .retrain_display import results_table

    console = make_console(stderr=options.json, markup=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.seeds < 1:
        raise UserError(f"--seeds: must be 1 or more, got {options.seeds}")
    found = find_architecture(options.arch)
    architecture = found.architecture if isinstance(found, ArchitectureConfig) else found
    name = f"{Path(options.arch).stem}-{Path(options.dataset).stem}"
    out = options.out or Path("runs") / name
    seeds = range(options.seed, options.seed + options.seeds)
    jobs = [
        TrainingJob(index, architecture, seed, seeded_folder(out, seed, options.seed))
        for index, seed in enumerate(seeds)
    ]
    device = resolve_device(options.device)
    with join_team() as team:

        def say(line: str) -> None:
            if team.leads:
                console.print(line, soft_wrap=True)

        begun = TrainingFolder(out).read_record()
        threads = begun.threads if begun else max(1, available_cores() // team.size)
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        prepare_process(device, threads=threads)
        size = open_images(
            options.dataset, data_dir=options.data_dir, seed=0, input_size=options.input_size, progress=say
        ).input_size
        policy = given_policy(options, dataset=options.dataset, input_size=size)
        source = DataSource(options.dataset, options.data_dir, options.input_size, options.seed)
        trainer = FullTrainer(source, policy, device, team=team, threads=threads, say=say)
        try:
            # Here and not before, so that a mistake leaves no folder.
            with RunFolder(out).locked() if team.leads else nullcontext():
                for job in jobs:
                    for epoch in trainer.train(job):
                        say(epoch_line(epoch, policy.epochs))
        except KeyboardInterrupt:
            return complain(
                "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
            )
        except DivergedError as error:
            return complain(f"{error}; try a lower --learning-rate in another --out", EXIT_FAILED)
        if team.leads:
            results = [result for job in jobs if (result := TrainingFolder(job.folder).read_result())]
            if options.json:
                print(json.dumps([result.to_dict() for result in results], indent=2))
            else:
                console.print(results_table(results))
                config, weights = out / "architecture.yaml", out / "best.safetensors"
                say(f'load     cheapsearch.load("{config}", weights="{weights}")')
    return 0


def epoch_line(epoch: "Epoch", epochs: int) -> str:
    """One epoch on one line."""
    return (
        f"epoch {epoch.epoch} of {epochs}  loss {epoch.train_loss:.4f}  "
        f"validation {epoch.val.top1:.2f} % (top-5 {epoch.val.top5:.2f} %)  lr {epoch.learning_rate:.4g}"
    )
