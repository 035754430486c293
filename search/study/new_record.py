"""What a new run writes down of itself before it searches."""

from dataclasses import replace
from uuid import uuid4

from ... import __version__
from ...models import CostTable
from ...space import PRESETS, RunRecord, RunSettings
from ...space.provenance import now, versions
from ..data import ImageData
from .pilot import Pilot


def new_record(settings: RunSettings, data: ImageData, pilot: Pilot | None, table: CostTable) -> RunRecord:
    """The record of a run that begins.

    Args:
        settings: With everything decided.
        pilot: What its proxy was chosen by, None for a fixed one.
        table: Costs of the backbone's networks.
    """
    presets = {name: replace(preset, width=settings.width) for name, preset in PRESETS.items()}
    return RunRecord(
        version=__version__,
        created=now(),
        settings=settings,
        fingerprint=data.fingerprint,
        num_classes=data.num_classes,
        train_images=len(data.train_labels),
        val_images=len(data.val_labels),
        skipped=() if data.summary is None else tuple(file.name for file in data.summary.skipped),
        study=f"cheapsearch-{uuid4().hex[:12]}" if settings.storage else "cheapsearch",
        versions=versions(),
        classes=data.classes,
        pilot=None if pilot is None else pilot.record,
        published={
            name: dict(table.cost(preset))
            for name, preset in presets.items()
            if preset.backbone == settings.backbone and preset not in settings.space
        },
    )
