"""Image files to predict: as named, or all of a folder, with labels where its folders are classes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

import numpy as np

from ...devices.label import image_endings
from ...space import UserError, shown
from ...space.errors import nearest, nearest_path
from .decode import FileImages
from .pool import Chosen, Images, Part
from .sources import DATASETS

UNLABELLED = -1


def find_files(
    paths: Sequence[str | Path], classes: Sequence[str], *, grey_bits: Mapping[str, int]
) -> Part[FileImages]:
    """Files, and those of folders at any depth, in an order no file system decides.

    A folder's images are labelled where all of them lie in folders that are classes.

    Args:
        paths: Files, whatever their endings, and folders.
        classes: Names by label.
        grey_bits: Of grey values beyond 8 bits where the files do not state them.

    Returns:
        Names as given or below the folder as given; labels, -1 where there is none.

    Raises:
        UserError: If a path leads nowhere, or a folder has no images.
    """
    names: list[str] = []
    labels: list[int] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            below = _images_below(path)
            names += [f"{Path(given).as_posix()}/{name}" for name in below]
            labels += _labels(below, classes)
        elif path.is_file():
            names.append(str(given))
            labels.append(UNLABELLED)
        else:
            near = nearest_path(given) or nearest(given, DATASETS)
            raise UserError(
                f"IMAGES: must be a file or a folder, '{shown(given)}' is none: check the path{near}"
            )
    return Part(FileImages(Path(), tuple(names), grey_bits), np.array(labels, dtype=np.int64))


def image_name(images: Images, index: int) -> str:
    """What an image is called: its file's path, else its number, from 0."""
    if isinstance(images, Chosen):
        return image_name(images.images, int(images.indices[index]))
    return str(images.path(index)) if isinstance(images, FileImages) else str(index)


def _images_below(root: Path) -> list[str]:
    """Image files as paths below `root`, class by class as training lists them."""
    endings = image_endings()
    found: list[str] = []
    seen: set[str] = set()
    for parent, subfolders, files in os.walk(root, followlinks=True):
        # A link may lead back to where it is.
        real = os.path.realpath(parent)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        hidden = (".", "__") if Path(parent) == root else "."  # of class folders, as training has it
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(hidden))
        below = Path(parent).relative_to(root)
        found += [
            (below / name).as_posix()
            for name in files
            if name.lower().endswith(endings) and not name.startswith(".")
        ]
    if not found:
        raise UserError(
            f"IMAGES: the folder '{shown(root)}' has no image files ({' '.join(endings)}): check the path"
        )
    return sorted(found, key=lambda name: (name.split("/")[0], name))


def _labels(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    by_name = {normalize("NFC", name): label for label, name in enumerate(classes)}
    folders = [normalize("NFC", name.split("/")[0]) if "/" in name else "" for name in names]
    labelled = all(folder in by_name for folder in folders)
    return [by_name[folder] if labelled else UNLABELLED for folder in folders]
