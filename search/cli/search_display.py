"""What a person sees of a search: a live display on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...space import (
    COSTS,
    LATENCY,
    SITE_NAMES,
    Architecture,
    TrialRecord,
    architecture_hash,
    averaged,
    get_backbone,
    join_choice,
    pareto_front,
    shown_costs,
    text,
)
from ...space.claims import SURE, Claims
from ...space.device_table import Value
from ...space.rungs import networks_trained, units
from ...space.saved_run import SavedRun
from ..study.run import Run
from .console import LiveDisplay, fits, print_line

_FRONT_ROWS = 12
_ANEW = 100  # trials up to which the front is worked out anew for each; later when a hundredth is new


class SearchDisplay(LiveDisplay):
    """Shows trials done and to come, the time left, the best and the front; use it as a context manager."""

    def __init__(self, console: Console, run: Run) -> None:
        super().__init__(console)
        self._run = run
        self._trials = list(run.trials)
        self._workers = len(run.devices)
        self._unmodified = run.space.unmodified
        self._several = run.saved.record.settings.has_rungs
        self._costs = _costs(run.saved)
        self._measured = bool(run.known) or any(trial.seconds for trial in run.trials)
        self._start = time.monotonic()
        self._at_start = self._trained + len(run.known)  # what a pilot trained is told at once
        self._shown: tuple[int, Group] = (-1, Group())

    def update(self, trial: TrialRecord) -> None:
        """Take a trial in."""
        self._trials.append(trial)
        if self._live is None and trial.state != "refused":
            left = time_left(self._seconds_left())
            what = trial_line(trial, self._unmodified, self._costs, several=self._several)
            print_line(self._console, f"{self._trained}/{self._run.wanted}  {what}{left}")

    @property
    def _trained(self) -> int:
        """Units of the shortest training."""
        return units(self._trials)

    def _seconds_left(self) -> float | None:
        if self._run.seconds_left is not None:
            return self._run.seconds_left
        done = self._trained - self._at_start
        if done >= self._workers:  # the first one also waits for the workers to start
            return (time.monotonic() - self._start) / done * (self._run.wanted - self._trained)
        timed = [(trial.seconds, trial.rung) for trial in self._trials if trial.seconds and trial.accuracy]
        if self._measured and timed:
            each = sum(seconds for seconds, _ in timed) / sum(rung for _, rung in timed)
            return each * (self._run.wanted - self._trained) / self._workers
        return None

    def _render(self) -> Group:
        what = "architectures trained"
        if self._several:
            networks = networks_trained(self._trials)
            what = f"of the budget, {networks} network{'' if networks == 1 else 's'}"
        counts = Text(f"{self._trained}/{self._run.wanted} {what}", style="bold")
        counts.append(time_left(self._seconds_left()), style="default")
        states = ("repeat", "pruned", "failed", "duplicate", "refused")
        others = [state for state in states if self._count(state)]
        counts.append("".join(f"   {self._count(state)} {state}" for state in others), style="dim")
        bar = Table.grid()  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=self._run.wanted, completed=self._trained, width=60))
        # Drawn several times a second, changed once in many; the claims of very many trials take a while.
        if len(self._trials) > self._shown[0] + self._shown[0] // _ANEW:
            self._shown = len(self._trials), self._front()
        return Group(counts, bar, self._shown[1])

    def _front(self) -> Group:
        run = replace(self._run.saved, trials=tuple(self._trials))
        if not run.claims.expected:
            return Group(Text("the first trainings are under way", style="dim"))
        best = max(found.mean for found in run.claims.expected.values())
        table = front_table(run, rows=_FRONT_ROWS)
        front = len(pareto_front(run.trials, run.record.settings.objectives))
        more = f", {table.row_count} of {front} shown" if table.row_count < front else ""
        length = f" by trainings {text.times(run.rung)}" if self._several else ""
        title = Text(f"best {text.percent(best)} % expected   front so far{length}{more}", style="dim")
        return Group(title, table) if fits(self._console, table) else Group(title)

    def _count(self, state: str) -> int:
        return sum(trial.state == state for trial in self._trials)


def front_table(run: SavedRun, *, rows: int | None = None) -> Table:
    """The front against the unmodified network: expected accuracy in points, costs in percent.

    Args:
        rows: Members to show at most, spread over the front; None for all.
    """
    claims, unmodified = run.claims, run.space.unmodified
    front = pareto_front(run.trials, run.record.settings.objectives)
    base = next((t for t in averaged(run.trials) if t.hash == architecture_hash(unmodified)), None)
    table = Table(box=None, pad_edge=False, header_style="dim")
    costs = shown_costs(_costs(run))
    latencies = run.front_latency
    measured = [f"measured {LATENCY}"] if latencies else []
    for column in ("trial", "expected", "sure", *costs, *measured):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("operations other than the unmodified network's")
    tied = claims.ties(front)
    shown = front if rows is None or len(front) <= rows else front[:: -(-len(front) // rows)]
    for trial in shown:
        table.add_row(
            str(trial.number),
            expected(trial, base, claims),
            sure(trial.number, claims, tied),
            *(amount(name, trial, base) for name in costs),
            *(latency(latencies.get(trial.hash)) for _ in measured),
            operations(trial.architecture, unmodified),
        )
    return table


def _costs(run: SavedRun) -> tuple[str, ...]:
    """Objectives and limited costs, which decide what is kept."""
    return (*run.record.settings.objectives, *run.record.settings.limits)


def expected(trial: TrialRecord, base: TrialRecord | None, claims: Claims) -> str:
    """The accuracy to expect, half its interval, and its difference to the unmodified network's in points."""
    own = claims.expected[trial.number]
    found = f"{text.percent(own.mean)} ± {(own.high - own.low) / 2:.1f} %"
    if base is None or trial.hash == base.hash:
        return found
    return f"{found} ({text.signed(own.mean - claims.expected[base.number].mean)})"


