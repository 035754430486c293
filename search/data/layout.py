"""Which folders of a data set are its splits, and which its classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...space import UserError, shown
from .listing import Listing
from .names import class_name
from .split_names import split_of

# Names that some use for validation and others for the test.
_UNCLEAR = ("eval", "evaluation", "holdout", "hold-out", "hold_out")


@dataclass(frozen=True)
class Layout:
    """Where the images of each split are.

    Attributes:
        splits: By split (`train`, `val`, `test`), the folder below the data set's, empty for that itself.
        folders: By split and class, the folder of the class below the split's.
    """

    splits: Mapping[str, str]
    folders: Mapping[str, Mapping[str, str]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the training images, in the order of their folders' names."""
        return tuple(self.folders["train"])


def find_layout(root: Path, listing: Listing) -> Layout:
    """Tell splits from classes.

    ROOT/CLASS, or ROOT/train/CLASS with a validation or a test folder beside `train`, by any usual name in
    any case. A folder `train` with images right inside and classes beside it is a class of that name.

    Args:
        listing: Is told what is left out.

    Raises:
        UserError: If there are fewer than two classes, or names of splits do not fit together.
    """
    found = listing.folders("")
    named: dict[str, list[str]] = {}
    for name in found:
        split = split_of(name)
        if split is not None:
            named.setdefault(split, []).append(name)
    others = [name for name in found if split_of(name) is None]
    for split, names in named.items():
        if len(names) > 1:
            raise _misfit(root, f"both {_quoted(names)} for {split}", "keep one of them")
    splits = {split: names[0] for split, names in named.items()}
    if list(splits) == ["train"] and others and not listing.folders(splits["train"], quiet=True):
        others, splits = list(found), {}
    if not splits:
        return _checked(root, listing, {"train": ""}, others)
    if "train" not in splits:
        seen = f"{_quoted(splits.values())} without a folder of training images"
        if others:
            seen = f"{_quoted(splits.values())} beside {_quoted(others)}, but no train"
        raise _misfit(
            root,
            seen,
            f"put the training classes into '{shown(root / 'train')}' or move the others elsewhere",
        )
    unclear = [name for name in others if name.casefold() in _UNCLEAR]
    if unclear:
        raise _misfit(root, f"{_quoted(unclear)} beside {splits['train']}", "name it val or test, or move it")
    layout = _checked(root, listing, splits, list(listing.folders(splits["train"])))
    both = [name for name in others if class_name(name) in layout.classes]
    if both:
        raise _misfit(
            root, f"{_quoted(both)} both beside and in {splits['train']}", "move the images into one of them"
        )
    for name in others:
        listing.leave_out("folders beside the splits", name)
    return layout


def _checked(root: Path, listing: Listing, splits: dict[str, str], train: list[str]) -> Layout:
    if len(train) < 2:
        inner = root / splits["train"] / train[0] if len(train) == 1 else None
        hint = (
            f"; is it '{shown(inner)}'?"
            if inner is not None and len(listing.folders(inner.relative_to(root).as_posix(), quiet=True)) > 1
            else ": make one folder of images for each class"
        )
        raise UserError(
            f"--dataset: '{shown(root / splits['train'])}' must hold at least two class folders, as "
            f"CLASS/*.jpg or train/CLASS/*.jpg, got {', '.join(map(shown, train)) or 'none'}{hint}"
        )
    folders = {"train": by_class(root / splits["train"], train)}
    for split in ("val", "test"):
        if split in splits:
            where = root / splits[split]
            folders[split] = matched(where, by_class(where, listing.folders(splits[split])), folders["train"])
    return Layout(splits, folders)


def by_class(where: Path, folders: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Class folders by the class's name.

    Raises:
        UserError: If two folders are of one class, their names composed in different ways.
    """
    named: dict[str, str] = {}
    for folder in folders:
        name = class_name(folder)
        if name in named:
            raise UserError(
                f"--dataset: '{shown(where)}' must have one folder for each class, got two for '{name}', "
                "their names written with different bytes: make them one"
            )
        named[name] = folder
    return named


def matched(where: Path, found: Mapping[str, str], classes: Mapping[str, str]) -> dict[str, str]:
    """The class folders of a split, in the order of the training classes.

    Raises:
        UserError: If they are not those of the training images.
    """
    odd = [f"{name} missing" for name in classes if name not in found]
    odd += [f"{name} extra" for name in found if name not in classes]
    if odd:
        more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
        raise UserError(
            f"--dataset: '{shown(where)}' must have the class folders of the training images, got "
            f"{', '.join(odd[:5])}{more}: make them agree, or move that folder elsewhere"
        )
    return {name: found[name] for name in classes}


def _misfit(root: Path, seen: str, remedy: str) -> UserError:
    return UserError(
        f"--dataset: '{shown(root)}' must be class folders, or train, val and test with class folders in "
        f"each, got {seen}: {remedy}"
    )


def _quoted(names: Iterable[str]) -> str:
    names = [f"'{shown(name)}'" for name in names]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
