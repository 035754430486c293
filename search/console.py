"""The terminal."""

from rich.console import Console


def make_console(*, stderr: bool = False, markup: bool = True) -> Console:
    """A console that does not cut lines short where nobody looks at them.

    Args:
        markup: Whether square brackets are styles; not where text of the user's is printed.
    """
    console = Console(stderr=stderr, highlight=False, markup=markup)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, markup=markup, width=200)
    return console
