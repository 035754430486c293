"""Folders and files of a data set: what is an image of which class, and what is left out and why."""

import os
from collections.abc import Iterable
from pathlib import Path

from ...devices.label import image_endings
from ...space import UserError, shown

# What systems and programs put beside images.
_SYSTEM_FOLDERS = (
    "__macosx",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
)
_OUTPUT_FILES = ("run.yaml", "training.yaml")

HIDDEN = "hidden or the system's"
LINKS = "links that lead back or to images read at their own place"
NO_FILES = "pipes, sockets or devices"
OUTPUTS = "results of cheapsearch"
OUTSIDE = "images outside the class folders"


class Listing:
    """One data set's folder while it is listed; links are followed unless that would give images twice.

    Attributes:
        left_out: By reason, paths below the root, in the order found.

    Args:
        root: The folder of all.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.left_out: dict[str, list[str]] = {}
        self._endings = image_endings()
        self._owners: dict[str, str] = {}  # real folder -> class folder that reads it
        self._linked: set[str] = set()  # those of them that lie elsewhere and are linked into a class
        self._above: set[str] = set()  # real folders that hold class folders
        self._real: dict[str, str] = {}  # a link's folder -> the real one

    def leave_out(self, reason: str, name: str) -> None:
        self.left_out.setdefault(reason, []).append(name)

    def folders(self, below: str, *, quiet: bool = False) -> tuple[str, ...]:
        """Names of the folders that may be classes or splits, in order.

        Args:
            below: The folder they are in, below the root.
            quiet: Whether nothing is noted as left out.

        Raises:
            UserError: If the folder cannot be listed.
        """
        found = []
        for entry in self._entries(below):
            path = f"{below}/{entry.name}".lstrip("/")
            reason = None
            if not os.path.isdir(entry.path):  # noqa: PTH112 - of links too, and without an error for loops
                outside = entry.name.lower().endswith(self._endings) and not _is_hidden(entry.name)
                reason = OUTSIDE if outside else None
            elif _is_hidden(entry.name) or entry.name.startswith("__"):
                reason = HIDDEN
            elif _is_output(entry.path):
                reason = OUTPUTS
            else:
                found.append(entry.name)
            if reason is not None and not quiet:
                self.leave_out(reason, path)
        return tuple(found)

    def claim(self, folders: Iterable[str]) -> None:
        """Say which folders are classes, before their files are listed.

        Args:
            folders: Of all splits, below the root.

        Raises:
            UserError: If two are one folder, or one holds another: their images would have two classes.
        """
        for folder in folders:
            real = self._real_path(self.root / folder)
            if real in self._owners:
                raise _same(self._owners[real], folder)
            self._owners[real] = folder
        for real, folder in self._owners.items():
            for above in _parents(real):
                if above in self._owners:
                    raise _same(self._owners[above], folder)
                self._above.add(above)

    def files(self, split: str, folder: str) -> list[str]:
        """The image files of a class, in an order no file system decides.

        Args:
            split: The split's folder below the root.
            folder: The class folder below the split's.

        Returns:
            Paths below the split's folder.

        Raises:
            UserError: If a folder cannot be listed, or is linked from two classes.
        """
        top = f"{split}/{folder}".lstrip("/")
        found: list[str] = []
        waiting = [folder]
        while waiting:
            below = waiting.pop()
            for entry in self._entries(f"{split}/{below}"):
                name = f"{below}/{entry.name}"
                linked = entry.is_symlink()
                reason = None
                if _is_hidden(entry.name):
                    reason = HIDDEN
                elif linked and self._strays(entry.path, top):
                    reason = LINKS
                elif os.path.isdir(entry.path) if linked else entry.is_dir():  # noqa: PTH112
                    waiting.append(name)
                elif not entry.name.lower().endswith(self._endings):
                    reason = _ending(entry.name)
                elif linked or entry.is_file():
                    found.append(name)  # a link that leads nowhere too: it is an image that is missing
                else:
                    reason = NO_FILES
                if reason is not None:
                    self.leave_out(reason, f"{split}/{name}".lstrip("/"))
        return sorted(found)

    def _entries(self, below: str) -> list[os.DirEntry[str]]:
        where = self.root / below.lstrip("/")
        try:
            with os.scandir(where) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(
                f"--dataset: the folder '{shown(where)}' cannot be listed ({error.strerror}): mend that or "
                "leave it out"
            ) from None

    def _strays(self, link: str, owner: str) -> bool:
        """Whether a link in the class folder `owner` leads to what is read at its own place, or back.

        Raises:
            UserError: If it leads to a folder elsewhere that another class links to.
        """
        if not os.path.exists(link):  # noqa: PTH110 - which has no error for links that go round
            return False
        target = self._real_path(Path(link))
        if target in self._above:
            return True
        for above in (target, *_parents(target)):
            if above in self._owners:
                parts = Path(target).relative_to(above).parts
                if any(map(_is_hidden, parts)):
                    return False  # nobody reads it there
                if self._owners[above] != owner and above in self._linked:
                    raise _same(self._owners[above], owner)
                return True
        if os.path.isdir(target):  # noqa: PTH112
            self._owners[target] = owner
            self._linked.add(target)
            self._above.update(_parents(target))
        return False

    def _real_path(self, path: Path) -> str:
        """As os.path.realpath, which looks at every folder above; there are as many links as images."""
        try:
            target = os.path.join(path.parent, os.readlink(path))  # noqa: PTH115, PTH118
        except OSError:
            return os.path.realpath(path)
        if os.path.islink(target) or not os.path.basename(target).strip("."):  # noqa: PTH114, PTH119
            return os.path.realpath(target)
        folder, name = os.path.split(target)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return os.path.join(self._real[folder], name)  # noqa: PTH118


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def _is_output(folder: str) -> bool:
    """Whether it is the folder of a run or a training, or `runs` with such folders or nothing in it."""
    if _has_output_files(folder):
        return True
    if os.path.basename(folder).lower() != "runs":  # noqa: PTH119
        return False
    try:
        inside = os.listdir(folder)  # noqa: PTH208
    except OSError:  # listing it as a class says so
        return False
    return not inside or any(_has_output_files(f"{folder}/{name}") for name in inside)


def _has_output_files(folder: str) -> bool:
    return any(os.path.exists(f"{folder}/{name}") for name in _OUTPUT_FILES)  # noqa: PTH110


def _ending(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return f"*{ending}" if 1 < len(ending) <= 6 and ending[1:].isalnum() else "other files"


def _parents(path: str) -> Iterable[str]:
    return map(str, Path(path).parents)


def _same(one: str, other: str) -> UserError:
    return UserError(
        f"--dataset: the class folders '{shown(one)}' and '{shown(other)}' must not share images, but a link "
        "makes them: remove the link"
    )
