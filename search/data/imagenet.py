"""ImageNet (ILSVRC 2012) in the layout torchvision's ImageFolder reads."""

from dataclasses import replace
from pathlib import Path

from ...space import UserError, shown
from .folder import file_pool, list_parts
from .layout import Layout, by_class, matched
from .listing import Listing
from .pool import Pool, Progress
from .summary import LeftOut

NUM_CLASSES = 1000
INPUT_SIZE = 224
# About 51,000 images, as many as the published validation set.
VAL_FRACTION = 0.04
LAYOUT = "train/n01440764/*.JPEG and val/n01440764/*.JPEG, 1,000 class folders in each"


def imagenet_pool(
    data_dir: Path | None, *, skip_corrupt: bool = False, progress: Progress | None = None
) -> Pool:
    """ImageNet's training images, one in 25 of them for validation.

    The published validation set is what the field reports as test accuracy, so it is the test split here.

    Args:
        skip_corrupt: As for `folder_pool`.
        progress: Called with a line of text while files are checked.

    Raises:
        UserError: If the folder is not given or not in the layout.
    """
    if data_dir is None:
        raise UserError(f"--data-dir: imagenet needs the folder that holds {LAYOUT}: give it")
    listing = Listing(data_dir)
    found = listing.folders("train") if (data_dir / "train").is_dir() else ()
    if len(found) != NUM_CLASSES:
        raise UserError(
            f"--data-dir: imagenet must be laid out as {LAYOUT}, got {len(found)} class folders in "
            f"'{shown(data_dir / 'train')}': give that folder, or give other images as --dataset FOLDER"
        )
    splits, folders = {"train": "train"}, {"train": by_class(data_dir / "train", found)}
    if (data_dir / "val").is_dir():
        splits["test"] = "val"
        theirs = by_class(data_dir / "val", listing.folders("val"))
        folders["test"] = matched(data_dir / "val", theirs, folders["train"])
    pool = file_pool(
        data_dir,
        list_parts(listing, Layout(splits, folders)),
        absent_test=data_dir / "val",
        classes=tuple(folders["train"]),
        val_fraction=VAL_FRACTION,
        origins={split: f"{folder}/" for split, folder in splits.items()},
        left_out=LeftOut.of(listing.left_out),
        skip_corrupt=skip_corrupt,
        progress=progress,
    )
    return replace(pool, input_size=INPUT_SIZE)
