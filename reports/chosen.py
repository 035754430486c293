"""What a run comes to: its pick beside the unmodified network, and further members of the front."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ..space import COSTS, LATENCY, METRIC_TITLES, default_rule, pick, shown_costs, text
from ..space.claims import SURE
from ..space.device_table import Value
from ..space.run_folder import RunFolder
from ..space.saved_run import SavedRun
from .run_tables import name_of
from .table import front_of


@dataclass(frozen=True)
class Compared:
    """One quantity of the pick and of the unmodified network, in words; empty where it is not known."""

    quantity: str
    pick: str
    unmodified: str
    difference: str


@dataclass(frozen=True)
class Picked:
    """The network of best.yaml, or what it would be if the search ended now.

    Attributes:
        number: Of its trial.
        name: What it is known as, if it is.
        rule: By which it was picked.
        rows: What is known of it, beside the unmodified network where that was trained.
        is_unmodified: Whether it is that network itself.
        exported: Whether there is a best.yaml; a search writes it at its end.
        named: The trial that the verdict names, where that is another one.
        why_another: Why it is.
    """

    number: int
    name: str
    rule: str
    rows: tuple[Compared, ...]
    is_unmodified: bool
    exported: bool
    named: int | None = None
    why_another: str = ""


_RULES = {
    "accuracy": "the most accurate within the limits",
    "knee": "the compromise (knee) of the front: nearest to the best of every objective",
}


@dataclass(frozen=True)
class Card:
    """A member of the front; `costs` are value and title, and difference to the unmodified network."""

    title: str
    number: int
    name: str
    expected: str
    difference: str
    costs: tuple[tuple[str, str], ...]


def picked(run: SavedRun, frame: pd.DataFrame) -> Picked:
    """The network that the run exports, beside the unmodified one, by trainings as long if there are such.

    Args:
        frame: What `trials_frame` makes of the run, with a compared trial.
    """
    settings = run.record.settings
    rule = default_rule(settings.limits)
    number = pick(run.trials, rule, settings.objectives, reference_accuracy=run.worthless).number
    row = frame[frame["number"] == number].iloc[0]
    known = frame[frame["unmodified"]]
    compared = known[known["compared"]]
    base = (compared if not compared.empty else known).head(1)
    whole = None if base.empty else base.iloc[0]
    accuracy = Compared(
        f"{METRIC_TITLES[settings.metric]} expected on new images (%, 95 % interval)",
        _expected(row),
        "" if whole is None else _expected(whole),
        text.difference(row["accuracy_difference"], " points"),
    )
    costs = [
        Compared(
            f"{COSTS[cost].heading}{' predicted' if COSTS[cost].device else ''}",
            COSTS[cost].format(row[cost]),
            "" if whole is None else COSTS[cost].format(whole[cost]),
            text.difference(row[f"{cost}_difference"], " %"),
        )
        for cost in shown_costs(settings.objectives)
    ]
    return Picked(
        number,
        name_of(row["preset"], row["unmodified"]),
        _RULES[rule],
        (accuracy, *costs, *_measured(run, row, whole)),
        bool(row["unmodified"]),
        RunFolder(run.path).best_path.exists(),
        *_named(run, number, rule),
    )


_WEIGHS = {
    "accuracy": "goes by the accuracy observed alone, sure or not",
    "knee": "weighs the accuracy observed against costs, sure or not",
}


def _named(run: SavedRun, picked: int, rule: str) -> tuple[int | None, str]:
    """The network that the verdict names, and why the pick is another; nothing where it is the same."""
    equals = run.claims.equals
    if not equals or equals[0] == picked:
        return None, ""
    what = "the cheapest of those that are not surely worse than" if len(equals) > 1 else "surely"
    return equals[
        0
    ], f"Trial {equals[0]}, named above, is {what} the most accurate; the pick {_WEIGHS[rule]}."


def highlights(run: SavedRun, frame: pd.DataFrame) -> list[Card]:
    """Three members of the front: the most accurate, the knee, the cheapest as good as the original."""
    front = front_of(frame, run)
    objectives = run.record.settings.objectives
    best, knee = (
        pick(run.trials, rule, objectives, reference_accuracy=run.worthless).number
        for rule in ("accuracy", "knee")
    )
    titles = {best: ["Most accurate"]}
    titles.setdefault(knee, []).append("Compromise (knee of the front)")
    cost = next(name for name in objectives if name != "accuracy")
    unmodified = frame[frame["unmodified"] & frame["compared"]]["number"]
    better = run.claims.better
    not_worse = [len(unmodified) > 0 and better(unmodified.iloc[0], n) < SURE for n in front["number"]]
    as_good = front[not_worse]
    if not as_good.empty:
        title = f"Lowest in {COSTS[cost].title} of those not surely worse than unmodified"
        titles.setdefault(int(as_good["number"].iloc[0]), []).append(title)
    rows = {row["number"]: row for _, row in front.iterrows()}
    return [
        _card("; ".join(found), rows[number], shown_costs(objectives)) for number, found in titles.items()
    ]


def _card(title: str, row: pd.Series, costs: Sequence[str]) -> Card:
    return Card(
        title,
        int(row["number"]),
        name_of(row["preset"], row["unmodified"]),
        text.percent(row["expected"]),
        text.difference(row["accuracy_difference"], " points"),
        tuple(
            (
                f"{COSTS[cost].format(row[cost])} {COSTS[cost].title}",
                text.difference(row[f"{cost}_difference"], " %"),
            )
            for cost in costs
        ),
    )


def _expected(row: pd.Series) -> str:
    if pd.isna(row["expected"]):
        return ""
    return f"{text.percent(row['expected'])} ± {row['either_way']:.1f}"


def _measured(run: SavedRun, row: pd.Series, whole: pd.Series | None) -> list[Compared]:
    """The measured latency, where the run has it of the network."""
    known = run.front_latency
    if row["hash"] not in known:
        return []
    own, base = known[row["hash"]], None if whole is None else known.get(whole["hash"])
    change = "" if base is None else text.difference(100 * (own.value / base.value - 1), " %")
    return [
        Compared(
            f"{COSTS[LATENCY].heading} measured, 95 % interval",
            _latency(own),
            "" if base is None else _latency(base),
            change,
        )
    ]


def _latency(value: Value) -> str:
    return f"{text.measured(value.value, '')} ± {value.spread or 0.0:.2g}"
