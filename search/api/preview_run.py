"""What a search would do, without doing it: what `cheapsearch run --dry-run` says."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ...space import RunSettings
from ...space.errors import check_arguments
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

    Arguments and errors are those of `run`.
    """
    check_arguments(preview, settings, (*RunSettings.declared(), *WORKPLACE))
    place = Workplace.taken_from(settings)
    if epochs is not None:
        settings["proxy"] = {**settings.get("proxy", {}), "epochs": epochs}
    check_trackers(track)
    folder = default_folder(settings) if out is None else Path(out)
    return preview_run(settings, out=folder, say=say, place=place)
