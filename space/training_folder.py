"""The files of one full training."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from .architecture import parse_yaml
from .errors import UserError
from .files import write_text
from .known_operations import OPS_FOLDER, hashes_in
from .operation_file import register_kept
from .sites import SITE_NAMES
from .training_records import METRICS, TrainingRecord, TrainingResult

MetricsRow = dict[str, float]

# What may differ between a training and its resumption.
_FREE = ("version", "created", "versions", "dataset", "data_dir", "trial")
_FREE_OF_POLICY = ("data_workers",)
# What a field was in trainings that were begun before there was any such.
_POLICY_BEFORE = {"class_weights": "none", "metric": "accuracy", "frozen_epochs": 0}


class TrainingFolder:
    """A folder with training.yaml, metrics.csv, checkpoints, the best weights and result.json."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_path = path / "training.yaml"
        self.metrics_path = path / "metrics.csv"
        self.config_path = path / "architecture.yaml"
        self.weights_path = path / "best.safetensors"
        self.result_path = path / "result.json"
        self.error_path = path / "error.txt"
        self.ops_path = path / OPS_FOLDER

    def read_record(self) -> TrainingRecord | None:
        """What training.yaml says, None where there is none; operations of a user's own are known then.

        Raises:
            UserError: If it is damaged.
        """
        if not self.record_path.exists():
            return None
        try:
            text = self.record_path.read_text(encoding="utf-8")
            data = parse_yaml(text, self.record_path)
            self._know(data)
            return TrainingRecord.from_dict(data)
        except (UserError, UnicodeDecodeError, TypeError) as error:
            raise UserError(f"{self.record_path}: must be what a training wrote ({error})") from None

    def write_record(self, record: TrainingRecord) -> None:
        write_text(self.record_path, yaml.safe_dump(record.to_dict(), sort_keys=False, allow_unicode=True))

    def read_result(self) -> TrainingResult | None:
        """What result.json says, None where the training has not ended.

        Raises:
            UserError: If it is damaged.
        """
        if not self.result_path.exists():
            return None
        try:
            data = json.loads(self.result_path.read_text(encoding="utf-8"))
            self._know(data.get("settings") if isinstance(data, dict) else None)
            return TrainingResult.from_dict(data)
        except (UserError, ValueError, TypeError) as error:
            raise UserError(f"{self.result_path}: must be what a training wrote ({error})") from None

    def _know(self, record: object) -> None:
        """Make the operations of a user's own known that a record in this folder names."""
        network = record.get("architecture") if isinstance(record, Mapping) else None
        if isinstance(network, Mapping):
            register_kept(self.path, hashes_in(network[site] for site in SITE_NAMES if site in network))

    def write_result(self, result: TrainingResult) -> None:
        write_text(self.result_path, json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n")

    def write_error(self, trace: str) -> None:
        """Keep why the training failed, whole."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.error_path, trace.rstrip() + "\n")

    def write_metrics(self, rows: Sequence[MetricsRow]) -> None:
        """Write metrics.csv anew, one row per epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, METRICS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.metrics_path, text.getvalue())

    def read_metrics(self) -> list[MetricsRow]:
        """The rows of metrics.csv, one per epoch; none before the first.

        Raises:
            UserError: If it is damaged.
        """
        if not self.metrics_path.exists():
            return []
        try:
            with self.metrics_path.open(encoding="utf-8", newline="") as file:
                rows = [{"val_score": row["val_top1"], **row} for row in csv.DictReader(file)]
                return [{name: float(row[name]) for name in METRICS} for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.metrics_path}: must be what a training wrote ({error})") from None


def check_same(existing: TrainingRecord, record: TrainingRecord, where: Path) -> None:
    """Refuse to go on with another training than the folder's, naming what differs.

    Raises:
        UserError: If something differs that counts.
    """
    if existing.fingerprint != record.fingerprint:
        raise UserError(
            f"--dataset: must be the images the training in {where} began with, {existing.dataset} of "
            f"fingerprint {existing.fingerprint}, got {record.dataset} of {record.fingerprint}; "
            "choose another --out"
        )
    for f in fields(TrainingRecord):
        before, asked = getattr(existing, f.name), getattr(record, f.name)
        if f.name in _FREE or before == asked:
            continue
        if f.name == "policy":
            check_policy(existing, asked, where)
            continue
        if f.name == "began_with":
            check_weights(before, asked, f"the training in {where}")
            continue
        raise UserError(
            f"{f.name}: must stay {before}, as the training in {where} began, got {asked}; "
            "choose another --out, or remove the folder to train anew"
        )


def check_weights(
    before: Mapping[str, Any],
    asked: Mapping[str, Any],
    what: str,
    remedy: str = "give the same, or choose another --out",
) -> None:
    """Refuse to go on with other pretrained weights; which tensors were taken follows from the network.

    Args:
        before: Name and hash of those that it began with, empty for none.
        what: Goes on.
        remedy: What to do about others.

    Raises:
        UserError: If it began with others.
    """
    if before.get("hash") != asked.get("hash"):
        named = [f"{found['name']} ({found['hash']})" if found else "none" for found in (before, asked)]
        raise UserError(f"--weights: must stay what {what} began with, {named[0]}, got {named[1]}; {remedy}")


def read_results(folders: Iterable[Path]) -> tuple[TrainingResult, ...]:
    """The results of those trainings that have ended.

    Raises:
        UserError: If one is damaged.
    """
    found = (TrainingFolder(folder).read_result() for folder in folders)
    return tuple(result for result in found if result is not None)


def check_policy(record: TrainingRecord, policy: Mapping[str, Any], where: Path) -> None:
    """Refuse to go on with a training under another policy, naming the flag that differs.

    Raises:
        UserError: If a setting differs.
    """
    for name, asked in policy.items():
        before = record.policy.get(name, _POLICY_BEFORE.get(name))
        if before != asked and name not in _FREE_OF_POLICY:
            raise UserError(
                f"--{name.replace('_', '-')}: must stay {before}, as the training in {where} began, "
                f"got {asked}; give the same, or remove that folder to train anew"
            )
