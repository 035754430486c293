"""Pages from Jinja2 templates: what is filled in is escaped, and all is inline: a file stands alone."""

import gzip
import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from ..space import check_name

# How a page holds plotly.js, 4.8 MB, and its longest data; what a user of `cheapsearch report` reads of it.
PLOTLY = {
    "packed": "compressed, and unpacked by the browser, which must be of 2023 or later",
    "full": "as they are, for any browser",
    "cdn": "plotly.js loaded from cdn.plot.ly, so that the page needs a network to draw its figures",
}
_LONG = 30_000  # characters of data from which packing is worth that a reader of the source cannot read it
TEMPLATES = Path(__file__).parent / "templates"


def render(name: str, *, plotly: str = "packed", **values: Any) -> str:
    """A whole page.

    Args:
        name: Of the template.
        plotly: One of `PLOTLY`.
        values: What the template fills in; text is escaped.

    Raises:
        UserError: If there is no such way to hold plotly.js.
    """
    check_name("plotly", plotly, PLOTLY)
    return environment().get_template(name).render(plotly=plotly, **values)


def data_json(value: Any) -> str:
    """A value as JSON: arrays as lists, numbers to six digits, what is not a number as null."""
    return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)


@cache
def environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"packed": _packed, "in_script": _in_script}
    environment.globals |= {
        "long": _LONG,
        "source": _source,
        "plotly_source": _plotly_source,
        "plotly_packed": _plotly_packed,
        "plotly_version": get_plotlyjs_version(),
        "plotly_integrity": _plotly_integrity,
    }
    return environment


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "bdata" in value:  # plotly's form of an array
            flat = np.frombuffer(b64decode(value["bdata"]), dtype=value["dtype"])
            shape = [int(side) for side in value.get("shape", "-1").split(",")]
            return _plain(flat.reshape(shape))
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _in_script(text: str) -> Markup:
    # As escapes of JSON these mean the same, and no text can end the script element.
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)


def _packed(text: str) -> str:
    return b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode()


@cache
def _source(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _plotly_source() -> Markup:
    return Markup(get_plotlyjs())


@cache
def _plotly_packed() -> str:
    return _packed(get_plotlyjs())


def _plotly_integrity() -> str:
    return "sha256-" + b64encode(hashlib.sha256(get_plotlyjs().encode("utf-8")).digest()).decode()
