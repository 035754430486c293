"""The surrogate that is fitted afterwards, on searches of the digits whose every network is known."""

import csv
import gzip
import random
from importlib.resources import files

import numpy as np
import pytest

from cheapsearch.search.insight import surrogate
from cheapsearch.search.insight.asked import Asked
from cheapsearch.search.insight.surrogate import DRAWS, beliefs, usable
from cheapsearch.search.samplers.surrogate import fit_kernel
from cheapsearch.space import SearchSpace

SPACE = SearchSpace("mobilenet_v2")


@pytest.fixture(scope="module")
def digits():
    """The accuracy of every network of a table of finished trainings, the shortest there are."""
    table = files("cheapsearch.search.rehearsal") / "mobilenet_v2_digits.csv.gz"
    rows = csv.DictReader(gzip.decompress(table.read_bytes()).decode().splitlines())
    return {
        SPACE.architecture({name: row[f"choice_{name}"] for name in SPACE.parameters}): float(
            row["accuracy_1"]
        )
        for row in rows
    }


def believed(run, parts, seed=0):
    trials = [trial for trial in run.trials if usable(trial)]
    asked = Asked(SPACE, [trial.architecture for trial in trials], parts.total, seed=seed)
    return asked, beliefs(run, trials, asked, seed=seed)


def test_intervals_of_effects_hold_what_the_whole_table_says(digits, make_run, parts) -> None:
    held = []
    for seed in range(3):
        rng = random.Random(seed)
        asked, found = believed(make_run(rng.sample(list(digits.items()), 40)), parts, seed)
        known = {asked.number(network): accuracy for network, accuracy in digits.items()}
        truth = np.full(len(asked), np.nan)
        truth[list(known)] = list(known.values())
        for numbers in asked.switched:
            for own in numbers[1:]:
                there = ~np.isnan(truth[own] + truth[numbers[0]]) & (own != numbers[0])
                if there.sum() < 20:  # in no network of the table, or the same as the first
                    continue
                drawn = found.accuracies[:, own[there]] - found.accuracies[:, numbers[0][there]]
                low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
                held.append(low <= (truth[own] - truth[numbers[0]])[there].mean() <= high)
                assert high - low < 30  # of accuracies from 14 to 97 percent
    # Of 42 in the mean 38 ; fewer than 32 would be a matter of one in 1,000.
    assert sum(held) >= 32


def test_draws_are_in_percent_and_those_of_one_training_vary_more(digits, make_run, parts) -> None:
    asked, found = believed(make_run(random.Random(1).sample(list(digits.items()), 20)), parts)
    assert found.accuracies.shape == found.observed.shape == (DRAWS, len(asked))
    assert 0 <= found.accuracies.min() <= found.accuracies.max() <= 100
    assert found.observed.std(axis=0).mean() > found.accuracies.std(axis=0).mean()
    assert found.noise.shape == (1, len(asked))
    assert found.noise.min() > 0
    again = believed(make_run(random.Random(1).sample(list(digits.items()), 20)), parts)[1]
    assert (again.accuracies == found.accuracies).all()


def test_a_stopped_training_counts_by_its_forecast(digits, make_run, parts) -> None:
    chosen = random.Random(2).sample(list(digits.items()), 12)
    reason = "stopped after epoch 3 at 20.0 %: expected to end at {} % with a deviation of {}, too low"

    def mean(end: str, deviation: str) -> float:
        stopped = {"state": "pruned", "accuracy": None, "reason": reason.format(end, deviation)}
        run = make_run(chosen, trials=[*[{}] * 11, stopped])
        asked, found = believed(run, parts)
        return float(found.accuracies[:, asked.trained[11]].mean())

    assert mean("25.0", "0.5") < mean("90.0", "0.5") - 20
    # A doubtful forecast counts for less.
    assert mean("25.0", "0.5") < mean("25.0", "30.0")


def test_usable_leaves_out_what_says_nothing(digits, make_run) -> None:
    network, accuracy = next(iter(digits.items()))
    states = [
        {},
        {"state": "repeat"},
        {"state": "failed", "accuracy": None},
        {"state": "pruned", "accuracy": None, "reason": "for no known reason"},
        {"reason": "the proxy cannot tell it from trial 0"},
    ]
    run = make_run([(network, accuracy)] * len(states), trials=states)
    assert [usable(trial) for trial in run.trials] == [True, True, False, False, False]


def test_of_very_many_trainings_fewer_kernels_are_fitted(
    digits, make_run, parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []

    def fit(*arguments):
        fitted.append(len(arguments[1]))
        return fit_kernel(*arguments)

    monkeypatch.setattr(surrogate, "fit_kernel", fit)
    run = make_run(random.Random(1).sample(list(digits.items()), 12))
    believed(run, parts)
    assert len(fitted) == surrogate.FITS
    fitted.clear()
    monkeypatch.setattr(surrogate, "_MANY", 11)
    assert len(believed(run, parts)[1].accuracies) == DRAWS
    assert 0 < len(fitted) < surrogate.FITS
