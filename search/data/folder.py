"""Folders of class folders, split by the user or for the user."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from ...devices.label import image_endings
from ...space import UserError, shown
from ...space.errors import nearest_path
from .decode import FileImages, Unreadable, UnreadableError, refusal
from .layout import Layout, find_layout
from .listing import Listing
from .measure import Measured, measure
from .pool import FINGERPRINT_DIGITS, TEST_FRACTION, TEST_SEED, Images, Part, Pool, Progress
from .split import IntArray, check_class_sizes, stratified_split
from .summary import LeftOut, Seen, Skipped

VAL_FRACTION = 0.2
FileParts = dict[str, Part[FileImages]]


def folder_pool(root: Path, *, skip_corrupt: bool = False, progress: Progress | None = None) -> Pool:
    """The images of a folder of class folders.

    Layouts: those of `find_layout`. Without validation images, a fifth of the training images becomes
    validation. Without `train`, a fifth of each class is held out as the test split, by a fixed seed. Files
    of the test split are not opened.

    Args:
        skip_corrupt: Leave unreadable training and validation images out. Which are the test images does
            not depend on it.
        progress: Called with a line of text while files are checked.

    Raises:
        UserError: If the folder or its classes are missing, there are fewer than two, one has no or too
            few images, splits do not fit together, or an image of the sample is unreadable.
    """
    if not os.path.isdir(root):  # noqa: PTH112 - which has no error for a name that is too long
        raise UserError(f"--dataset: there is no folder '{shown(root)}': check the path{nearest_path(root)}")
    listing = Listing(root)
    layout = find_layout(root, listing)
    parts = list_parts(listing, layout)
    train = parts["train"]
    origins = {split: f"{folder}/" for split, folder in layout.splits.items()}
    if not layout.splits["train"]:
        check_class_sizes(train.labels, 3, layout.classes)
        kept, held_out = stratified_split(train.labels, TEST_FRACTION, TEST_SEED)
        parts |= {"train": choose_files(train, kept), "test": choose_files(train, held_out)}
        origins = {"train": "the class folders", "test": "a fifth of each class, held out"}
    return file_pool(
        root,
        parts,
        absent_test=root / "test",
        classes=layout.classes,
        val_fraction=VAL_FRACTION,
        origins=origins,
        left_out=LeftOut.of(listing.left_out),
        skip_corrupt=skip_corrupt,
        progress=progress,
    )


def file_pool(
    root: Path,
    parts: FileParts,
    *,
    absent_test: Path,
    classes: tuple[str, ...],
    val_fraction: float,
    origins: dict[str, str],
    left_out: tuple[LeftOut, ...],
    skip_corrupt: bool,
    progress: Progress | None,
) -> Pool:
    """The pool of image files that are listed: unreadable ones left out or refused, a sample measured.

    Args:
        parts: `train`, and `val` and `test` where the data set has them.
        absent_test: Where the test split would be.

    Raises:
        UserError: As `folder_pool`.
    """
    test = parts.pop("test", None)
    skipped: list[Skipped] = []
    if skip_corrupt:
        for split, part in parts.items():
            parts[split], some = _readable(part, root, progress)
            _check_none_empty(parts[split], classes, split)
            skipped += some
    measured = _measured(parts, progress)
    parts = {split: _with_bits(part, measured) for split, part in parts.items()}
    train, val = parts["train"], parts.get("val")
    if val is None:
        origins = {**origins, "val": f"{val_fraction:.0%} of the training images, by the seed"}

    def open_test() -> Part[FileImages]:
        if test is None:
            raise UserError(
                f"--dataset: there is no folder '{shown(absent_test)}': add it, with a folder for each class"
            )
        return _with_bits(test, measured)

    return Pool(
        train=train,
        val=val,
        open_test=open_test,
        classes=classes,
        input_size=measured.input_size,
        val_fraction=val_fraction,
        root=root,
        fingerprint=fingerprint_files(train, val),
        seen=Seen(
            origins={split: origins[split] for split in ("train", "val", "test") if split in origins},
            sizes=measured.sizes,
            test_images=None if test is None else len(test.labels),
            notes=measured.notes,
            grey_bits=measured.grey_bits,
            left_out=left_out,
            skipped=tuple(skipped),
        ),
    )


def list_parts(listing: Listing, layout: Layout) -> FileParts:
    """The image files of every split, labelled by the position of their class.

    Raises:
        UserError: If class folders share images, or one has none.
    """
    listing.claim(
        f"{where}/{folder}".lstrip("/")
        for split, where in layout.splits.items()
        for folder in layout.folders[split].values()
    )
    parts: FileParts = {}
    for split, where in layout.splits.items():
        names: list[str] = []
        counts = []
        for folder in layout.folders[split].values():
            found = listing.files(where, folder)
            if not found:
                raise UserError(
                    f"--dataset: the class folder '{shown(listing.root / where / folder)}' has no image "
                    f"files ({' '.join(image_endings())}): add some or remove the folder"
                )
            names += found
            counts.append(len(found))
        labels = np.repeat(np.arange(len(counts)), counts)
        parts[split] = Part(FileImages(listing.root / where, tuple(names)), labels)
    return parts


def choose_files(part: Part[FileImages], indices: IntArray) -> Part[FileImages]:
    return Part(part.images.choose(indices), part.labels[indices])


def readable(
    part: Part[Images], root: Path | None, progress: Progress | None
) -> tuple[Part[Images], list[Skipped]]:
    """The images that can be decoded, and what is wrong with the others, named as below `root`."""
    if root is None or not isinstance(part.images, FileImages):
        return part, []
    return _readable(Part(part.images, part.labels), root, progress)


def _readable(
    part: Part[FileImages], root: Path, progress: Progress | None
) -> tuple[Part[FileImages], list[Skipped]]:
    unreadable = part.images.unreadable(progress)
    kept = np.setdiff1d(np.arange(len(part.labels)), list(unreadable))
    skipped = [Skipped(file.path.relative_to(root).as_posix(), file.reason) for file in unreadable.values()]
    return choose_files(part, kept), skipped


def _check_none_empty(part: Part[FileImages], classes: tuple[str, ...], split: str) -> None:
    """Refuse a split that has lost all images of a class.

    Raises:
        UserError: Naming the first such class.
    """
    present = set(part.labels.tolist())
    for label, name in enumerate(classes):
        if label not in present:
            raise UserError(
                f"--dataset: every class needs a readable image in each split, class {name!r} has none in "
                f"{split}: replace its images"
            )


def fingerprint_files(*parts: Part[FileImages] | None) -> str:
    """Of names, sizes in bytes and labels: reading every image of a large folder would take minutes."""
    digest = sha256()
    for part in parts:
        if part is not None:
            digest.update(f"{len(part.labels)} files\n".encode())
            for name, label in zip(part.images.names, part.labels.tolist(), strict=True):
                size = _size_in_bytes(part.images.root / name)
                digest.update(f"{label} {size} ".encode() + os.fsencode(name) + b"\n")
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def _size_in_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a link that leads nowhere; reading the image says so
        return 0


def _measured(parts: FileParts, progress: Progress | None) -> Measured:
    try:
        return measure(parts["train"].images)
    except UnreadableError:
        # Where one is known to be unreadable, the user wants to know of all.
        unreadable: list[Unreadable] = []
        for part in parts.values():
            unreadable += part.images.unreadable(progress).values()
        raise refusal(unreadable, sum(len(part.labels) for part in parts.values())) from None


def _with_bits(part: Part[FileImages], measured: Measured) -> Part[FileImages]:
    return Part(replace(part.images, grey_bits=measured.grey_bits), part.labels)
