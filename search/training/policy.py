"""A policy: the settings of a full training."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from ...space import (
    CLASS_WEIGHTS,
    MAX_WIDTH,
    METRIC_TITLES,
    MIN_WIDTH,
    UserError,
    check_complete,
    check_name,
    flag,
    text,
)
from .recipe import Recipe

Crop = Literal["padded", "resized"]
_LEAST = {"epochs": 1, "batch_size": 2, "frozen_epochs": 0, "padding": 0, "data_workers": 0}
# Of the fields that are names, those there are.
CHOICES: dict[str, tuple[str, ...]] = {
    "metric": tuple(METRIC_TITLES),
    "class_weights": CLASS_WEIGHTS,
    "crop": get_args(Crop),
}


@dataclass(frozen=True)
class Policy:
    """Settings of a full training: SGD with momentum, a linear warm-up, then a cosine per step.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step, over all processes.
        learning_rate: The rate at the end of the warm-up.
        min_learning_rate: The rate at the last step.
        warmup_epochs: Epochs in which the rate grows from 0, step by step.
        frozen_epochs: At the beginning, in which what was taken over of pretrained weights stays as it is.
        momentum: Of SGD.
        weight_decay: Of every parameter.
        label_smoothing: Share of the label spread over all classes.
        metric: What epochs are scored by, and the best one chosen.
        class_weights: `none`, or `balanced` for a loss in which every class counts the same.
        dropout: Probability of dropping a feature before the classifier.
        ema_decay: Of the moving average of the weights that is scored and kept; 0 for none.
        width: Factor on the architecture's width.
        crop: `padded` holds images in memory at the input size, pads them and crops at random, in
            batches on the device; `resized` decodes every image at its own size each time, in data
            workers, and crops a random part of it to the input size.
        padding: Zero pixels on each side before the crop; for `padded`.
        test_crop: Share of the shorter side in the centre crop that is scored; for `resized`.
        data_workers: Processes that decode and augment images; for `resized`.
        flip: Mirror left to right with probability one half, where the data set allows it.
        rotation: Largest angle in degrees, either way.

    Raises:
        UserError: If a value is out of range.
    """

    epochs: int = 400
    batch_size: int = 128
    learning_rate: float = 0.35
    min_learning_rate: float = 0.0
    warmup_epochs: float = 5
    frozen_epochs: int = 0
    momentum: float = 0.9
    weight_decay: float = 6e-5
    label_smoothing: float = 0.0
    metric: str = "accuracy"
    class_weights: str = "none"
    dropout: float = 0.0
    ema_decay: float = 0.0
    width: float = 1.0
    crop: Crop = "padded"
    padding: int = 4
    test_crop: float = 1.0
    data_workers: int = 2
    flip: bool = True
    rotation: float = 15.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UserError(f"{flag(name)}: must be a whole number from {least}, got {value!r}")
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type is float and (
                isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value)
            ):
                raise UserError(f"{flag(f.name)}: must be a number, got {value!r}")
        _check_range(self, "learning_rate", above=0)
        _check_range(self, "min_learning_rate", least=0, most=self.learning_rate)
        for name in ("warmup_epochs", "frozen_epochs"):
            _check_range(self, name, least=0, below=self.epochs)
        for name in ("momentum", "label_smoothing", "dropout", "ema_decay"):
            _check_range(self, name, least=0, below=1)
        _check_range(self, "weight_decay", least=0)
        _check_range(self, "test_crop", above=0, most=1)
        _check_range(self, "rotation", least=0, most=180)
        _check_range(self, "width", least=MIN_WIDTH, most=MAX_WIDTH)
        for name, allowed in CHOICES.items():
            check_name(flag(name), getattr(self, name), allowed)
        if not isinstance(self.flip, bool):
            raise UserError(f"--flip: must be true or false, got {self.flip!r}")

    def recipe(self, *, flip: bool, class_weights: tuple[float, ...] | None = None) -> Recipe:
        """What the training loop reads.

        Args:
            flip: Whether an image of the data set keeps its label when mirrored.
            class_weights: Those of the policy's name for these images.
        """
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            min_learning_rate=self.min_learning_rate,
            warmup_epochs=self.warmup_epochs,
            frozen_epochs=self.frozen_epochs,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            metric=self.metric,
            class_weights=class_weights,
            ema_decay=self.ema_decay,
            padding=self.padding,
            flip=self.flip and flip,
            rotation=self.rotation,
        )

    def in_words(self, images: int) -> str:
        """Its numbers on one line.

        Args:
            images: That are trained on.
        """
        batch = self.recipe(flip=self.flip).whole_batch(images)
        crop = f"random resized crops by {text.many(self.data_workers, 'data worker')}"
        said = (
            f"{text.many(self.epochs, 'epoch')} of {text.many(images // batch, 'step')} of {batch} images",
            f"rate {self.learning_rate:.4g}",
            f"warm-up {self.warmup_epochs:g} epoch{'' if self.warmup_epochs == 1 else 's'}",
            *([f"{self.frozen_epochs} of them for what is fresh"] if self.frozen_epochs else []),
            f"weight decay {self.weight_decay:g}",
            f"label smoothing {self.label_smoothing:g}",
            *(["balanced class weights"] if self.class_weights == "balanced" else []),
            f"dropout {self.dropout:g}",
            crop if self.crop == "resized" else f"crops with padding {self.padding}",
        )
        scored = "" if self.metric == "accuracy" else f", scored by {METRIC_TITLES[self.metric]}"
        return ", ".join(said) + scored

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Policy":
        """Inverse of `to_dict`.

        Raises:
            UserError: If a key is unknown or missing, or a value is out of range.
        """
        check_complete("policy", data, [field.name for field in fields(cls)])
        return cls(**data)


def _check_range(
    policy: Policy,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> None:
    value = getattr(policy, name)
    low = least is None or value >= least, above is None or value > above
    high = most is None or value <= most, below is None or value < below
    if not all((*low, *high)):
        rules = {"at least": least, "above": above, "at most": most, "below": below}
        rule = " and ".join(f"{words} {limit:g}" for words, limit in rules.items() if limit is not None)
        raise UserError(f"{flag(name)}: must be {rule}, got {value!r}")
