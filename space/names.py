"""Names that come from files and folders, as a terminal, a CSV or a YAML can take them."""

from unicodedata import category

# Control characters, lone surrogates (bytes that are not UTF-8), line and paragraph separators.
_UNSHOWABLE = ("Cc", "Cs", "Zl", "Zp")


def is_shown_whole(name: str) -> bool:
    """Whether nothing of a name would be replaced by `shown`."""
    return not any(category(char) in _UNSHOWABLE for char in name)


def shown(name: object) -> str:
    """A path or name, each character that cannot be shown as U+FFFD."""
    return "".join("\ufffd" if category(char) in _UNSHOWABLE else char for char in str(name))
