"""A trained network on images it has never seen, by the code that scored it in training."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import torch

from ...models import Network, load
from ...space import RETRAIN_FOLDER, Preprocessing, UserError, check_name, shown
from ...space.errors import nearest_path
from ...space.saved_run import RECORD_FILE
from ...space.training_folder import TrainingFolder
from ..data import (
    DATASETS,
    UNLABELLED,
    ByteArray,
    Images,
    IntArray,
    Part,
    find_files,
    image_name,
    open_images,
    open_test,
)
from ..workers.devices import available_cores, resolve_device
from .predictions import Prediction, Predictions
from .splits import EVALUATION_BATCH, Batch, MemorySplit
from .streaming import StreamedSplit
from .team import ALONE

__all__ = ["find_images", "known", "load_trained", "predict", "predictions"]

SPLITS = ("test", "val")
_TOP = 5
_MOST_WORKERS = 8


def predict(
    weights: Network | str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    split: str | None = None,
    data_dir: Path | None = None,
    skip_corrupt: bool = False,
    seed: int = 0,
    device: str = "auto",
    say: Callable[[str], None] = lambda line: None,
) -> Predictions:
    """Say which class each image is of.

    Args:
        weights: A file of weights that training left, the folder of a training, or a network that `load`
            made of one.
        images: Files and folders, or a data set as `--dataset` takes it. A folder's images are taken at
            any depth; they have labels where all lie in folders that are classes of the network.
        split: `test` or `val` of a data set; None for the images of files and folders as they are, and
            for the test split of a data set that is neither.
        data_dir: Where the data set lies, None for its own default.
        skip_corrupt: Leave images of a data set's split out that cannot be read, as a training did that was
            told so; otherwise they are said to have failed.
        seed: Of the validation split, where the data set has none of its own.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        say: Called with a line of text while a data set is read.

    Raises:
        UserError: If weights or images cannot be found, the network does not know its classes and
            preprocessing, or the data set has other classes. A file that is no image is no error, but said in
            its prediction.
    """
    network = deepcopy(weights) if isinstance(weights, Network) else load_trained(weights)
    classes, _ = known(network)
    part = find_images(
        network, images, split=split, data_dir=data_dir, skip_corrupt=skip_corrupt, seed=seed, say=say
    )
    return Predictions(classes, tuple(predictions(network, part, device=resolve_device(device))))


def load_trained(path: str | Path) -> Network:
    """The network of a file of weights, or of the folder of a training.

    Raises:
        UserError: If it cannot be read, or does not know its classes and preprocessing.
    """
    file = Path(path)
    if file.is_dir():
        if (file / RECORD_FILE).is_file():
            raise UserError(
                f"WEIGHTS: must be of a training, and '{shown(path)}' is a run, whose trials keep "
                f"no weights; `cheapsearch retrain {shown(path)}` trains its front, into "
                f"{RETRAIN_FOLDER}/ there"
            )
        folder = TrainingFolder(file)
        folder.read_record()  # and with it the operations that it was trained with
        file = folder.weights_path
    if file.suffix != ".safetensors":
        raise UserError(
            f"WEIGHTS: must be a .safetensors file that training left, got '{shown(path)}'"
            f"{nearest_path(path)}"
        )
    network = load(file)
    known(network)
    return network


def known(network: Network) -> tuple[tuple[str, ...], Preprocessing]:
    """Classes and preprocessing of a network.

    Raises:
        UserError: If it does not know them.
    """
    if network.classes is None or network.preprocessing is None:
        raise UserError(
            "WEIGHTS: must know their classes and preprocessing, as those of `cheapsearch train` do, and "
            "these do not; train again"
        )
    return network.classes, network.preprocessing


def find_images(
    network: Network,
    images: str | Path | Sequence[str | Path],
    *,
    split: str | None = None,
    data_dir: Path | None = None,
    skip_corrupt: bool = False,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Part[Images]:
    """The images and labels, -1 where there is none; arguments and errors are those of `predict`."""
    classes, preprocessing = known(network)
    several = isinstance(images, Iterable) and not isinstance(images, (str, Path))
    given: list[Any] = list(images) if several else [images]  # type: ignore[arg-type]
    odd = [one for one in given if not isinstance(one, (str, PathLike))]
    if odd:
        raise UserError(
            f"IMAGES: must be paths of files and folders, or one data set, got {type(odd[0]).__name__}; the "
            "network that `cheapsearch.load` gives takes images in memory"
        )
    if split is not None:
        check_name("--split", split, SPLITS)
    datasets = given if split is not None else [one for one in given if _is_dataset(str(one))]
    if not datasets:
        return find_files(given, classes, grey_bits=preprocessing.grey_bits)
    if len(given) != 1:
        raise UserError(
            f"IMAGES: must be files and folders, or one data set, got {len(given)} with the data set "
            f"'{shown(datasets[0])}'; give it alone"
        )
    dataset = str(given[0])
    where: dict[str, Any] = {"data_dir": data_dir, "skip_corrupt": skip_corrupt, "progress": say}
    opened = open_images(dataset, **where, seed=seed)
    if [normalize("NFC", name) for name in opened.classes] != [normalize("NFC", name) for name in classes]:
        raise UserError(
            f"IMAGES: must have the classes of the network, {_listed(classes)}, got "
            f"{_listed(opened.classes)}; leave --split out to predict the files of a folder"
        )
    return opened.val if split == "val" else open_test(dataset, **where)


@torch.no_grad()
def predictions(network: Network, part: Part[Images], *, device: str) -> Iterator[Prediction]:
    """What the network says of each image, in order, a batch at a time.

    Args:
        network: One that knows its classes and preprocessing; it is moved to the device.
        device: A torch device.

    Raises:
        UserError: If the network's answers are no numbers.
    """
    classes, preprocessing = known(network)
    network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    readable = _Readable.of(part)
    count = 0
    for images, labels in scored_batches(Part(readable, part.labels), preprocessing, torch.device(device)):
        answers = network(images)
        if not torch.isfinite(answers).all():
            raise UserError("WEIGHTS: must answer with finite numbers, and these do not; train again")
        best = answers.argmax(1).tolist()
        shares = answers.softmax(1)
        first = answers.topk(min(_TOP, len(classes))).indices
        likely = zip(first.tolist(), shares.gather(1, first).tolist(), strict=True)
        for row, (label, (indices, probabilities)) in enumerate(zip(labels.tolist(), likely, strict=True)):
            index = count + row
            named = image_name(part.images, index)
            right = None if label == UNLABELLED else classes[label]
            if readable.failed[index]:
                yield Prediction(named, None, None, (), right, readable.reason(index))
                continue
            top = tuple((classes[at], share) for at, share in zip(indices, probabilities, strict=True))
            yield Prediction(named, classes[best[row]], shares[row, best[row]].item(), top, right)
        count += len(labels)


def scored_batches(part: Part[Images], preprocessing: Preprocessing, device: torch.device) -> Iterator[Batch]:
    """The batches that training scores, without having all images in memory."""
    if preprocessing.resize == "square":
        for some in torch.split(torch.arange(len(part.labels)), EVALUATION_BATCH):
            pixels = part.images.read(some.numpy(), preprocessing.input_size)
            split = MemorySplit.prepared(pixels, part.labels[some.numpy()], preprocessing, device)
            yield from split.evaluation_batches(ALONE)
    else:
        many = len(part.labels) > EVALUATION_BATCH
        workers = min(available_cores(), _MOST_WORKERS) if many else 0
        yield from StreamedSplit.of(part, preprocessing, device, workers=workers).evaluation_batches(ALONE)


@dataclass(frozen=True, eq=False)
class _Readable:
    """Images of which those that cannot be read are black, and marked.

    Attributes:
        failed: Of each image, whether it cannot be read; in memory that data workers share.
    """

    images: Images
    failed: torch.Tensor

    @classmethod
    def of(cls, part: Part[Images]) -> "_Readable":
        failed = torch.zeros(len(part.labels), dtype=torch.bool)
        return cls(part.images, failed.share_memory_())  # type: ignore[no-untyped-call]

    def read(self, indices: IntArray, size: int, progress: Callable[[str], None] | None = None) -> ByteArray:
        try:
            return self.images.read(indices, size, progress)
        except UserError:
            return np.concatenate([self._read_one(indices[at : at + 1], size) for at in range(len(indices))])

    def original(self, index: int) -> ByteArray:
        try:
            return self.images.original(index)
        except UserError:
            self.failed[index] = True
            return np.zeros((1, 1, 3), dtype=np.uint8)

    def reason(self, index: int) -> str:
        """Why an image cannot be read."""
        try:
            self.images.original(index)
        except UserError as error:
            cause = error.__cause__ or error
            return shown(" ".join(str(cause).split())) or type(cause).__name__
        return "cannot be decoded"

    def _read_one(self, index: IntArray, size: int) -> ByteArray:
        try:
            return self.images.read(index, size)
        except UserError:
            self.failed[int(index[0])] = True
            return np.zeros((1, size, size, 3), dtype=np.uint8)


def _is_dataset(name: str) -> bool:
    return name in DATASETS or name.lower().endswith(".npz")


def _listed(names: Sequence[str]) -> str:
    some = ", ".join(shown(name) for name in names[:5])
    return f"{some} and {len(names) - 5} more" if len(names) > 5 else some
