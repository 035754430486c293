"""Finished results of every point of a space, to replay samplers on."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ...space import UserError, check_name, shown
from ...space.errors import nearest_path
from ..samplers.surrogate import Floats

# 512 networks of MobileNetV2, each trained once on digits for ten short epochs, by docs/digits_table.py.
DIGITS_TABLE = Path(__file__).with_name("mobilenet_v2_digits.csv.gz")


@dataclass(frozen=True)
class ResultTable:
    """Finished results of every point of a space.

    Attributes:
        parameters: Options by choice.
        points: Choices of every point.
        runs: By rung, how many times as long as the shortest a training was, its accuracies in percent (N,
            R).
        costs: Costs of every point, smaller is better (N, K).
        cost_names: Names of the costs.
        curves: Accuracy after every epoch of the first run (N, E), none where the table has no curves.
        seconds: By rung how long a training of each point takes (N,), empty where the table does not say.
        first: What a search tries before it asks a sampler: origins by number of the point.
    """

    parameters: dict[str, tuple[str, ...]]
    points: list[dict[str, str]]
    runs: Mapping[int, Floats]
    costs: Floats
    cost_names: tuple[str, ...]
    curves: Floats | None = None
    seconds: Mapping[int, Floats] = field(default_factory=dict)
    first: Mapping[int, str] = field(default_factory=dict)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The lengths there are trainings of, the shortest first."""
        return tuple(sorted(self.runs))

    @property
    def unit_seconds(self) -> float | None:
        """Seconds of a training of the shortest length in the mean; None where a length has none."""
        known = all(rung in self.seconds for rung in self.rungs)
        return float(self.seconds[self.rungs[0]].mean()) if known else None

    @property
    def truth(self) -> Floats:
        """What the points are scored by: the mean of their longest runs (N,)."""
        return np.asarray(self.runs[self.rungs[-1]].mean(axis=1))


def load_table(path: Path, costs: Sequence[str] = ()) -> ResultTable:
    """Read a CSV with columns choice_*, accuracy_*, cost_* and perhaps curve_*, first; it may be compressed.

    Where trainings have several lengths, `accuracy@R_*` are those R times as long as the shortest, and
    `seconds@R`, where it is there, is how long one takes. The column `first` names the points that a search
    tries first, such as `unmodified`; others have none.

    Args:
        costs: Names of the costs to keep, without the prefix; all where there are none.

    Raises:
        UserError: If the file cannot be read, a kind of column is missing, or a value does not fit.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, EOFError, zlib.error, pd.errors.ParserError) as error:
        raise _unfit(
            f"must be a readable CSV, {path} is not ({error}); check the path{nearest_path(path)}"
        ) from None
    if frame.empty:
        raise _unfit(f"must have a row for each point, {path} has none")
    groups = {
        prefix: [column for column in map(str, frame.columns) if column.startswith(prefix)]
        for prefix in ("choice_", "accuracy", "cost_")
    }
    for prefix, columns in groups.items():
        if not columns:
            shown_prefix = "accuracy_" if prefix == "accuracy" else prefix
            raise _unfit(f"must have columns {shown_prefix}*, {path} has {', '.join(frame.columns[:8])}")
    by_rung = _by_rung(groups["accuracy"])
    timed = [column for column in map(str, frame.columns) if column.startswith("seconds@")]
    curves = [column for column in map(str, frame.columns) if column.startswith("curve_")]
    known = [column.removeprefix("cost_") for column in groups["cost_"]]
    kept = [f"cost_{check_name('--costs', name, known)}" for name in costs] or groups["cost_"]

    def numbers(columns: list[str]) -> Floats:
        try:
            values = frame[columns].to_numpy(dtype=np.float64)
        except ValueError as error:
            raise _unfit(f"{columns[0]} must hold numbers in {path} ({error})") from None
        if not np.isfinite(values).all():
            raise _unfit(f"{columns[0]} must hold finite numbers in {path}")
        return np.asarray(values)

    runs = {rung: numbers(columns) for rung, columns in by_rung.items()}
    seconds = {_rung_of(column): numbers([column])[:, 0] for column in timed}
    cost_values, curve_values = numbers(kept), numbers(curves) if curves else None
    for values in (*runs.values(), curve_values):
        if values is not None and (values.min() < 0 or values.max() > 100):
            wrong = values.min() if values.min() < 0 else values.max()
            raise _unfit(f"accuracies must be from 0 to 100 percent, {path} has {wrong}")
    if cost_values.min() < 0:
        raise _unfit(f"costs must be 0 or more, {path} has {cost_values.min()}")
    choices = frame[groups["choice_"]]
    if choices.duplicated().any():
        again = choices[choices.duplicated()].iloc[0].to_dict()
        raise _unfit(f"a point must stand in one row, {path} repeats {again}")
    return ResultTable(
        parameters={column: tuple(sorted(choices[column].unique())) for column in groups["choice_"]},
        points=[{str(name): str(value) for name, value in row.items()} for row in choices.to_dict("records")],
        runs=runs,
        costs=cost_values,
        cost_names=tuple(column.removeprefix("cost_") for column in kept),
        curves=curve_values,
        seconds=seconds,
        first={number: name for number, name in enumerate(frame.get("first", ())) if name},
    )


def _by_rung(columns: Sequence[str]) -> dict[int, list[str]]:
    """The columns of accuracies by rung; without one they are of the only length there is."""
    found: dict[int, list[str]] = {}
    for column in columns:
        found.setdefault(_rung_of(column), []).append(column)
    return dict(sorted(found.items()))


def _rung_of(column: str) -> int:
    """The rung of a column such as `accuracy@4_2`, or `seconds@4`; 1 where it names none."""
    _, at, rest = column.partition("@")
    rung = rest.partition("_")[0]
    if not at:
        return 1
    if not rung.isdecimal() or int(rung) < 1:
        raise _unfit(f"{column} must name a length, such as accuracy@4_1, with a whole number from 1")
    return int(rung)


def _unfit(rule: str) -> UserError:
    """What is wrong with a table, in one line, whatever its columns are called."""
    return UserError(shown(" ".join(f"TABLE: {rule}".split())))
