"""One run that is ready to search, and what is known of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from ...models.pretrained import Pretrained
from ...space import (
    Architecture,
    ArchitectureConfig,
    RunRecord,
    TrialRecord,
    write_text,
)
from ...space.narrowing import narrow_size
from ...space.run_folder import RunFolder
from ...space.rungs import networks_trained, units
from ...space.saved_run import SavedRun
from ...space.validation_file import Validation, write_validation
from ..data import DataSummary, ImageData
from ..samplers.limits import LISTABLE
from ..training.proxy import Proxy
from ..training.short import ProxyTrainer
from ..workers.executor import ExecutorFactory
from ..workers.jobs import Trained
from .driver import Search, run_search
from .elapsed import Elapsed, Timed
from .export import export_trial
from .full_trainings import FullTrainings, full_trainings
from .pace import Pace, pace_of, spent_seconds
from .pilot import Known, KnownFirst
from .plan import Plan
from .trial_store import TrialStore

_ANEW = 1.01  # growth of the trials after which validation.npz, which is written whole, is written anew


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
        devices: Sequence[str],
        make_executor: ExecutorFactory,
        pretrained: Pretrained | None = None,
    ) -> None:
        self.folder = folder
        self.record = record
        self.plan = plan
        self.space = record.settings.space
        self.trials = store.records()
        self.devices = list(devices)
        self._store = store
        self._data = data
        self._make_executor = make_executor
        self._pretrained = pretrained
        self._pace: Pace | None = None
        self._validated = 0  # trials that were there when validation.npz was written
        self.known: Sequence[Known] = ()
        self.began: float | None = time.monotonic()

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
        return networks_trained(self.trials)

    @property
    def done(self) -> int:
        """Units of the shortest training paid so far, for repeats and those that were stopped too."""
        return units(self.trials)

    @property
    def repeated(self) -> int:
        """Further trainings of them so far."""
        return sum(trial.state == "repeat" for trial in self.trials)

    @property
    def wanted(self) -> int:
        """Units to be paid in all; where time alone matters, as many as would end in it."""
        if self.plan.timed and self._pace is not None:
            return self.done + self._pace.room(0)
        return self.record.settings.budget + self.record.settings.confirm

    @property
    def seconds_left(self) -> float | None:
        """Until the time is up that alone says how much is trained; None where that is the budget's."""
        return self._pace.left if self.plan.timed and self._pace is not None else None

    def search(self) -> Iterator[TrialRecord]:
        """Go on with the search, giving every trial as it ends; trials.csv is whole after each.

        validation.npz may lack the last hundredth of them until the search ends, or goes on.

        Raises:
            SearchFailedError: If training after training fails.
            WorkersFailedError: If no worker comes as far as taking jobs.
        """
        if self.done >= self.wanted and not self._store.waiting and not self.plan.timed:
            return
        settings = self.record.settings
        proxy = Proxy.from_dict(settings.proxy)
        make_trainer = partial(
            ProxyTrainer,
            self._data,
            proxy,
            weights=settings.class_weights,
            metric=settings.metric,
            pretrained=self._pretrained,
        )
        before = spent_seconds(self.record, self.trials, self.folder.read_elapsed())
        elapsed = Elapsed(self.folder, before=before, began=self.began or time.monotonic())
        self.began = None  # a second search of this process begins when it does
        told = {
            "workers": len(self.devices),
            "known": sum(isinstance(outcome, Trained) for *_, outcome in self.known),
        }
        self._pace = pace_of(self.record, self.trials, spent=elapsed.seconds, **told)
        search = Search(self.plan, self._store, pace=self._pace, full=self.retrained.known)
        made = self._make_executor(make_trainer, self.devices)
        with closing(made if settings.hours is None else Timed(made, elapsed)) as executor:
            try:
                for trial in run_search(search, KnownFirst(executor, self.known)):
                    self.trials.append(trial)
                    self.folder.add_trial(self.trials)
                    if len(self.trials) >= _ANEW * self._validated:
                        self._write_validation()
                    if trial.state == "failed":
                        self.folder.write_errors(self._store.traces())
                    yield trial
            finally:
                if len(self.trials) > self._validated:
                    self._write_validation()
        if self.plan.timed:
            spent = max(self.done, (settings.repeats or 0) + 1)
            self.record = replace(self.record, settings=replace(settings, budget=spent))
            self.folder.write_record(self.record)

    @property
    def retrained(self) -> FullTrainings:
        """Its trainings under a full policy: which the search learns from, and which not."""
        return full_trainings(self.folder.path, self.record)

    def write_trials(self) -> None:
        """Write trials.csv and validation.npz anew."""
        self._write_validation()
        self.folder.write_trials(self.trials)

    def _write_validation(self) -> None:
        write_validation(self.folder.validation_path, self._data.val_labels, self.trials)
        self._validated = len(self.trials)

    def write_best(self) -> ArchitectureConfig:
        """Export the default pick as best.yaml.

        Raises:
            UserError: If no trial is complete.
        """
        config = export_trial(
            self.record,
            self.trials,
            None,
            run_name=self.folder.path.name,
            least=self.plan.reference_accuracy,
        )
        write_text(self.folder.best_path, config.to_yaml())
        return config
