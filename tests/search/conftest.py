"""What several tests of the search share: small images, a pool that trains nothing, plans and stores."""

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from cheapsearch.models import CostTable, cost_table
from cheapsearch.search.cli.main import main
from cheapsearch.search.data import ImageData
from cheapsearch.search.samplers.candidates import Candidates, make_candidates
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.study import run as run_module
from cheapsearch.search.study.driver import Plan
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.workers.jobs import Job, Outcome, is_stopped
from cheapsearch.space import COSTS, OBJECTIVES, Architecture, SearchSpace, architecture_hash

V2 = "mobilenet_v2"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """As in a worker, so that figures computed here equal a worker's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """`cheapsearch run` sets a handler for SIGTERM; what ends pytest stays what it was."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


# --- images -----------------------------------------------------------------------------------------


def coloured(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 8, 8, 3) of three classes: class c is bright in channel c, so that a mean tells them."""
    labels = np.arange(count, dtype=np.int64) % 3
    images = np.random.RandomState(seed).randint(0, 40, (count, 8, 8, 3))
    images[np.arange(count), :, :, labels] += 200
    return images.astype(np.uint8), labels


@pytest.fixture(scope="session")
def tiny_images() -> ImageData:
    """48 training and 24 validation images of 8 pixels in three classes that a colour tells apart."""
    return ImageData(*coloured(48, 0), *coloured(24, 1), ("red", "green", "blue"), 8, "tiny", True, "0" * 16)


@pytest.fixture(scope="session")
def tiny_proxy() -> Proxy:
    return Proxy(epochs=2, width=0.25, input_size=8, images=48, batch_size=16, learning_rate=0.1)


# --- pools ------------------------------------------------------------------------------------------


def accuracy_of(architecture: Architecture) -> float:
    """From 0 to 99.99 percent, by the hash."""
    return int(architecture_hash(architecture), 16) % 10_000 / 100


class FakePool:
    """Trains nothing; what an architecture comes to is a function of its hash.

    Args:
        order: Which of the waiting jobs end first: the `first` or the `last` handed in, one at a time,
            or `all` at once, the last first.
        fails: Which architectures fail.
        collects: How often results can be collected before Ctrl-C; None for ever.
    """

    def __init__(
        self,
        order: str = "first",
        fails: Callable[[Architecture], bool] = lambda architecture: False,
        collects: int | None = None,
    ) -> None:
        self.jobs: list[Job] = []
        self.most_waiting = 0
        self._order, self._fails, self._collects = order, fails, collects
        self._waiting: list[Job] = []

    @property
    def hashes(self) -> list[str]:
        """Of every job that was handed in, in order."""
        return [architecture_hash(job.architecture) for job in self.jobs]

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._waiting.append(job)
        self.most_waiting = max(self.most_waiting, len(self._waiting))

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        assert self._waiting, "nothing is being trained, so this would wait for ever"
        if self._collects is not None:
            if self._collects == 0:
                raise KeyboardInterrupt
            self._collects -= 1
        if self._order == "all":
            ended, self._waiting = self._waiting[::-1], []
        else:
            ended = [self._waiting.pop(0 if self._order == "first" else -1)]
        return [self._outcome(job) for job in ended]

    def _outcome(self, job: Job) -> Outcome:
        if self._fails(job.architecture):
            return Outcome(job.index, None, seconds=0.5, reason="DivergedError: the training loss is nan")
        accuracy = max(0.0, accuracy_of(job.architecture) - 0.25 * (job.seed // 10_007))
        curve = (accuracy / 2, accuracy)
        if is_stopped(curve[:1], job.floors):
            return Outcome(job.index, None, curve[:1], (2.0,), 0.125, 100.0, stopped=True)
        return Outcome(job.index, accuracy, curve, (2.0, 1.0), 0.25, 100.0)


class InProcessPool:
    """Trains as the workers do, but in this process: no seconds go by while one starts."""

    def __init__(self, make: Callable[[str], Any], *, devices: Sequence[str]) -> None:
        self._evaluator = make(devices[0]) if devices else None
        self.jobs: list[Any] = []

    def submit(self, job: Any) -> None:
        self.jobs.append(job)

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        assert self._evaluator is not None
        return [self._evaluator.evaluate(self.jobs.pop(0))]

    def evaluate(self, jobs: Iterable[Any]) -> Iterator[tuple[Any, Outcome]]:
        assert self._evaluator is not None
        for job in jobs:
            yield job, self._evaluator.evaluate(job)

    def close(self) -> None:
        self.jobs = []

    def __enter__(self) -> "InProcessPool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@pytest.fixture
def fake_pool() -> Callable[..., FakePool]:
    return FakePool


@pytest.fixture
def expected_accuracy() -> Callable[[Architecture], float]:
    """What the fake pool gives an architecture."""
    return accuracy_of


@pytest.fixture(scope="session")
def in_process_pool() -> type[InProcessPool]:
    return InProcessPool


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs train in this process."""
    monkeypatch.setattr(run_module, "WorkerPool", InProcessPool)


