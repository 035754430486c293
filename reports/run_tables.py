"""The tables of the page: the front, what was retrained, all trials."""

from math import isnan, nan

import pandas as pd

from ..space import COSTS, SITE_NAMES, text
from ..space.claims import SURE
from ..space.saved_run import SavedRun
from .html_table import Column, Table, sortable_table
from .retraining import proxy_of
from .table import front_of

_UNRIVALLED = 2.0  # in place of a probability, sorts above all of them


def front_table(run: SavedRun, frame: pd.DataFrame) -> Table:
    """The front, and below it the unmodified network if it is not a member."""
    known = run.front_latency
    frame = frame.assign(
        latency=[known[name].value if name in known else nan for name in frame["hash"]],
        latency_note=[
            f"± {known[name].spread or 0.0:.2g}" if name in known else "" for name in frame["hash"]
        ],
        name=[name_of(*marks) for marks in zip(frame["preset"], frame["unmodified"], strict=True)],
        accuracy_note=[
            f"± {either_way:.1f}" + (f", {text.difference(value)}" if not isnan(value) and value else "")
            for either_way, value in zip(frame["either_way"], frame["accuracy_difference"], strict=True)
        ],
        sure=frame["probability"].where(~frame["cheapest"] | (frame["probability"] < SURE), _UNRIVALLED),
        tie_note=["" if tie < 0 else f"~ {tie}" for tie in frame["tie"]],
        **{
            f"{cost}_note": [text.difference(value, " %") for value in frame[f"{cost}_difference"]]
            for cost in COSTS
        },
    )
    unmodified = frame[frame["unmodified"] & frame["compared"] & ~frame["front"]]
    columns = [
        Column("number", "trial", numeric=True, trial=True),
        Column("name", "known as"),
        Column("expected", "expected %, ±", text.percent, numeric=True, note="accuracy_note"),
        Column("accuracy", "observed %", text.percent, numeric=True),
        Column("sure", "sure %, tie", _sure, numeric=True, note="tie_note"),
        *(
            [Column("seeds", "seeds", numeric=True)]
            if frame.loc[frame["compared"], "seeds"].max() > 1
            else []
        ),
        *_cost_columns(frame, "{}, ± %", noted=True),
        *([_LATENCY_COLUMN] if known else []),
        *_site_columns(run),
        Column("hash", "hash", code=True),
    ]
    return sortable_table(
        front_of(frame, run),
        columns,
        ident="front",
        caption="The front, with differences to the unmodified network"
        + (f", by trainings {text.times(run.rung)}" if run.record.settings.has_rungs else ""),
        sorted_by=next(name for name in run.record.settings.objectives if name != "accuracy"),
        footer=unmodified.head(1).assign(name="unmodified"),
    )


def retrained_table(retrained: pd.DataFrame) -> Table:
    """Networks trained in full, the proxy's accuracy beside the retrained one."""
    cheapest = next(iter(COSTS))
    retrained = retrained.sort_values([cheapest, "number"])
    frame = retrained.assign(
        name=[name_of(*marks) for marks in zip(retrained["preset"], retrained["unmodified"], strict=True)],
        **{
            f"{split}_note": ["" if isnan(value) else f"± {value:.2f}" for value in retrained[f"{split}_std"]]
            for split in ("val", "test")
        },
    )
    columns = [
        Column("number", "trial", numeric=True, trial=True),
        Column("name", "known as"),
        Column("accuracy", f"{proxy_of(retrained)} %", text.percent, numeric=True),
        Column("val", "validation %, ±", text.percent, numeric=True, note="val_note"),
        Column("test", "test %, ±", text.percent, numeric=True, note="test_note"),
        Column("seeds", "seeds", numeric=True),
        *_cost_columns(frame, "{}"),
        Column("hash", "hash", code=True),
    ]
    return sortable_table(
        frame,
        columns,
        ident="retrained",
        caption="Trained in full, with standard deviations over seeds",
        sorted_by=cheapest,
    )


def trials_table(run: SavedRun, frame: pd.DataFrame) -> Table:
    """Every trial; the members of the front are set off."""
    ordered = frame.sort_values("number")
    ordered = ordered.assign(
        predicted_note=["" if isnan(value) else f"± {value:.2f}" for value in ordered["deviation"]]
    )
    several = run.record.settings.has_rungs
    gain = "expected gain for each unit" if several else "expected gain"
    why = [
        Column("predicted", "predicted %, ±", text.percent, numeric=True, note="predicted_note"),
        Column("gain", gain, lambda value: f"{value:.3g}", numeric=True),
    ]
    columns = [
        Column("number", "trial", numeric=True, trial=True),
        Column("state", "state"),
        Column("origin", "origin"),
        *([Column("rung", "length", text.times, numeric=True)] if several else []),
        Column("accuracy", "accuracy %", text.percent, numeric=True),
        *(why if ordered["predicted"].notna().any() else ()),
        *_cost_columns(ordered, "{}"),
        *_site_columns(run),
        Column("seconds", "seconds", lambda value: f"{value:.1f}", numeric=True),
        Column("hash", "hash", code=True),
        Column("reason", "reason", wide=bool(frame["reason"].any())),
    ]
    return sortable_table(
        ordered,
        columns,
        ident="trials",
        caption="The trials, one a row",
        sorted_by="number",
        strong=[position for position, front in enumerate(ordered["front"]) if front],
    )


def _sure(probability: float) -> str:
    return "cheapest" if probability == _UNRIVALLED else f"{100 * probability:.0f}"


def searched_sites(run: SavedRun) -> list[str]:
    """The sites at which the run had a choice."""
    searched = {name.partition(".")[0] for name in run.space.parameters}
    return [site for site in SITE_NAMES if site in searched]


_LATENCY_COLUMN = Column(
    "latency", "measured ms, ±", lambda value: text.measured(value, ""), numeric=True, note="latency_note"
)


def name_of(preset: str, unmodified: bool) -> str:
    """What a network is known as; empty if it is nothing but a trial."""
    return ", ".join([*(["unmodified"] if unmodified else []), *([preset] if preset else [])])


def _cost_columns(frame: pd.DataFrame, title: str, *, noted: bool = False) -> list[Column]:
    """Every cost that is known of some network; older files lack those of the deploy form."""
    return [
        Column(name, title.format(name), kind.format, numeric=True, note=f"{name}_note" if noted else None)
        for name, kind in COSTS.items()
        if not kind.deploy or (name in frame and frame[name].notna().any())
    ]


def _site_columns(run: SavedRun) -> list[Column]:
    unmodified = run.space.unmodified
    return [
        Column(
            site,
            site,
            text.choice,
            wide=site in run.record.settings.per_stage,
            muted=str(getattr(unmodified, site)),
        )
        for site in searched_sites(run)
    ]
