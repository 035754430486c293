"""What a run writes down of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .config import check_classes
from .costs import COSTS, in_every_file
from .errors import UserError, check_complete
from .own_backbones import backbone_data, known_backbone
from .pilot_record import PilotRecord
from .schema import stamped, unstamped
from .settings import RunSettings

_PATHS = ("data_dir", "latency_table", "weights")
_DECIDED = ("input_size", "workers")  # whose default is none


@dataclass(frozen=True)
class RunRecord:
    """What a run was asked to do, and with what: run.yaml.

    Attributes:
        settings: With everything decided: the side in pixels of the full network's input, at which costs
            are counted; device and number of workers; every setting of the proxy; a storage without its
            password.
        fingerprint: Hash of the images and labels the search may see.
        study: Name of the study in the storage.
        skipped: Paths within the data set of the images that were left out, since they cannot be read.
        classes: Their names by label, None in runs of before they were kept.
        published: Costs of published networks of the backbone that the space leaves out, by name.
        pilot: What was measured to choose the proxy, None where it was not chosen so.
        began_with: Name and hash of the file of pretrained weights, and how many tensors the unmodified
            network took; empty for fresh weights.
        spent_trials: Of the first trials, that another number of workers did than the present one.
        spent_seconds: By the clock, that those took.
    """

    version: str
    created: str
    settings: RunSettings
    fingerprint: str
    num_classes: int
    train_images: int
    val_images: int
    study: str = "cheapsearch"
    skipped: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    pilot: PilotRecord | None = None
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    began_with: Mapping[str, Any] = field(default_factory=dict)
    spent_trials: int = 0
    spent_seconds: float = 0.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type is str and not isinstance(value, str):
                raise UserError(f"{f.name}: must be text, got {value!r}")
            if f.type is int and (isinstance(value, bool) or not isinstance(value, int)):
                raise UserError(f"{f.name}: must be a whole number, got {value!r}")
        if not all(isinstance(name, str) for name in self.skipped):
            raise UserError(f"skipped: must be paths, got {self.skipped!r}")
        if not isinstance(self.versions, Mapping):
            raise UserError(f"versions: must be a mapping, got {self.versions!r}")
        if not isinstance(self.published, Mapping) or not all(
            isinstance(costs, Mapping) for costs in self.published.values()
        ):
            raise UserError(f"published: must be costs by name, got {self.published!r}")
        if not isinstance(self.began_with, Mapping):
            raise UserError(f"began_with: must be a mapping, got {self.began_with!r}")
        if not isinstance(self.spent_seconds, int | float) or self.spent_seconds < 0 or self.spent_trials < 0:
            raise UserError(f"spent_seconds: must be a number of seconds, got {self.spent_seconds!r}")
        if self.classes is not None:
            object.__setattr__(self, "classes", check_classes(self.classes, self.num_classes))
        for name in _DECIDED:
            if getattr(self.settings, name) is None:
                raise UserError(f"{name}: must be a whole number, got None")

    @property
    def input_size(self) -> int:
        assert self.settings.input_size is not None
        return self.settings.input_size

    @property
    def workers(self) -> int:
        assert self.settings.workers is not None
        return self.settings.workers

    @property
    def timed(self) -> bool:
        """Whether the search goes on until its time is up; the budget is what was expected to fit into it."""
        return self.settings.hours is not None and self.pilot is not None and self.pilot.timed

    def to_dict(self) -> dict[str, Any]:
        """Settings and the rest side by side, as plain data; a path or text that is none is empty."""
        data: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            data |= self._settings_to_dict() if f.name == "settings" else {f.name: value}
        classes = None if self.classes is None else list(self.classes)
        lists = {"skipped": list(self.skipped), "classes": classes}
        published = {name: dict(costs) for name, costs in self.published.items()}
        pilot = None if self.pilot is None else self.pilot.to_dict()
        data |= lists | {"versions": dict(self.versions), "published": published, "pilot": pilot}
        data |= {"began_with": dict(self.began_with)}
        return stamped("run", data)

    def _settings_to_dict(self) -> dict[str, Any]:
        found = self.settings.to_dict()
        found |= {name: list(value) for name, value in found.items() if isinstance(value, tuple)}
        found |= {"storage": self.settings.storage or ""}
        found |= {name: "" if found[name] is None else str(found[name]) for name in _PATHS}
        found |= {"cost_table": {name: str(path) for name, path in self.settings.cost_table.items()}}
        found |= {"backbone": backbone_data(self.settings.backbone)}
        return found | {"ops": dict(self.settings.ops), "proxy": dict(self.settings.proxy)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RunRecord":
        """Inverse of `to_dict`.

        Raises:
            UserError: If the data is no mapping, a key is unknown or missing, or a value does not validate.
        """
        if not isinstance(data, Mapping):
            raise UserError(f"run.yaml: must be a mapping, got {type(data).__name__}")
        data = _before_it_was_there() | unstamped("run", data, "run.yaml")
        facts = [f.name for f in fields(cls) if f.name != "settings"]
        check_complete("run.yaml", data, [*facts, *RunSettings.declared()])
        asked = {name: data[name] for name in RunSettings.declared()}
        asked["backbone"] = known_backbone(asked["backbone"])
        for name in (*_PATHS, "storage"):
            asked[name] = None if asked[name] == "" else asked[name]
        known = {name: data[name] for name in facts}
        for name in ("skipped", "classes"):
            known[name] = tuple(known[name]) if isinstance(known[name], list) else known[name]
        known["pilot"] = None if data["pilot"] is None else PilotRecord.from_dict(data["pilot"])
        return cls(settings=RunSettings.from_dict(asked), **known)


def _before_it_was_there() -> dict[str, Any]:
    """What a setting or fact is in runs that were begun before there was any such."""
    limits = {f"max_{name}": None for name in COSTS if name not in in_every_file()}
    none: dict[str, Any] = {"reference_accuracy": None, "classes": None, "skip_corrupt": False, "skipped": []}
    none |= {"hours": None, "pilot": None, "published": {}}
    plain: dict[str, Any] = {"metric": "accuracy", "class_weights": "none"}
    plain |= {"pretrained": "none", "weights": "", "began_with": {}}
    none |= {"rungs": [1], "latency_table": "", "latency_batch": 1, "latency_threads": 1, "cost_table": {}}
    none |= {"order": "proposal", "ops": {}, "spent_trials": 0, "spent_seconds": 0.0}
    return {"repeats": 0, "confirm": 0, "stopping": False, **plain, **none, **limits}
