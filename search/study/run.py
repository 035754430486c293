"""One run: settings and a folder in, a search that can go on where it stopped."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...models import cost_table
from ...space import (
    Architecture,
    ArchitectureConfig,
    RunRecord,
    RunSettings,
    TrialRecord,
    UserError,
    write_text,
)
from ...space.narrowing import narrow_form, narrow_size
from ...space.provenance import versions
from ...space.run_folder import RunFolder
from ...space.saved_run import SavedRun
from ...space.validation_file import Validation, write_validation
from ..data import DataSummary, ImageData, dataset_name
from ..samplers.limits import LISTABLE, Limits
from ..training.images import DataSource, searched_images
from ..training.proxy import Proxy, default_proxy
from ..training.short import ProxyTrainer
from ..workers.devices import resolve_device, worker_devices
from ..workers.executor import ExecutorFactory
from ..workers.local import executor_for
from .domain import ArchitectureDomain
from .driver import Search, is_copy, run_search
from .export import export_trial
from .fit import fit_proxy
from .new_record import new_record
from .pace import pace_of
from .pilot import Known, KnownFirst
from .plan import Plan
from .settings import settle, without_password
from .storage import check_storage, sqlite_url, storage_errors
from .trial_store import TrialStore


class Run:
    """A run that is ready to search.

    Attributes:
        folder: Where it keeps its files.
        record: What run.yaml says.
        plan: How it will be searched.
        space: What will be searched.
        trials: Every trial told of so far.
        devices: The device of each worker.
        known: What a pilot trained already.
        began: When this process took it up, by `time.monotonic`.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        plan: Plan,
        store: TrialStore[Architecture, TrialRecord],
        data: ImageData,
        make_executor: ExecutorFactory,
    ) -> None:
        self.folder = folder
        self.record = record
        self.plan = plan
        self.space = record.settings.space
        self.trials = store.records()
        self.devices = worker_devices(record.settings.device, record.workers, record.settings.in_flight)
        self._store = store
        self._data = data
        self._make_executor = make_executor
        self.known: Sequence[Known] = ()
        self.began = time.monotonic()

    @property
    def summary(self) -> DataSummary | None:
        """What its data set was understood to be."""
        return self._data.summary

    @property
    def saved(self) -> SavedRun:
        """The run so far, as its folder has it."""
        known = {trial.number: trial.right for trial in self.trials if trial.right}
        validation = Validation(self._data.val_labels, known)
        return SavedRun(self.folder.path, self.record, tuple(self.trials), validation)

    @property
    def proxy_networks(self) -> int | None:
        """How many networks the space is at the proxy's width; None where it is too large to list."""
        if self.space.size > LISTABLE:
            return None
        proxy = Proxy.from_dict(self.record.settings.proxy)
        width = proxy.network_width(self.space.width)
        return narrow_size(self.space.distinct(), width, proxy.channel_multiple)

    @property
    def trained(self) -> int:
        """Distinct architectures trained to the end so far."""
        return sum(trial.state == "complete" for trial in self.trials)

    @property
    def done(self) -> int:
        """Trainings that count to the budget so far: also the repeats and those that were stopped."""
        trained = sum(trial.state in ("complete", "repeat", "pruned") for trial in self.trials)
        return trained - sum(map(is_copy, self.trials))

    @property
    def repeated(self) -> int:
        """Further trainings of them so far."""
        return sum(trial.state == "repeat" for trial in self.trials)

    @property
    def wanted(self) -> int:
        """Trainings wanted in all."""
        return self.record.settings.budget + self.record.settings.confirm

    def search(self) -> Iterator[TrialRecord]:
        """Go on with the search, giving every trial as it ends; trials.csv is whole after each.

        Raises:
            SearchFailedError: If training after training fails.
            WorkersFailedError: If no worker comes as far as taking jobs.
        """
        if self.done >= self.wanted and not self._store.waiting:
            return
        settings = self.record.settings
        proxy = Proxy.from_dict(settings.proxy)
        scored = {"weights": settings.class_weights, "metric": settings.metric}
        make_trainer = partial(ProxyTrainer, self._data, proxy, **scored)
        pace = pace_of(self.record, self.trials, workers=len(self.devices), began=self.began)
        search = Search(self.plan, self._store, pace=pace)
        with closing(self._make_executor(make_trainer, self.devices)) as executor:
            for trial in run_search(search, KnownFirst(executor, self.known)):
                self.trials.append(trial)
                self.write_trials()
                if trial.state == "failed":
                    self.folder.write_errors(self._store.traces())
                yield trial

    def write_trials(self) -> None:
        """Write trials.csv and validation.npz anew."""
        write_validation(self.folder.validation_path, self._data.val_labels, self.trials)
        self.folder.write_trials(self.trials)

    def write_best(self) -> ArchitectureConfig:
        """Export the default pick as best.yaml.

        Raises:
            UserError: If no trial is complete.
        """
        config = export_trial(self.record, self.trials, None, run_name=self.folder.path.name)
        write_text(self.folder.best_path, config.to_yaml())
        return config


