"""Names that would break a line or a file are shown without what does."""

import pytest

from cheapsearch.space import shown
from cheapsearch.space.names import is_shown_whole


@pytest.mark.parametrize("name", ["cat", "Größe", "猫 2", "👩\u200d🌾", "a'b\"c"])
def test_shown_leaves_what_can_be_shown(name: str) -> None:
    assert is_shown_whole(name)
    assert shown(name) == name


@pytest.mark.parametrize("odd", ["\n", "\t", "\x1b", "\x00", "\x85", "\u2028", "\u2029", "\udcff"])
def test_shown_replaces_what_cannot(odd: str) -> None:
    name = f"a{odd}b"

    assert not is_shown_whole(name)
    assert shown(name) == "a\ufffdb"
    assert is_shown_whole(shown(name))
