"""A run is opened: begun with settings and a folder, or taken up where it stopped."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...models import build, cost_table
from ...models.pretrained import Pretrained, wanted_weights
from ...space import (
    Architecture,
    RunRecord,
    RunSettings,
    TrialRecord,
    UserError,
)
from ...space.narrowing import narrow_form
from ...space.operation_file import keep_files
from ...space.provenance import versions
from ...space.run_folder import RunFolder
from ...space.training_folder import check_weights
from ...space.validation_file import Validation
from ..data import HandedData, ImageData, OpenImages, dataset_name
from ..samplers.limits import Limits
from ..training.images import DataSource, searched_images
from ..training.proxy import Proxy, default_proxy
from ..workers.executor import ExecutorFactory
from ..workers.workplace import Workplace
from .device_tables import device_tables, keep_tables
from .domain import ArchitectureDomain
from .fit import fit_proxy
from .new_record import new_record
from .pace import with_workers
from .plan import Plan
from .run import Run
from .settings import settle
from .storage import check_storage, sqlite_url, storage_errors, storage_name
from .trial_store import TrialStore

_log = logging.getLogger(__name__)


@contextmanager
def open_run(
    given: Mapping[str, Any],
    *,
    out: Path,
    say: Callable[[str], None] = lambda line: None,
    place: Workplace | None = None,
    make_executor: ExecutorFactory | None = None,
    images: HandedData | None = None,
) -> Iterator[Run]:
    """Begin a run, or take one up where it stopped.

    Args:
        given: Fields of `RunSettings` by name, only those that differ from their default or, where
            the run goes on, from what it began with.
        out: The run folder.
        say: Called with a line of text while data is read.
        place: Where trainings are done, None for this machine.
        make_executor: Makes what does the trainings; None for what `place` and `workers` say.
        images: Those that `dataset` is the name of, where they were handed over.

    Raises:
        UserError: If a setting is invalid, contradicts the run folder, or cannot be met. A new folder
            is made only after every check.
    """
    began_at = time.monotonic()
    folder = RunFolder(out)
    existing = folder.read_record()
    settings = settle(given, existing, where=out)
    storage, workers = settings.storage, settings.workers
    crew = (place or Workplace()).crew(settings.device, workers, most=settings.in_flight)
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
    space, pilot = settings.space, None
    if existing is None and storage:
        check_storage(storage)
    # Before anything is trained: a table that does not do is told at once, and what is timed has the machine.
    num_classes, input_size = len(opened.classes), opened.input_size
    tables = device_tables(
        settings,
        folder,
        num_classes=num_classes,
        input_size=input_size,
        begun=existing is not None,
        say=say,
    )
    table = cost_table(space.backbone, width=space.width, num_classes=num_classes, input_size=input_size)
    table = table.with_tables(tables)
    limits = Limits(settings.limits)
    _log.info("images of fingerprint %s; costs of a device: %s", opened.fingerprint, settings.device_costs)
    if warning := limits.check_reachable(space, table):
        say(warning)
    if existing is None:
        settings, pilot = fit_proxy(
            settings,
            given,
            opened,
            pretrained=pretrained,
            devices=crew.devices,
            make_executor=make_executor or crew.timed_executor(()),
            say=say,
        )
    elif existing.settings.hours and "hours" in given and "budget" not in given:
        budget = round(existing.settings.budget * (settings.hours or 0.0) / existing.settings.hours)
        settings = replace(settings, budget=max(1, budget), repeats=None)
    if existing is not None and existing.pilot is not None and "budget" in given:
        existing = replace(existing, pilot=replace(existing.pilot, timed=False))
    proxy = Proxy.from_dict(settings.proxy)
    if pilot is None:
        data = opened.load(proxy.input_size, name=settings.dataset, progress=say)
    else:
        data = replace(pilot.data, name=settings.dataset)
    settings = replace(
        settings,
        input_size=data.input_size,
        workers=0 if crew.own else len(crew.devices),
        device=device,
        storage=None if storage is None else storage_name(storage),
        proxy=proxy.to_dict(),
    )
    record = (
        replace(existing, settings=replace(settings, workers=existing.workers), classes=data.classes)
        if existing
        else replace(new_record(settings, data, pilot, table), began_with=began_with)
    )
    if record.versions != versions():
        say(f"other versions than this run began with: {_changes(record.versions, versions())}")
    if storage:
        check_storage(storage)
    with folder.locked(), storage_errors(out), ExitStack() as closed:
        # First of all, since the study could not be taken up again without them, nor a record without tables.
        if existing is None:
            keep_tables(tables, folder)
            keep_files(folder.path, settings.ops.values())
            folder.write_record(record)
        domain = ArchitectureDomain(
            space,
            table,
            limits,
            settings.objectives,
            seed=settings.seed,
            reference=settings.reference_accuracy,
            narrow=partial(_narrow_name, proxy),
        )
        url = storage or sqlite_url(folder.study_path)
        store = closed.enter_context(closing(TrialStore(url, study_name=record.study, domain=domain)))
        told, listed = len(store.records()), folder.count_trials()
        _log.info("study %s in %s: %d trials", record.study, settings.storage or folder.study_path, told)
        if told < listed:
            raise UserError(
                f"--out: the study of the run in {out} must hold the {listed} trials of trials.csv, "
                f"it has {told}; put it back or choose another --out"
            )
        if existing is not None:
            if settings.workers is not None and settings.workers != record.workers:
                record = with_workers(record, settings.workers, store.records())
            folder.write_record(record)
        make_executor = make_executor or crew.timed_executor(_taken(store.records()))
        run = Run(folder, record, _plan(record, data), store, data, crew.devices, make_executor, pretrained)
        run.known, run.began = (() if pilot is None else pilot.outcomes), began_at
        run.write_trials()
        folder.write_errors(store.traces())
        yield run


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


def _taken(trials: Iterable[TrialRecord]) -> list[tuple[float, int]]:
    """Seconds and rung of trainings that went to their end; those that timed out are no measure of others."""
    ended = ("complete", "repeat")
    return [(trial.seconds, trial.rung) for trial in trials if trial.seconds and trial.state in ended]


def _plan(record: RunRecord, data: ImageData) -> Plan:
    """The plan; unless the user says otherwise, what answers always the largest class is worth nothing."""
    settings = record.settings
    plan = Plan.of(settings, images=len(data.val_labels), timed=record.timed)
    if plan.reference_accuracy is not None:
        return plan
    return replace(plan, reference_accuracy=Validation(data.val_labels, {}).largest_class(settings.metric))


def _narrow_name(proxy: Proxy, architecture: Architecture) -> str:
    """Of the network that the proxy trains in an architecture's place."""
    width = proxy.network_width(architecture.width)
    return "/".join(narrow_form(architecture, width, proxy.channel_multiple))


def default_folder(given: Mapping[str, Any]) -> Path:
    """runs/BACKBONE-DATASET, by what was given."""
    backbone = given.get("backbone", RunSettings.backbone)
    return Path("runs") / f"{Path(backbone).stem}-{dataset_name(given.get('dataset', RunSettings.dataset))}"


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {before.get(name)}, now {version}"
        for name, version in now.items()
        if before.get(name) != version
    )


def _kind(device: str) -> str:
    return device.partition(":")[0]
