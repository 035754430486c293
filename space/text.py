"""Numbers and choices as a reader sees them."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from math import isnan

MISSING = "\N{EN DASH}"
_MINUS, _TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


def count(value: float) -> str:
    """Four digits and a unit: `1.174 M`."""
    if isnan(value):
        return MISSING
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:#.4g}".rstrip(".") + unit
    return f"{value:.4g}"


def many(count: int, noun: str) -> str:
    """`1 trial`, `1,200 trials`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def measured(value: float, unit: str) -> str:
    """Three digits and the unit of a measurement: `8.12 ms`."""
    if isnan(value):
        return MISSING
    digits = f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"
    return f"{digits} {unit}".rstrip()


def percent(value: float) -> str:
    """An accuracy: `72.31`."""
    return MISSING if isnan(value) else f"{value:.2f}"


def spread(mean: float, deviation: float) -> str:
    """A mean with its standard deviation, `72.31 ± 0.42`; alone where that is not known."""
    return percent(mean) if isnan(deviation) else f"{mean:.2f} ± {deviation:.2f}"


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign: `+0.4`, `-48.1` (with a true minus sign), `0.0`."""
    if isnan(value):
        return MISSING
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else _MINUS) + text


def difference(value: float, unit: str = "") -> str:
    """A difference with its unit, `+0.4 points`; nothing where it is not known."""
    return "" if isnan(value) else signed(value) + unit


def times(rung: int) -> str:
    """How long a training is, as a multiple of the shortest: four times as long is a cross and 4."""
    return f"{_TIMES}{rung}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def date(stamp: str) -> str:
    """An ISO 8601 time without its seconds, `2026-03-14 10:22 UTC`; any other text as it is."""
    try:
        return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M %Z}".strip()
    except ValueError:
        return stamp


def duration(seconds: float) -> str:
    """A time span with its two largest units: `2 h 5 min`."""
    if isnan(seconds):
        return MISSING
    if seconds < 0.1:
        return f"{seconds:.1g} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def choice(text: str) -> str:
    """A choice of operations: `conv`, or stage by stage `1 conv · 2-4 reuse · 5-7 conv`."""
    operations = text.split("|")
    if len(operations) == 1:
        return text
    parts = []
    stage = 1
    for operation, group in groupby(operations):
        last = stage + len(list(group)) - 1
        parts.append(f"{stage if last == stage else f'{stage}-{last}'} {operation}")
        stage = last + 1
    return " · ".join(parts)
