"""The trials of a run, kept in an Optuna study."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ...models import CostTable
from ...space import Architecture, SearchSpace, TrialRecord, UserError, architecture_hash
from ..samplers.registry import FORECAST, CostAwareSampler
from ..workers.jobs import Outcome
from .stopping import Forecast

_INTERRUPTED = "interrupted while it was proposed"
STORAGE_ERRORS = (SQLAlchemyError, optuna.exceptions.StorageInternalError)


def check_storage(storage: str) -> BaseStorage:
    """Open an Optuna storage.

    Raises:
        UserError: If it cannot be opened.
    """
    try:
        return optuna.storages.get_storage(storage)
    except (*STORAGE_ERRORS, ImportError, ValueError, KeyError, OSError) as error:
        raise _unreadable(storage, error) from None


def _unreadable(storage: str, error: BaseException) -> UserError:
    return UserError(
        f"--storage: must be a readable Optuna study, {storage} is not ({storage_reason(error)}); "
        "mend or remove it, or choose another --out"
    )


@contextmanager
def storage_errors(out: Path) -> Iterator[None]:
    """Turn what a storage raises while a run uses it into one line; `out` is the run's folder."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise UserError(
            f"--storage: cannot read or write the study ({storage_reason(error)}); mend that and go on with: "
            f"cheapsearch run --out {out}, what was finished is kept"
        ) from None


def storage_reason(error: BaseException) -> str:
    """What a database says is wrong, in one line, without the statement it was given."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "orig", None) is not None:
            return str(cause.orig).splitlines()[0]  # type: ignore[attr-defined]
        cause = cause.__cause__ or cause.__context__
    return str(error).splitlines()[0]


@dataclass(frozen=True)
class Proposal:
    """An architecture somebody proposed, not yet told of.

    Attributes:
        repeat: Which further training of it this is, from 1; 0 for the first.
    """

    number: int
    architecture: Architecture
    origin: str
    repeat: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """Names the training: the architecture's hash, and `repeat`."""
        return architecture_hash(self.architecture), self.repeat


