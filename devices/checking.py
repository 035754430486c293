"""Whether a file that was written answers as its network does."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

# Largest difference of an output that rounding explains, as a share of the largest output.
TOLERANCE = 1e-4


class MismatchError(RuntimeError):
    """A file was written that does not answer as its network does."""


@torch.no_grad()
def check_answers(
    path: Path,
    answer: Callable[[Tensor], Tensor],
    module: nn.Module,
    *,
    shape: tuple[int, int, int],
    batches: tuple[int, ...],
) -> float:
    """Compare what a file and a module answer, on normal random images.

    Args:
        answer: The file: images (N, *shape) to scores.
        module: On the CPU, in eval mode.
        batches: Numbers of images at once.

    Returns:
        The largest difference of an output, as a share of the largest output.

    Raises:
        MismatchError: If that is above `TOLERANCE`, or an output is not finite; the file is removed.
    """
    found = []
    for count in batches:
        images = torch.randn(count, *shape, generator=torch.Generator().manual_seed(count))
        expected = module(images)
        scale = float(expected.abs().max()) or 1.0
        found.append((answer(images) - expected).abs().max() / scale)
    largest = float(torch.stack(found).max())  # NaN if one is, as the builtin max is not
    if not largest <= TOLERANCE:
        path.unlink()
        how = f"differ by {largest:.2g}" if math.isfinite(largest) else "are not all finite"
        raise MismatchError(
            f"{path}: answers of the file must be the network's up to {TOLERANCE:g} of the largest, and "
            f"{how}; it is removed"
        )
    return largest
