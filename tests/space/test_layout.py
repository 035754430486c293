"""What a block says of itself."""

from fractions import Fraction

from cheapsearch.space import BACKBONES


def test_block_copies_are_the_expansion(backbone_name: str) -> None:
    for block in BACKBONES[backbone_name].layout().blocks:
        assert abs(Fraction(block.hidden, block.in_channels) - block.copies) <= Fraction(1, 2)
        assert block.copies >= 1
