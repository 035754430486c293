"""One search of a table: what it trains, in which order."""

from contextlib import closing
from dataclasses import dataclass

from optuna.storages import InMemoryStorage

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
        stopped: Those that were stopped.
        seconds: A proposal took, in the mean.
        epochs: Share of the epochs trained.
    """

    order: list[int]
    stopped: set[int]
    seconds: float
    epochs: float

    def finished(self, count: int) -> list[int]:
        """The distinct points among the first trainings that were not stopped."""
        return list(dict.fromkeys(point for point in self.order[:count] if point not in self.stopped))


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
    whole = 0 if table.curves is None else table.curves.shape[1] * len(order)
    return Replay(
        order=order,
        stopped={number for number, trial in zip(order, trained, strict=True) if trial.state == "pruned"},
        seconds=search.proposing / max(1, search.choices),
        epochs=executor.epochs / whole if whole else 1.0,
    )
