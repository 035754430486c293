"""Trainings of one network after another, by this process or by all that torchrun started."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...models.pretrained import wanted_weights
from ...space import is_pretrained
from ...space.run_folder import RunFolder
from ...space.training_folder import TrainingFolder
from ..data import open_images
from ..workers.devices import available_cores, prepared
from .full import FullTrainer, TrainingJob, trained_architecture
from .images import DataSource
from .loop import Epoch
from .policies import changed_policy
from .policy import Policy
from .team import join_team


def train_one_by_one(
    jobs: Sequence[TrainingJob],
    source: DataSource,
    *,
    policy: str | None,
    changes: Mapping[str, Any],
    pretrained: str = "none",
    weights: Path | None = None,
    device: str,
    threads: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[tuple[Epoch, Policy]]:
    """Train, or go on, giving every epoch as its checkpoint is written; the first process alone gives any.

    Args:
        jobs: The first one's folder is held meanwhile.
        policy: Name of a policy, None for that of the data set.
        changes: Fields of the policy to change, by name.
        pretrained: Weights that trainings begin with, as `wanted_weights` takes them; `weights` too.
        device: A torch device; `cuda` is this process's own.
        threads: How many compute in each process on a CPU, None for the cores there are.
        say: Called with a line of text about images and policy, in the first process alone.

    Raises:
        UserError: If the images cannot be read, or a folder holds another training.
        DivergedError: If the loss is not finite.
    """
    folder = jobs[0].folder
    with join_team() as team:
        tell = say if team.leads else lambda line: None
        begun = TrainingFolder(folder).read_record()
        cores = max(1, available_cores() // team.size)
        if begun is not None:
            threads = begun.threads
            if source.input_size is None:
                source = replace(source, input_size=begun.input_size)
        elif threads is None:
            threads = cores
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        with prepared(device, threads=threads):
            images = open_images(
                source.dataset,
                data_dir=source.data_dir,
                seed=0,
                input_size=source.input_size,
                progress=tell,
                skip_corrupt=source.skip_corrupt,
            )
            if begun is None and images.summary is not None:
                for line in images.summary.lines():
                    tell(line)
            full = changed_policy(
                policy,
                changes,
                dataset=source.name,
                input_size=images.input_size,
                images=len(images.train.labels),
                cores=cores,
                pretrained=is_pretrained(pretrained, weights),
                say=tell,
            )
            if not team.leads:
                team.wait()  # until the first process has downloaded them
            found = wanted_weights(trained_architecture(jobs[0].architecture, full), pretrained, weights)
            if team.leads:
                team.wait()
            trainer = FullTrainer(
                source, full, device, pretrained=found, team=team, threads=threads, say=tell
            )
            # Locked here and not before, so that a mistake leaves no folder.
            with RunFolder(folder).locked() if team.leads else nullcontext():
                for job in jobs:
                    for epoch in trainer.train(job):
                        if team.leads:
                            yield epoch, full