@contextmanager
def open_run(
    given: Mapping[str, Any],
    *,
    out: Path,
    say: Callable[[str], None] = lambda line: None,
    make_executor: ExecutorFactory | None = None,
) -> Iterator[Run]:
    """Begin a run, or take one up where it stopped.

    Args:
        given: Fields of `RunSettings` by name, only those that differ from their default or, where
            the run goes on, from what it began with.
        out: The run folder.
        say: Called with a line of text while data is read.
        make_executor: Makes what does the trainings; None for worker processes, or what `workers` says.

    Raises:
        UserError: If a setting is invalid, contradicts the run folder, or cannot be met. A new folder
            is made only after every check.
    """
    began_at = time.monotonic()
    folder = RunFolder(out)
    existing = folder.read_record()
    settings = settle(given, existing, where=out)
    storage, workers = settings.storage, settings.workers
    device = resolve_device(settings.device)
    if existing is not None and _kind(device) != _kind(existing.settings.device):
        raise UserError(
            f"--device: must stay {existing.settings.device}, as the run in {out} began, got {device}; "
            "its accuracies would not compare; choose another --out"
        )
    if existing is None:
        limit = replace(default_proxy(settings.dataset, device), **settings.proxy).images
    else:
        limit = Proxy.from_dict(existing.settings.proxy).images
    devices = worker_devices(device, workers, settings.in_flight)
    make_executor = make_executor or executor_for(workers)
    source = DataSource(
        settings.dataset, settings.data_dir, settings.input_size, settings.seed, settings.skip_corrupt
    )
    began = existing.fingerprint if existing else None
    opened = searched_images(source, began, limit=limit, say=say)
    space, pilot = settings.space, None
    if existing is None:
        if storage:
            check_storage(storage)
        settings, pilot = fit_proxy(
            settings, given, opened, devices=devices, make_executor=make_executor, say=say
        )
    elif existing.settings.hours and "hours" in given and "budget" not in given:
        budget = round(existing.settings.budget * (settings.hours or 0.0) / existing.settings.hours)
        settings = replace(settings, budget=max(1, budget), repeats=None)
    proxy = Proxy.from_dict(settings.proxy)
    if pilot is None:
        data = opened.load(proxy.input_size, name=settings.dataset, progress=say)
    else:
        data = replace(pilot.data, name=settings.dataset)
    table = cost_table(
        space.backbone, width=space.width, num_classes=data.num_classes, input_size=data.input_size
    )
    limits = Limits(settings.limits)
    if warning := limits.check_reachable(space, table):
        say(warning)

    settings = replace(
        settings,
        input_size=data.input_size,
        workers=0 if workers == 0 else len(devices),
        device=device,
        storage=without_password(settings.storage),
        proxy=proxy.to_dict(),
    )
    record = (
        replace(existing, settings=settings, classes=data.classes)
        if existing
        else new_record(settings, data, pilot, table)
    )
    if record.versions != versions():
        say(f"other versions than this run began with: {_changes(record.versions, versions())}")
    if storage:
        check_storage(storage)
    with folder.locked(), storage_errors(out):
        # First of all, since the study could not be taken up again without it.
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
        store = TrialStore(storage or sqlite_url(folder.study_path), study_name=record.study, domain=domain)
        told, listed = len(store.records()), folder.count_trials()
        if told < listed:
            raise UserError(
                f"--out: the study of the run in {out} must hold the {listed} trials of trials.csv, "
                f"it has {told}; put it back or choose another --out"
            )
        run = Run(folder, record, _plan(settings, data), store, data, make_executor)
        run.known, run.began = (() if pilot is None else pilot.outcomes), began_at
        run.write_trials()
        folder.write_errors(store.traces())
        yield run


def _plan(settings: RunSettings, data: ImageData) -> Plan:
    """The plan; unless the user says otherwise, what answers always the largest class is worth nothing."""
    plan = Plan.of(settings, images=len(data.val_labels))
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
    return Path("runs") / f"{backbone}-{dataset_name(given.get('dataset', RunSettings.dataset))}"


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {before.get(name)}, now {version}"
        for name, version in now.items()
        if before.get(name) != version
    )


def _kind(device: str) -> str:
    return device.partition(":")[0]
