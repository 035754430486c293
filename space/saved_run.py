"""A run folder read back: what was asked for, and every trial."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .architecture import parse_yaml
from .backbones import BACKBONES
from .canonical import architecture_hash
from .claims import Claims
from .costs import COSTS, LATENCY, in_every_file
from .device_table import DeviceTable, Predictor, Value, read_device_table
from .errors import UserError, nearest_path
from .insight import Insight, trials_hash
from .operation_file import kept_path, register_kept
from .records import TrialRecord
from .run_record import RunRecord
from .rungs import compared_rung
from .search_space import SearchSpace
from .setting import run_command
from .sites import SITES
from .validation_file import VALIDATION_FILE, Validation, read_validation

RECORD_FILE, TRIALS_FILE, FRONT_LATENCY_FILE = "run.yaml", "trials.csv", "front_latency.csv"
INSIGHT_FILE = "insight.json"


def table_file(cost: str) -> str:
    """Of the table of a device by which a run knows a cost, in its folder."""
    return f"{cost}.csv"


@dataclass(frozen=True)
class SavedRun:
    """One run folder.

    Attributes:
        path: The folder.
        record: What is in run.yaml.
        trials: The rows of trials.csv, in the order of the file, with what validation.npz knows of them.
        validation: Of which images; None in runs of before that was kept.
    """

    path: Path
    record: RunRecord
    trials: tuple[TrialRecord, ...]
    validation: Validation | None = None

    @property
    def space(self) -> SearchSpace:
        """The space that was searched."""
        return self.record.settings.space

    @property
    def command(self) -> str:
        """The command that searches the same in another folder, with what this one keeps of a user's own."""
        settings = self.record.settings
        kept: dict[str, Any] = {
            "ops": [str(kept_path(self.path, path, known)) for path, known in settings.ops.items()]
        }
        if settings.backbone not in BACKBONES:
            kept["backbone"] = str(self.path / RECORD_FILE)
        return run_command(settings.declared(), settings.to_dict() | kept, f"{self.path}-again")

    @cached_property
    def rung(self) -> int:
        """The rung that networks are compared at."""
        return compared_rung(self.trials)

    @cached_property
    def claims(self) -> Claims:
        """What may be claimed of its networks."""
        settings, validation = self.record.settings, self.validation
        known = {} if validation is None else validation.scoring(settings.metric)
        return Claims.of(self.trials, settings.objectives, **{"images": self.record.val_images, **known})

    @property
    def worthless(self) -> float | None:
        """The accuracy in percent below which a network is worth nothing, where there is one.

        Unless the run's user named it, that of answering always the largest class.
        """
        settings, validation = self.record.settings, self.validation
        if settings.reference_accuracy is not None or validation is None:
            return settings.reference_accuracy
        return validation.largest_class(settings.metric)

    @cached_property
    def insight(self) -> Insight | None:
        """What its surrogate knows; nothing of it where trials came since, None where the file does not do.

        It can be worked out anew, so a damaged file is no error.
        """
        try:
            found = Insight.from_json((self.path / INSIGHT_FILE).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, UserError):
            return None
        settings, parts, record = self.record.settings, found.parts, self.record
        own = (settings.backbone, settings.width, record.num_classes, record.input_size)
        if (parts.backbone, parts.width, parts.num_classes, parts.input_size) != own:
            return None
        if not all(self._operations(*place) <= known.keys() for place, known in parts.costs.items()):
            return None
        if found.trials == trials_hash(self.path / TRIALS_FILE):
            return found
        return replace(found, knowledge=None, missing="trials came since it was worked out")

    def _operations(self, site: str, stage: int) -> set[str]:
        """Those that the run searches at a site, and those of its trials at a stage of it."""
        if site not in SITES:
            return set()
        trained = {trial.architecture.operation(site, stage) for trial in self.trials}
        return trained.union(self.space.operations.get(site, ()))

    @cached_property
    def predictors(self) -> dict[str, Predictor]:
        """What predicts its costs on a device, by the tables in its folder."""
        found = {}
        for cost in self.record.settings.device_costs:
            path = self.path / table_file(cost)
            if path.exists():
                found[cost] = self._predictor(read_device_table(path, cost, "RUN"))
        return found

    @cached_property
    def _front_latency(self) -> Predictor | None:
        path = self.path / FRONT_LATENCY_FILE
        return self._predictor(read_device_table(path, LATENCY, "RUN")) if path.exists() else None

    @property
    def front_latency(self) -> dict[str, Value]:
        """Latencies that were measured of whole networks, by their hash."""
        known = {} if self._front_latency is None else self._front_latency.networks
        return {architecture_hash(network): value for network, value in known.items()}

    @property
    def front_latency_facts(self) -> Mapping[str, str]:
        """On what they were measured."""
        return {} if self._front_latency is None else self._front_latency.table.facts

    def _predictor(self, table: DeviceTable) -> Predictor:
        record, settings = self.record, self.record.settings
        return Predictor(table, settings.backbone, settings.width, record.num_classes, record.input_size)


