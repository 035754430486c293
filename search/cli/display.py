"""What a person sees of a search: a live display on a terminal, plain lines elsewhere."""

import shlex
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...space import (
    ASSUMED_DEVIATION,
    FLOPS_CONVENTION,
    SITE_NAMES,
    Architecture,
    ArchitectureConfig,
    TrialRecord,
    architecture_hash,
    averaged,
    front_probabilities,
    get_backbone,
    join_choice,
    pareto_front,
    seed_noise,
    ties,
)
from ..study.run import Run
from .console import LiveDisplay

_FRONT_ROWS = 12


class SearchDisplay(LiveDisplay):
    """Shows trials done and to come, the time left, the best and the front; use it as a context manager."""

    def __init__(self, console: Console, run: Run) -> None:
        super().__init__(console)
        self._trials = list(run.trials)
        self._wanted = run.wanted
        self._workers = len(run.devices)
        self._objectives = run.record.objectives
        self._unmodified = run.space.unmodified
        self._start = time.monotonic()
        self._at_start = self._trained
        self._shown: tuple[int, Group] = (-1, Group())

    def update(self, trial: TrialRecord) -> None:
        """Take a trial in."""
        self._trials.append(trial)
        if self._live is None and trial.state != "refused":
            left = time_left(self._seconds_left())
            what = trial_line(trial, self._unmodified)
            _print_line(self._console, f"{self._trained}/{self._wanted}  {what}{left}")

    @property
    def _trained(self) -> int:
        return sum(self._count(state) for state in ("complete", "repeat", "pruned"))

    def _seconds_left(self) -> float | None:
        done = self._trained - self._at_start
        if done:
            return (time.monotonic() - self._start) / done * (self._wanted - self._trained)
        seconds = [trial.seconds for trial in self._trials if trial.seconds and trial.accuracy]
        if seconds:
            return sum(seconds) / len(seconds) * (self._wanted - self._trained) / self._workers
        return None

    def _render(self) -> Group:
        counts = Text(f"{self._trained}/{self._wanted} architectures trained", style="bold")
        counts.append(time_left(self._seconds_left()), style="default")
        states = ("repeat", "pruned", "failed", "duplicate", "refused")
        others = [state for state in states if self._count(state)]
        counts.append("".join(f"   {self._count(state)} {state}" for state in others), style="dim")
        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=self._wanted, completed=self._trained, width=60))
        if self._shown[0] != len(self._trials):  # drawn several times a second, changed once in many
            self._shown = len(self._trials), self._front()
        return Group(counts, bar, self._shown[1])

    def _front(self) -> Group:
        front = pareto_front(self._trials, self._objectives)
        if not front:
            return Group(Text("the first trainings are under way", style="dim"))
        best = max(front, key=lambda trial: trial.accuracy or 0.0)
        newest = front if len(front) <= _FRONT_ROWS else front[:: -(-len(front) // _FRONT_ROWS)]
        more = f", {len(newest)} of {len(front)} shown" if len(newest) < len(front) else ""
        title = Text(f"best {best.accuracy:.1f} %   front so far{more}", style="dim")
        return Group(title, front_table(newest, self._trials, self._unmodified, self._objectives))

    def _count(self, state: str) -> int:
        return sum(trial.state == state for trial in self._trials)


def print_start(console: Console, run: Run) -> None:
    """What is about to be searched, and with what."""
    record = run.record
    workers = f"{_many(len(run.devices), 'worker')} on {record.device}"
    _print_line(
        console,
        f"{record.backbone} on {record.dataset}: {run.space.distinct_size:,} distinct architectures, "
        f"{run.done} of {run.wanted} trained, {workers}, in {run.folder.path}",
    )


def run_result(run: Run, best: ArchitectureConfig) -> dict[str, Any]:
    """What a run came to, for programs."""
    front = pareto_front(run.trials, run.record.objectives)
    noise = seed_noise(run.trials)
    probabilities = front_probabilities(run.trials, run.record.objectives)
    tied = ties(front, run.trials, run.record.objectives)
    return {
        "out": str(run.folder.path),
        "trained": run.trained,
        "repeated": run.repeated,
        "stopped": run.done - run.trained - run.repeated,
        "seed_deviation": noise.deviation,
        "budget": run.record.budget,
        "flops_convention": FLOPS_CONVENTION,
        "best": best.hash,
        "front": [
            trial.to_row() | {"front_probability": probabilities[trial.number], "tie": tied.get(trial.number)}
            for trial in front
        ],
    }


def print_result(console: Console, run: Run, best: ArchitectureConfig) -> None:
    """The front against the unmodified network, where the files are, and what to do next."""
    record = run.record
    front = pareto_front(run.trials, record.objectives)
    stopped = run.done - run.trained - run.repeated
    repeats = f", {_many(run.repeated, 'repeat')}" if run.repeated else ""
    repeats += f", {stopped} stopped early" if stopped else ""
    objectives = ", ".join(record.objectives)
    console.print()
    console.print(
        f"{run.trained} architectures trained{repeats}, {len(front)} on the front of {objectives}; "
        "differences are to the unmodified network"
    )
    console.print(front_table(front, run.trials, run.space.unmodified, record.objectives))
    noise = seed_noise(run.trials)
    source = (
        f"measured on {_many(noise.repeats, 'repeat')} and an assumed {ASSUMED_DEVIATION}"
        if noise.repeats
        else "assumed, nothing was repeated"
    )
    console.print(
        f"sure: the probability of being on the front, with {noise.deviation:.2f} points of deviation "
        f"between seeds ({source}); ~ N: not surely better than trial N, which is cheaper",
        style="dim",
    )
    console.print(f"flops: {FLOPS_CONVENTION}; accuracy: validation, after a short proxy", style="dim")
    if run.done < run.wanted:
        console.print(f"nothing untried was found within the limits: {run.done} of {run.wanted} trained")
    quoted, best_path = shlex.quote(str(run.folder.path)), shlex.quote(str(run.folder.best_path))
    for line in (
        f"report   {run.folder.report_path}",
        f"best     {run.folder.best_path} (trial {best.origin['trial']}, picked by {best.origin['pick']})",
        f"next     cheapsearch retrain {quoted}    to train the front in full",
        f"         cheapsearch show {best_path}",
        f"         cheapsearch run --out {quoted} --budget {2 * record.budget}    to search on",
    ):
        _print_line(console, line)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _print_line(console: Console, line: str) -> None:
    """Print a line as it is: not broken, square brackets no style."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def front_table(
    front: Sequence[TrialRecord],
    trials: Sequence[TrialRecord],
    unmodified: Architecture,
    objectives: Sequence[str],
) -> Table:
    """The front against the unmodified network: accuracy in points, costs in percent."""
    base = next((t for t in averaged(trials) if t.hash == architecture_hash(unmodified)), None)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("trial", "accuracy", "sure", "params", "flops"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("operations other than the unmodified network's")
    probabilities = front_probabilities(trials, objectives)
    tied = ties(front, trials, objectives)
    for trial in front:
        tie = f" ~ {tied[trial.number]}" if trial.number in tied else ""
        table.add_row(
            str(trial.number),
            f"{trial.accuracy:.1f} %" + points(trial, base),
            f"{100 * probabilities[trial.number]:.0f} %{tie}",
            amount(trial.costs["params"])
            + percent(trial.costs["params"], base.costs["params"] if base else None),
            amount(trial.costs["flops"])
            + percent(trial.costs["flops"], base.costs["flops"] if base else None),
            operations(trial.architecture, unmodified),
        )
    return table


def trial_line(trial: TrialRecord, unmodified: Architecture) -> str:
    """One trial on one line."""
    accuracy = f"{trial.accuracy:5.1f} %" if trial.accuracy is not None else "      -"
    cost = f"{amount(trial.costs['params'])} params  {amount(trial.costs['flops'])} flops"
    seconds = f"  {trial.seconds:.0f} s" if trial.seconds is not None else ""
    state = "" if trial.accuracy is not None and not trial.reason else f"  {trial.state}: {trial.reason}"
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


def amount(count: float) -> str:
    """A number of parameters or multiply-adds, in millions."""
    return f"{count / 1e6:.2f} M"


def percent(value: float, base: float | None) -> str:
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
