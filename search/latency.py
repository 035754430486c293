"""The latencies of a run's front, measured as whole networks side by side with the unmodified one.

What is measured of a network is the deploy form of its canonical form: equal networks have the same latency,
that of the one with the fewest copies and shuffles among them, which is the one that stands for them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from ..devices.latencies import measure_networks
from ..devices.latency_table import check_counts, machine_facts
from ..space import LATENCY, TrialRecord, UserError, architecture_hash, canonical, pareto_front, write_text
from ..space.device_table import DeviceTable, Value, network_name
from ..space.run_folder import RunFolder
from ..space.saved_run import SavedRun, load_run

SECONDS = 3.0  # for each network at most


@dataclass(frozen=True)
class MeasuredNetwork:
    """A network of the front.

    Attributes:
        trial: Its number; None for the unmodified network where that is no member.
        hash: Of the network.
        now: What was measured.
        before: What had been measured on the same machine before, None for nothing.
        predicted: What the run's table of pieces predicts, None where it has none.
    """

    trial: int | None
    hash: str
    now: Value
    before: Value | None
    predicted: float | None


@dataclass(frozen=True)
class FrontLatency:
    """What was measured of a run.

    Attributes:
        folder: The run folder.
        networks: From the fastest on.
        facts: On what: machine, runtime, threads, batch.
        large_error: The share of a prediction within which nine of ten are right, None where not known.
    """

    folder: Path
    networks: tuple[MeasuredNetwork, ...]
    facts: Mapping[str, str]
    large_error: float | None

    @property
    def kept_again(self) -> tuple[int, int]:
        """Of the pairs that were further apart than their spreads before: how many keep their order; all."""

        def apart(a: MeasuredNetwork, b: MeasuredNetwork) -> float:
            if a.before is None or b.before is None:
                return 0.0
            return _beyond(b.before.value - a.before.value, _spread(a.before) + _spread(b.before))

        return self._kept(apart)

    @property
    def kept_prediction(self) -> tuple[int, int]:
        """As `kept_again`, of the pairs whose predictions are further apart than the error of both."""
        error = self.large_error

        def apart(a: MeasuredNetwork, b: MeasuredNetwork) -> float:
            if error is None or a.predicted is None or b.predicted is None:
                return 0.0
            return _beyond(b.predicted - a.predicted, error * (a.predicted + b.predicted))

        return self._kept(apart)

    def _kept(self, apart: Callable[[MeasuredNetwork, MeasuredNetwork], float]) -> tuple[int, int]:
        told = [(apart(a, b), b.now.value - a.now.value) for a, b in combinations(self.networks, 2)]
        known = [(before, now) for before, now in told if before]
        return sum(before * now > 0 for before, now in known), len(known)

    def lines(self) -> Iterator[str]:
        """What the order comes to, a sentence each."""
        kept, pairs = self.kept_again
        if pairs:
            yield f"{kept} of the {pairs} pairs that were further apart than their spreads keep their order"
        kept, pairs = self.kept_prediction
        if pairs:
            yield (
                f"{kept} of the {pairs} pairs whose predictions are further apart than their errors "
                f"({100 * (self.large_error or 0.0):.1f} % each) are in the predicted order"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        networks = [
            {
                "trial": network.trial,
                "hash": network.hash,
                "latency_ms": network.now.value,
                "spread_ms": network.now.spread,
                "before_ms": None if network.before is None else network.before.value,
                "predicted_ms": network.predicted,
            }
            for network in self.networks
        ]
        again, prediction = self.kept_again, self.kept_prediction
        return {
            "networks": networks,
            **self.facts,
            "kept_again": {"kept": again[0], "pairs": again[1]},
            "kept_prediction": {"kept": prediction[0], "pairs": prediction[1]},
        }


def _beyond(difference: float, doubt: float) -> float:
    return difference if abs(difference) > doubt else 0.0


def _spread(value: Value) -> float:
    return value.spread or 0.0


def measure_front(
    folder: Path, *, threads: int | None = None, batch: int | None = None, say: Callable[[str], None]
) -> FrontLatency:
    """Measure the front of a finished run and the unmodified network, and keep that in the folder.

    Args:
        threads: That make an answer, None for the run's.
        batch: Images in an answer, None for the run's.

    Raises:
        UserError: If the folder is no run, a number is out of range, or ONNX Runtime or what writes its files
            is missing.
    """
    run = load_run(folder)
    record, settings = run.record, run.record.settings
    threads = settings.latency_threads if threads is None else threads
    batch = settings.latency_batch if batch is None else batch
    check_counts(threads=threads, batch=batch)
    facts = machine_facts(threads=threads, batch=batch)
    front = _front(run)
    networks = {network.hash: canonical(network.architecture) for network in front}
    unmodified = canonical(run.space.unmodified)
    networks = {architecture_hash(unmodified): unmodified, **networks}
    before = run.front_latency if run.front_latency_facts == facts else {}
    with RunFolder(folder).locked():  # no trial of it trains meanwhile
        timed = measure_networks(
            list(networks.values()),
            num_classes=record.num_classes,
            input_size=record.input_size,
            batch=batch,
            threads=threads,
            seconds=SECONDS * len(networks),
            say=say,
        )
        now = dict(zip(networks, timed, strict=True))
        names = {
            network_name(network, num_classes=record.num_classes, input_size=record.input_size): now[name]
            for name, network in networks.items()
        }
        write_text(RunFolder(folder).front_latency_path, DeviceTable(LATENCY, names, facts).to_text())
    numbers = {trial.hash: trial.number for trial in front}
    predictor = run.predictors.get(LATENCY)
    found = [
        MeasuredNetwork(
            numbers.get(name),
            name,
            value,
            before.get(name),
            None if predictor is None else predictor(networks[name]),
        )
        for name, value in now.items()
    ]
    error = None if predictor is None else predictor.error
    return FrontLatency(
        folder,
        tuple(sorted(found, key=lambda network: network.now.value)),
        facts,
        None if error is None else error.large,
    )


def measure_searched(folder: Path, *, say: Callable[[str], None]) -> bool:
    """Measure the front of a search for latency that has ended, if it was for this machine.

    Returns:
        Whether anything was; not where all of the front is known already, nor where it cannot be measured,
        which is said: the search has ended all the same.
    """
    run = load_run(folder)
    settings, predictor = run.record.settings, run.predictors.get(LATENCY)
    if predictor is None:
        return False
    try:
        facts = machine_facts(threads=settings.latency_threads, batch=settings.latency_batch)
        if predictor.table.facts != facts:
            return False
        known = run.front_latency if run.front_latency_facts == facts else {}
        if {trial.hash for trial in _front(run)} <= set(known):
            return False
        measure_front(folder, say=say)
    except UserError as error:
        say(f"the front is not measured: {error.at_terminal}")
        return False
    return True


def _front(run: SavedRun) -> list[TrialRecord]:
    return pareto_front(run.trials, run.record.settings.objectives)
