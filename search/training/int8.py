"""A trained network in int8: calibrated on its training images, measured on its validation images."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...devices.onnx_file import open_session, read_metadata, write_metadata
from ...devices.quantise import ENOUGH, quantise
from ...models import Network
from ...space import TrainingRecord, UserError, shown
from ..data import Images, OpenImages, Part, choose, handed, name_of, open_images
from .predict import known, scored_batches


@dataclass(frozen=True)
class Int8:
    """What int8 costs in accuracy; in percent of the validation images.

    Attributes:
        calibration_images: Training images that the ranges are from.
        val_images: Those measured on.
        top1: Accuracy of the file in int8.
        float_top1: Of the same file in float.
        same: How often both name the same class.
    """

    calibration_images: int
    val_images: int
    top1: float
    float_top1: float
    same: float


def write_int8(
    path: Path,
    out: Path,
    network: Network,
    record: TrainingRecord | None,
    *,
    dataset: Any = None,
    data_dir: Path | None = None,
    skip_corrupt: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Int8:
    """Write an exported ONNX file in int8, and measure both.

    Args:
        path: The file in float.
        network: What it is of.
        record: Of its training; None where that is not known.
        dataset: Where its images are, or what `handed` takes; None for where the training had them.
        data_dir: Where they are too.
        skip_corrupt: Leave images out that cannot be read, as the training did if it was told so.
        say: Called with a line of text while the data set is read.

    Raises:
        UserError: If the images cannot be found, or are not those that the network was trained on.
    """
    images = _images(network, record, dataset, data_dir, skip_corrupt, say)
    draw = np.random.RandomState(0).permutation(len(images.train.labels))[:ENOUGH]
    some = [pixels for pixels, _ in _batches(network, choose(images.train, draw))]
    quantise(path, out, np.concatenate(some))
    # On all cores, as `predict` is.
    sessions = [open_session(file, threads=0) for file in (path, out)]
    rows = []  # of an image: its class as float and int8 name it, and the right one
    for pixels, labels in _batches(network, images.val):
        scores = [session.run(None, {session.get_inputs()[0].name: pixels})[0] for session in sessions]
        rows.append(np.stack([*(some.argmax(1) for some in scores), labels]))
    exact, small, labels = np.concatenate(rows, axis=1)
    measured = Int8(
        calibration_images=len(draw),
        val_images=len(labels),
        top1=_percent(small == labels),
        float_top1=_percent(exact == labels),
        same=_percent(small == exact),
    )
    write_metadata(out, read_metadata(out) | {"int8": json.dumps(asdict(measured))})
    return measured


def _images(
    network: Network,
    record: TrainingRecord | None,
    dataset: Any,
    data_dir: Path | None,
    skip_corrupt: bool,
    say: Callable[[str], None],
) -> OpenImages:
    if record is None and dataset is None:
        raise UserError(
            "--dataset: must say where the images are that the network was trained on, as no training.yaml "
            "lies beside its weights"
        )
    if dataset is None:
        assert record is not None
        dataset, data_dir = record.dataset, data_dir or (Path(record.data_dir) if record.data_dir else None)
    images = handed(dataset) or os.fspath(dataset)
    opened = open_images(
        images,
        data_dir=data_dir,
        seed=0 if record is None else record.data_seed,
        input_size=network.input_size,
        progress=say,
        skip_corrupt=skip_corrupt,
    )
    if record is not None and opened.fingerprint != record.fingerprint:
        raise UserError(
            "--dataset: must be the images that the network was trained on, of fingerprint "
            f"{record.fingerprint}, got {shown(name_of(images))} of {opened.fingerprint}"
        )
    classes, _ = known(network)
    if tuple(opened.classes) != classes:
        raise UserError(
            f"--dataset: must have the classes of the network, {shown(name_of(images))} has others"
        )
    return opened


def _batches(network: Network, part: Part[Images]) -> Iterator[tuple[Any, Any]]:
    """Images as the network takes them, (N, 3, S, S) float32, and labels."""
    _, preprocessing = known(network)
    for pixels, labels in scored_batches(part, preprocessing, torch.device("cpu")):
        yield pixels.contiguous().numpy(), labels.numpy()


def _percent(right: Any) -> float:
    return 100.0 * float(np.mean(right))
