"""What a block says of itself."""

from fractions import Fraction

import pytest

from cheapsearch.space import BACKBONES


def test_block_copies_are_the_expansion(backbone_name: str) -> None:
    for block in BACKBONES[backbone_name].layout().blocks:
        assert abs(Fraction(block.hidden, block.in_channels) - block.copies) <= Fraction(1, 2)
        assert block.copies >= 1


@pytest.mark.parametrize(("size", "stride"), [(64, 8), (65, 32)])
def test_layout_total_stride_is_of_the_stem_and_every_block(
    backbone_name: str, size: int, stride: int
) -> None:
    assert BACKBONES[backbone_name].layout(0.5, size).total_stride == stride
