"""What was understood of a data set, as data and as a few lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...space import shown
from .split import IntArray

SPLITS = {"train": "train", "val": "validation", "test": "test"}
_EXAMPLES = 3
_CLASSES_SHOWN = 6
_UNEVEN = 3  # times the smallest class
_HINT = "uneven: --metric balanced_accuracy or --class-weights balanced"


@dataclass(frozen=True)
class LeftOut:
    """Files and folders that are none of the images.

    Attributes:
        reason: What they are.
        count: How many.
        examples: The first of them, below the data set's folder.
    """

    reason: str
    count: int
    examples: tuple[str, ...]

    def __post_init__(self) -> None:
        assert len(self.examples) == min(self.count, _EXAMPLES)

    @classmethod
    def of(cls, names: Mapping[str, Sequence[str]]) -> "tuple[LeftOut, ...]":
        """Those of each reason, most first."""
        found = [cls(reason, len(some), tuple(some[:_EXAMPLES])) for reason, some in names.items()]
        return tuple(sorted(found, key=lambda left: (-left.count, left.reason)))


@dataclass(frozen=True)
class Skipped:
    """An image file that cannot be read and was left out on request.

    Attributes:
        name: Path below the data set's folder.
        reason: What is wrong with it.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Sizes:
    """How large the images are, width and height in pixels.

    Attributes:
        smallest: Of the least area.
        largest: Of the greatest.
        shorter_side: The median one.
        count: Images looked at.
    """

    smallest: tuple[int, int]
    largest: tuple[int, int]
    shorter_side: int
    count: int


