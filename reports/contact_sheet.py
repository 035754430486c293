"""Some images of each class of a data set as one page."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..space import write_text
from .template import render

# Class name, its images by split, and some of them as PNG files.
Row = tuple[str, Mapping[str, int], Sequence[bytes]]


def write_contact_sheet(rows: Sequence[Row], path: Path, *, title: str, lines: Sequence[str]) -> Path:
    """Write the page, self-contained.

    Args:
        rows: One for each class.
        title: The data set.
        lines: What is to be said of it.

    Raises:
        OSError: If it cannot be written.
    """
    classes = [
        {
            "name": name,
            "said": ", ".join(f"{split} {count:,}" for split, count in counts.items()),
            "images": [b64encode(image).decode() for image in images],
        }
        for name, counts, images in rows
    ]
    write_text(
        path, render("contact_sheet.html.j2", figures=False, title=title, lines=lines, classes=classes)
    )
    return path
