"""What a search would do, without doing it: what `cheapsearch run --dry-run` says."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ...space import RunSettings, UserError
from ...space.errors import check_arguments
from ..data import handed
from ..study.opening import default_folder
from ..study.preview import Preview, preview_run
from ..tracking.tracking import check_trackers
from ..workers.workplace import WORKPLACE, Workplace
from .telling import Say, nothing


def preview(
    *,
    out: str | PathLike[str] | None = None,
    epochs: int | None = None,
    track: str | Sequence[str] = (),
    say: Say = nothing,
    **settings: Any,
) -> Preview:
    """What `run` with these arguments would search, train and store, and how long it would take.

    Arguments are those of `run`, but for those that look on while it goes or go on from there: `retrain`,
    `progress`, `on_start` and `on_trial`.

    Raises:
        UserError: As `run`; and if `dataset` is images themselves.
    """
    check_arguments(preview, settings, (*RunSettings.declared(), *WORKPLACE))
    if handed(settings.get("dataset", "")) is not None:
        raise UserError(
            "--dataset: must be a name or a path to be previewed, got images, which only `run` takes"
        )
    place = Workplace.taken_from(settings)
    if epochs is not None:
        settings["proxy"] = {**settings.get("proxy", {}), "epochs": epochs}
    check_trackers(track)
    folder = default_folder(settings) if out is None else Path(out)
    return preview_run(settings, out=folder, say=say, place=place)
