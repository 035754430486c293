"""The policies of full training: those of published data sets, and one for images of one's own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
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
)
from .recipe import Recipe

Crop = Literal["padded", "resized"]
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
        for name, least in (("epochs", 1), ("batch_size", 2), ("padding", 0), ("data_workers", 0)):
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
        _check_range(self, "warmup_epochs", least=0, below=self.epochs)
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
        crop = f"random resized crops by {_many(self.data_workers, 'data worker')}"
        said = (
            f"{_many(self.epochs, 'epoch')} of {_many(images // batch, 'step')} of {batch} images",
            f"rate {self.learning_rate:.4g}",
            f"warm-up {self.warmup_epochs:g} epochs",
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


POLICIES: dict[str, Policy] = {
    "cifar10": Policy(),
    "cifar100": Policy(label_smoothing=0.1),
    "imagenet": Policy(
        epochs=150,
        batch_size=256,
        learning_rate=0.05,
        warmup_epochs=0,
        weight_decay=4e-5,
        dropout=0.2,
        crop="resized",
        test_crop=0.875,
        data_workers=8,
        rotation=0.0,
    ),
}


# The policy that is made for a number of images.
PHOTOS = "photos"
POLICY_NAMES = (*POLICIES, PHOTOS)

_LEAST_BATCH, _MOST_BATCH = 16, 256
_BATCHES_AN_EPOCH = 50
_LEAST_EPOCHS, _MOST_EPOCHS = 100, 400
_STEPS = 20_000
_RATE_PER_IMAGE = 0.1 / 256
_MOST_DATA_WORKERS = 8
_MOST_WARMUP = 0.2  # of the epochs, where a user changes these; the share a proxy has


def photos_policy(images: int, cores: int) -> Policy:
    """A policy for photographs of one's own, most often far fewer than ImageNet's.

    - The batch is the power of two nearest to a fiftieth of the images, from 16 to 256: few images in large
      batches would be few steps, and batch norm wants 16.
    - As many epochs as make 20,000 steps, but 100 at least, about what is usual for ImageNet, and 400 at
      most, as for CIFAR, with which 200 images still make 4,800.
    - The rate grows with the batch, 0.1 at 256, after a warm-up of 5 epochs (Goyal et al., arXiv 1706.02677).
    - The weight decay is 5e-4, usual for small data (Zagoruyko and Komodakis, arXiv 1605.07146), twelve times
      that for ImageNet; the label smoothing 0.1 (Szegedy et al., arXiv 1512.00567); dropout as for ImageNet.
    - Random resized crops make things look larger than they are; so the centre crop that is scored is 7/8 of
      an image scaled up (Touvron et al., arXiv 1906.06423).
    - Every core but the one that trains has a data worker; 1 at least and 8 at most.

    Args:
        images: That are trained on.
        cores: That the training may use.
    """
    nearest = 2 ** round(math.log2(max(1, images / _BATCHES_AN_EPOCH)))
    batch_size = min(max(nearest, _LEAST_BATCH), _MOST_BATCH)
    epochs = round(_STEPS / max(1, images // batch_size))
    return Policy(
        epochs=min(max(epochs, _LEAST_EPOCHS), _MOST_EPOCHS),
        batch_size=batch_size,
        learning_rate=batch_size * _RATE_PER_IMAGE,
        weight_decay=5e-4,
        label_smoothing=0.1,
        dropout=0.2,
        crop="resized",
        test_crop=0.875,
        data_workers=min(max(cores - 1, 1), _MOST_DATA_WORKERS),
        rotation=0.0,
    )


def default_policy(dataset: str, input_size: int) -> str:
    """The policy for a data set: its own, else one by the size of its images in pixels."""
    if dataset in POLICIES:
        return dataset
    return "cifar10" if input_size <= 64 else PHOTOS


def changed_policy(
    name: str | None,
    changes: Mapping[str, Any],
    *,
    dataset: str,
    input_size: int,
    images: int,
    cores: int,
    say: Callable[[str], None] = lambda line: None,
) -> Policy:
    """A policy with some of its fields changed; fewer epochs shorten the warm-up to a fifth of them.

    Args:
        name: Of the policy, None for that of the data set.
        input_size: Side of the images in pixels.
        images: That are trained on.
        cores: That a training may use.
        say: Called with a line of text that says it.

    Raises:
        UserError: If the name is unknown, or a value is out of range.
    """
    name = check_name("--policy", name or default_policy(dataset, input_size), POLICY_NAMES)
    policy = photos_policy(images, cores) if name == PHOTOS else POLICIES[name]
    changed = replace(policy, **{"warmup_epochs": 0, **changes})
    if "warmup_epochs" not in changes:
        warmup = min(policy.warmup_epochs, changed.epochs * _MOST_WARMUP)
        changed = replace(changed, warmup_epochs=warmup)
    say(f"policy     {name}: {changed.in_words(images)}")
    return changed


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
