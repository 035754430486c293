"""Trainings of several lengths, simulated from a table of finished ones: part of docs/search.md.

    python docs/nas_bench_macro.py nas-bench-macro_cifar10.json macro.csv
    python docs/simulated_rungs.py macro.csv macro_rungs.csv.gz [--agreement 0.75]
    cheapsearch rehearse macro_rungs.csv.gz --rungs 1,4,16 --rungs 16 --rungs 1 --reference-accuracy 80

800 networks of the table. The longest length is their true mean. A shorter one has larger errors and another
order: a random function of the choices, of each and of each pair, is added to the logarithm of the error, so
large that the ranks correlate with the true ones as asked (Spearman), of length 4 a third as far from 1.
Every length has three runs, with normal noise of 0.8, 0.6 and 0.4 points.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import spearmanr

Floats = npt.NDArray[np.float64]

NETWORKS, RUNS = 800, 3
MOST_ERROR = 92.0  # percent, below which an accuracy does not fall
# By length: how much larger the logarithm of the error is, and the noise of a training in points.
LENGTHS = {1: (0.9, 0.8), 4: (0.4, 0.6), 16: (0.0, 0.4)}


def random_function(choices: pd.DataFrame, rng: np.random.Generator) -> Floats:
    """Of every choice and of every pair of them, with mean 0 and deviation 1 over the networks (N,)."""

    def effects(*columns: str) -> Floats:
        groups = choices.groupby(list(columns)).ngroup().to_numpy()
        return np.asarray(rng.normal(size=groups.max() + 1)[groups])

    alone = np.sum([effects(str(column)) for column in choices], axis=0)
    pairs = np.sum([effects(*two) for two in combinations(map(str, choices), 2)], axis=0)
    values = alone / alone.std() + pairs / pairs.std()
    return np.asarray((values - values.mean()) / values.std())


def disturbed(logs: Floats, function: Floats, agreement: float) -> Floats:
    """Values as far apart as before whose ranks agree so well with what they were."""
    if agreement >= 1.0:
        return logs
    share = brentq(lambda x: spearmanr(logs + x * logs.std() * function, logs)[0] - agreement, 0.0, 20.0)
    found = logs + share * logs.std() * function
    return np.asarray((found - found.mean()) / found.std() * logs.std() + logs.mean())


def simulate(table: pd.DataFrame, agreement: float) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    some = table.iloc[np.sort(rng.choice(len(table), NETWORKS, replace=False))].reset_index(drop=True)
    choices = some.filter(like="choice_")
    runs = some.filter(like="accuracy_")
    logs = np.log(100.0 - runs.mean(axis=1).to_numpy())
    first, own = random_function(choices, rng), random_function(choices, rng)
    functions = {1: first, 4: 0.7 * (first + own), 16: first}
    agreements = {1: agreement, 4: 1.0 - (1.0 - agreement) / 3.0, 16: 1.0}
    found = choices.copy()
    for length, (shift, noise) in LENGTHS.items():
        error = np.exp(disturbed(logs, functions[length], agreements[length]) + shift)
        accuracy = 100.0 - np.minimum(error, MOST_ERROR)
        for run in range(1, RUNS + 1):
            seen = accuracy + noise * rng.normal(size=len(some))
            found[f"accuracy@{length}_{run}"] = seen.clip(0.0, 100.0).round(3)
    return found.join(some.filter(like="cost_"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--agreement", type=float, default=0.75)
    arguments = parser.parse_args()
    simulate(pd.read_csv(arguments.csv), arguments.agreement).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
