"""scikit-learn's handwritten digits: 1,797 grey images of 8x8, no download."""

import numpy as np

from .pool import TEST_FRACTION, TEST_SEED, ArrayImages, Part, Pool, fingerprint_arrays, sizes_of
from .split import stratified_split
from .summary import Seen

# The images are 8x8; the networks need room for their strides, so the full size enlarges them bilinearly.
INPUT_SIZE = 32
VAL_FRACTION = 0.2


def digits_pool() -> Pool:
    """The digits, a fifth of each class held out as the test split."""
    # Imported here, so that workers, which get their images handed in, start without it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    kept, test = stratified_split(labels, TEST_FRACTION, TEST_SEED)
    return Pool(
        train=Part(ArrayImages(grey[kept]), labels[kept]),
        val=None,
        open_test=lambda: Part(ArrayImages(grey[test]), labels[test]),
        classes=tuple(str(name) for name in bunch.target_names),
        input_size=INPUT_SIZE,
        val_fraction=VAL_FRACTION,
        fingerprint=fingerprint_arrays(grey[kept], labels[kept]),
        seen=Seen(
            origins={
                "train": "scikit-learn",
                "val": f"{VAL_FRACTION:.0%} of the training images, by the seed",
                "test": "a fifth of each class, held out",
            },
            sizes=sizes_of(grey),
            test_images=len(test),
        ),
        flip=False,
    )
