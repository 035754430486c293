"""How long workers idle where trials are of uneven length: by the order of proposals, and of arrival.

    python docs/idle_time.py

A search of MobileNetV2 by random proposals, of trainings that only sleep: one unit, or ten where the last
bits of the network's hash say so. The workers are threads, since sleeping takes no core.
"""

import queue
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import optuna

from cheapsearch.models import cost_table
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.study.domain import ArchitectureDomain
from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.search.workers.jobs import Job, Message, Trained
from cheapsearch.space import DEFAULT_OBJECTIVES, Architecture, SearchSpace, architecture_hash

UNIT = 0.05  # seconds
BUDGET = 120
WORKERS = 4


class Sleepers:
    """An executor whose workers sleep.

    Args:
        one_in: One training in so many is ten times as long.
    """

    def __init__(self, one_in: int) -> None:
        self._one_in = one_in
        self._threads = ThreadPoolExecutor(WORKERS)
        self._ended: queue.Queue[Message] = queue.Queue()
        self.slept = 0.0

    @property
    def jobs(self) -> Sequence[Job[Architecture]]:
        return ()

    def submit(self, job: Job[Architecture]) -> None:
        number = int(architecture_hash(job.subject), 16)
        seconds = UNIT * (10 if number % self._one_in == 0 else 1)
        self.slept += seconds
        self._threads.submit(self._sleep, Trained(job.index, number % 10_000 / 100, seconds=seconds))

    def collect(self, timeout: float | None = None) -> list[Message]:
        return [self._ended.get(timeout=timeout)]

    def close(self) -> None:
        self._threads.shutdown()

    def _sleep(self, outcome: Trained) -> None:
        time.sleep(outcome.seconds)
        self._ended.put(outcome)


def idle_share(order: str, in_flight: int, one_in: int, seed: int) -> float:
    """The share of the workers' time, in percent, in which they had nothing to do."""
    plan = Plan("random", seed, BUDGET, in_flight, order=order)
    domain = ArchitectureDomain(
        SearchSpace("mobilenet_v2"), cost_table("mobilenet_v2"), Limits(), DEFAULT_OBJECTIVES, seed=seed
    )
    store = TrialStore(optuna.storages.InMemoryStorage(), study_name="idle", domain=domain)
    sleepers = Sleepers(one_in)
    start = time.monotonic()
    for _ in run_search(Search(plan, store), sleepers):
        pass
    wall = time.monotonic() - start
    sleepers.close()
    return 100.0 * (1.0 - sleepers.slept / (WORKERS * wall))


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"{BUDGET} trials of 1 or 10 units of {UNIT:g} s on {WORKERS} workers: idle time in percent")
    print("long ones   order      in flight   seeds 0, 1, 2      mean")
    for one_in in (2, 10):
        for order, in_flight in (
            ("proposal", WORKERS),
            ("proposal", 2 * WORKERS),
            ("proposal", 4 * WORKERS),
            ("arrival", WORKERS),
        ):
            shares = [idle_share(order, in_flight, one_in, seed) for seed in range(3)]
            shown = "  ".join(f"{share:4.0f}" for share in shares)
            print(f"1 in {one_in:<6} {order:<10} {in_flight:<11} {shown}     {sum(shares) / 3:6.0f}")


if __name__ == "__main__":
    main()
