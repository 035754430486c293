"""Augmentation of whole batches, on the device that trains."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from .image_data import ByteArray

# Images at a time when counting pixel values: numpy counts on an eight times larger copy.
CHUNK = 1024


def augment(
    images: Tensor,
    *,
    generator: torch.Generator,
    padding: int = 0,
    flip: bool = False,
    rotation: float = 0.0,
    rank: int = 0,
    processes: int = 1,
) -> Tensor:
    """Crop, mirror and turn every image by its own draw.

    The draws are made on the generator's device, so a CPU generator gives the same on any device. Where
    several processes share a batch, each draws for all of it, so that together they do what one would.

    Args:
        images: uint8 (N, 3, H, W), fastest in channels_last.
        generator: Of all draws.
        padding: Zero pixels added on each side before a random crop back to (H, W).
        flip: Mirror left to right with probability one half.
        rotation: Largest angle in degrees, either way; bilinear, zeros from outside.
        rank: Which part of a larger batch the images are: those at rank, rank + processes, ...
        processes: How many parts it has.

    Returns:
        uint8 (N, 3, H, W), channels_last; `images` itself where nothing is asked for.
    """
    count, home = len(images) * processes, generator.device
    mine = slice(rank, None, processes)
    if padding > 0:
        offsets = torch.randint(2 * padding + 1, (2, count), generator=generator, device=home)
        images = _crop(images, offsets[:, mine].to(images.device), padding)
    if flip:
        mirrored = torch.rand(count, 1, 1, 1, generator=generator, device=home) < 0.5
        images = torch.where(mirrored[mine].to(images.device), images.flip(3), images)
    if rotation > 0:
        angles = (2 * torch.rand(count, generator=generator, device=home) - 1) * math.radians(rotation)
        images = _rotate(images, angles[mine].to(images.device))
    return images


def _crop(images: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """Cut (H, W) at `offsets` (2, N), rows and columns, out of the padded images.

    Every window is one view into the padded batch, so a single gather copies whole rows.
    """
    count, channels, height, width = images.shape
    padded = pad(images.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding)).contiguous()
    rows, columns = padded.shape[1:3]
    last = count * rows * columns - (height - 1) * columns - width
    windows = padded.as_strided((last + 1, height, width * channels), (channels, columns * channels, 1))
    first = torch.arange(count, device=images.device) * (rows * columns)
    cut = windows[first + offsets[0] * columns + offsets[1]]
    return cut.view(count, height, width, channels).permute(0, 3, 1, 2)


def _rotate(images: Tensor, angles: Tensor) -> Tensor:
    """Turn about the centre by `angles` (N,), in radians."""
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # affine_grid's axes run from -1 to 1 whatever the sides are: the ratio undoes that for other shapes.
    ratio = images.shape[2] / images.shape[3]
    rows = (torch.stack((cos, -sin * ratio, zero), 1), torch.stack((sin / ratio, cos, zero), 1))
    grid = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    turned = grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return turned.round_().to(torch.uint8, memory_format=torch.channels_last)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """What a network takes in.

    Args:
        images: uint8 (N, 3, H, W).
        mean: Per channel in 0..1, (3,), on the images' device.
        std: Likewise.

    Returns:
        float32 (N, 3, H, W), channels_last, zero mean and unit variance over the training images.
    """
    scale = (1 / (255 * std)).view(1, -1, 1, 1)
    offset = (-mean / std).view(1, -1, 1, 1)
    return images.to(torch.float32, memory_format=torch.channels_last).mul_(scale).add_(offset)


def channel_statistics(images: ByteArray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel, by counting pixel values, so exact for any order.

    Args:
        images: uint8 (N, H, W, 3).

    Returns:
        Mean and std in 0..1, float32 (3,) each; a constant channel has std 1/255.
    """
    counts = np.zeros((3, 256), dtype=np.int64)
    for start in range(0, len(images), CHUNK):
        for channel in range(3):
            chunk = images[start : start + CHUNK, ..., channel]
            counts[channel] += np.bincount(chunk.ravel(), minlength=256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    values = np.arange(256) / 255
    mean = shares @ values
    std = np.sqrt(shares @ values**2 - mean**2)
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(
        np.maximum(std, 1 / 255), dtype=torch.float32
    )