# --- plans and stores -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def table() -> CostTable:
    """Of MobileNetV2 at its narrowest, for the tiny images."""
    return cost_table(V2, width=0.25, num_classes=3, input_size=8)


def new_candidates(space: SearchSpace, table: CostTable, limits: Limits, seed: int) -> Candidates:
    return make_candidates(space, table, limits, COSTS, seed=seed)


class NoCandidates:
    """For the samplers that do not look at them; listing a space takes a while."""

    parameters: Mapping[str, tuple[str, ...]] = {}

    def propose(self, history: object, *, seed: int) -> None:
        raise AssertionError("a sampler that knows no costs asked for candidates")


@pytest.fixture
def candidates(table: CostTable) -> Candidates:
    """Every network of the narrowest MobileNetV2."""
    return new_candidates(SearchSpace(V2, 0.25), table, Limits(), 0)


@pytest.fixture
def make_plan(table: CostTable) -> Callable[..., Plan]:
    """A plan over the narrowest MobileNetV2 as a new process makes it; keywords change it."""

    def make(**changes: Any) -> Plan:
        settings: dict[str, Any] = {
            "space": SearchSpace(V2, 0.25),
            "table": table,
            "limits": Limits(),
            "sampler": "random",
            "seed": 0,
            "budget": 8,
            "in_flight": 3,
        } | changes
        if settings["sampler"] == "cost_aware":
            made = (settings[name] for name in ("space", "table", "limits", "seed"))
            return Plan(**settings, candidates=new_candidates(*made))
        return Plan(**settings, candidates=NoCandidates())

    return make


@pytest.fixture
def make_store(table: CostTable) -> Callable[..., TrialStore]:
    """The store of a plan's trials: in memory, in the storage given, or in the SQLite file given."""

    def make(
        storage: optuna.storages.BaseStorage | Path | None = None,
        *,
        space: SearchSpace | None = None,
        objectives: Sequence[str] = OBJECTIVES,
    ) -> TrialStore:
        where = f"sqlite:///{storage}" if isinstance(storage, Path) else storage
        return TrialStore(
            where or optuna.storages.InMemoryStorage(),  # type: ignore[arg-type]
            study_name="tests",
            space=space or SearchSpace(V2, 0.25),
            table=table,
            objectives=objectives,
        )

    return make


# --- a run ------------------------------------------------------------------------------------------

DIGITS = (
    *("--dataset", "digits", "--budget", "4", "--workers", "1"),
    *("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=10"),
)


@pytest.fixture(scope="session")
def digits_options() -> tuple[str, ...]:
    """Of `cheapsearch run`: four short trainings on digits, by one worker."""
    return DIGITS


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of `digits_options` in this process that nothing disturbed; read only."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "WorkerPool", InProcessPool)
        assert main(["run", *DIGITS, "--out", str(out)]) == 0
    signal.signal(signal.SIGTERM, handler)
    return out
