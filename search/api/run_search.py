"""A search from Python: what `cheapsearch run` does."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ...reports import write_report
from ...space import RunSettings, TrialRecord, averaged, text
from ...space.errors import check_arguments
from ..data import HANDED, handed
from ..insight.writing import write_insight
from ..latency import measure_searched
from ..results import RunResult
from ..study.driver import SearchFailedError
from ..study.opening import default_folder, open_run
from ..study.run import Run
from ..tracking.tracking import Tracking, check_trackers
from ..workers.pool import WorkersFailedError
from ..workers.workplace import WORKPLACE, Workplace
from .progress import ProgressBar
from .retrain_front import retrain as retrain_front
from .telling import Say, nothing


def run(
    *,
    out: str | PathLike[str] | None = None,
    retrain: bool = False,
    epochs: int | None = None,
    track: str | Sequence[str] = (),
    progress: bool | None = None,
    on_start: Callable[[Run], None] = nothing,
    on_trial: Callable[[TrialRecord], None] = nothing,
    say: Say | None = None,
    **settings: Any,
) -> RunResult:
    """Search, or go on with the search of a run folder.

    Args:
        out: The run folder, None for runs/BACKBONE-DATASET.
        retrain: Go straight on: train the front under the full policy.
        epochs: Of the proxy, as `proxy={"epochs": N}`.
        track: Where trials and retrainings are logged too: `mlflow`, `wandb`, or both.
        progress: Whether to show a bar on stderr; None for in a notebook and at a terminal.
        on_start: Called with the run when everything is ready.
        on_trial: Called with every trial as it ends.
        say: Called with a line of text while data is read; None for above the bar.
        settings: Those of `RunSettings` that differ from their default or, where the run goes on, from what
            it began with; and those of `Workplace`, such as `executor="ray"`. `dataset` may also be images
            themselves, a pair of arrays or a Dataset, as `search.data.handed` takes them; who goes on with
            such a run gives them again.

    Raises:
        UserError: If a setting is unknown or invalid, contradicts the run folder, or cannot be met.
        SearchFailedError: If training after training fails.
        WorkersFailedError: If no worker comes as far as taking jobs.
        KeyboardInterrupt: At Ctrl-C, or where a kernel is interrupted: workers are ended, the report is
            written, `results` reads what there is, and the same call goes on.
    """
    check_arguments(run, settings, (*RunSettings.declared(), *WORKPLACE))
    place = Workplace.taken_from(settings)
    if epochs is not None:
        settings["proxy"] = {**settings.get("proxy", {}), "epochs": epochs}
    images = handed(settings.get("dataset", ""))
    if images is not None:
        settings["dataset"] = HANDED
    bar = ProgressBar(progress, "trainings")
    say = say or bar.say
    trackers = check_trackers(track)
    folder = default_folder(settings) if out is None else Path(out)
    with (
        bar,
        open_run(settings, out=folder, say=say, place=place, images=images) as opened,
        closing(Tracking(trackers, folder, opened.record, say=say)) as tracking,
    ):
        for line in opened.retrained.lines():
            say(line)
        on_start(opened)
        bar.at(opened.done, opened.wanted)
        tracking.trials(opened.trials)
        try:
            for trial in opened.search():
                bar.at(opened.done, opened.wanted, best_said(opened.trials) if bar.shown else "")
                on_trial(trial)
                tracking.trials(opened.trials)
        except SearchFailedError as error:
            _write_page(folder, say)
            raise SearchFailedError(f"{error}; the trials so far are in {folder}") from None
        except WorkersFailedError:
            _write_page(folder, say)
            raise
        except KeyboardInterrupt:
            write_report(folder)  # at once: who interrupts does not want to wait for what is known
            bar.say(f"interrupted; what was finished is kept in {folder}, and the same call goes on")
            raise
        best = opened.write_best() if opened.trained else None
        _write_page(folder, say)
        if best is None:
            raise SearchFailedError(
                f"no architecture could be trained; the reasons are in {folder}/trials.csv"
            )
        result = RunResult(opened.saved, best)
    if measure_searched(folder, say=say):
        write_report(folder)
    if not retrain:
        return result
    also = {name: settings[name] for name in ("workers", "device") if name in settings} | place.cluster
    retrained = retrain_front(folder, dataset=images, track=trackers, progress=progress, say=say, **also)
    return replace(result, retrained=retrained)


def _write_page(folder: Path, say: Say) -> None:
    """The report, with what the surrogate knows; without it if that is broken off."""
    try:
        write_insight(folder, say=say)
    finally:
        write_report(folder)


def best_said(trials: Sequence[TrialRecord]) -> str:
    """The best accuracy so far of the length that networks are compared at, for the end of a bar."""
    best = max(averaged(trials), key=lambda trial: trial.accuracy or 0.0, default=None)
    if best is None:
        return ""
    length = f" {text.times(best.rung)}" if best.rung > 1 else ""
    return f"best {text.percent(best.accuracy or 0.0)} %{length}"
