"""What is exported: the trial of a run, a preset, a config or a trained network, with its weights."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ... import __version__
from ...devices.export import Exported, export_network
from ...devices.formats import FORMATS, RANDOM, TRAINED
from ...models import Network, build, describe, load, read_weights_config
from ...models.model_card import dataset_name
from ...space import (
    RETRAIN_FOLDER,
    ArchitectureConfig,
    RunRecord,
    TrainingRecord,
    TrialRecord,
    UserError,
    check_name,
    default_rule,
    flag,
    shown,
    write_bytes,
)
from ...space import pick as picked
from ...space.config import sized_architecture
from ...space.errors import nearest
from ...space.provenance import now
from ...space.saved_run import SavedRun, load_run
from ...space.training_folder import TrainingFolder
from ..training.int8 import write_int8

__all__ = ["export", "export_trial", "find_source"]


@dataclass(frozen=True)
class Source:
    """What is exported.

    Attributes:
        config: With the classes, preprocessing and origin that are known.
        weights: The file of its trained weights, None where there is none.
    """

    config: ArchitectureConfig
    weights: Path | None = None

    @property
    def kind(self) -> str:
        """What its weights are: `trained` or `random`."""
        return RANDOM if self.weights is None else TRAINED

    @property
    def record(self) -> TrainingRecord | None:
        """Of the training that left the weights, None where its folder is not known."""
        folder = None if self.weights is None else TrainingFolder(self.weights.parent)
        return folder.read_record() if folder is not None and folder.weights_path == self.weights else None

    def network(self) -> Network:
        """With its trained weights, else with the same fresh ones every time."""
        if self.weights is not None:
            return load(self.weights)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build(
                self.config.architecture,
                num_classes=self.config.num_classes,
                input_size=self.config.input_size,
            )


def export(
    source: str | Path,
    out: str | Path | None = None,
    *,
    format: str | None = None,
    deploy: bool = False,
    pick: str | None = None,
    num_classes: int | None = None,
    input_size: int | None = None,
    int8: bool = False,
    dataset: Any = None,
    data_dir: str | Path | None = None,
    skip_corrupt: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write an architecture or a network as a file, and run a graph once it is written.

    Args:
        source: The folder of a run or a training, a file of weights, a preset's name or an exported YAML.
        out: The file; None for one here that is called as the source is.
        format: One of `devices.formats.FORMATS`; None for what `out` ends in, else yaml.
        deploy: Whether a graph is that of the deploy form.
        pick: Which trial of a run, as for `space.pick`. Other formats than yaml have the weights of its best
            retraining, or random ones where there is none.
        num_classes: Of a preset or a YAML; None for its own, else 10.
        input_size: Likewise, else 32.
        int8: Whether an ONNX file is in int8, calibrated on the images that the network was trained on.
        dataset: Where these are, or what `handed` takes of images in memory; None for where the training had
            them.
        data_dir: Where they are too.
        skip_corrupt: Leave images out that cannot be read, where the training did.
        say: Called with a line of text while they are read.

    Raises:
        UserError: If an argument does not fit, images cannot be found, or packages are missing.
        MismatchError: If a file does not answer as its network does.
        OSError: If it cannot be written.
    """
    format = chosen_format(format, out)
    if int8 and format != "onnx":
        raise UserError(f"--int8: is of onnx files, got the format {format}; add --format onnx")
    if not int8 and (dataset is not None or data_dir is not None or skip_corrupt):
        raise UserError("--dataset: is for --int8, which calibrates on images; leave it out, or add --int8")
    found = find_source(
        source, pick=pick, num_classes=num_classes, input_size=input_size, weighed=format != "yaml"
    )
    if int8 and found.weights is None:
        raise UserError(f"--int8: must be of a trained network, {shown(source)} has random weights; train it")
    path = Path(out) if out is not None else Path(f"{Path(source).absolute().stem}.{FORMATS[format].ending}")
    if not path.absolute().parent.is_dir():  # before anything is computed
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    network = found.network()
    given: dict[str, Any] = {"format": format, "deployed": deploy, "weights": found.kind}
    if not int8:
        return export_network(network, found.config, path, **given)
    with TemporaryDirectory() as folder:
        exact = export_network(network, found.config, Path(folder) / "float.onnx", **given)
        small = Path(folder) / "int8.onnx"
        measured = write_int8(
            exact.path,
            small,
            network,
            found.record,
            dataset=dataset,
            data_dir=None if data_dir is None else Path(data_dir),
            skip_corrupt=skip_corrupt,
            say=say,
        )
        write_bytes(path, small.read_bytes())
    return replace(exact, path=path, int8=asdict(measured))


def chosen_format(asked: str | None, out: str | Path | None) -> str:
    """The format asked for, else what a file ends in, else yaml where that is nothing.

    Raises:
        UserError: If there is no such format.
    """
    if asked is not None:
        return check_name("--format", asked, FORMATS)
    ending = Path(out or "").suffix[1:].lower()
    if ending in ("", "yml"):
        return "yaml"
    by_ending = {known.ending: name for name, known in FORMATS.items()}
    if ending not in by_ending:
        raise UserError(
            f"--output: must end in one of {', '.join(by_ending)}, or --format say one of "
            f"{', '.join(FORMATS)}, got {shown(out)}{nearest(ending, by_ending)}"
        )
    return by_ending[ending]


