"""Which trials and retrainings have been logged where, so that each is once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from ...space import RunRecord, TrialRecord, UserError, check_name, write_text
from .entry import Entry, of_retraining, of_trial
from .mlflow_runs import MlflowRuns
from .wandb_runs import WandbRuns


class Tracker(Protocol):
    """Where entries go; it raises what it likes."""

    def log(self, entry: Entry, /) -> None: ...

    def close(self) -> None: ...


# By name what makes a tracker of a search: from the key that names it, its title and its settings.
TRACKERS: Mapping[str, Callable[[str, str, Mapping[str, str]], Tracker]] = {
    "mlflow": MlflowRuns,
    "wandb": WandbRuns,
}
# In the run folder: by tracker the key of the search, and what was logged, trials by their numbers: with
# `--order arrival` they are in another order when a search goes on.
_FILE = "tracking.json"


class Tracking:
    """Logs what has ended, and what was not logged before; a tracker that fails is left alone from then on.

    Args:
        names: Of the trackers.
        folder: Of the run.
        record: Of the run.
        say: Called with a line where a tracker fails.

    Raises:
        UserError: If there is no such tracker, or its package is not installed.
    """

    def __init__(
        self, names: Sequence[str], folder: Path, record: RunRecord, *, say: Callable[[str], None]
    ) -> None:
        self._path, self._say = folder / _FILE, say
        self._kept: dict[str, dict[str, Any]] = {}
        self._trackers: dict[str, Tracker] = {}
        if names and self._path.exists():
            self._kept = _read(self._path)
        settings = {
            name: str(value) for name, value in record.settings.to_dict().items() if value is not None
        }
        for name in names:
            self._kept.setdefault(name, {"key": uuid4().hex[:12], "trials": [], "retrainings": []})
            self._write()  # before anything is logged under that key
            self._try(name, partial(self._open, name, folder.name, settings))

    def trials(self, trials: Sequence[TrialRecord]) -> None:
        """Log those of all trials of the run, in the order they were told, that are not logged."""
        for name in list(self._trackers):
            kept = self._kept[name]
            if isinstance(kept["trials"], int):  # written before the numbers were: so many of the first
                kept["trials"] = [trial.number for trial in trials[: kept["trials"]]]
            logged: list[int] = kept["trials"]
            known = set(logged)
            for trial in trials:
                if trial.number in known:
                    continue
                if not self._log(name, of_trial(trial, len(logged))):
                    break
                logged.append(trial.number)
                self._write()

    def retrainings(self, folders: Iterable[Path]) -> None:
        """Log those of the trainings in these folders that have ended and are not logged."""
        for folder in folders:
            for name in list(self._trackers):
                known = self._kept[name]["retrainings"]
                if folder.name in known or (entry := of_retraining(folder)) is None:
                    continue
                if self._log(name, entry):
                    known.append(folder.name)
                    self._write()

    def close(self) -> None:
        for name in list(self._trackers):
            self._try(name, self._trackers[name].close)

    def _open(self, name: str, title: str, settings: Mapping[str, str]) -> None:
        self._trackers[name] = TRACKERS[name](self._kept[name]["key"], title, settings)

    def _log(self, name: str, entry: Entry) -> bool:
        return self._try(name, lambda: self._trackers[name].log(entry))

    def _try(self, name: str, do: Callable[[], None]) -> bool:
        try:
            do()
        except UserError:
            raise
        except Exception as error:  # whatever a server, a network or a package may do, the search goes on
            self._trackers.pop(name, None)
            reason = " ".join(str(error).split())[:200]
            self._say(
                f"--track {name}: nothing more is logged for now ({type(error).__name__}: {reason}); "
                "what is missing is logged when the same command goes on"
            )
            return False
        return True

    def _write(self) -> None:
        write_text(self._path, json.dumps(self._kept) + "\n")


def check_trackers(names: str | Sequence[str]) -> tuple[str, ...]:
    """Names of trackers.

    Raises:
        UserError: If there is none of one of these names.
    """
    found = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in found:
        check_name("--track", name, TRACKERS)
    return found


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if all(
            isinstance(known["key"], str)
            and isinstance(known["trials"], list | int)
            and isinstance(known["retrainings"], list)
            for known in kept.values()
        ):
            return dict(kept)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"{path}: must be as `cheapsearch` wrote it; put it back, or remove it to log all anew")
