"""What a person sees of a search: a live display on a terminal, plain lines elsewhere."""

import shlex
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..space import (
    FLOPS_CONVENTION,
    SITE_NAMES,
    Architecture,
    ArchitectureConfig,
    TrialRecord,
    architecture_hash,
    get_backbone,
    join_choice,
    pareto_front,
)
from .console import LiveDisplay
from .run import Run

_FRONT_ROWS = 12


class SearchDisplay(LiveDisplay):
    """Shows trials done and to come, the time left, the best and the front; use it as a context manager."""

    def __init__(self, console: Console, run: Run) -> None:
        super().__init__(console)
        self._trials = list(run.trials)
        self._budget = run.record.budget
        self._workers = len(run.devices)
        self._objectives = run.record.objectives
        self._unmodified = run.plan.space.unmodified
        self._start = time.monotonic()
        self._at_start = self._trained

    def update(self, trial: TrialRecord) -> None:
        """Take a trial in."""
        self._trials.append(trial)
        if self._live is None and trial.state != "refused":
            left = time_left(self._seconds_left())
            what = trial_line(trial, self._unmodified)
            _print_line(self._console, f"{self._trained}/{self._budget}  {what}{left}")

    @property
    def _trained(self) -> int:
        return sum(trial.state == "complete" for trial in self._trials)

    def _seconds_left(self) -> float | None:
        done = self._trained - self._at_start
        if done:
            return (time.monotonic() - self._start) / done * (self._budget - self._trained)
        seconds = [trial.seconds for trial in self._trials if trial.seconds and trial.state == "complete"]
        if seconds:
            return sum(seconds) / len(seconds) * (self._budget - self._trained) / self._workers
        return None

    def _render(self) -> Group:
        counts = Text(f"{self._trained}/{self._budget} architectures trained", style="bold")
        counts.append(time_left(self._seconds_left()), style="default")
        others = [state for state in ("failed", "duplicate", "refused") if self._count(state)]
        counts.append("".join(f"   {self._count(state)} {state}" for state in others), style="dim")
        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=self._budget, completed=self._trained, width=60))
        front = pareto_front(self._trials, self._objectives)
        if not front:
            return Group(counts, bar, Text("the first trainings are under way", style="dim"))
        best = max(front, key=lambda trial: trial.accuracy or 0.0)
        newest = front if len(front) <= _FRONT_ROWS else front[:: -(-len(front) // _FRONT_ROWS)]
        more = f", {len(newest)} of {len(front)} shown" if len(newest) < len(front) else ""
        title = Text(f"best {best.accuracy:.1f} %   front so far{more}", style="dim")
        return Group(counts, bar, title, front_table(newest, self._trials, self._unmodified))

    def _count(self, state: str) -> int:
        return sum(trial.state == state for trial in self._trials)


def print_start(console: Console, run: Run) -> None:
    """What is about to be searched, and with what."""
    record = run.record
    workers = f"{len(run.devices)} worker{'s' if len(run.devices) > 1 else ''} on {record.device}"
    _print_line(
        console,
        f"{record.backbone} on {record.dataset}: {run.plan.space.distinct_size:,} distinct architectures, "
        f"{run.trained} of {record.budget} trained, {workers}, in {run.folder.path}",
    )


def run_result(run: Run, best: ArchitectureConfig) -> dict[str, Any]:
    """What a run came to, for programs."""
    front = pareto_front(run.trials, run.record.objectives)
    return {
        "out": str(run.folder.path),
        "trained": run.trained,
        "budget": run.record.budget,
        "flops_convention": FLOPS_CONVENTION,
        "best": best.hash,
        "front": [trial.to_row() for trial in front],
    }


def print_result(console: Console, run: Run, best: ArchitectureConfig) -> None:
    """The front against the unmodified network, where the files are, and what to do next."""
    record = run.record
    front = pareto_front(run.trials, record.objectives)
    console.print()
    console.print(
        f"{run.trained} architectures trained, {len(front)} on the front of {', '.join(record.objectives)}; "
        "differences are to the unmodified network"
    )
    console.print(front_table(front, run.trials, run.plan.space.unmodified))
    console.print(f"flops: {FLOPS_CONVENTION}; accuracy: validation, after a short proxy", style="dim")
    if run.trained < record.budget:
        console.print(
            f"nothing untried was found within the limits: {run.trained} of {record.budget} trained"
        )
    quoted, best_path = shlex.quote(str(run.folder.path)), shlex.quote(str(run.folder.best_path))
    for line in (
        f"report   {run.folder.report_path}",
        f"best     {run.folder.best_path} (trial {best.origin['trial']}, picked by {best.origin['pick']})",
        f"next     cheapsearch retrain {quoted}    to train the front in full",
        f"         cheapsearch show {best_path}",
        f"         cheapsearch run --out {quoted} --budget {2 * record.budget}    to search on",
    ):
        _print_line(console, line)


def _print_line(console: Console, line: str) -> None:
    """Print a line as it is: not broken, square brackets no style."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def front_table(
    front: Sequence[TrialRecord], trials: Sequence[TrialRecord], unmodified: Architecture
) -> Table:
    """The front against the unmodified network: accuracy in points, costs in percent."""
    base = next((trial for trial in trials if trial.hash == architecture_hash(unmodified)), None)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("trial", "accuracy", "params", "flops"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("operations other than the unmodified network's")
    for trial in front:
        table.add_row(
            str(trial.number),
            f"{trial.accuracy:.1f} %" + points(trial, base),
            amount(trial.params) + percent(trial.params, base.params if base else None),
            amount(trial.flops) + percent(trial.flops, base.flops if base else None),
            operations(trial.architecture, unmodified),
        )
    return table


def trial_line(trial: TrialRecord, unmodified: Architecture) -> str:
    """One trial on one line."""
    accuracy = f"{trial.accuracy:5.1f} %" if trial.accuracy is not None else "      -"
    cost = f"{amount(trial.params)} params  {amount(trial.flops)} flops"
    seconds = f"  {trial.seconds:.0f} s" if trial.seconds is not None else ""
    state = "" if trial.state == "complete" else f"  {trial.state}: {trial.reason}"
    what = operations(trial.architecture, unmodified)
    return f"trial {trial.number}  {accuracy}  {cost}  {what} ({trial.origin}){seconds}{state}"


def operations(architecture: Architecture, unmodified: Architecture) -> str:
    """The operations that differ from the unmodified network's."""
    changed = [
        f"{site} {join_choice(getattr(architecture, site))}"
        for site in SITE_NAMES
        if len(get_backbone(architecture.backbone).operations[site]) > 1
        and getattr(architecture, site) != getattr(unmodified, site)
    ]
    return ", ".join(changed) or "unmodified"


def amount(count: int) -> str:
    """A number of parameters or multiply-adds, in millions."""
    return f"{count / 1e6:.2f} M"


def percent(value: int, base: int | None) -> str:
    """A cost's difference to the unmodified network's, in percent."""
    return f" ({100 * (value / base - 1):+.0f} %)" if base and value != base else ""


def points(trial: TrialRecord, base: TrialRecord | None) -> str:
    """An accuracy's difference to the unmodified network's, in points."""
    if base is None or base.accuracy is None or trial.accuracy is None or trial.hash == base.hash:
        return ""
    return f" ({trial.accuracy - base.accuracy:+.1f})"


def time_left(seconds: float | None) -> str:
    """How long is left, as `  ~ 12 min left`; empty where it is not known or over."""
    return "" if seconds is None or seconds <= 0 else f"   ~ {span(seconds)} left"


def span(seconds: float) -> str:
    """A time in its largest sensible unit, as `12 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
