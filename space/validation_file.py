"""Which validation images each trial predicted right, and the classes of the images: validation.npz."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from .errors import UserError
from .files import write_bytes
from .records import TrialRecord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Labels = npt.NDArray[np.int64]

VALIDATION_FILE = "validation.npz"
_MOST_CLASSES = 1_000_000


@dataclass(frozen=True, eq=False)
class Validation:
    """The validation images of a run.

    Attributes:
        labels: Classes of the images, int64 (M,).
        right: By number of a trial which of them it predicted right, eight to a byte.
    """

    labels: "Labels"
    right: Mapping[int, bytes]

    def weights(self, metric: str) -> "npt.NDArray[np.float64] | None":
        """How much each image counts in a metric, 1 in the mean (M,); None where all count the same.

        In balanced accuracy an image counts the more the fewer its class has; macro F1, which is no mean over
        images, is taken to be like it.
        """
        import numpy as np

        if metric == "accuracy":
            return None
        counts = np.bincount(self.labels)
        return np.asarray(len(self.labels) / (np.count_nonzero(counts) * counts[self.labels]))

    def scoring(self, metric: str) -> dict[str, Any]:
        """How accuracies are measured, as `Claims.of` takes it."""
        return {
            "images": len(self.labels),
            "weights": self.weights(metric),
            "largest_class": self.largest_class(metric),
        }

    def largest_class(self, metric: str) -> float:
        """What answering always the largest class scores, in percent."""
        import numpy as np

        counts = np.bincount(self.labels)
        share = float(counts.max() / counts.sum())
        if metric == "accuracy":
            return 100.0 * share
        one = 1.0 if metric == "balanced_accuracy" else 2 * share / (share + 1)
        return 100.0 * one / int(np.count_nonzero(counts))

    def on(self, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Trials with what they predicted right."""
        return [replace(trial, right=self.right.get(trial.number, b"")) for trial in trials]


def write_validation(path: Path, labels: "Labels", trials: Sequence[TrialRecord]) -> None:
    """Write validation.npz anew: `labels`, `numbers` (T,) and `right` (T, M / 8), of trials that know it."""
    import numpy as np

    packed = -(-len(labels) // 8)
    known = [trial for trial in trials if len(trial.right) == packed]
    right = np.array([np.frombuffer(trial.right, np.uint8) for trial in known], np.uint8)
    text = io.BytesIO()
    np.savez_compressed(
        text,
        labels=labels.astype(np.int64),
        numbers=np.array([trial.number for trial in known], np.int64),
        right=right.reshape(len(known), packed),
    )
    write_bytes(path, text.getvalue())


def read_validation(path: Path) -> Validation | None:
    """Read a validation.npz, None where there is none, as in runs of before there was any.

    Raises:
        UserError: If it is damaged.
    """
    import numpy as np

    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            labels, numbers, right = (np.asarray(file[name]) for name in ("labels", "numbers", "right"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise _damaged(path, error) from None
    fits = labels.dtype == numbers.dtype == np.int64 and right.dtype == np.uint8
    fits = fits and labels.ndim == numbers.ndim == 1 and labels.size > 0
    fits = fits and labels.min() >= 0 and labels.max() < _MOST_CLASSES
    if not fits or right.shape != (len(numbers), -(-len(labels) // 8)):
        raise _damaged(path, "arrays of other shapes")
    return Validation(labels, {int(n): bits.tobytes() for n, bits in zip(numbers, right, strict=True)})


def _damaged(path: Path, why: Any) -> UserError:
    return UserError(
        f"{path}: must be as `cheapsearch run` wrote it, got {' '.join(str(why).split())}; put it back, or "
        "remove it and go on with the run, which writes it anew"
    )