def load_run(path: Path) -> SavedRun:
    """Read a run folder.

    Raises:
        UserError: If the folder, run.yaml or trials.csv is missing or damaged, or validation.npz damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise UserError(
            f"RUN: must be the folder of a run, got {str(path)!r}, which is no folder"
            + (nearest_path(path) or "; give the folder named by --out in `cheapsearch run`")
        )
    record = read_record(path / RECORD_FILE)
    trials = list(_read_trials(path / TRIALS_FILE, record))
    validation = read_validation(path / VALIDATION_FILE)
    known = trials if validation is None else validation.on(trials)
    return SavedRun(path, record, tuple(known), validation)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UserError(
            f"RUN: must hold {RECORD_FILE} and {TRIALS_FILE}, but {str(path)!r} is missing; "
            "give a folder that `cheapsearch run` wrote"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: must be UTF-8 text, got byte {error.object[error.start]:#04x} at position "
            f"{error.start}; put back the file that `cheapsearch run` wrote"
        ) from None


def read_record(path: Path) -> RunRecord:
    """Read a run.yaml; the operations of a user's own that it searched are known then.

    Raises:
        UserError: If it is missing or damaged, or the copy of a file of operations is.
    """
    data = parse_yaml(_read_text(path), path)
    try:
        record = RunRecord.from_dict(data)
    except (TypeError, ValueError) as error:
        rule = str(error).removeprefix(f"{RECORD_FILE}: ")
        raise UserError(f"{path}: {rule}; put back the file that `cheapsearch run` wrote") from None
    register_kept(path.parent, record.settings.ops.values())
    return record


def _read_trials(path: Path, record: RunRecord) -> Iterator[TrialRecord]:
    reader = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
    numbers: set[int] = set()
    try:
        if not reader.fieldnames:
            raise UserError("must start with a row of column names, got an empty file")
        for row in reader:
            trial = _read_trial(row, record)
            if trial.number in numbers:
                raise UserError(f"number: must occur once, got {trial.number} again")
            numbers.add(trial.number)
            yield trial
    except (TypeError, ValueError, csv.Error) as error:
        rule = str(error).removeprefix(f"{TRIALS_FILE}: ")
        raise UserError(
            f"{path}, line {max(1, reader.line_num)}: {rule}; put back the file that `cheapsearch run` wrote"
        ) from None


def _read_trial(row: Mapping[str | Any, Any], record: RunRecord) -> TrialRecord:
    # csv.DictReader puts surplus values under None, and None where a value is missing.
    if None in row or None in row.values():
        raise UserError(f"must have {len([key for key in row if key])} values, got another number of them")
    settings = record.settings
    trial = TrialRecord.from_row(row, backbone=settings.backbone, width=settings.width)
    if trial.accuracy is not None and not 0 <= trial.accuracy <= 100:
        raise UserError(f"accuracy: must be from 0 to 100 percent, got {trial.accuracy}")
    if trial.rung not in settings.lengths:
        known = ", ".join(map(str, settings.lengths))
        raise UserError(f"rung: must be one of the run's, {known}, got {trial.rung}")
    for name in settings.objectives:
        if name in COSTS and name not in trial.costs:
            raise UserError(f"{name}: must be there, as an objective of the run, got none")
    for name in in_every_file():
        if trial.state == "complete" and trial.costs[name] <= 0:
            raise UserError(f"{name}: must be above 0 in a complete trial, got {trial.costs[name]}")
    return trial
