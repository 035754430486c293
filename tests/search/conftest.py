"""What several tests of the search share: small images, a pool that trains nothing, plans and stores."""

import os
import signal
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from cheapsearch.models import CostTable, cost_table
from cheapsearch.search.cli.main import main
from cheapsearch.search.data import ImageData
from cheapsearch.search.samplers.candidates import Candidates, make_candidates
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.study.domain import ArchitectureDomain
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.workers.jobs import Failed, Job, Message, Stopped, Trained, is_stopped
from cheapsearch.space import (
    DEFAULT_OBJECTIVES,
    Architecture,
    SearchSpace,
    TrialRecord,
    architecture_hash,
)
from cheapsearch.space.costs import additive_costs

V2 = "mobilenet_v2"
Store = TrialStore[Architecture, TrialRecord]


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
    return Proxy(
        epochs=2, width=0.25, input_size=8, images=48, batch_size=16, learning_rate=0.1, layout_size=8
    )


# --- pools ------------------------------------------------------------------------------------------


def accuracy_of(architecture: Architecture) -> float:
    """From 0 to 99.99 percent, by the hash."""
    return int(architecture_hash(architecture), 16) % 10_000 / 100


class FakePool:
    """Trains nothing; what an architecture comes to is a function of its hash, its error falls with the rung.

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
        self.jobs: list[Job[Architecture]] = []
        self.most_waiting = 0
        self._order, self._fails, self._collects = order, fails, collects
        self._waiting: list[Job[Architecture]] = []

    @property
    def hashes(self) -> list[str]:
        """Of every job that was handed in, in order."""
        return [architecture_hash(job.subject) for job in self.jobs]

    def submit(self, job: Job[Architecture]) -> None:
        self.jobs.append(job)
        self._waiting.append(job)
        self.most_waiting = max(self.most_waiting, len(self._waiting))

    def close(self) -> None:
        self._waiting = []

    def collect(self, timeout: float | None = None) -> list[Message]:
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

    def _outcome(self, job: Job[Architecture]) -> Message:
        if self._fails(job.subject):
            return Failed(job.index, "DivergedError: the training loss is nan", "Traceback ...", 0.5)
        accuracy = max(0.0, accuracy_of(job.subject) - 0.25 * (job.seed // 10_007))
        accuracy += (100.0 - accuracy) * (1.0 - 1.0 / job.rung)
        curve = (accuracy / 2, accuracy)
        if is_stopped(curve[:1], job.floors):
            return Stopped(job.index, curve[:1], (2.0,), 0.125, 100.0)
        return Trained(job.index, accuracy, curve, (2.0, 1.0), 0.25, 100.0)


@pytest.fixture
def fake_pool() -> Callable[..., FakePool]:
    return FakePool


@pytest.fixture
def expected_accuracy() -> Callable[[Architecture], float]:
    """What the fake pool gives an architecture."""
    return accuracy_of


class RayCluster:
    """A head, and nodes of a CPU each, all of them processes of this machine."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "object_store_memory": _RAY_BYTES, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self._cluster.address
        self.nodes: list[Any] = []

    def add(self) -> None:
        self.nodes.append(self._cluster.add_node(num_cpus=1, object_store_memory=_RAY_BYTES))

    def kill(self, node: Any) -> None:
        """End all processes of a node."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


_RAY_BYTES = 100 * 2**20  # of each node's object store


@pytest.fixture(scope="session")
def ray_cluster(needed: Callable[[str, str], Any]) -> Iterator[RayCluster]:
    """A cluster of two nodes, which this process has joined."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = needed("ray", "pip install 'cheapsearch[ray]'")
    from cheapsearch.search.workers.ray_executor import connect

    cluster = RayCluster()
    cluster.add()
    cluster.add()
    connect(cluster.address)
    yield cluster
    ray.shutdown()
    cluster.close()


# --- plans and stores -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def table() -> CostTable:
    """Of MobileNetV2 at its narrowest, for the tiny images."""
    return cost_table(V2, width=0.25, num_classes=3, input_size=8)


@pytest.fixture(scope="session")
def networks() -> list[Architecture]:
    """Every network of the narrowest MobileNetV2, listed once."""
    return list(SearchSpace(V2, 0.25).distinct())


@pytest.fixture(scope="session")
def listed(table: CostTable) -> Candidates:
    """The candidates among them, as they were before any search."""
    return make_candidates(SearchSpace(V2, 0.25), table, Limits(), additive_costs(), seed=0)


@pytest.fixture
def candidates(listed: Candidates) -> Candidates:
    """Every network of the narrowest MobileNetV2; candidates keep what they work out in one search."""
    return deepcopy(listed)


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """A short random search; keywords change it."""

    def make(**changes: Any) -> Plan:
        return Plan(**{"sampler": "random", "seed": 0, "budget": 8, "in_flight": 3, **changes})

    return make


@pytest.fixture
def make_store(table: CostTable, networks: list[Architecture], listed: Candidates) -> Callable[..., Store]:
    """The store of trials of the narrowest MobileNetV2: in memory, or in the storage or file given."""

    whole = SearchSpace(V2, 0.25)

    class Domain(ArchitectureDomain):
        """Does not list the whole space anew in every test."""

        @cached_property
        def affordable(self) -> list[Architecture]:
            assert self.space == whole
            return [known for known in networks if not self.refusal(known)]

        @cached_property
        def candidates(self) -> Candidates:
            known = (self.space, self.limits, self.objectives, self._reference)
            return (
                deepcopy(listed)
                if known == (whole, Limits(), DEFAULT_OBJECTIVES, None)
                else super().candidates
            )

    def make(
        storage: optuna.storages.BaseStorage | Path | None = None,
        *,
        space: SearchSpace | None = None,
        limits: Limits | None = None,
        objectives: tuple[str, ...] = DEFAULT_OBJECTIVES,
        reference: float | None = None,
        narrow: Callable[[Architecture], str] | None = None,
    ) -> Store:
        where = f"sqlite:///{storage}" if isinstance(storage, Path) else storage
        known = {"seed": 0, "reference": reference, "narrow": narrow}
        domain = Domain(space or whole, table, limits or Limits(), objectives, **known)  # type: ignore[arg-type]
        return TrialStore(where or optuna.storages.InMemoryStorage(), study_name="tests", domain=domain)

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
    assert main(["run", *DIGITS, "--workers", "0", "--out", str(out)]) == 0
    signal.signal(signal.SIGTERM, handler)
    return out
