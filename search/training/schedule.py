"""The learning rate as a pure function of the step."""

import math


def learning_rate(
    step: int, *, total_steps: int, warmup_steps: int, initial: float, minimum: float = 0.0
) -> float:
    """Linear warm-up from 0, then a cosine down to `minimum` at the last step (arXiv 1608.03983, eq. 5).

    Where the warm-up ends at the last step, that step has the initial rate.

    Args:
        step: Step from 0 to `total_steps` - 1.
        total_steps: Steps of the whole training.
        warmup_steps: Steps before the initial rate is reached, less than `total_steps`.
        initial: The rate at the end of the warm-up.
        minimum: The rate at the last step.
    """
    if step < warmup_steps:
        return initial * step / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - 1 - warmup_steps)
    return minimum + (initial - minimum) * (1 + math.cos(math.pi * progress)) / 2
