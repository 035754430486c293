"""Retraining: which trials, where they go, and several at a time with what was finished left alone."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from cheapsearch.search.data import load_images
from cheapsearch.search.training.full import FullTrainer, TrainingJob
from cheapsearch.search.training.images import DataSource, searched_images
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.retrain import Retraining, choose_trials, failures_of, retrain_jobs
from cheapsearch.search.workers.jobs import Failed, Message, Progress, Trained
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.space import (
    Architecture,
    Cost,
    RunRecord,
    TrialRecord,
    UserError,
    accepted_hashes,
    architecture_hash,
)
from cheapsearch.space.training_folder import TrainingFolder

SMALL = Policy(epochs=2, batch_size=16, warmup_epochs=1, learning_rate=0.02, width=0.25, rotation=0)
SOURCE = DataSource("few.npz", None, 8, 0)


pytestmark = pytest.mark.usefixtures("beside_few_digits")


@pytest.fixture
def fingerprint(beside_few_digits: None) -> str:
    return load_images(SOURCE.dataset, seed=0, input_size=8).fingerprint


@pytest.fixture
def record() -> Any:
    """Of a run record what is looked at."""
    return SimpleNamespace(settings=SimpleNamespace(objectives=("accuracy", "params", "flops")))


def trial(number: int, accuracy: float | None, params: int, **sites: Any) -> TrialRecord:
    state: Literal["failed", "complete"] = "failed" if accuracy is None else "complete"
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


def test_choose_trials_takes_any_length_by_number_and_one_for_the_front(record: RunRecord) -> None:
    longer = [replace(one, number=4 + n, rung=4, accuracy=70.0 + n) for n, one in enumerate(TRIALS[:3])]

    def numbers(**asked: object) -> list[int]:
        return [found.number for found in choose_trials(record, [*TRIALS, *longer], **asked)]  # type: ignore[arg-type]

    assert numbers(numbers=[1, 6]) == [1, 6]
    assert numbers() == [4, 5, 6]
    assert numbers(top=5) == [6, 5, 4]
    assert numbers(everything=True) == [0, 1, 2, 4, 5, 6]


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


def test_retrain_jobs_of_one_network_are_one_and_stay_in_the_folder_of_its_former_hash(
    tmp_path: Path,
) -> None:
    both = [
        replace(TRIALS[0], number=number, architecture=Architecture("mobilenet_v3_small", 1.0, expand=expand))
        for number, expand in enumerate(("shuffle_reuse", "reuse"))
    ]
    name, former = accepted_hashes(replace(both[0].architecture, width=0.25))
    assert (name, name) == accepted_hashes(replace(both[1].architecture, width=0.25)) != (name, former)

    def jobs() -> list[tuple[int | None, str]]:
        found = retrain_jobs(tmp_path, both, SMALL, first_seed=0, seeds=1)
        return [(job.trial, job.folder.name) for job in found]

    assert jobs() == [(0, name)]
    (tmp_path / "retrain" / former).mkdir(parents=True)
    assert jobs() == [(0, former), (1, name)]


def test_retraining_trains_what_is_open_and_goes_on(tmp_path: Path) -> None:
    jobs = retrain_jobs(tmp_path, TRIALS[:2], SMALL, first_seed=0, seeds=1)

    def begin(policy: Policy = SMALL) -> Retraining:
        return Retraining(
            SOURCE,
            policy,
            jobs,
            devices=["cpu", "cpu", "cpu"],
            make_executor=LocalExecutor,
        )

    with begin() as retraining:
        assert retraining.open == jobs
        assert retraining.devices == ["cpu", "cpu"]  # no more than there are jobs
        assert retraining.estimate() > 0
        assert not (tmp_path / "retrain").exists()  # measuring leaves nothing
        under_way, ended = next(retraining.train())
        ((job, outcome),) = ended
        assert job == jobs[0]
        assert isinstance(outcome, Trained)
        assert under_way == [(jobs[1], Progress(1, 0, None))]

    before = (jobs[0].folder / "result.json").stat().st_mtime_ns
    with begin() as retraining:
        assert (retraining.finished, retraining.open) == (jobs[:1], jobs[1:])
        ((under_way, ended),) = retraining.train()
        assert (under_way, [job.index for job, _ in ended]) == ([], [1])
    assert (jobs[0].folder / "result.json").stat().st_mtime_ns == before
    results = [TrainingFolder(job.folder).read_result() for job in jobs]
    assert [result.settings.trial for result in results if result is not None] == [0, 1]

    with begin() as retraining:
        assert retraining.open == []
        assert list(retraining.train()) == []
    with pytest.raises(UserError, match=r"^epochs: must stay 2, as the training in .* began, got 3"):
        begin(replace(SMALL, epochs=3))


def test_searched_images_are_those_of_the_fingerprint(fingerprint: str) -> None:
    assert len(searched_images(SOURCE, fingerprint, say=print).train.labels) == 80
    with pytest.raises(UserError, match=r"^dataset: must be the images the run began with, of fingerprint 0"):
        searched_images(SOURCE, "0" * 16, say=print)


def test_retraining_counts_the_epochs_an_interrupted_training_has_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = retrain_jobs(tmp_path, TRIALS[:1], SMALL, first_seed=0, seeds=1)
    epochs = FullTrainer(SOURCE, SMALL, "cpu").train(job)
    first = next(epochs)
    epochs.close()  # type: ignore[attr-defined]
    monkeypatch.setattr(FullTrainer, "measure", lambda self, job: 100.0)
    given: list[LocalExecutor] = []

    class Held(LocalExecutor):
        """Does nothing at the first asking, so that what is under way can be seen."""

        def collect(self, timeout: float | None = None) -> list[Message]:
            if self.jobs and not self.jobs[0].measure and self not in given:
                given.append(self)
                return []
            return super().collect(timeout)

    with Retraining(SOURCE, SMALL, [job], devices=["cpu"], make_executor=Held) as retraining:
        assert retraining.estimate() == 100.0  # one of two epochs is left
        under_way, ended = next(retraining.train())
    assert (under_way, ended) == ([(job, Progress(0, 1, first.val.top1))], [])


def test_retraining_has_failed_where_its_worker_wrote_to_a_path_of_another_machine(tmp_path: Path) -> None:
    """The worker says that it has trained, and there is no result in the run folder."""
    (job,) = retrain_jobs(tmp_path, TRIALS[:1], SMALL, first_seed=0, seeds=1)

    class Elsewhere(LocalExecutor):
        def collect(self, timeout: float | None = None) -> list[Message]:
            return [Trained(self._waiting.pop(0).index, 50.0)]

    with Retraining(SOURCE, SMALL, [job], devices=["cpu"], make_executor=Elsewhere) as retraining:
        ((_, ended),) = retraining.train()
    (line,) = failures_of(ended)
    assert line.startswith(f"trial 0, seed 0: {job.folder} has no result.json, ")
    assert line.endswith("need the run on a path that all of them share")
    assert (job.folder / "error.txt").read_text().strip() in line
    with Retraining(SOURCE, SMALL, [job], devices=["cpu"], make_executor=LocalExecutor) as retraining:
        assert retraining.open == [job]  # it is trained when the same command goes on


def test_retraining_tells_of_a_network_that_cannot_be_measured_or_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FullTrainer, job: TrainingJob) -> object:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(FullTrainer, "measure", broken)
    monkeypatch.setattr(FullTrainer, "train", broken)
    (job,) = retrain_jobs(tmp_path, TRIALS[1:2], SMALL, first_seed=0, seeds=1)
    job.folder.mkdir(parents=True)
    with Retraining(SOURCE, SMALL, [job], devices=["cpu"], make_executor=LocalExecutor) as retraining:
        with pytest.raises(UserError, match="trial 1 cannot be trained: RuntimeError: out of memory"):
            retraining.estimate()
        ((_, [(_, outcome)]),) = retraining.train()
    assert isinstance(outcome, Failed)
    assert outcome.reason == "RuntimeError: out of memory"
    (written,) = job.folder.iterdir()
    assert written.read_text() == outcome.trace
    assert "in broken" in outcome.trace
