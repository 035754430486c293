"""The figures of a training's epochs: rows of metrics.csv, and TensorBoard's event files."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ...space import METRICS
from ...space.names import is_shown_whole
from ...space.training_folder import MetricsRow
from .loop import Epoch


def metrics_row(epoch: Epoch, before: float) -> MetricsRow:
    """What is written of an epoch.

    Args:
        before: Seconds that the training took in other processes.
    """
    return {
        "epoch": epoch.epoch,
        "learning_rate": epoch.learning_rate,
        "train_loss": epoch.train_loss,
        "val_loss": epoch.val.loss,
        "val_top1": epoch.val.top1,
        "val_top5": epoch.val.top5,
        "val_score": epoch.val.score,
        "seconds": before + epoch.seconds,
    }


def best_row(rows: Sequence[MetricsRow]) -> MetricsRow:
    """The first epoch of the highest score."""
    return max(rows, key=lambda row: row["val_score"])


def open_board(folder: Path, epoch: int) -> AbstractContextManager[Any]:
    """A writer of event files, where the package is installed and can name the folder.

    Args:
        epoch: Epochs that are behind the training.
    """
    if not is_shown_whole(str(folder)):
        return nullcontext()
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return nullcontext()
    return SummaryWriter(folder / "tensorboard", purge_step=epoch + 1)


def plot(board: Any, row: MetricsRow) -> None:
    """Write an epoch's figures, if there is a writer."""
    if board is not None:
        for name in METRICS[1:]:
            board.add_scalar(name, row[name], int(row["epoch"]))
        board.flush()