class TrialStore:
    """Asks and tells an Optuna study, whose storage is the only state a run has.

    A trial is an architecture's choices as categorical parameters. A trial that is running in the
    storage was proposed and not finished, by this process or by one that was killed.

    Args:
        storage: An Optuna storage URL.
        objectives: accuracy and one or more of params and flops.

    Raises:
        UserError: If the storage cannot be opened, or holds a study of other objectives.
    """

    def __init__(
        self,
        storage: str,
        *,
        study_name: str,
        space: SearchSpace,
        table: CostTable,
        objectives: Sequence[str],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = space
        self._table = table
        self._objectives = tuple(objectives)
        directions: list[Literal["maximize", "minimize"]] = [
            "maximize" if name == "accuracy" else "minimize" for name in objectives
        ]
        self._storage = check_storage(storage)
        try:
            self.study = optuna.create_study(
                storage=self._storage, study_name=study_name, directions=directions, load_if_exists=True
            )
        except (*STORAGE_ERRORS, ValueError, KeyError) as error:
            raise _unreadable(storage, error) from None
        if [direction.name.lower() for direction in self.study.directions] != directions:
            raise UserError(
                f"--objectives: must be those of the study in {storage}, got {','.join(objectives)}; "
                "choose another --out"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.set_metric_names(list(objectives))
        self._study_id = self._storage.get_study_id_from_name(study_name)
        self._abandon_incomplete()

    @property
    def proposed(self) -> int:
        """How many architectures have been proposed, in whatever state they are."""
        return sum(1 for trial in self._trials() if not self._is_incomplete(trial))

    def propose(self, sampler: BaseSampler, *, origin: str, repeat: int = 0) -> Proposal:
        """Let a sampler choose an architecture; it is running from then on."""
        self.study.sampler = sampler
        trial = self.study.ask()
        # First of all, so that a trial that is cut short still says whose it is.
        trial.set_user_attr("origin", origin)
        if repeat:
            trial.set_user_attr("repeat", repeat)
        for name, operations in self.space.parameters.items():
            trial.suggest_categorical(name, operations)
        if isinstance(sampler, CostAwareSampler) and sampler.choice is not None:
            why = asdict(sampler.choice)
            trial.set_user_attr("why", {name: value and float(f"{value:.6g}") for name, value in why.items()})
        return Proposal(trial.number, self.space.architecture(trial.params), origin, repeat)

    def running(self) -> list[Proposal]:
        """Proposals that have not been told of, in the order they were made."""
        return [
            Proposal(
                trial.number,
                self.space.architecture(trial.params),
                self._origin(trial),
                trial.user_attrs.get("repeat", 0),
            )
            for trial in self._trials()
            if trial.state == TrialState.RUNNING
        ]

    def complete(self, proposal: Proposal, outcome: Outcome) -> TrialRecord:
        """Tell of a finished training."""
        accuracy = outcome.accuracy
        assert accuracy is not None
        attributes = {
            "state": "repeat" if proposal.repeat else "complete",
            "reason": "",
            "seconds": round(outcome.seconds, 2),
            "images_per_second": round(outcome.images_per_second, 1),
            "curve": list(outcome.curve),
            "losses": list(outcome.losses),
        }
        return self._tell(proposal, attributes, values=self._values(proposal, accuracy))

    def prune(self, proposal: Proposal, outcome: Outcome, forecast: Forecast) -> TrialRecord:
        """Tell of a training that was stopped, with the accuracy it would have come to."""
        final, deviation = forecast.final(outcome.curve[-1]), forecast.deviation(outcome.curve[-1])
        attributes = {
            "state": "pruned",
            "reason": f"stopped after epoch {len(outcome.curve)} at {outcome.curve[-1]:.1f} %: expected to "
            f"end at {final:.1f} % with a deviation of {deviation:.1f}, too low for its cost",
            "seconds": round(outcome.seconds, 2),
            "images_per_second": round(outcome.images_per_second, 1),
            "curve": list(outcome.curve),
            "losses": list(outcome.losses),
            FORECAST: [final, deviation],
        }
        return self._tell(proposal, attributes, values=None, state=TrialState.PRUNED)

    def duplicate(self, proposal: Proposal, original: TrialRecord) -> TrialRecord:
        """Tell of an architecture that is the same as an earlier one; it learns that one's accuracy."""
        reason = f"the same network as trial {original.number}"
        if original.accuracy is None:
            fate = "was stopped" if original.state == "pruned" else "failed"
            return self.fail(proposal, f"{reason}, which {fate}", state="duplicate")
        attributes = {"state": "duplicate", "reason": reason}
        return self._tell(proposal, attributes, values=self._values(proposal, original.accuracy))

    def fail(
        self, proposal: Proposal, reason: str, *, seconds: float | None = None, state: str = "failed"
    ) -> TrialRecord:
        """Tell of an architecture that has no accuracy: it failed, or was refused."""
        attributes: dict[str, object] = {"state": state, "reason": reason}
        if seconds is not None:
            attributes["seconds"] = round(seconds, 2)
        return self._tell(proposal, attributes, values=None)

    def records(self) -> list[TrialRecord]:
        """Every trial that has been told of, in the order of the proposals."""
        return [
            self._record(trial)
            for trial in self._trials()
            if trial.state.is_finished() and not self._is_incomplete(trial)
        ]

    def curves(self) -> list[list[float]]:
        """Accuracy after every epoch of the trainings that went to their end."""
        ended = ("complete", "repeat")
        attributes = (trial.user_attrs for trial in self._trials())
        return [known["curve"] for known in attributes if known.get("state") in ended]

    def floors(self, proposal: Proposal, make: Callable[[], tuple[float, ...]]) -> tuple[float, ...]:
        """The accuracies below which its training is stopped: as kept, or made now and kept.

        They stay what they were when the proposal was made, whatever is known when a search goes on.
        """
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, proposal.number)
        kept = self._storage.get_trial(trial_id).user_attrs.get("floors")
        if kept is None:
            kept = make()
            self._storage.set_trial_user_attr(trial_id, "floors", list(kept))
        return tuple(kept)

    def _values(self, proposal: Proposal, accuracy: float) -> list[float]:
        cost = self._table.cost(proposal.architecture)
        known = {"accuracy": accuracy, "params": cost.params, "flops": cost.flops}
        return [known[name] for name in self._objectives]

    def _tell(
        self,
        proposal: Proposal,
        attributes: Mapping[str, object],
        values: Sequence[float] | None,
        state: TrialState = TrialState.FAIL,
    ) -> TrialRecord:
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, proposal.number)
        for key, value in attributes.items():
            self._storage.set_trial_user_attr(trial_id, key, value)
        state = state if values is None else TrialState.COMPLETE
        return self._record(self.study.tell(proposal.number, values, state))

    def _record(self, trial: FrozenTrial) -> TrialRecord:
        architecture = self.space.architecture(trial.params)
        cost = self._table.cost(architecture)
        known = trial.user_attrs
        why = known.get("why", {})
        values = trial.values
        return TrialRecord(
            number=trial.number,
            architecture=architecture,
            state=known["state"],
            origin=self._origin(trial),
            params=cost.params,
            flops=cost.flops,
            accuracy=values[self._objectives.index("accuracy")] if values else None,
            seconds=known.get("seconds"),
            predicted=why.get("accuracy"),
            deviation=why.get("deviation"),
            gain=why.get("gain"),
            reason=known.get("reason", ""),
        )

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _origin(self, trial: FrozenTrial) -> str:
        return str(trial.user_attrs.get("origin", "sampler"))

    def _is_incomplete(self, trial: FrozenTrial) -> bool:
        return len(trial.params) < len(self.space.parameters)

    def _abandon_incomplete(self) -> None:
        """Fail what was killed in the middle of being proposed; its number is the only thing lost."""
        for trial in self._trials():
            if trial.state == TrialState.RUNNING and self._is_incomplete(trial):
                self._tell_interrupted(trial.number)

    def _tell_interrupted(self, number: int) -> None:
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        self._storage.set_trial_user_attr(trial_id, "reason", _INTERRUPTED)
        self.study.tell(number, state=TrialState.FAIL)