@dataclass(frozen=True)
class Seen:
    """What a source noticed on the way to its images.

    Attributes:
        origins: By split, where its images come from.
        test_images: How many there are, None where that is not known before they are read.
        sizes: Of training images.
        notes: What was decided for the user, each a sentence.
        grey_bits: Of grey values beyond 8 bits in files that do not state them, by kind of file.
        left_out: What is not among the images.
        skipped: Unreadable training and validation images.
    """

    origins: Mapping[str, str]
    sizes: Sizes
    test_images: int | None = None
    notes: tuple[str, ...] = ()
    grey_bits: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class DataSummary:
    """What a data set was understood to be.

    Attributes:
        dataset: As it was asked for.
        classes: Names by label.
        images: By split (`train`, `val`, `test`), how many; None where that is not known yet.
        origins: By split, where its images come from.
        smallest_class: The class with the fewest training images, and their number.
        largest_class: That with the most.
        sizes: Of training images.
        input_size: Side in pixels at which the full network is meant to run.
        fingerprint: Of the training and validation images.
        notes: What was decided for the user, each a sentence.
        grey_bits: Of grey values beyond 8 bits in files that do not state them, by kind of file.
        left_out: What is not among the images.
        skipped: Unreadable images that were left out on request; complete for training and validation.
    """

    dataset: str
    classes: tuple[str, ...]
    images: Mapping[str, int | None]
    origins: Mapping[str, str]
    smallest_class: tuple[str, int]
    largest_class: tuple[str, int]
    sizes: Sizes
    input_size: int
    fingerprint: str
    notes: tuple[str, ...] = ()
    grey_bits: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        assert self.images.keys() == self.origins.keys() <= SPLITS.keys()
        assert self.smallest_class[1] <= self.largest_class[1]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can take it; names that are not UTF-8 are as they are shown."""
        return {
            "dataset": shown(self.dataset),
            "classes": list(self.classes),
            "splits": {
                split: {"images": count, "from": shown(self.origins[split])}
                for split, count in self.images.items()
            },
            "smallest_class": list(self.smallest_class),
            "largest_class": list(self.largest_class),
            "image_sizes": {
                "smallest": list(self.sizes.smallest),
                "largest": list(self.sizes.largest),
                "shorter_side": self.sizes.shorter_side,
                "of": self.sizes.count,
            },
            "input_size": self.input_size,
            "fingerprint": self.fingerprint,
            "notes": list(self.notes),
            "grey_bits": dict(self.grey_bits),
            "left_out": [
                {
                    "what": left.reason,
                    "count": left.count,
                    "examples": [shown(name) for name in left.examples],
                }
                for left in self.left_out
            ],
            "skipped": [{"file": shown(file.name), "reason": file.reason} for file in self.skipped],
        }

    def lines(self) -> list[str]:
        """What a terminal prints, eight lines at most."""
        names = ", ".join(self.classes[:_CLASSES_SHOWN])
        more = ", ..." if len(self.classes) > _CLASSES_SHOWN else ""
        said = [
            f"data       {shown(self.dataset)}: {len(self.classes):,} classes ({names}{more})",
            "images     " + "; ".join(self._split(split) for split in self.images),
            f"per class  {self._class_sizes()}",
            f"sizes      {self._sizes()}; input {self.input_size} px, {self._input()}",
        ]
        if self.notes:
            said.append(f"note       {'; '.join(self.notes)}")
        if self.left_out:
            parts = [
                f"{left.count:,} {left.reason} ({shown(left.examples[0])})" for left in self.left_out[:3]
            ]
            rest = sum(left.count for left in self.left_out[3:])
            said.append(f"left out   {'; '.join(parts)}{f'; {rest:,} more' if rest else ''}")
        if self.skipped:
            first = self.skipped[0]
            more = ", ..." if len(self.skipped) > 1 else ""
            said.append(
                f"skipped    {len(self.skipped):,} unreadable: {shown(first.name)} ({first.reason}){more}"
            )
        return said

    def _class_sizes(self) -> str:
        (small, fewest), (large, most) = self.smallest_class, self.largest_class
        total = self.images["train"]
        assert total is not None
        if fewest == most:
            return f"{most:,} each to train on"
        least, greatest = (
            f"{fewest:,} ({small}, {fewest / total:.1%})",
            f"{most:,} ({large}, {most / total:.1%})",
        )
        hint = f"; {_HINT}" if most > _UNEVEN * fewest else ""
        return f"from {least} to {greatest} to train on{hint}"

    def _split(self, split: str) -> str:
        count = self.images[split]
        number = "not counted" if count is None else f"{count:,}"
        return f"{SPLITS[split]} {number} ({shown(self.origins[split])})"

    def _sizes(self) -> str:
        small, large = (f"{width} x {height}" for width, height in (self.sizes.smallest, self.sizes.largest))
        of = f" in {self.sizes.count:,} looked at"
        return f"{small}" if small == large else f"{small} to {large}{of}"

    def _input(self) -> str:
        """What the input size is to the images."""
        typical = self.sizes.shorter_side
        if self.input_size != typical:
            return ("smaller" if self.input_size < typical else "larger") + " than the images"
        same = min(self.sizes.smallest) == min(self.sizes.largest) == typical
        return "the images' own" if same else "the median of their shorter sides"


def summarise(
    dataset: str,
    *,
    classes: tuple[str, ...],
    seen: Seen,
    train_labels: IntArray,
    val_labels: IntArray,
    input_size: int,
    fingerprint: str,
) -> DataSummary:
    """The summary of a data set whose training and validation images are told apart.

    Args:
        train_labels: Of all images to train on, (N,).
        val_labels: Of all to validate with, (M,).
    """
    counts = np.bincount(train_labels, minlength=len(classes))
    least, most = int(counts.argmin()), int(counts.argmax())
    images = {"train": len(train_labels), "val": len(val_labels), "test": seen.test_images}
    return DataSummary(
        dataset=dataset,
        classes=classes,
        images={split: images[split] for split in seen.origins},
        origins=seen.origins,
        smallest_class=(classes[least], int(counts[least])),
        largest_class=(classes[most], int(counts[most])),
        sizes=seen.sizes,
        input_size=input_size,
        fingerprint=fingerprint,
        notes=seen.notes,
        grey_bits=seen.grey_bits,
        left_out=seen.left_out,
        skipped=seen.skipped,
    )
