"""The policies there are: those of published data sets, and those that are made for images of one's own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ...space import UserError, check_name
from .policy import Policy

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


# The policies that are made for a number of images.
PHOTOS, FINETUNE = "photos", "finetune"
POLICY_NAMES = (*POLICIES, PHOTOS, FINETUNE)

_LEAST_BATCH, _MOST_BATCH = 16, 256
_BATCHES_AN_EPOCH = 50
_LEAST_EPOCHS, _MOST_EPOCHS = 100, 400
_STEPS = 20_000
_RATE_PER_IMAGE = 0.1 / 256
_SMALL = 64  # pixels
_TUNING_SHARE, _LEAST_TUNING, _TUNING_RATE = 0.25, 20, 0.4  # of the steps; epochs; of the rate
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


def finetune_policy(images: int, cores: int, input_size: int) -> Policy:
    """A policy for networks that begin with pretrained weights, by what differs from `photos_policy`.

    - A quarter of the steps, 5,000, and 20 to 100 epochs: features that are there need adapting only
      (Kolesnikov et al., arXiv 1912.11370, tune on so few images for 500 larger steps).
    - Four tenths of the rate, 0.04 at a batch of 256: 0.01 is usual (Li et al., arXiv 2002.11770, section 1),
      and taught networks with fresh parts too little (docs/pretrained.md). The usual weight decay, 1e-4.
    - In the first epoch what was taken over stays as it is, normalised by statistics of these images, and
      what is fresh learns alone: else features are distorted to please a random classifier (Kumar et al.,
      arXiv 2202.10054).
    - Images of 64 pixels or fewer are cropped in memory, as CIFAR's policies do it.

    Args:
        images: That are trained on.
        cores: That the training may use.
        input_size: Side of the images in pixels.
    """
    photos = photos_policy(images, cores)
    epochs = round(_STEPS * _TUNING_SHARE / max(1, images // photos.batch_size))
    tuned = replace(
        photos,
        epochs=min(max(epochs, _LEAST_TUNING), _LEAST_EPOCHS),
        learning_rate=photos.learning_rate * _TUNING_RATE,
        warmup_epochs=2,
        frozen_epochs=1,
        weight_decay=1e-4,
    )
    return replace(tuned, crop="padded", test_crop=1.0, rotation=15.0) if input_size <= _SMALL else tuned


def default_policy(dataset: str, input_size: int, *, pretrained: bool = False) -> str:
    """The policy for a data set: its own, else one by the size of its images in pixels.

    Args:
        pretrained: Whether networks begin with pretrained weights, for which there is one.
    """
    if pretrained:
        return FINETUNE
    if dataset in POLICIES:
        return dataset
    return "cifar10" if input_size <= _SMALL else PHOTOS


def changed_policy(
    name: str | None,
    changes: Mapping[str, Any],
    *,
    dataset: str,
    input_size: int,
    images: int,
    cores: int,
    pretrained: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Policy:
    """A policy with some of its fields changed; fewer epochs shorten the warm-up to a fifth of them.

    Args:
        name: Of the policy, None for that of the data set.
        input_size: Side of the images in pixels.
        images: That are trained on.
        cores: That a training may use.
        pretrained: Whether networks begin with pretrained weights.
        say: Called with a line of text that says it.

    Raises:
        UserError: If the name is unknown, or a value is out of range.
    """
    name = name or default_policy(dataset, input_size, pretrained=pretrained)
    made = {PHOTOS: photos_policy(images, cores), FINETUNE: finetune_policy(images, cores, input_size)}
    policy = (POLICIES | made)[check_name("--policy", name, POLICY_NAMES)]
    shortened = {"warmup_epochs": 0, "frozen_epochs": 0}
    changed = replace(policy, **{**shortened, **changes})
    if changed.frozen_epochs and not pretrained:
        raise UserError(
            f"--frozen-epochs: must be 0 without pretrained weights, got {changed.frozen_epochs}; leave it "
            "out, or give --pretrained or --weights"
        )
    if "warmup_epochs" not in changes:
        warmup = min(policy.warmup_epochs, changed.epochs * _MOST_WARMUP)
        changed = replace(changed, warmup_epochs=warmup)
    if "frozen_epochs" not in changes and pretrained:
        changed = replace(changed, frozen_epochs=min(policy.frozen_epochs, changed.epochs - 1))
    say(f"policy     {name}: {changed.in_words(images)}")
    return changed
