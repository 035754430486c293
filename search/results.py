"""What the commands of the front door come to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..space import (
    FLOPS_CONVENTION,
    ArchitectureConfig,
    RunRecord,
    TrainingResult,
    TrialRecord,
    pareto_front,
)
from ..space.agreement import RungAgreement, rung_agreements
from ..space.rungs import networks_trained
from ..space.saved_run import SavedRun
from ..space.validation_file import Validation
from ..space.verdict import verdict


@dataclass(frozen=True)
class TrainResult:
    """What trainings of one network came to, a result for each seed."""

    folder: Path
    results: tuple[TrainingResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        return {"folder": str(self.folder), "results": [result.to_dict() for result in self.results]}

    def __repr__(self) -> str:
        return f"TrainResult({_scores(self.results)}; folder {self.folder})"


@dataclass(frozen=True)
class RetrainResult:
    """What retraining networks of a run came to.

    Attributes:
        folder: Of the run.
        results: Of every training asked for that is done.
        failures: Of those that failed, `trial 3, seed 0: why`.
        report: The page of the run, written again; None where `approve` said no.
    """

    folder: Path
    results: tuple[TrainingResult, ...]
    failures: tuple[str, ...]
    report: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        return {
            "folder": str(self.folder),
            "results": [result.to_dict() for result in self.results],
            "failures": list(self.failures),
        }

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"RetrainResult({_scores(self.results)}{failed}; report {self.report})"


@dataclass(frozen=True)
class RunResult:
    """What a search came to.

    Attributes:
        folder: Of the run.
        best: The exported architecture, as in best.yaml.
        report: The page of the run.
        validation: The images that accuracies are of.
        retrained: What its front came to in full training, None where that was not asked for.
    """

    folder: Path
    record: RunRecord
    trials: tuple[TrialRecord, ...]
    best: ArchitectureConfig
    report: Path
    validation: Validation | None = None
    retrained: RetrainResult | None = None

    @classmethod
    def of(cls, saved: SavedRun, best: ArchitectureConfig, report: Path) -> "RunResult":
        """What the run of a folder came to."""
        return cls(saved.path, saved.record, saved.trials, best, report, saved.validation)

    @cached_property
    def saved(self) -> SavedRun:
        """The same as its folder has it, with what may be claimed of its networks."""
        return SavedRun(self.folder, self.record, self.trials, self.validation)

    @property
    def front(self) -> tuple[TrialRecord, ...]:
        """What no trial beats in all of the objectives, the cheapest first."""
        return tuple(pareto_front(self.trials, self.record.settings.objectives))

    @property
    def trained(self) -> int:
        """How many different architectures were trained to the end."""
        return networks_trained(self.trials)

    @cached_property
    def agreements(self) -> tuple[RungAgreement, ...]:
        """How well trainings of each length foretold longer ones; none where all are as long."""
        return tuple(rung_agreements(self.trials))

    @property
    def states(self) -> Counter[str]:
        """How many trials there are of each state."""
        return Counter(trial.state for trial in self.trials)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        settings, states, front = self.record.settings, self.states, self.front
        claims = self.saved.claims
        tied = claims.ties(front)
        found = {
            "out": str(self.folder),
            "trained": self.trained,
            "repeated": states["repeat"],
            "stopped": states["pruned"],
            "verdict": verdict(self.saved),
            "equals": list(claims.equals),
            "signal": claims.signal,
            "luck": claims.luck,
            "seed_deviation": claims.deviation,
            "budget": settings.budget,
            "rungs": list(settings.lengths),
            "rung": self.saved.rung,
            "rung_agreement": [_as_dict(pair) for pair in self.agreements],
            "flops_convention": FLOPS_CONVENTION,
            "best": self.best.hash,
            "front": [
                trial.to_row()
                | {"front_probability": claims.front[trial.number], "tie": tied.get(trial.number)}
                | {
                    "cheapest": trial.number in claims.cheapest,
                    "expected": asdict(claims.expected[trial.number]),
                }
                for trial in front
            ],
        }
        return found | ({} if self.retrained is None else {"retrained": self.retrained.to_dict()})

    def __repr__(self) -> str:
        return (
            f"RunResult({self.trained} architectures trained, {len(self.front)} on the front of "
            f"{', '.join(self.record.settings.objectives)}; best {self.best.hash}, trial "
            f"{self.best.origin['trial']}; report {self.report})"
        )


@dataclass(frozen=True)
class RehearsalResult:
    """What replaying samplers on a table came to.

    Attributes:
        table: Where the table lies.
        samplers: What each did, by name, as `rehearsal.compare.rehearse` describes it.
    """

    table: Path
    samplers: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        return dict(self.samplers)

    def __repr__(self) -> str:
        ends = (
            f"{name} {list(found['share'].values())[-1]['mean']:.3f}" for name, found in self.samplers.items()
        )
        return (
            f"RehearsalResult(share of the best hypervolume on {self.table.name}, of the fronts reported: "
            f"{', '.join(ends)})"
        )


def _as_dict(pair: RungAgreement) -> dict[str, Any]:
    ranks = pair.ranks
    return {
        "shorter": pair.shorter,
        "longer": pair.longer,
        "networks": pair.count,
        "kendall": None if ranks is None else asdict(ranks.kendall),
        "spearman": None if ranks is None else asdict(ranks.spearman),
        "lead": pair.lead,
    }


def _scores(results: tuple[TrainingResult, ...]) -> str:
    best = max(results, key=lambda result: result.val_score, default=None)
    if best is None:
        return "nothing trained"
    test = "" if best.test_score is None else f", {best.test_score:.2f} % on the test images"
    metric = "" if best.metric == "accuracy" else f" {best.metric}"
    return f"{len(results)} trained, the best {best.val_score:.2f} %{metric} on the validation images{test}"
