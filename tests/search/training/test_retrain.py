"""Retraining: which trials, where they go, and several at a time with what was finished left alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from cheapsearch.search.training import retrain as retrain_module
from cheapsearch.search.training.full import FullTrainer, TrainingJob
from cheapsearch.search.training.images import DataSource
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.retrain import Retraining, choose_trials, retrain_jobs
from cheapsearch.space import Architecture, Cost, RunRecord, TrialRecord, UserError, architecture_hash
from cheapsearch.space.run_folder import RunFolder
from cheapsearch.space.training_folder import TrainingFolder

SMALL = Policy(epochs=2, batch_size=128, warmup_epochs=1, learning_rate=0.02, width=0.25, rotation=0)
SOURCE = DataSource("digits", None, 8, 0)


@pytest.fixture
def record(digits_run: Path) -> RunRecord:
    found = RunFolder(digits_run).read_record()
    assert found is not None
    return found


def trial(number: int, accuracy: float | None, params: int, **sites: str) -> TrialRecord:
    state = "failed" if accuracy is None else "complete"
    return TrialRecord(
        number,
        Architecture("mobilenet_v2", **sites),
        state,
        "random",
        Cost(params=params, flops=params),
        accuracy=accuracy,
    )


TRIALS = [
    trial(0, 50.0, 100),
    trial(1, 60.0, 200, expand="reuse"),
    trial(2, 55.0, 300, project="reduce"),  # dearer and worse than trial 1
    trial(3, None, 50, expand="ghost"),
]


def test_choose_trials_takes_the_front_unless_told_otherwise(record: RunRecord) -> None:
    def numbers(**asked: object) -> list[int]:
        return [found.number for found in choose_trials(record, TRIALS, **asked)]  # type: ignore[arg-type]

    assert numbers() == [0, 1]
    assert numbers(numbers=[2, 0, 2]) == [2, 0]
    assert numbers(top=2) == [1, 2]
    assert numbers(everything=True) == [0, 1, 2]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"numbers": [3]}, "trial: must be a complete trial, got 3"),
        ({"top": 0}, "top: must be 1 or more, got 0"),
    ],
)
def test_choose_trials_refuses(record: RunRecord, asked: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_trials(record, TRIALS, **asked)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="must have a complete trial"):
        choose_trials(record, TRIALS[3:])


def test_retrain_jobs_are_one_for_each_trial_and_seed(tmp_path: Path) -> None:
    policy = replace(SMALL, width=0.5)
    jobs = retrain_jobs(tmp_path, TRIALS[:2], policy, first_seed=7, seeds=2)
    assert [(job.index, job.trial, job.seed) for job in jobs] == [(0, 0, 7), (1, 1, 7), (2, 0, 8), (3, 1, 8)]
    name = architecture_hash(replace(TRIALS[1].architecture, width=0.5))
    assert jobs[1].folder == tmp_path / "retrain" / name
    assert jobs[3].folder == tmp_path / "retrain" / f"{name}-seed8"
    assert len({job.folder for job in jobs}) == 4
    with pytest.raises(UserError, match="seeds: must be 1 or more, got 0"):
        retrain_jobs(tmp_path, TRIALS, policy, first_seed=0, seeds=0)


def test_retraining_trains_what_is_open_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: RunRecord, in_process_pool: type
) -> None:
    monkeypatch.setattr(retrain_module, "WorkerPool", in_process_pool)
    jobs = retrain_jobs(tmp_path, TRIALS[:2], SMALL, first_seed=0, seeds=1)

    def begin(policy: Policy = SMALL, fingerprint: str = record.fingerprint) -> Retraining:
        return Retraining(SOURCE, policy, jobs, devices=["cpu"], fingerprint=fingerprint)

    with begin() as retraining:
        assert retraining.open == jobs
        assert retraining.estimate() > 0
        assert not (tmp_path / "retrain").exists()  # measuring leaves nothing
        ended = next(retraining.train())[1]
        assert [(job.index, outcome.reason) for job, outcome in ended] == [(0, "")]
        assert retraining.progress(jobs[0]).epoch == 2
        assert retraining.progress(jobs[1]).epoch == 0

    before = (jobs[0].folder / "result.json").stat().st_mtime_ns
    with begin() as retraining:
        assert (retraining.finished, retraining.open) == (jobs[:1], jobs[1:])
        assert [job.index for _, ended in retraining.train() for job, _ in ended] == [1]
    assert (jobs[0].folder / "result.json").stat().st_mtime_ns == before
    results = [TrainingFolder(job.folder).read_result() for job in jobs]
    assert [result.settings.trial for result in results if result is not None] == [0, 1]

    with pytest.raises(UserError, match=r"^epochs: must stay 2, as the training in .* began, got 3"):
        begin(replace(SMALL, epochs=3))
    with pytest.raises(UserError, match="fingerprint"):
        begin(fingerprint="0" * 16)


def test_retraining_tells_of_a_network_that_cannot_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: RunRecord, in_process_pool: type
) -> None:
    monkeypatch.setattr(retrain_module, "WorkerPool", in_process_pool)

    def broken(self: FullTrainer, job: TrainingJob) -> float:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(FullTrainer, "measure", broken)
    jobs = retrain_jobs(tmp_path, TRIALS[1:2], SMALL, first_seed=0, seeds=1)
    with (
        Retraining(SOURCE, SMALL, jobs, devices=["cpu"], fingerprint=record.fingerprint) as retraining,
        pytest.raises(UserError, match="trial 1 cannot be trained: RuntimeError: out of memory"),
    ):
        retraining.estimate()
