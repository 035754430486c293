"""One search of a table: what it trains, in which order, and which front it would report."""

from contextlib import closing
from dataclasses import dataclass

import moocore
import numpy as np
from optuna.storages import InMemoryStorage

from ...space.rungs import longest_with_enough
from ..samplers.surrogate import Floats
from ..study.driver import Search, run_search
from ..study.plan import Plan
from ..study.trial_store import TrialStore
from .result_table import ResultTable
from .table_domain import TableDomain, TableExecutor


@dataclass(frozen=True)
class Replay:
    """What one search trained.

    Attributes:
        order: The points, in order; a repeat has its own again.
        observed: The accuracy in percent of each training, None of one that was stopped.
        rungs: How many times as long as the shortest each was; empty where all are as long.
        lasted: Seconds that each took, 0 where the table does not say.
        seconds: A proposal took, in the mean.
        epochs: Share of the epochs trained.
    """

    order: list[int]
    observed: list[float | None]
    seconds: float
    epochs: float
    rungs: tuple[int, ...] = ()
    lasted: tuple[float, ...] = ()

    def within(self, units: float) -> int:
        """How many of the first trainings cost so much together, each as much as its rung."""
        if not self.rungs:
            return min(int(units), len(self.order))
        return int(np.searchsorted(np.cumsum(self.rungs), units, side="right"))

    def within_seconds(self, seconds: float) -> int:
        """How many of the first trainings took so long together, one after the other."""
        return int(np.searchsorted(np.cumsum(self.lasted), seconds, side="right"))

    def runs(self, count: int) -> dict[int, dict[int, list[float]]]:
        """By rung the accuracies of each point among the first trainings; stopped ones have none."""
        found: dict[int, dict[int, list[float]]] = {}
        rungs = self.rungs or (1,) * len(self.order)
        for point, accuracy, rung in list(zip(self.order, self.observed, rungs, strict=True))[:count]:
            if accuracy is not None:
                found.setdefault(rung, {}).setdefault(point, []).append(accuracy)
        return found

    def finished(self, count: int) -> list[int]:
        """The distinct points among the first trainings that were not stopped."""
        return list(dict.fromkeys(point for of_rung in self.runs(count).values() for point in of_rung))

    def reported(self, count: int, costs: Floats) -> list[int]:
        """Those of them that a user is shown: no other one has a better mean accuracy for costs as low.

        They are of one rung, the one that a run would compare them at.

        Args:
            costs: Of every point of the table (N, K).
        """
        by_rung = self.runs(count)
        if not by_rung:
            return []
        runs = by_rung[longest_with_enough({rung: len(of_rung) for rung, of_rung in by_rung.items()})]
        points = np.array(list(runs), dtype=np.int64)
        accuracies = np.array([np.mean(of_point) for of_point in runs.values()])
        on_front = moocore.is_nondominated(np.column_stack([-accuracies, costs[points]]))
        return [int(point) for point in points[on_front]]


def replay(table: ResultTable, plan: Plan) -> Replay:
    """Search a table as `cheapsearch run` searches networks."""
    domain = TableDomain(table, reference=plan.reference_accuracy)
    store = TrialStore(InMemoryStorage(), study_name="rehearsal", domain=domain)
    search = Search(plan, store)
    with closing(TableExecutor(domain, seed=plan.seed, stopping=plan.stopping)) as executor:
        trained = [
            trial for trial in run_search(search, executor) if trial.state in ("complete", "pruned", "repeat")
        ]
    order = [domain.numbers[trial.point] for trial in trained]
    several = len(table.rungs) > 1
    whole = 0 if table.curves is None or several else table.curves.shape[1] * len(order)
    return Replay(
        order=order,
        observed=[trial.accuracy for trial in trained],
        seconds=search.proposing / max(1, search.choices),
        epochs=executor.epochs / whole if whole else 1.0,
        rungs=tuple(trial.rung for trial in trained) if several else (),
        lasted=tuple(trial.seconds or 0.0 for trial in trained),
    )
