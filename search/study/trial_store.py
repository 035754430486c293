"""The trials of a search, kept in an Optuna study."""

import logging
import warnings
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from sys import intern
from typing import Any, Generic, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from ...space import COSTS, UserError, check_keys, check_name
from ..samplers.registry import INTERRUPTED, reasons_of
from .domain import Domain, RecordT, SubjectT
from .proposal import Proposal, Result, said
from .storage import STORAGE_ERRORS, close_storage, open_storage, unreadable

# Attributes of a trial, each a JSON object that is written once: when it is proposed, and when it is told.
PROPOSAL, RESULT = "proposal", "result"
RUNG = "rung"  # for those who read the study, as is what a result begins with


class TrialStore(Generic[SubjectT, RecordT]):
    """The Optuna study of a search, as proposals and trial records.

    Args:
        storage: An Optuna storage, or its URL.
        study_name: Name of the study in the storage; it is taken up if it is there.

    Raises:
        UserError: If the storage cannot be opened, or holds a study of other objectives.
    """

    def __init__(
        self, storage: str | BaseStorage, *, study_name: str, domain: Domain[SubjectT, RecordT]
    ) -> None:
        self.domain = domain
        objectives = domain.objectives
        directions: list[Literal["maximize", "minimize"]] = [
            "maximize" if name == "accuracy" else "minimize" for name in objectives
        ]
        self._storage, self._owned = open_storage(storage), isinstance(storage, str)
        try:
            with _creation_unsaid():
                self.study = optuna.create_study(
                    storage=self._storage, study_name=study_name, directions=directions, load_if_exists=True
                )
        except (*STORAGE_ERRORS, ValueError, KeyError) as error:
            raise unreadable(storage, error) from None
        if [direction.name.lower() for direction in self.study.directions] != directions:
            raise UserError(
                f"--objectives: must be those of the study in {storage}, got {','.join(objectives)}; "
                "choose another --out"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.set_metric_names([_metric_name(name) for name in objectives])
        parameters = domain.parameters.items()
        self._distributions: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(options) for name, options in parameters
        }
        self._study_id = self._storage.get_study_id_from_name(study_name)
        self._abandon_incomplete()

    def close(self) -> None:
        """End what was opened here."""
        if self._owned:
            close_storage(self._storage)

    @property
    def proposed(self) -> int:
        """How many subjects have been proposed, in whatever state they are."""
        return sum(1 for trial in self._trials() if self._proposal(trial) is not None)

    def count(self, origin: str) -> int:
        """How many of them are of this origin."""
        kept = (self._proposal(trial) for trial in self._trials())
        return sum(1 for proposal in kept if proposal is not None and proposal["origin"] == origin)

    @property
    def waiting(self) -> bool:
        """Whether somebody put trials into the study that are to be tried next, by `Study.enqueue_trial`."""
        return any(trial.state == TrialState.WAITING for trial in self._trials())

    def ask(self, sampler: BaseSampler) -> tuple[int, SubjectT, Mapping[str, Any]]:
        """Let a sampler choose: number of the trial, subject, and the sampler's reasons if it has any.

        Raises:
            UserError: If an enqueued trial makes a choice that there is not, or others have made the study's
                parameters another space's. The trial has failed then, and the next call goes on.
        """
        self.study.sampler = sampler
        trial = self.study.ask()
        try:
            self._check_enqueued(trial.number)
            for name, options in self.domain.parameters.items():
                trial.suggest_categorical(name, options)
        except ValueError as error:
            self.study.tell(trial.number, state=TrialState.FAIL)
            raise UserError(
                f"--storage: trial {trial.number} of the study cannot be tried ({error}); "
                "the same command goes on without it"
            ) from None
        return trial.number, self.domain.subject(trial.params), reasons_of(sampler)

    def keep(self, proposal: Proposal[SubjectT], reasons: Mapping[str, Any]) -> None:
        """Keep what was asked for; from then on it is running, whatever happens to this process."""
        kept: dict[str, Any] = {"origin": proposal.origin}
        kept |= {"repeat": proposal.repeat} if proposal.repeat else {}
        kept |= {"why": dict(reasons)} if reasons else {}
        kept |= {"floors": list(proposal.floors)} if proposal.floors else {}
        kept |= {"due": proposal.due} if proposal.due else {}
        kept |= {"rung": proposal.rung} if proposal.rung != 1 else {}
        if proposal.due or proposal.rung != 1:  # one of several lengths, or longer ones alone
            self._storage.set_trial_user_attr(self._id(proposal.number), RUNG, proposal.rung)
        self._storage.set_trial_user_attr(self._id(proposal.number), PROPOSAL, kept)

    def running(self) -> list[Proposal[SubjectT]]:
        """Proposals that have not been told of, in the order they were made."""
        found = []
        for trial in self._trials():
            kept = self._proposal(trial)
            if trial.state == TrialState.RUNNING and kept is not None:
                subject = self.domain.subject(trial.params)
                found.append(
                    Proposal(
                        trial.number,
                        subject,
                        self.domain.key(subject),
                        kept["origin"],
                        kept.get("repeat", 0),
                        tuple(kept.get("floors", ())),
                        kept.get("rung", 1),
                        kept.get("due", 0),
                    )
                )
        return found

    def tell(self, proposal: Proposal[SubjectT], result: Result) -> RecordT:
        """Tell what a proposal came to."""
        kept = {"about": said(proposal, result)} | result.to_dict()
        self._storage.set_trial_user_attr(self._id(proposal.number), RESULT, kept)
        if result.accuracy is not None:
            known = {"accuracy": result.accuracy, **self.domain.costs(proposal.subject)}
            told = self.study.tell(proposal.number, [known[name] for name in self.domain.objectives])
        elif result.state == "pruned":
            told = self.study.tell(proposal.number, state=TrialState.PRUNED)
        else:
            told = self.study.tell(proposal.number, state=TrialState.FAIL)
        return self._record(told)

    def records(self) -> list[RecordT]:
        """Every trial that has been told of, in the order of that."""
        return [self._record(trial) for trial in self._told()]

    def curves(self) -> list[tuple[float, ...]]:
        """Accuracy after every epoch of the trainings that went to their end."""
        results = (self._result(trial) for trial in self._told())
        ended = (result for result in results if result["state"] in ("complete", "repeat"))
        return [tuple(result["curve"]) for result in ended if "curve" in result]

    def traces(self) -> dict[int, str]:
        """The tracebacks of the trials that failed, by number."""
        results = {trial.number: self._result(trial) for trial in self._told()}
        return {number: result["trace"] for number, result in results.items() if result.get("trace")}

    def _check_enqueued(self, number: int) -> None:
        """Refuse choices that Optuna would leave out, or replace, with a warning."""
        chosen = self._storage.get_trial_system_attrs(self._id(number)).get("fixed_params", {})
        check_keys("enqueued", chosen, self.domain.parameters)
        for name, value in chosen.items():
            check_name(name, value, self.domain.parameters[name])

    def _record(self, trial: FrozenTrial) -> RecordT:
        kept, result = self._proposal(trial) or {}, self._result(trial)
        why = kept.get("why", {})
        return self.domain.record(
            self.domain.subject(trial.params),
            number=trial.number,
            state=result["state"],
            origin=kept["origin"],
            accuracy=trial.values[self.domain.objectives.index("accuracy")] if trial.values else None,
            seconds=result.get("seconds"),
            reason=result.get("reason", ""),
            predicted=why.get("accuracy"),
            deviation=why.get("deviation"),
            gain=why.get("gain"),
            rung=kept.get("rung", 1),
            right=b64decode(result.get("right", "")),
        )

    def _proposal(self, trial: FrozenTrial) -> Mapping[str, Any] | None:
        """What was kept when a trial was proposed, None where it was not proposed to its end."""
        if len(trial.params) < len(self.domain.parameters):
            return None
        if isinstance(trial.user_attrs.get(PROPOSAL), Mapping):
            return trial.user_attrs[PROPOSAL]  # type: ignore[no-any-return]
        # Studies of version 0.1.0 have an attribute for each.
        return trial.user_attrs if "origin" in trial.user_attrs else None

    @staticmethod
    def _result(trial: FrozenTrial) -> Mapping[str, Any]:
        """What was kept when a trial was told."""
        kept: Mapping[str, Any] = trial.user_attrs.get(RESULT, trial.user_attrs)
        return kept

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _trials(self) -> list[FrozenTrial]:
        """Every trial; those that have ended share what is the same in all of them.

        A database gives each one copies of its own, which in thousands of trials take most of the memory.
        """
        trials = self.study.get_trials(deepcopy=False)
        for trial in trials:
            own = trial.distributions
            if own is not self._distributions and trial.state.is_finished() and own == self._distributions:
                trial.params = {name: intern(value) for name, value in trial.params.items()}
                trial.distributions = self._distributions
        return trials

    @property
    def now(self) -> int:
        """When the last of them was told of, by `due`."""
        return max((self._due(trial) for trial in self._told()), default=0)

    def _told(self) -> list[FrozenTrial]:
        told = [
            trial
            for trial in self._trials()
            if trial.state.is_finished() and self._proposal(trial) is not None
        ]
        return sorted(told, key=lambda trial: (self._due(trial), trial.number))

    def _due(self, trial: FrozenTrial) -> int:
        due: int = (self._proposal(trial) or {}).get("due", 0)
        return due

    def _abandon_incomplete(self) -> None:
        """Fail what was killed in the middle of being proposed; its number is the only thing lost.

        What the user had enqueued is enqueued once more.
        """
        for trial in list(self._trials()):
            if trial.state == TrialState.RUNNING and self._proposal(trial) is None:
                if (fixed := trial.system_attrs.get("fixed_params")) is not None:
                    self.study.enqueue_trial(fixed)
                self._storage.set_trial_user_attr(self._id(trial.number), "reason", INTERRUPTED)
                self.study.tell(trial.number, state=TrialState.FAIL)


def _metric_name(objective: str) -> str:
    """Of an objective to those who look at the study, with its unit."""
    if objective == "accuracy":
        return "accuracy (%)"
    return COSTS[objective].heading if objective in COSTS else objective


@contextmanager
def _creation_unsaid() -> Iterator[None]:
    """Hold back Optuna's line about a study that is made; how much it says at other times is the user's."""

    def is_warning(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    handlers = list(logging.getLogger("optuna").handlers)
    for handler in handlers:
        handler.addFilter(is_warning)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_warning)
