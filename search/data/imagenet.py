"""ImageNet (ILSVRC 2012) in the layout torchvision's ImageFolder reads."""

from functools import partial
from pathlib import Path

from ...space import UserError
from .folder import class_folders, fingerprint_files, list_files, list_split
from .pool import Pool

NUM_CLASSES = 1000
INPUT_SIZE = 224
# About 51,000 images, as many as the published validation set.
VAL_FRACTION = 0.04
LAYOUT = "train/n01440764/*.JPEG and val/n01440764/*.JPEG, 1,000 class folders in each"


def imagenet_pool(data_dir: Path | None) -> Pool:
    """ImageNet's training images, one in 25 of them for validation.

    The published validation set is what the field reports as test accuracy, so it is the test split here.

    Raises:
        UserError: If the folder is not given or not in the layout.
    """
    if data_dir is None:
        raise UserError(f"--data-dir: imagenet needs the folder that holds {LAYOUT}: give it")
    train_dir = data_dir / "train"
    classes = class_folders(train_dir)
    if len(classes) != NUM_CLASSES:
        raise UserError(
            f"--data-dir: imagenet must be laid out as {LAYOUT}, got {len(classes)} class folders in "
            f"'{train_dir}': give that folder, or give other images as --dataset FOLDER"
        )
    train = list_files(train_dir, classes)
    return Pool(
        train=train,
        val=None,
        open_test=partial(list_split, data_dir / "val", classes),
        classes=classes,
        input_size=INPUT_SIZE,
        val_fraction=VAL_FRACTION,
        fingerprint=fingerprint_files(train),
    )
