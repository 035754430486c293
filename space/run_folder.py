"""The files of a run folder, and the lock that keeps a second run out."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from .costs import table_costs
from .errors import UserError
from .files import append, write_text
from .records import TrialRecord
from .run_record import RunRecord
from .saved_run import FRONT_LATENCY_FILE, INSIGHT_FILE, RECORD_FILE, TRIALS_FILE, read_record, table_file
from .validation_file import VALIDATION_FILE


class RunFolder:
    """A folder with run.yaml, trials.csv, validation.npz, study.db, report.html and best.yaml.

    Costs on a device come from tables beside them, COST.csv; front_latency.csv is what was measured of the
    front, insight.json what the surrogate knew when the search ended. Trials that failed have their traceback
    in errors/N.txt; ops has a user's own operations. elapsed.txt has the seconds that a search with a time
    budget has taken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_path = path / RECORD_FILE
        self.trials_path = path / TRIALS_FILE
        self.validation_path = path / VALIDATION_FILE
        self.study_path = path / "study.db"
        self.report_path = path / "report.html"
        self.best_path = path / "best.yaml"
        self.front_latency_path = path / FRONT_LATENCY_FILE
        self.insight_path = path / INSIGHT_FILE
        self.errors_path = path / "errors"
        self.elapsed_path = path / "elapsed.txt"
        self._listed: tuple[list[str], int] = [], 0  # columns and size of the trials.csv last written

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and hold it; the lock goes with the process, however it ends.

        Raises:
            UserError: If the folder cannot be written, or another process holds it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"--out: must not be in use, but another cheapsearch works in {self.path}; "
                "wait for it or choose another folder"
            ) from None
        except OSError as error:
            raise UserError(
                f"--out: must be a folder that can be written, {self.path} is not ({error.strerror}); "
                "choose another"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def read_record(self) -> RunRecord | None:
        """What run.yaml says, None where there is none yet.

        Raises:
            UserError: If the folder is none, is no whole run folder, or the file is damaged.
        """
        nearest = next((place for place in (self.path, *self.path.parents) if place.exists()), None)
        if nearest is not None and not nearest.is_dir():
            raise UserError(
                f"--out: must be a folder that can be written, {self.path} is not ({nearest} is a file); "
                "choose another"
            )
        if not self.record_path.exists():
            if self.study_path.exists():
                raise UserError(
                    f"--out: must be a whole run folder, but {self.path} has study.db and no run.yaml; "
                    "choose another folder"
                )
            return None
        return read_record(self.record_path)

    def write_record(self, record: RunRecord) -> None:
        write_text(self.record_path, yaml.safe_dump(record.to_dict(), sort_keys=False, allow_unicode=True))

    def count_trials(self) -> int:
        """How many trials trials.csv lists, 0 where there is none."""
        if not self.trials_path.exists():
            return 0
        # Cut off in the middle of a character it is still counted, and written anew.
        with self.trials_path.open(encoding="utf-8", errors="replace", newline="") as file:
            return sum(1 for _ in csv.DictReader(file))

    def write_trials(self, records: Sequence[TrialRecord]) -> None:
        """Write trials.csv anew, one row per trial; a cost on a device that none has gets no column."""
        known = {name for record in records for name in record.costs}
        absent = [name for name in table_costs() if name not in known]
        columns = [name for name in TrialRecord.columns() if name not in absent]
        text = _csv_text([dict(zip(columns, columns, strict=True)), *(r.to_row() for r in records)], columns)
        write_text(self.trials_path, text)
        self._listed = columns, len(text.encode())

    def add_trial(self, records: Sequence[TrialRecord]) -> None:
        """The same with one trial more, the last: its row alone is written if the file is as it was left.

        Raises:
            OSError: If that cannot be done; what was there is there still.
        """
        columns, size = self._listed
        row, path = records[-1].to_row(), self.trials_path
        listed = size and path.exists() and path.stat().st_size == size
        if not listed or any(row[name] is not None for name in table_costs() if name not in columns):
            self.write_trials(records)
            return
        append(path, text := _csv_text([row], columns).encode())
        self._listed = columns, size + len(text)

    def table_path(self, cost: str) -> Path:
        """Of the table of a device by which the run knows a cost."""
        return self.path / table_file(cost)

    def read_elapsed(self) -> float | None:
        """Seconds that the search has taken so far, None where they were not kept."""
        try:
            return max(0.0, float(self.elapsed_path.read_text("utf-8")))
        except (FileNotFoundError, ValueError):
            return None

    def write_elapsed(self, seconds: float) -> None:
        write_text(self.elapsed_path, f"{seconds:.1f}\n")

    def write_errors(self, traces: Mapping[int, str]) -> None:
        """Keep why trials failed, whole: a file for each, by number; those there already stay."""
        for number, trace in traces.items():
            path = self.errors_path / f"{number}.txt"
            if not path.exists():
                self.errors_path.mkdir(exist_ok=True)
                write_text(path, trace.rstrip() + "\n")


def _csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as lines of a CSV, without a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writerows(rows)
    return text.getvalue()
