import numpy as np

from cheapsearch.search.data.pool import ArrayImages, fingerprint_arrays

IMAGES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


def test_array_images_reads_the_chosen_in_order() -> None:
    np.testing.assert_array_equal(ArrayImages(IMAGES).read(np.array([1, 0]), 4), IMAGES[::-1])


def test_array_images_repeats_grey_in_three_channels() -> None:
    read = ArrayImages(IMAGES[..., :1]).read(np.array([1]), 4)
    np.testing.assert_array_equal(read, np.repeat(IMAGES[1:, ..., :1], 3, axis=3))


def test_array_images_hands_out_copies() -> None:
    read = ArrayImages(IMAGES).read(np.array([0, 1]), 4)
    assert read.flags.writeable
    assert not np.shares_memory(read, IMAGES)


def test_fingerprint_arrays_has_16_hexadecimal_digits() -> None:
    digits = fingerprint_arrays(IMAGES)
    assert len(digits) == 16
    assert int(digits, 16) >= 0


def test_fingerprint_arrays_changes_with_values_shape_and_order() -> None:
    changed = IMAGES.copy()
    changed[1, 2, 3, 0] ^= 1
    labels = np.array([0, 1], dtype=np.int64)
    prints = {
        fingerprint_arrays(IMAGES, labels),
        fingerprint_arrays(changed, labels),
        fingerprint_arrays(IMAGES.reshape(2, 2, 8, 3), labels),
        fingerprint_arrays(IMAGES, labels[::-1]),
    }
    assert len(prints) == 4


def test_fingerprint_arrays_ignores_how_an_array_lies_in_memory() -> None:
    assert fingerprint_arrays(np.asfortranarray(IMAGES)) == fingerprint_arrays(IMAGES)
