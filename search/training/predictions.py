"""What a network says of images, and how much of it is right where the right answers are known."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """What a network says of one image.

    Attributes:
        image: Path of the file, or the image's number in its data set.
        class_name: The class, None where the image cannot be read.
        probability: Of that class, in 0..1.
        top: The five most probable classes, or all of fewer, each with its probability.
        label: The right class, None where it is not known.
        error: Why the image cannot be read, None where it can.
    """

    image: str
    class_name: str | None
    probability: float | None
    top: tuple[tuple[str, float], ...]
    label: str | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "image": self.image,
            "class": self.class_name,
            "probability": self.probability,
            "top": [{"class": name, "probability": probability} for name, probability in self.top],
            "label": self.label,
            "error": self.error,
        }


@dataclass(frozen=True)
class Accuracy:
    """How many images with a label were predicted right, in percent as result.json has it.

    Attributes:
        images: Those that have a label and can be read.
        right: Those predicted right.
        top1: Share predicted right.
        top5: Share whose label is among the five most probable classes.
        by_class: By label, the number of its images and the share predicted right.
    """

    images: int
    right: int
    top1: float
    top5: float
    by_class: dict[str, tuple[int, float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        by_class = {name: {"images": count, "top1": top1} for name, (count, top1) in self.by_class.items()}
        return {"images": self.images, "top1": self.top1, "top5": self.top5, "by_class": by_class}


@dataclass(frozen=True)
class Predictions:
    """What a network says of several images.

    Attributes:
        classes: Names in the order of the network's outputs.
        images: One for each image, in the order given.
    """

    classes: tuple[str, ...]
    images: tuple[Prediction, ...]

    @property
    def failed(self) -> tuple[Prediction, ...]:
        """Those that cannot be read."""
        return tuple(image for image in self.images if image.error is not None)

    @property
    def accuracy(self) -> Accuracy | None:
        """None where no image that can be read has a label."""
        return measure(self.images, self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        accuracy = self.accuracy
        return {
            "classes": list(self.classes),
            "images": len(self.images),
            "failed": len(self.failed),
            "accuracy": None if accuracy is None else accuracy.to_dict(),
            "predictions": [image.to_dict() for image in self.images],
        }


def measure(images: Iterable[Prediction], classes: tuple[str, ...]) -> Accuracy | None:
    """The accuracy on those images that can be read and have a label; None where there is none."""
    all_of, right_of, among_five = Counter[str](), Counter[str](), 0
    for image in images:
        if image.label is not None and image.error is None:
            all_of[image.label] += 1
            right_of[image.label] += image.class_name == image.label
            among_five += any(name == image.label for name, _ in image.top)
    count, right = all_of.total(), right_of.total()
    if count == 0:
        return None
    return Accuracy(
        images=count,
        right=right,
        top1=100.0 * right / count,
        top5=100.0 * among_five / count,
        by_class={
            name: (all_of[name], 100.0 * right_of[name] / all_of[name]) for name in classes if all_of[name]
        },
    )