def sure(number: int, claims: Claims, tied: Mapping[int, int]) -> str:
    """How sure a network's place on the front is, where another one could take it."""
    tie = f" ~ {tied[number]}" if number in tied else ""
    if number in claims.cheapest and claims.front[number] >= SURE:
        return f"cheapest{tie}"
    return f"{100 * claims.front[number]:.0f} %{tie}"


def trial_line(
    trial: TrialRecord, unmodified: Architecture, costs: Sequence[str] = (), *, several: bool = False
) -> str:
    """One trial on one line.

    Args:
        costs: Those that count, beside the ones that are always said.
        several: Whether trainings have several lengths, so that each says its own.
    """
    accuracy = text.MISSING if trial.accuracy is None else f"{text.percent(trial.accuracy)} %"
    shown = [name for name in shown_costs(costs) if name in trial.costs]
    cost = "  ".join(f"{COSTS[name].format(trial.costs[name])} {name}" for name in shown)
    length = f"  {text.times(trial.rung)}" if several else ""
    seconds = f"  {text.duration(trial.seconds)}" if trial.seconds is not None else ""
    state = "" if trial.accuracy is not None and not trial.reason else f"  {trial.state}: {trial.reason}"
    what = operations(trial.architecture, unmodified)
    return f"trial {trial.number}  {accuracy:>8}  {cost}  {what} ({trial.origin}){length}{seconds}{state}"


def operations(architecture: Architecture, unmodified: Architecture) -> str:
    """The operations that differ from the unmodified network's."""
    changed = [
        f"{site} {join_choice(getattr(architecture, site))}"
        for site in SITE_NAMES
        if len(get_backbone(architecture.backbone).operations[site]) > 1
        and getattr(architecture, site) != getattr(unmodified, site)
    ]
    return ", ".join(changed) or "unmodified"


def amount(name: str, trial: TrialRecord, base: TrialRecord | None) -> str:
    """A cost and its difference to the unmodified network's, in percent."""
    value = trial.costs.get(name)
    if value is None:
        return text.MISSING
    unmodified = None if base is None else base.costs.get(name)
    if not unmodified or value == unmodified:
        return COSTS[name].format(value)
    return f"{COSTS[name].format(value)} ({text.signed(100 * (value / unmodified - 1), 0)} %)"


def latency(found: Value | None) -> str:
    """What was measured of a whole network, with half the 95 % interval of the median."""
    if found is None:
        return text.MISSING
    return f"{text.measured(found.value, '')} ± {found.spread or 0.0:.2g} ms"


def time_left(seconds: float | None) -> str:
    """How long is left, as `  ~ 12 min left`; empty where it is not known or over."""
    return "" if seconds is None or seconds <= 0 else f"   ~ {text.duration(seconds)} left"
