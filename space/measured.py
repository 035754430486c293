"""How networks were measured: their accuracies, and the errors that the images and the seeds left in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Shares = NDArray[np.float32]
Rows = NDArray[np.intp]

# Seeds of CIFAR-10 proxies with 42 % of 2,000 images right differ by 0.84 points, 0.76 of the sampling error
# there. About a quarter of that squared is single images' chance, which falls as images are added. The rest
# is the whole network's and stays, so it counts the more in the units of a smaller sampling error.
_FLIPS = 0.25
_SHIFT = (0.76**2 - _FLIPS) / 2000  # for each image
_SHIFT_WITHOUT_IMAGES = 0.84  # points

PAIRED = 1_000  # networks compared pair by pair at most; what follows grows with the cube of their number
_PSEUDO_IMAGES = 4.0  # half of them right: the error of an accuracy of 100 % does not vanish
_PSEUDO_NETWORKS = 1.0  # repeated ones that the prior of `flips` counts as


@dataclass(frozen=True)
class Measured:
    """N networks.

    Attributes:
        accuracy: (N,) means over the trainings in percent.
        trainings: (N,) numbers of them.
        squares: (N,) their sums of squares about the mean, in points^2.
        error: (N,) sampling errors of one training's accuracy in points.
        correlation: (N, N) covariances of the means' sampling errors, in units of `error`. The diagonal has
            the chance of single images in it. 0 where it is not known which images were right. Of more than
            `PAIRED` networks the diagonal alone (N,): all else is `common`.
        single: What the diagonal would be for one training.
        common: Mean of what is off the diagonal: the error that all networks share.
        flips: Chance of single images between seeds, as a variance in units of `error`.
        shift: Deviation between seeds beyond that, in units of `error`, that is to be expected.
        beside: Of trainings of other lengths how many repeat one, and their sum of squares about the mean, in
            units of their own `error` squared.
    """

    accuracy: Floats
    trainings: Floats
    squares: Floats
    error: Floats
    correlation: Floats
    single: float
    common: float
    flips: float
    shift: float
    beside: tuple[float, float] = (0.0, 0.0)


def measured(
    runs: Sequence[Sequence[float]],
    right: Sequence[Shares | None],
    *,
    images: int,
    weights: Floats | None,
    beside: Sequence[Sequence[float]] = (),
) -> Measured:
    """Put the trainings of networks together.

    Args:
        runs: By network the accuracies of its trainings, in percent.
        right: By network in how many of them each image was right, as a share, (images,); None where that is
            not known.
        images: Validation images, 0 where that is not known.
        weights: (images,) share of each image in the accuracy, 1 in the mean; None where it is the same.
        beside: As `runs`, of trainings of other lengths.
    """
    accuracy = np.array([np.mean(run) for run in runs])
    trainings = np.array([float(len(run)) for run in runs])
    squares = np.array([np.var(run) * len(run) for run in runs])
    unpaired = np.zeros((len(runs),) * (2 if len(runs) <= PAIRED else 1))
    if not images:
        one, shift = np.ones(len(runs)), _SHIFT_WITHOUT_IMAGES
        others = _repeated(beside, 0.0)
        return Measured(accuracy, trainings, squares, one, unpaired, 0.0, 0.0, 0.0, shift, others)
    # Unequal weights leave as much chance as fewer images of one weight (Kish 1965).
    effective = images if weights is None else images / float(np.mean(weights**2))
    error, others = _sampling_error(accuracy, effective), _repeated(beside, effective)
    known = [index for index, share in enumerate(right) if share is not None]
    if not known:
        shift = sqrt(_SHIFT * effective + _FLIPS)
        return Measured(accuracy, trainings, squares, error, unpaired, 0.0, 0.0, 0.0, shift, others)

    shares = np.stack([share for share in right if share is not None])
    errors = _errors(shares, weights)
    pairs = len(known) * (len(known) - 1)
    # The sum over all pairs, without a matrix of them.
    total = np.sum(errors.sum(axis=0, dtype=np.float64) ** 2) - np.sum(errors.astype(np.float64) ** 2)
    mean = float(np.clip(total / pairs, 0.0, 1.0)) if pairs else 0.5
    flips = _flips(shares, trainings[known], weights, prior=(1.0 - mean) / 2.0)
    correlation = 1.0 - flips + flips / trainings
    if len(runs) <= PAIRED:
        diagonal, correlation = correlation, np.full(unpaired.shape, mean)
        between = (errors @ errors.T).astype(np.float64)
        correlation[np.ix_(known, known)] = _towards_mean(between, mean, images)
        np.fill_diagonal(correlation, diagonal)
    return Measured(
        accuracy,
        trainings,
        squares,
        error,
        correlation,
        single=1.0,
        common=mean,
        flips=flips,
        shift=sqrt(_SHIFT * effective),
        beside=others,
    )


def _repeated(runs: Sequence[Sequence[float]], images: float) -> tuple[float, float]:
    """How many trainings repeat one, and their squares by the sampling error, which is 1 without images."""
    squares = 0.0
    for run in runs:
        error = _sampling_error(np.array(np.mean(run)), images) if images else 1.0
        squares += float(np.var(run) * len(run) / error**2)
    return float(sum(len(run) - 1 for run in runs)), squares


def sampling_error(percent: float, images: int) -> float:
    """The standard error in points of a share of images, in percent; that of no images is taken as 1."""
    return float(_sampling_error(np.array(percent), images)) if images else 1.0


def _sampling_error(percent: Floats, images: float) -> Floats:
    share = (images * percent / 100.0 + _PSEUDO_IMAGES / 2.0) / (images + _PSEUDO_IMAGES)
    return np.asarray(100.0 * np.sqrt(share * (1.0 - share) / images))


def _shares_right(shares: Shares, weights: Floats | None) -> Floats:
    """(N,) means over the images, as near to 0 and 1 as half an image."""
    counts = np.ones(shares.shape[1], dtype=np.float32) if weights is None else weights.astype(np.float32)
    least = 0.5 / shares.shape[1]
    right = (shares @ counts).astype(np.float64) / shares.shape[1]
    return np.asarray(np.clip(right, least, 1.0 - least))


def _errors(shares: Shares, weights: Floats | None) -> Shares:
    """(N, images) rows whose products are covariances, in units of the deviation of right or wrong."""
    right = _shares_right(shares, weights)
    centred = shares - right[:, None].astype(np.float32)
    scale = np.sqrt(right * (1.0 - right) * shares.shape[1])
    if weights is not None:
        centred *= weights.astype(np.float32)
        scale *= sqrt(float(np.mean(weights**2)))
    return np.asarray(centred / scale[:, None], dtype=np.float32)


def _towards_mean(between: Floats, mean: float, images: int) -> Floats:
    """Drawn to their mean as far as chance would spread them (Ledoit and Wolf 2004, constant correlation)."""
    spread = float(np.var(between[~np.eye(len(between), dtype=bool)])) if len(between) > 1 else 0.0
    chance = (1.0 - mean**2) ** 2 / images
    drawn = min(1.0, chance / spread) if spread > 0.0 else 1.0
    return drawn * mean + (1.0 - drawn) * between


def _flips(shares: Shares, trainings: Floats, weights: Floats | None, *, prior: float) -> float:
    """Half the share of images on which two trainings of a network differ, over the variance of one."""
    again = trainings > 1
    count, of = trainings[again], shares[again].astype(np.float64)
    squared = np.ones(shares.shape[1]) if weights is None else weights**2 / np.mean(weights**2)
    right = _shares_right(shares[again], weights)
    found = (of * (1.0 - of)) @ squared / shares.shape[1] * count / (count - 1.0) / (right * (1.0 - right))
    return float((found.sum() + _PSEUDO_NETWORKS * prior) / (again.sum() + _PSEUDO_NETWORKS))
