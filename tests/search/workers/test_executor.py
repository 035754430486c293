"""Several jobs handed in at once."""

from cheapsearch.search.testing.executors import COUNTS, Counter
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Failed, Trained
from cheapsearch.search.workers.local import LocalExecutor


def test_perform_all_gives_every_job_with_its_outcome() -> None:
    done = list(perform_all(LocalExecutor(Counter, ["cpu"]), iter(COUNTS)))
    assert [job for job, _ in done] == list(COUNTS)
    assert [outcome.index for _, outcome in done] == [job.index for job in COUNTS]
    assert [type(outcome) for _, outcome in done] == [Trained, Failed, Trained, Trained]
    assert list(perform_all(LocalExecutor(Counter, []), [])) == []
