"""Resizing of many images of one shape at once."""

import numpy as np
import torch
from torch.nn.functional import interpolate

from .image_data import ByteArray

# Images at a time: bounds the memory beyond input and output.
CHUNK = 1024


def resize_images(images: ByteArray, size: int) -> ByteArray:
    """Resize to a square: the shorter side to `size`, then a centre crop.

    Bilinear with antialias, as `decode` does with Pillow: the two differ by one grey level at most.
    Enlarging is plain bilinear.

    Args:
        images: uint8 (N, H, W, C).
        size: Side of the result in pixels.

    Returns:
        uint8 (N, size, size, C).
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[:, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    resized = np.empty((len(images), size, size, images.shape[3]), dtype=np.uint8)
    for start in range(0, len(images), CHUNK):
        batch = torch.from_numpy(np.ascontiguousarray(square[start : start + CHUNK])).permute(0, 3, 1, 2)
        smaller = interpolate(batch, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
        resized[start : start + CHUNK] = smaller.permute(0, 2, 3, 1).numpy()
    return resized
