"""How a network is trained: what the training loop reads, of a proxy and of a full policy alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum, a warm-up, then a cosine per step.

    Attributes:
        metric: What networks are scored by, one of `space.METRIC_TITLES`.
        frozen_epochs: At the beginning, in which what was taken over of pretrained weights stays as it is.
        class_weights: How much an image of each class counts in the loss, 1 in the mean over the training
            images; None where all count the same.
        max_gradient_norm: Gradients of a larger norm are scaled down to it; None for no limit.
        ema_decay: Of an exponential moving average of the weights after every step, which then is what
            is scored; 0 for none.
        statistics_images: Training images that batch norm's statistics are taken from anew before every
            scoring; 0 for the moving averages of training.
        padding: Pixels of zero padding for the random crop; 0 for none.
        flip: Mirror left to right with probability one half.
        rotation: Largest rotation in degrees, 0 for none.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    min_learning_rate: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 6e-5
    label_smoothing: float = 0.0
    frozen_epochs: int = 0
    metric: str = "accuracy"
    class_weights: tuple[float, ...] | None = None
    max_gradient_norm: float | None = None
    ema_decay: float = 0.0
    statistics_images: int = 0
    padding: int = 4
    flip: bool = True
    rotation: float = 0.0

    def whole_batch(self, images: int, processes: int = 1) -> int:
        """The batch size for so many images: no more than they are, a multiple of the processes."""
        size = min(self.batch_size, images)
        return size - size % processes
