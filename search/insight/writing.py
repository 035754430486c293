"""What a run's surrogate knows, worked out and kept in its folder."""

import logging
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from ... import __version__
from ...space import write_text
from ...space.insight import Insight, trials_hash
from ...space.part_costs import PartCosts
from ...space.saved_run import INSIGHT_FILE, TRIALS_FILE, SavedRun, load_run

_MANY = 300  # trials, above which it is said what takes so long
_FAILED = "working it out failed"

_log = logging.getLogger(__name__)


def write_insight(folder: str | PathLike[str], *, say: Callable[[str], None] = lambda line: None) -> None:
    """Write insight.json if it is missing, damaged, of another version, or of other trials than there are.

    A report does without it, so what goes wrong here is logged, kept as the reason why there is none, and
    tried again next time.

    Args:
        say: Called with a line of text if it will take long.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.
    """
    path = Path(folder) / TRIALS_FILE
    # Before they are read: a trial that comes in between makes what is written old, not wrong.
    trials = trials_hash(path) if path.exists() else ""
    run = load_run(Path(folder))
    known = run.insight
    if known is not None and known.version != __version__:
        known = None
    if known is not None and known.trials == trials and not known.missing.startswith(_FAILED):
        return
    if len(run.trials) > _MANY:
        say(f"working out what the model knows of {len(run.trials):,} trials")
    try:
        parts = _count(run) if known is None else known.parts
        write_text(run.path / INSIGHT_FILE, _insight(run, parts, trials).to_json())
    except Exception as error:
        _tell(error)


def _insight(run: SavedRun, parts: PartCosts, trials: str) -> Insight:
    # This takes a while, so not before it is known to be needed.
    from .knowledge import insight_of

    try:
        return insight_of(run, parts, trials=trials)
    except Exception as error:
        _tell(error)
        return Insight(__version__, trials, parts, missing=f"{_FAILED} ({type(error).__name__}: {error})")


def _tell(error: Exception) -> None:
    """Log an error on one line, and where decisions are logged, where it came from."""
    _log.warning(
        "what the model knows could not be worked out, so the report goes without it (%s: %s)",
        type(error).__name__,
        error,
        exc_info=_log.isEnabledFor(logging.INFO),
    )


def _count(run: SavedRun) -> PartCosts:
    """Counted on networks, which takes seconds and torch."""
    from ...models import cost_table

    settings, record = run.record.settings, run.record
    table = cost_table(
        settings.backbone,
        width=settings.width,
        num_classes=record.num_classes,
        input_size=record.input_size,
    )
    return table.part_costs
