"""Shapes and texts of a drawing in SVG, as markup whose texts are escaped.

Colours are the page's, by the style sheet's variables; outside the page there are their values for light.
"""

from html import escape

TEXT, MUTED = "var(--text, #1c2430)", "var(--muted, #5c6674)"
LINE, CARD = "var(--line, #dfe3e9)", "var(--card, #ffffff)"


def rect(x: float, y: float, width: float, height: float, **style: object) -> str:
    """A rectangle; `style` is of attributes, with an underscore for a hyphen."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}"'
    return f"<rect {place}{_attributes(style)}/>"


def titled(markup: str, title: str) -> str:
    """The same with words that show when it is pointed at."""
    return f"<g><title>{escape(title)}</title>{markup}</g>"


def words(x: float, y: float, said: str, size: float, **style: object) -> str:
    """Text whose baseline begins at a point, in pixels of the drawing."""
    style = {"fill": TEXT, **style}
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{_attributes(style)}>{escape(said)}</text>'


def path(course: str, **style: object) -> str:
    """A line along a course, such as `M0 0L10 10`."""
    return f'<path d="{course}"{_attributes({"fill": "none", **style})}/>'


def drawing(width: float, height: float, parts: list[str], *, name: str, said: str) -> str:
    """All of it, as wide as its place.

    Args:
        name: Class of the element.
        said: What it shows, for those who do not see it.
    """
    return (
        f'<svg class="{escape(name)}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(said)}" font-family="system-ui, -apple-system, \'Segoe UI\', sans-serif">'
        f"{''.join(parts)}</svg>"
    )


def _attributes(style: dict[str, object]) -> str:
    return "".join(f' {name.replace("_", "-")}="{escape(str(value))}"' for name, value in style.items())
