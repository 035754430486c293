"""Runs with known accuracies, without any training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cheapsearch.space import Architecture, Cost, RunRecord, RunSettings, TrialRecord
from cheapsearch.space.part_costs import PartCosts
from cheapsearch.space.saved_run import SavedRun

V2 = "mobilenet_v2"


@pytest.fixture(scope="session")
def parts(part_costs) -> PartCosts:
    return part_costs(V2, 1.0, num_classes=10, input_size=32)


@pytest.fixture
def make_run(parts: PartCosts) -> Callable[..., SavedRun]:
    """A run from networks with their accuracies; keywords are settings."""

    def make(
        trained: list[tuple[Architecture, float]],
        *,
        trials: list[dict[str, Any]] | None = None,
        **settings: Any,
    ) -> SavedRun:
        given: dict[str, Any] = {"backbone": V2, "dataset": "digits", "rungs": (1,), "input_size": 32}
        given |= {"workers": 1, "device": "cpu"} | settings
        record = RunRecord(
            version="0.1.0",
            created="2026-03-14T10:22:31+00:00",
            settings=RunSettings(**given),
            fingerprint="9c2f0b1d",
            num_classes=10,
            train_images=1000,
            val_images=500,
        )
        records = [
            TrialRecord(
                **{
                    "number": number,
                    "architecture": network,
                    "state": "complete",
                    "origin": "random",
                    "costs": Cost(parts.total(network)),
                    "accuracy": accuracy,
                    **(trials[number] if trials else {}),
                }
            )
            for number, (network, accuracy) in enumerate(trained)
        ]
        return SavedRun(Path("nowhere"), record, tuple(records))

    return make
