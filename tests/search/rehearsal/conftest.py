"""A small table of finished results, with three runs of every point and, in another, learning curves."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 points, two costs."""
    rng = np.random.default_rng(0)
    rows = []
    for point in product("abc", "xy", "pqr", "01"):
        numbers = [ord(letter) % 7 for letter in point]
        base = 50 + 4 * numbers[0] + 3 * numbers[2] - 2 * (point[1] == "x")
        row = {f"choice_{i}": letter for i, letter in enumerate(point)}
        row |= {f"accuracy_{run}": f"{base + rng.normal(0, 0.2):.3f}" for run in range(3)}
        row |= {"cost_flops": str(10 + sum(numbers)), "cost_params": str(5 + numbers[0] * 2 + numbers[3])}
        rows.append(row)
    target = tmp_path_factory.mktemp("table") / "table.csv"
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.fixture
def curved(path: Path, tmp_path: Path) -> Path:
    """The table with curves of three epochs that lead to the first accuracy."""
    rng = np.random.default_rng(1)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        end = float(row["accuracy_0"])
        for epoch, value in enumerate((end / 2 + rng.normal(0, 0.3), 0.8 * end, end), 1):
            row[f"curve_{epoch}"] = f"{value:.3f}"
    target = tmp_path / "curved.csv"
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target