def find_source(
    source: str | Path,
    *,
    pick: str | None = None,
    num_classes: int | None = None,
    input_size: int | None = None,
    weighed: bool = True,
) -> Source:
    """What RUN, ARCH or TRAINING means.

    Args:
        source: The folder of a run or a training, a file of weights, a preset's name or an exported YAML.
        pick: Which trial of a run, as for `space.pick`.
        num_classes: Of a preset or a YAML; None for its own, else 10.
        input_size: Likewise, else 32.
        weighed: Whether the best weights of the trial are looked for, where a run was retrained.

    Raises:
        UserError: If there is no such thing, it is damaged, or an argument does not apply to it.
    """
    path = Path(source)
    folder = TrainingFolder(path)
    sizes = {"num_classes": num_classes, "input_size": input_size}
    trained = path.suffix == ".safetensors" or folder.record_path.exists()
    if pick is not None and (trained or not path.is_dir()):
        raise UserError(f"--pick: chooses from a run folder, {shown(source)} is none; leave it out")
    if trained or path.is_dir():
        for name, value in sizes.items():
            if value is not None:
                owner = "training" if trained else "run"
                raise UserError(f"{flag(name)}: is the {owner}'s own; leave it out for a {owner} folder")
    if trained:
        if path.is_dir():
            folder.read_record()  # and with it the operations that it was trained with
        return _of_weights(folder.weights_path if path.is_dir() else path)
    if path.is_dir():
        return _of_run(load_run(path), pick, weighed=weighed)
    return Source(_of_architecture(str(source), **sizes))


def export_trial(
    record: RunRecord, trials: Sequence[TrialRecord], rule: str | None, *, run_name: str, least: float | None
) -> ArchitectureConfig:
    """Choose a trial of a run and describe its network.

    It has the names of the classes and the input size, but no preprocessing: that belongs to weights, a
    search keeps none, and it has seen the images at the proxy's size alone.

    Args:
        rule: As for `space.pick`; None for the most accurate one where a cost is limited, and the
            knee of the front where none is.
        least: Accuracy in percent below which a network is worth nothing, where there is one.

    Raises:
        UserError: If the rule is unknown or no trial is complete.
    """
    settings = record.settings
    rule = rule or default_rule(settings.limits)
    trial = picked(trials, rule, settings.objectives, reference_accuracy=least)
    return describe(
        trial.architecture,
        num_classes=record.num_classes,
        input_size=record.input_size,
        version=__version__,
        origin={
            "run": run_name,
            "trial": trial.number,
            "pick": rule,
            "proposed_by": trial.origin,
            "proxy_accuracy": trial.accuracy,
            **({"rung": trial.rung} if trial.rung > 1 else {}),
            "proxy": dict(settings.proxy),
            "data": dataset_name(settings.dataset),
            "fingerprint": record.fingerprint,
            "seed": settings.seed,
            "exported": now(),
        },
        classes=record.classes,
    )


def _of_weights(path: Path) -> Source:
    if not path.exists():
        raise UserError(
            f"WEIGHTS: must be there, {shown(path)} is not; a training writes it when it ends, go on with it"
        )
    config = read_weights_config(path)
    if config is None:
        raise UserError(f"WEIGHTS: must say what they are of, {shown(path)} does not; train again")
    origin = dict(config.origin)
    if isinstance(origin.get("trained_on"), str):
        origin["trained_on"] = dataset_name(origin["trained_on"])
    return Source(replace(config, origin=origin), path)


def _of_run(run: SavedRun, rule: str | None, *, weighed: bool) -> Source:
    config = export_trial(run.record, run.trials, rule, run_name=run.path.resolve().name, least=run.worthless)
    weights = _retrained(run, config.hash) if weighed else None
    if weights is None:
        return Source(config)
    own = _of_weights(weights).config
    return Source(replace(own, origin={**config.origin, **own.origin}), weights)


def _retrained(run: SavedRun, name: str) -> Path | None:
    """The weights of the best retraining of a network, None where there is none that has ended."""
    best: tuple[float, Path] | None = None
    for path in sorted((run.path / RETRAIN_FOLDER).glob("*/")):
        folder = TrainingFolder(path)
        result = folder.read_result()
        # Not by the trial's number: it may have been trained at another width.
        if result is None or result.settings.hash != name:
            continue
        if best is None or result.val_score > best[0]:
            best = result.val_score, folder.weights_path
    return None if best is None else best[1]


def _of_architecture(
    reference: str, *, num_classes: int | None, input_size: int | None
) -> ArchitectureConfig:
    architecture, num_classes, input_size = sized_architecture(reference, num_classes, input_size)
    return describe(
        architecture,
        num_classes=num_classes,
        input_size=input_size,
        version=__version__,
        origin={"source": Path(reference).name},
    )
