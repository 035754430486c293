"""What the commands of the front door come to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..reports import REPORT_FILE, accuracy_against_cost, front_of, summary, trials_frame
from ..space import (
    COSTS,
    FLOPS_CONVENTION,
    ArchitectureConfig,
    RunRecord,
    TrainingResult,
    pareto_front,
    read_config,
)
from ..space.agreement import RungAgreement, rung_agreements
from ..space.run_folder import RunFolder
from ..space.rungs import networks_trained
from ..space.saved_run import SavedRun, load_run
from ..space.verdict import verdict

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["RehearsalResult", "RetrainResult", "RunResult", "TrainResult", "results"]


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
    """What a search came to, or has come to so far; a notebook shows it as a small page.

    Attributes:
        saved: Its folder as it was read, with what may be claimed of its networks.
        best: The exported architecture, as in best.yaml; None before the search has ended.
        retrained: What its front came to in full training, None where that was not asked for.
    """

    saved: SavedRun
    best: ArchitectureConfig | None
    retrained: RetrainResult | None = None

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.saved.path

    @property
    def report(self) -> Path:
        """The page of the run."""
        return self.folder / REPORT_FILE

    @property
    def record(self) -> RunRecord:
        """What was asked for, and of which images."""
        return self.saved.record

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """Every trial, also those that failed, with the columns of `reports.trials_frame`."""
        return trials_frame(self.saved)

    @property
    def front(self) -> "pd.DataFrame":
        """What no trial beats in all of the objectives, the cheapest first, with the same columns."""
        return front_of(self.trials, self.saved)

    def figure(self, cost: str | None = None) -> "go.Figure":
        """Accuracy against a cost of every network, with the front.

        Args:
            cost: Its name, None for the first among the objectives.

        Raises:
            UserError: If there is no such cost.
        """
        wanted = cost or next(name for name in self.record.settings.objectives if name in COSTS)
        return accuracy_against_cost(self.trials, wanted, gap=self.saved.claims.gap)

    @property
    def trained(self) -> int:
        """How many different architectures were trained to the end."""
        return networks_trained(self.saved.trials)

    @cached_property
    def agreements(self) -> tuple[RungAgreement, ...]:
        """How well trainings of each length foretold longer ones; none where all are as long."""
        return tuple(rung_agreements(self.saved.trials))

    @property
    def states(self) -> Counter[str]:
        """How many trials there are of each state."""
        return Counter(trial.state for trial in self.saved.trials)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        settings, states = self.record.settings, self.states
        front = pareto_front(self.saved.trials, settings.objectives)
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
            "best": None if self.best is None else self.best.hash,
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
        picked = "no best.yaml yet"
        if self.best is not None:
            picked = f"best {self.best.hash}, trial {self.best.origin['trial']}"
        return (
            f"RunResult({self.trained} architectures trained, {len(self.front)} on the front of "
            f"{', '.join(self.record.settings.objectives)}; {picked}; report {self.report})"
        )

    def _repr_html_(self) -> str:
        return summary(self.saved, None if self.best is None else self.best.origin.get("trial"))


def results(run: str | PathLike[str]) -> RunResult:
    """What the search of a run folder came to, also while it goes on; nothing is trained or written.

    Args:
        run: The run folder.

    Raises:
        UserError: If the folder or one of its files is missing or damaged.
    """
    saved = load_run(Path(run))
    best = RunFolder(saved.path).best_path
    return RunResult(saved, read_config(best) if best.exists() else None)


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
