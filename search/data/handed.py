"""Images that a caller has in Python already: arrays of them, or a map-style Dataset of torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
import torch
from PIL import Image

from ...devices.label import to_rgb
from ...space import UserError
from ...space.config import check_classes
from .array_checks import check_images, check_known, check_labels, count_classes
from .image_data import ByteArray
from .measure import default_input_size
from .pool import ArrayImages, ListedImages, Part, Pool, fingerprint_arrays, sizes_of
from .split import IntArray
from .split_names import split_of
from .summary import SPLITS, Seen, Sizes

HANDED = "arrays"  # the name of all of them, in run.yaml and in the names of folders
VAL_FRACTION = 0.2
_FORMS = "a pair (images, labels), a map-style Dataset, or {'train': ..., 'val': ..., 'test': ...} of them"

HandedImages = ArrayImages | ListedImages


@dataclass(frozen=True, eq=False)
class HandedData:
    """Images in memory, with their labels; a worker gets them as they are.

    Attributes:
        parts: By split, `train` and perhaps `val` and `test`.
        classes: Names by label.
        origins: By split, what it was made of.
    """

    parts: Mapping[str, Part[HandedImages]]
    classes: tuple[str, ...]
    origins: Mapping[str, str]

    @cached_property
    def fingerprint(self) -> str:
        """Of the training and validation images: an archive of the same arrays has the same."""
        known = [self.parts[split] for split in ("train", "val") if split in self.parts]
        arrays: list[ByteArray | IntArray] = []
        for part in known:
            arrays += [*_arrays(part.images), part.labels]
        return fingerprint_arrays(*arrays)

    @property
    def pool(self) -> Pool:
        """What it offers; a fifth of the training images are for validation where it has none for that."""
        train, test = self.parts["train"], self.parts.get("test")
        images = train.images
        sizes = sizes_of(images.array) if isinstance(images, ArrayImages) else _sizes(images)
        drawn = (
            {} if "val" in self.parts else {"val": f"{VAL_FRACTION:.0%} of the training images, by the seed"}
        )
        origins = {**self.origins, **drawn}
        return Pool(
            train=train,
            val=self.parts.get("val"),
            open_test=self._open_test,
            classes=self.classes,
            input_size=default_input_size(sizes.shorter_side),
            val_fraction=VAL_FRACTION,
            fingerprint=self.fingerprint,
            seen=Seen(
                origins={split: origins[split] for split in SPLITS if split in origins},
                sizes=sizes,
                test_images=None if test is None else len(test.labels),
            ),
        )

    def _open_test(self) -> Part[HandedImages]:
        if "test" not in self.parts:
            raise UserError("--dataset: must have test images for a test accuracy, got none: add 'test'")
        return self.parts["test"]


def _arrays(images: HandedImages) -> tuple[ByteArray, ...]:
    """All pixels."""
    return (images.array,) if isinstance(images, ArrayImages) else images.arrays


def _sizes(images: ListedImages) -> Sizes:
    shapes = [(array.shape[1], array.shape[0]) for array in images.arrays]
    by_area = sorted(shapes, key=lambda size: size[0] * size[1])
    return Sizes(by_area[0], by_area[-1], int(np.median([min(size) for size in shapes])), len(shapes))


def handed(dataset: object) -> HandedData | None:
    """What a caller handed over, read into memory once; None for a name or a path.

    Args:
        dataset: A pair of images and labels; a map-style Dataset, anything with a length and an index, of
            items (image, label); or a mapping of splits to such. Images are numpy arrays (N, H, W) or
            (N, H, W, C), or tensors (N, H, W) or (N, C, H, W), with C 1 or 3, bytes or floats from 0 to 1; in
            a Dataset such arrays and tensors without N, of any size, or images of Pillow. Labels are 0 to
            n-1 or, for all splits, names of classes; a Dataset may have `classes`, as torchvision's do.

    Raises:
        UserError: If it is none of these, or images and labels do not fit.
    """
    if isinstance(dataset, (str, PathLike)):
        return None
    if isinstance(dataset, HandedData):
        return dataset
    given: dict[str, object] = {}
    for name, value in (dataset if isinstance(dataset, Mapping) else {"train": dataset}).items():
        split = split_of(name) if isinstance(name, str) else None
        if split is None or split in given:
            raise UserError(f"--dataset: must have each of the splits train, val and test once, got {name!r}")
        given[split] = value
    if "train" not in given:
        raise UserError(f"--dataset: must have training images, got {', '.join(given) or 'no split'}")
    read = {split: _read(value, _where(split)) for split, value in given.items()}
    names, numbers = _numbered({split: labels for split, (_, labels) in read.items()})
    parts = {
        split: Part(images, check_labels(numbers[split], len(images), f"{_where(split)} labels"))
        for split, (images, _) in read.items()
    }
    count = count_classes(parts["train"].labels, f"{_where('train')} labels")
    for split, part in parts.items():
        check_known(part.labels, count, f"{_where(split)} labels")
    return HandedData(
        parts=parts,
        classes=_names(given["train"], count) if names is None else check_classes(names, count),
        origins={
            split: "arrays" if isinstance(value, tuple) else "a Dataset" for split, value in given.items()
        },
    )


def name_of(dataset: str | HandedData) -> str:
    """What records say of it."""
    return HANDED if isinstance(dataset, HandedData) else dataset


def not_handed() -> Pool:
    """What is said to who gives the name without the images.

    Raises:
        UserError: Always.
    """
    raise UserError(
        f"--dataset: '{HANDED}' are images handed over in Python, which no file keeps; give them again "
        f"there, as `dataset=(images, labels)`; a folder of that name is './{HANDED}'"
    )


def _where(split: str) -> str:
    """How an error about a split begins."""
    return f"--dataset: {SPLITS[split]}"


def _read(given: object, where: str) -> tuple[HandedImages, Any]:
    """The images of a split, checked, and its labels as they were given."""
    if isinstance(given, tuple) and len(given) == 2:
        images = _bytes(_array(given[0], f"{where} images", channels_first=4), f"{where} images")
        check_images(images.shape, images.dtype, f"{where} images")
        return ArrayImages(images if images.ndim == 4 else images[..., None]), _labels(given[1], where)
    if not hasattr(given, "__len__") or not hasattr(given, "__getitem__") or isinstance(given, Mapping):
        raise UserError(f"--dataset: must be a path, a name, {_FORMS}, got {type(given).__name__}")
    arrays, labels = [], []
    for index in range(len(given)):
        item = given[index]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise UserError(
                f"{where} images of a Dataset must come as (image, label), got {type(item).__name__} for "
                f"item {index}; arrays are given as a pair (images, labels)"
            )
        arrays.append(_item(item[0], f"{where} image {index}"))
        labels.append(item[1].tolist() if isinstance(item[1], torch.Tensor) else item[1])
    if not arrays:
        raise UserError(f"{where} images must be one or more, got none")
    if len({array.shape for array in arrays}) == 1:
        return ArrayImages(np.stack(arrays)), _labels(labels, where)
    return ListedImages(tuple(arrays)), _labels(labels, where)


def _item(image: object, where: str) -> ByteArray:
    """One image as uint8 (H, W, C)."""
    if isinstance(image, Image.Image):
        try:
            return np.array(to_rgb(image, {}))
        except ValueError as error:
            raise UserError(f"{where}: {error}") from None
    array = _bytes(_array(image, where, channels_first=3), where)
    check_images((1, *array.shape), array.dtype, where)
    found: ByteArray = array if array.ndim == 3 else array[..., None]
    return found


def _labels(given: object, where: str) -> Any:
    """Labels of a split as an array, of numbers or of names alone."""
    labels = _array(given, f"{where} labels")
    if labels.dtype.kind in "UO":  # numpy makes names of numbers that stand among names
        listed = np.asarray(given, dtype=object).ravel().tolist()
        odd = [label for label in listed if not isinstance(label, str)]
        if odd:
            raise UserError(
                f"{where} labels must be all numbers or all names of classes, got {odd[0]!r:.40} of "
                f"{type(odd[0]).__name__}: write each as text"
            )
    return labels


def _array(given: object, where: str, *, channels_first: int = -1) -> Any:
    """As an array of numpy; a tensor of so many dimensions has its channels before the last two."""
    if not isinstance(given, torch.Tensor):
        try:
            return np.asarray(given)
        except ValueError:  # of lists
            raise UserError(
                f"{where} must make one array, got parts of different shapes: make them alike"
            ) from None
    tensor = given.detach().cpu()  # numpy has no bfloat16
    array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return np.moveaxis(array, -3, -1) if array.ndim == channels_first else array


def _bytes(array: Any, where: str) -> Any:
    """Floats from 0 to 1 as bytes; anything else as it is."""
    if array.dtype.kind != "f" or not array.size:
        return array
    least, most = float(array.min()), float(array.max())
    if not (least >= 0 and most <= 1):  # so that it holds of none that is not a number
        raise UserError(
            f"{where} must be bytes, or floats from 0 to 1, got floats from {least:g} to {most:g}: scale "
            "them, and leave out normalisation, which training does itself"
        )
    return np.rint(array * 255).astype(np.uint8)


def _numbered(labels: Mapping[str, Any]) -> tuple[list[str] | None, Mapping[str, Any]]:
    """Names of classes in order and labels as numbers where they were given as names, else as they are."""
    if labels["train"].dtype.kind not in "UO":
        return None, labels
    names = sorted(set(labels["train"].ravel().tolist()))
    position = {name: label for label, name in enumerate(names)}
    numbers = {}
    for split, given in labels.items():
        unknown = next((name for name in given.ravel().tolist() if name not in position), None)
        if unknown is not None:
            raise UserError(
                f"{_where(split)} labels must be classes of the training images, {', '.join(names[:6])}"
                f"{', ...' if len(names) > 6 else ''}, got {unknown!r}: add training images of it"
            )
        numbers[split] = np.array([position[name] for name in given.ravel().tolist()], dtype=np.int64)
    return names, numbers


def _names(train: object, count: int) -> tuple[str, ...]:
    """What the training images' own Dataset calls the classes, else their numbers."""
    own = getattr(train, "classes", None)
    if isinstance(own, Sequence) and len(own) == count and all(isinstance(name, str) for name in own):
        return check_classes(list(own), count)
    return tuple(map(str, range(count)))
