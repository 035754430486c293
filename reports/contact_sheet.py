"""Some images of each class of a data set as one page."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from ..space import write_text
from .template import page

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
    body = [
        f"<header><h1>{escape(title)}</h1></header>",
        f"<pre>{escape(chr(10).join(lines))}</pre>",
        "<p>Training images as the network sees them: the middle square, resized.</p>",
        *map(_row, rows),
    ]
    write_text(path, page(f"{title}: images", "\n".join(body), figures=False))
    return path


def _row(row: Row) -> str:
    name, counts, images = row
    said = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    shown = "\n".join(
        f'<img alt="{escape(name)}" src="data:image/png;base64,{b64encode(image).decode()}">'
        for image in images
    )
    return f'<h2>{escape(name)} <small class="muted">{escape(said)}</small></h2>\n{shown}'
