"""A search from Python: what `cheapsearch run` does."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ...reports import write_report
from ...space import RunSettings, TrialRecord
from ...space.errors import check_arguments
from ..insight.writing import write_insight
from ..latency import measure_searched
from ..results import RunResult
from ..study.driver import SearchFailedError
from ..study.opening import default_folder, open_run
from ..study.run import Run
from ..tracking.tracking import Tracking, check_trackers
from ..workers.pool import WorkersFailedError
from ..workers.workplace import WORKPLACE, Workplace
from .retrain_front import retrain as retrain_front
from .telling import Say, nothing


def run(
    *,
    out: str | PathLike[str] | None = None,
    retrain: bool = False,
    epochs: int | None = None,
    track: str | Sequence[str] = (),
    on_start: Callable[[Run], None] = nothing,
    on_trial: Callable[[TrialRecord], None] = nothing,
    say: Say = nothing,
    **settings: Any,
) -> RunResult:
    """Search, or go on with the search of a run folder.

    Args:
        out: The run folder, None for runs/BACKBONE-DATASET.
        retrain: Go straight on: train the front under the full policy.
        epochs: Of the proxy, as `proxy={"epochs": N}`.
        track: Where trials and retrainings are logged too: `mlflow`, `wandb`, or both.
        on_start: Called with the run when everything is ready.
        on_trial: Called with every trial as it ends.
        say: Called with a line of text while data is read.
        settings: Those of `RunSettings` that differ from their default or, where the run goes on, from what
            it began with; and those of `Workplace`, such as `executor="ray"`.

    Raises:
        UserError: If a setting is unknown or invalid, contradicts the run folder, or cannot be met.
        SearchFailedError: If training after training fails.
        WorkersFailedError: If no worker comes as far as taking jobs.
    """
    check_arguments(run, settings, (*RunSettings.declared(), *WORKPLACE))
    place = Workplace.taken_from(settings)
    if epochs is not None:
        settings["proxy"] = {**settings.get("proxy", {}), "epochs": epochs}
    trackers = check_trackers(track)
    folder = default_folder(settings) if out is None else Path(out)
    with (
        open_run(settings, out=folder, say=say, place=place) as opened,
        closing(Tracking(trackers, folder, opened.record, say=say)) as tracking,
    ):
        on_start(opened)
        tracking.trials(opened.trials)
        try:
            for trial in opened.search():
                on_trial(trial)
                tracking.trials(opened.trials)
        except SearchFailedError as error:
            _write_page(folder)
            raise SearchFailedError(f"{error}; the trials so far are in {folder}") from None
        except (KeyboardInterrupt, WorkersFailedError):
            _write_page(folder)
            raise
        report = _write_page(folder)
        if opened.trained == 0:
            raise SearchFailedError(
                f"no architecture could be trained; the reasons are in {folder}/trials.csv"
            )
        result = RunResult.of(opened.saved, opened.write_best(), report)
    if measure_searched(folder, say=say):
        write_report(folder)
    if not retrain:
        return result
    also = {name: settings[name] for name in ("workers", "device") if name in settings} | place.cluster
    return replace(result, retrained=retrain_front(folder, track=trackers, say=say, **also))


def _write_page(folder: Path) -> Path:
    """The report, with what the surrogate knows; without it if that is broken off."""
    try:
        write_insight(folder)
    finally:
        report = write_report(folder)
    return report
