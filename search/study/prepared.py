"""What a run is opened with: every check is made, and nothing is trained or written yet."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...models import CostTable, build, cost_table
from ...models.pretrained import Pretrained, wanted_weights
from ...space import RunRecord, RunSettings, UserError
from ...space.device_table import DeviceTable
from ...space.run_folder import RunFolder
from ...space.training_folder import check_weights
from ..data import HandedData, OpenImages
from ..samplers.limits import Limits
from ..training.images import DataSource, searched_images
from ..training.proxy import Proxy, default_proxy
from ..workers.workplace import Crew, Workplace
from .device_tables import device_tables
from .settings import settle
from .storage import check_storage

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What a run is opened with.

    Attributes:
        existing: What run.yaml says where the run goes on, None where it begins.
        settings: Of a new run before its proxy is known.
        pretrained: Weights that trainings begin with, None for fresh ones, and `began_with` what is written
            down of them.
        tables: Of costs on a device.
        table: Of all costs.
    """

    folder: RunFolder
    existing: RunRecord | None
    settings: RunSettings
    crew: Crew
    images: OpenImages
    pretrained: Pretrained | None
    began_with: dict[str, Any]
    tables: Sequence[DeviceTable]
    table: CostTable
    limits: Limits


def prepare(
    given: Mapping[str, Any],
    *,
    out: Path,
    say: Callable[[str], None],
    place: Workplace | None = None,
    images: HandedData | None = None,
    dry: bool = False,
) -> Prepared:
    """Check what was given and read what a run is opened with.

    Arguments are those of `open_run`.

    Args:
        dry: Whether to leave out what writes or takes minutes: tables that would be measured here, with the
            limits on their costs, and the connection to a storage.

    Raises:
        UserError: If a setting is invalid, contradicts the run folder, or cannot be met.
    """
    folder = RunFolder(out)
    existing = folder.read_record()
    settings = settle(given, existing, where=out)
    crew = (place or Workplace()).crew(settings.device, settings.workers, most=settings.in_flight)
    device = crew.device
    if existing is not None and _kind(device) != _kind(existing.settings.device):
        raise UserError(
            f"--device: must stay {existing.settings.device}, as the run in {out} began, got {device}; "
            "its accuracies would not compare; choose another --out"
        )
    if existing is None:
        limit = replace(default_proxy(settings.dataset, device), **settings.proxy).images
    else:
        limit = Proxy.from_dict(existing.settings.proxy).images
    state = "goes on" if existing else "begins"
    _log.info("run in %s %s, on %d x %s", out, state, len(crew.devices), device)
    dataset = settings.dataset if images is None else images
    source = DataSource(dataset, settings.data_dir, settings.input_size, settings.seed, settings.skip_corrupt)
    began = existing.fingerprint if existing else None
    opened = searched_images(source, began, limit=limit, say=say)
    pretrained, began_with = _pretrained(settings, existing, opened, out=out, say=say)
    space = settings.space
    if existing is None and settings.storage and not dry:
        check_storage(settings.storage)
    # Before anything is trained: a table that does not do is told at once, and what is timed has the machine.
    num_classes, input_size = len(opened.classes), opened.input_size
    tables = device_tables(
        settings,
        folder,
        num_classes=num_classes,
        input_size=input_size,
        begun=existing is not None,
        measure=not dry,
        say=say,
    )
    table = cost_table(space.backbone, width=space.width, num_classes=num_classes, input_size=input_size)
    table = table.with_tables(tables)
    unknown = [] if not dry else [name for name in settings.device_costs if name not in table.on_device]
    limits = Limits({name: most for name, most in settings.limits.items() if name not in unknown})
    _log.info("images of fingerprint %s; costs of a device: %s", opened.fingerprint, settings.device_costs)
    if warning := limits.check_reachable(space, table):
        say(warning)
    if existing is not None and existing.settings.hours and "hours" in given and "budget" not in given:
        budget = round(existing.settings.budget * (settings.hours or 0.0) / existing.settings.hours)
        settings = replace(settings, budget=max(1, budget), repeats=None)
    return Prepared(folder, existing, settings, crew, opened, pretrained, began_with, tables, table, limits)


def _pretrained(
    settings: RunSettings,
    existing: RunRecord | None,
    images: OpenImages,
    *,
    out: Path,
    say: Callable[[str], None],
) -> tuple[Pretrained | None, dict[str, Any]]:
    """The weights that trainings begin with, and what is written down of them.

    Raises:
        UserError: If they cannot be read, do not fit the space, or are others than the run began with.
    """
    found, began_with = wanted_weights(settings.space.unmodified, settings.pretrained, settings.weights), {}
    if found is not None:
        unmodified = build(
            settings.space.unmodified, num_classes=len(images.classes), input_size=images.input_size
        )
        carried = found.start(unmodified, images.classes)
        began_with = found.record(carried)
        if existing is None:
            say(f"begins with {found.name}: the unmodified network takes {carried.in_words()}")
    if existing is not None:
        check_weights(existing.began_with, began_with, f"the run in {out}")
    return found, began_with


def _kind(device: str) -> str:
    return device.partition(":")[0]
