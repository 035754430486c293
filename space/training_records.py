"""What a full training writes down: its settings when it begins, its result when it ends."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .architecture import Architecture
from .canonical import architecture_hash
from .costs import COSTS, Cost, flattened, gathered, in_every_file
from .errors import UserError, check_complete
from .schema import stamped, unstamped
from .scoring import METRIC_TITLES


@dataclass(frozen=True)
class TrainingRecord:
    """What a full training was asked to do, and with what: training.yaml.

    Attributes:
        architecture: What is trained, at the width it is trained at.
        trial: Number of the trial it comes from, None for none.
        costs: Of the network, for one image of `input_size` pixels.
        dataset: What the data set is called on the command line.
        data_dir: Where it lies, empty for its own default.
        data_seed: Of the validation split, where the data set has none of its own.
        fingerprint: Of the training and validation images.
        policy: Every setting of the policy.
        seed: Of weights, order and augmentation.
        device: Its kind: cpu, cuda or mps.
        processes: How many train the network together.
        threads: How many compute in each on a CPU; the last bits of the figures depend on it.
        began_with: Name and hash of the file of pretrained weights, and how many tensors were taken over;
            empty for fresh weights.
    """

    version: str
    created: str
    architecture: Architecture
    trial: int | None
    costs: Cost
    num_classes: int
    input_size: int
    dataset: str
    data_dir: str
    data_seed: int
    fingerprint: str
    train_images: int
    val_images: int
    policy: Mapping[str, Any]
    seed: int
    device: str
    processes: int
    threads: int
    versions: Mapping[str, str] = field(default_factory=dict)
    began_with: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        return architecture_hash(self.architecture)

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self) | {"architecture": self.architecture.to_dict(), "costs": self.costs}
        return stamped("training", flattened(data))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TrainingRecord":
        """Inverse of `to_dict`.

        Raises:
            UserError: If a key is unknown or missing.
        """
        if isinstance(data, Mapping):  # trainings of before began with fresh weights
            data = {"began_with": {}, **data}
        data = _checked(cls, "training", "training.yaml", data)
        return cls(**{**gathered(data), "architecture": Architecture.from_dict(data["architecture"])})


@dataclass(frozen=True)
class TrainingResult:
    """What a full training came to: result.json. Accuracies are in percent.

    Attributes:
        best_epoch: The first epoch of the highest validation score; its weights are kept and tested.
        val_top1: Validation accuracy after that epoch; top-5 likewise.
        test_top1: Accuracy on the test split, read once, None where the data set has none.
        final_top1: Validation accuracy after the last epoch.
        seconds: Wall time of training and scoring, over all interruptions.
        val_score: By the policy's metric, after the best epoch.
        test_score: On the test split likewise.
        test_images: How many there are, None where that was not kept.
    """

    settings: TrainingRecord
    epochs: int
    best_epoch: int
    val_loss: float
    val_top1: float
    val_top5: float
    final_top1: float
    test_loss: float | None
    test_top1: float | None
    test_top5: float | None
    seconds: float
    val_score: float
    test_score: float | None
    test_images: int | None = None

    def __post_init__(self) -> None:
        numbers = {"val_top1": self.val_top1, "val_score": self.val_score, "seed": self.settings.seed}
        optional = {"test_top1": self.test_top1, "test_score": self.test_score, "trial": self.settings.trial}
        numbers |= {name: value for name, value in optional.items() if value is not None}
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise UserError(f"{name}: must be a number, got {value!r}")

    @property
    def metric(self) -> str:
        """What the scores are called in a sentence."""
        return METRIC_TITLES[self.settings.policy.get("metric", "accuracy")]

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self) | {"settings": self.settings.to_dict(), "hash": self.settings.hash}
        return stamped("result", data)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TrainingResult":
        """Inverse of `to_dict`.

        Raises:
            UserError: If a key is unknown or missing.
        """
        if isinstance(data, Mapping):  # trainings of before knew top-1 alone, and did not count test images
            scores = {"val_score": data.get("val_top1"), "test_score": data.get("test_top1")}
            data = {**scores, "test_images": None, **data}
        data = _checked(cls, "result", "result.json", data, also=("hash",))
        kept = {key: value for key, value in data.items() if key != "hash"}
        return cls(**{**kept, "settings": TrainingRecord.from_dict(data["settings"])})


RETRAIN_FOLDER = "retrain"  # of a run folder: a folder for each network and seed
METRICS = ("epoch", "learning_rate", "train_loss", "val_loss", "val_top1", "val_top5", "val_score")


def _checked(cls: type, kind: str, where: str, data: Any, *, also: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise UserError(f"{where}: must be a mapping, got {type(data).__name__}")
    known = unstamped(kind, data, where)
    names = [f.name for f in fields(cls)]
    if "costs" in names:
        names = [*(name for name in names if name != "costs"), *in_every_file()]
        also = (*also, *(name for name in COSTS if name not in names))
    check_complete(where, (key for key in known if key not in also), names)
    return known
