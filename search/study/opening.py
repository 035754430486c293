"""A run is opened: begun with settings and a folder, or taken up where it stopped."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...space import (
    Architecture,
    RunRecord,
    RunSettings,
    TrialRecord,
    UserError,
)
from ...space.known_operations import MARK
from ...space.narrowing import narrow_form
from ...space.operation_file import keep_files
from ...space.own_backbones import named_backbone
from ...space.provenance import versions
from ...space.validation_file import Validation
from ..data import HandedData, ImageData, dataset_name
from ..training.proxy import Proxy
from ..workers.executor import ExecutorFactory
from ..workers.workplace import Workplace
from .device_tables import keep_tables
from .domain import ArchitectureDomain
from .fit import fit_proxy
from .new_record import new_record
from .pace import with_workers
from .plan import Plan
from .prepared import prepare
from .run import Run
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
    found = prepare(given, out=out, say=say, place=place, images=images)
    folder, existing, crew, opened = found.folder, found.existing, found.crew, found.images
    settings, pilot, storage = found.settings, None, found.settings.storage
    if existing is None:
        settings, pilot = fit_proxy(
            settings,
            given,
            opened,
            pretrained=found.pretrained,
            devices=crew.devices,
            make_executor=make_executor or crew.timed_executor(()),
            say=say,
        )
    elif existing.pilot is not None and "budget" in given:
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
        device=crew.device,
        storage=None if storage is None else storage_name(storage),
        proxy=proxy.to_dict(),
    )
    record = (
        replace(existing, settings=replace(settings, workers=existing.workers), classes=data.classes)
        if existing
        else replace(new_record(settings, data, pilot, found.table), began_with=found.began_with)
    )
    if record.versions != versions():
        say(f"other versions than this run began with: {_changes(record.versions, versions())}")
    if storage:
        check_storage(storage)
    with folder.locked(), storage_errors(out), ExitStack() as closed:
        # First of all, since the study could not be taken up again without them, nor a record without tables.
        if existing is None:
            keep_tables(found.tables, folder)
            keep_files(folder.path, settings.ops.values())
            folder.write_record(record)
        domain = ArchitectureDomain(
            settings.space,
            found.table,
            found.limits,
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
        plan, pretrained = _plan(record, data), found.pretrained
        run = Run(folder, record, plan, store, data, crew.devices, make_executor, pretrained)
        run.known, run.began = (() if pilot is None else pilot.outcomes), began_at
        run.write_trials()
        folder.write_errors(store.traces())
        yield run


def _taken(trials: Iterable[TrialRecord]) -> list[tuple[float, int]]:
    """Seconds and rung of trainings that went to their end; those that timed out are no measure of others."""
    ended = ("complete", "repeat")
    return [(trial.seconds, trial.rung) for trial in trials if trial.seconds and trial.state in ended]


def _plan(record: RunRecord, data: ImageData) -> Plan:
    """The plan; unless the user says otherwise, what answers always the largest class is worth nothing."""
    settings = record.settings
    scoring = Validation(data.val_labels, {}).scoring(settings.metric)
    plan = Plan.of(settings, scoring=scoring, timed=record.timed)
    if plan.reference_accuracy is not None:
        return plan
    return replace(plan, reference_accuracy=scoring["largest_class"])


def _narrow_name(proxy: Proxy, architecture: Architecture) -> str:
    """Of the network that the proxy trains in an architecture's place."""
    width = proxy.network_width(architecture.width)
    return "/".join(narrow_form(architecture, width, proxy.channel_multiple))


def default_folder(given: Mapping[str, Any]) -> Path:
    """runs/BACKBONE-DATASET, by what was given.

    Raises:
        UserError: If the backbone is a table that cannot be read or does not validate.
    """
    backbone, _, _ = named_backbone(given.get("backbone", RunSettings.backbone)).partition(MARK)
    return Path("runs") / f"{backbone}-{dataset_name(given.get('dataset', RunSettings.dataset))}"


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {before.get(name)}, now {version}"
        for name, version in now.items()
        if before.get(name) != version
    )
