import numpy as np
from sklearn.datasets import load_digits

from cheapsearch.search.data.digits import digits_pool


def test_digits_pool_holds_a_fifth_of_the_1797_images_out() -> None:
    pool = digits_pool()
    assert len(pool.train.labels) == 1797 - 359
    assert len(pool.open_test().labels) == 359
    assert np.bincount(pool.open_test().labels).min() >= 34  # a fifth of 174, the rarest digit


def test_digits_pool_parts_make_up_the_whole() -> None:
    pool = digits_pool()
    total = sum(
        int(part.images.read(np.arange(len(part.labels)), 8)[..., 0].astype(np.int64).sum())
        for part in (pool.train, pool.open_test())
    )
    assert total == int(np.rint(load_digits().images * 255 / 16).sum())


def test_digits_pool_spreads_16_grey_levels_over_a_byte() -> None:
    images = digits_pool().train.images.read(np.arange(100), 8)
    assert (images.min(), images.max()) == (0, 255)
    assert (images[..., 0] == images[..., 2]).all()


def test_digits_pool_does_not_mirror_digits() -> None:
    assert not digits_pool().flip
    assert digits_pool().classes == tuple("0123456789")
    assert digits_pool().input_size == 32
