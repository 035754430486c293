"""What a run's surrogate knows, worked out and kept in its folder."""

from os import PathLike
from pathlib import Path

from ... import __version__
from ...space import write_text
from ...space.insight import trials_hash
from ...space.part_costs import PartCosts
from ...space.saved_run import INSIGHT_FILE, TRIALS_FILE, SavedRun, load_run


def write_insight(folder: str | PathLike[str]) -> None:
    """Write insight.json if it is missing, damaged, of another version, or of other trials than there are.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.
    """
    run = load_run(Path(folder))
    trials, known = trials_hash(run.path / TRIALS_FILE), run.insight
    if known is not None and (known.trials, known.version) == (trials, __version__):
        return
    # This takes a while, so not before it is known to be needed.
    from .knowledge import insight_of

    parts = _count(run) if known is None else known.parts
    write_text(run.path / INSIGHT_FILE, insight_of(run, parts, trials=trials).to_json())


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
