"""The seeds within a search, all from the one it was given."""

import hashlib

_STEP = 10_007  # between the seeds of a subject's trainings


def proposal_seed(seed: int, index: int) -> int:
    """The seed of the sampler that makes the proposal of this index."""
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def training_seed(seed: int, repeat: int) -> int:
    """The seed of a training, the search's own for a subject's first: of weights, order and augmentation."""
    return seed + _STEP * repeat
