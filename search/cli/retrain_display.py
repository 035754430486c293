"""What a person sees of full trainings."""

import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ...space import Architecture, TrainingResult, shown_costs, text
from ..training.full import TrainingJob
from ..workers.jobs import Failed, Outcome, Progress, Trained
from .console import LiveDisplay
from .search_display import operations

_PLAIN_SECONDS = 60.0  # between two lines of progress where the output is no terminal


class RetrainDisplay(LiveDisplay):
    """Shows the networks that are being trained, and a line for each that has ended."""

    def __init__(self, console: Console, *, total: int, epochs: int) -> None:
        super().__init__(console)
        self._total, self._epochs = total, epochs
        self._ended = 0
        self._running: Sequence[tuple[TrainingJob, Progress]] = ()
        self._said = time.monotonic()

    def update(
        self,
        running: Sequence[tuple[TrainingJob, Progress]],
        ended: Sequence[tuple[TrainingJob, Outcome]],
    ) -> None:
        """Take in what is being trained and what has ended."""
        self._running = running
        for job, outcome in ended:
            self._ended += 1
            self._print(f"{self._ended} of {self._total}  {name_of(job)}  {_came_to(outcome)}")
        if self._live is None and time.monotonic() - self._said > _PLAIN_SECONDS:
            self._said = time.monotonic()
            for job, progress in running:
                self._print(f"          {self._line(job, progress)}")

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)

    def _line(self, job: TrainingJob, progress: Progress) -> str:
        score = "" if progress.accuracy is None else f"  validation {text.percent(progress.accuracy)} %"
        return f"{name_of(job)}  epoch {progress.epoch} of {self._epochs}{score}"

    def _render(self) -> Group:
        return Group(
            Text(f"{self._ended} of {self._total} trained", style="bold"),
            *(Text(self._line(job, progress)) for job, progress in self._running),
        )


def name_of(job: TrainingJob) -> str:
    """`trial 3, seed 0`, or the folder where the network is of no run."""
    return f"trial {job.trial}, seed {job.seed}" if job.trial is not None else str(job.folder)


def waiting_lines(jobs: Sequence[TrainingJob], unmodified: Architecture) -> list[str]:
    """A line for each network of these jobs: its trial, its operations, and how many seeds where several."""
    often = Counter(job.architecture for job in jobs)
    first = {job.architecture: job for job in reversed(jobs)}
    return [
        f"trial {first[network].trial}  {operations(network, unmodified)}"
        + (f", {text.many(count, 'seed')}" if count > 1 else "")
        for network, count in often.items()
    ]


def results_table(results: Sequence[TrainingResult]) -> Table:
    """Trained networks, one row each."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    metric = next((f"{result.metric} " for result in results if result.metric != "accuracy"), "")
    scores = (f"validation {metric}%", f"test {metric}%", "test top-5 %")
    costs = shown_costs()
    for column in ("trial", "seed", *scores, *costs, "best epoch"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        settings = result.settings
        table.add_row(
            text.MISSING if settings.trial is None else str(settings.trial),
            str(settings.seed),
            text.percent(result.val_score),
            text.MISSING if result.test_score is None else text.percent(result.test_score),
            text.MISSING if result.test_top5 is None else text.percent(result.test_top5),
            *(f"{settings.costs[name]:,}" if name in settings.costs else text.MISSING for name in costs),
            f"{result.best_epoch} of {result.epochs}",
        )
    return table


def _came_to(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return f"failed: {outcome.reason}"
    assert isinstance(outcome, Trained)
    return f"validation {text.percent(outcome.accuracy)} %  {text.duration(outcome.seconds)}"
