"""Several runs on one page: their fronts over each other, what they spent, and what differs between them."""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd

from ..space import COSTS, METRIC_TITLES, RunSettings, UserError, shown_costs, text, write_text
from ..space.known_operations import MARK
from ..space.rungs import networks_trained, units
from ..space.saved_run import SavedRun, load_run
from .comparison_figures import Reference, fronts, hypervolumes
from .drawn import Drawn
from .table import trials_frame
from .template import render

# What says where and how fast a run was, not what it did.
_ELSEWHERE = ("data_dir", "storage", "workers")


def write_comparison(paths: Sequence[Path], output: Path, *, plotly: str = "packed") -> Path:
    """Write a page that compares runs.

    Args:
        paths: Of their folders.
        output: Of the page; what was there is replaced.
        plotly: How it holds plotly.js: one of `template.PLOTLY`.

    Raises:
        UserError: If a folder is named twice, or it or one of its files is missing or damaged.
    """
    write_text(output, comparison(named_runs(paths), plotly=plotly))
    return output


def named_runs(paths: Sequence[Path]) -> dict[str, SavedRun]:
    """The runs of folders, by the shortest names that tell them apart.

    Raises:
        UserError: As `write_comparison`.
    """
    whole = [path.resolve() for path in paths]
    twice = next((path for path, found in zip(paths, whole, strict=True) if whole.count(found) > 1), None)
    if twice is not None:
        raise UserError(f"RUN: must be different folders, got {str(twice)!r} twice; leave one out")
    last = [path.name for path in whole]
    names = [str(path) if last.count(name) > 1 else name for path, name in zip(whole, last, strict=True)]
    return {name: load_run(path) for name, path in zip(names, paths, strict=True)}


def comparison_frame(runs: Mapping[str, SavedRun]) -> pd.DataFrame:
    """The trials of all runs.

    Returns:
        The columns of `trials_frame`; `run`, its name; `spent`, what its trials had cost with this one, in
        units of its shortest training.
    """
    frames = []
    for name, run in runs.items():
        cost = pd.Series([units([trial]) for trial in run.trials], dtype="int64")
        frames.append(trials_frame(run).assign(run=name, spent=cost.cumsum()))
    return pd.concat([frame for frame in frames if not frame.empty] or frames[:1], ignore_index=True)


def comparison(runs: Mapping[str, SavedRun], *, plotly: str = "packed") -> str:
    """The page as HTML."""
    frame = comparison_frame(runs)
    compared = frame[frame["compared"]]
    objectives = {name for run in runs.values() for name in run.record.settings.objectives}
    costs = [cost for cost in shown_costs(objectives) if compared[cost].notna().any()]
    references = [Reference.of(frame, cost) for cost in costs]
    return render(
        "compare.html.j2",
        plotly=plotly,
        figures=bool(references),
        title=f"{len(runs)} runs compared",
        names=list(runs),
        cautions=cautions(runs),
        facts=_facts(runs, frame, references),
        fronts=[_front_figure(frame, cost) for cost in costs],
        hypervolumes=[_hypervolume_figure(frame, reference) for reference in references],
        differences=_differences(runs),
    )


def cautions(runs: Mapping[str, SavedRun]) -> list[str]:
    """Why accuracies or costs of these runs cannot be compared, or not as they stand; each a sentence."""
    records = {name: run.record for name, run in runs.items()}
    said = []
    if _differ(record.fingerprint for record in records.values()):
        said.append(
            "The runs saw other images ("
            + "; ".join(
                f"{name}: {found.settings.dataset}, {found.fingerprint}" for name, found in records.items()
            )
            + "): an accuracy of one says nothing about one of another."
        )
    elif _differ(record.settings.seed for record in records.values()):
        said.append(
            "Their seeds differ, and with them the images that accuracies are of, unless the data set has "
            "validation images of its own."
        )
    if _differ(record.settings.metric for record in records.values()):
        metrics = (f"{name} is {METRIC_TITLES[found.settings.metric]}" for name, found in records.items())
        said.append(f"Accuracies are of different kinds: {', '.join(metrics)}.")
    if _differ(
        (*sorted(map(str, run.record.settings.proxy.items())), str(run.rung)) for run in runs.values()
    ):
        lengths = (f"{name} {_length(run)}" for name, run in runs.items())
        said.append(
            f"Accuracies are after different trainings: {', '.join(lengths)}. Longer ones, of larger images, "
            "are more accurate whatever the network."
        )
    if _differ((record.input_size, record.num_classes) for record in records.values()):
        sizes = (
            f"{name} {found.input_size} pixels, {found.num_classes} classes"
            for name, found in records.items()
        )
        said.append(f"Costs are of networks of different inputs or outputs: {'; '.join(sizes)}.")
    for cost, kind in COSTS.items():
        facts = {
            name: run.predictors[cost].table.facts for name, run in runs.items() if cost in run.predictors
        }
        if _differ(tuple(sorted(found.items())) for found in facts.values()):
            said.append(f"{kind.title} is of different devices in {text.listed(list(facts))}.")
    said += [f"No trial of {name} is complete yet." for name, run in runs.items() if not run.claims.expected]
    return said


def _differ(values: Any) -> bool:
    return len(set(values)) > 1


def _length(run: SavedRun) -> str:
    proxy = run.record.settings.proxy
    epochs, size = proxy.get("epochs"), proxy.get("input_size")
    if epochs is None:
        return "not recorded"
    return text.many(epochs * run.rung, "epoch") + ("" if size is None else f" at {size} pixels")


def _facts(
    runs: Mapping[str, SavedRun], frame: pd.DataFrame, references: Sequence[Reference]
) -> dict[str, list[str]]:
    """What each run was and came to, by what it is."""
    found = [_facts_of(run, frame[frame["run"] == name], references) for name, run in runs.items()]
    return {fact: [of[fact] for of in found] for fact in found[0]}


def _facts_of(run: SavedRun, own: pd.DataFrame, references: Sequence[Reference]) -> dict[str, str]:
    record, settings = run.record, run.record.settings
    compared = own[own["compared"]].sort_values("expected", ascending=False)
    best = text.MISSING
    if len(compared):
        first = compared.iloc[0]
        best = f"{text.percent(first['expected'])} ± {first['either_way']:.1f} % (trial {first['number']})"
    volumes = {found: found.share(compared[compared[found.cost].notna()]) for found in references}
    return {
        "Data": f"{settings.dataset}, {record.train_images:,} + {record.val_images:,} images",
        "Backbone": settings.backbone + ("" if settings.width == 1 else f", width {settings.width:g}"),
        "Networks trained": f"{networks_trained(run.trials):,}",
        "Budget spent": f"{units(run.trials):,} of {settings.budget + settings.confirm:,}",
        "Trainings compared": _length(run),
        "Time training": text.duration(float(own["seconds"].sum())),
        "On the front": f"{int(own['front'].sum())}",
        "Best expected accuracy": best,
        **{
            f"Hypervolume, {COSTS[found.cost].title}": text.MISSING if isnan(volume) else f"{volume:.1f} %"
            for found, volume in volumes.items()
        },
        "Begun": text.date(record.created),
    }


def _front_figure(frame: pd.DataFrame, cost: str) -> Drawn:
    kind = COSTS[cost]
    return Drawn(
        fronts(frame, cost),
        ident=f"fronts-{cost}",
        label=f"Accuracy against {kind.title}, the fronts of all runs",
        caption="Lines are the best accuracy at each cost, points the members of each run's front, open "
        "diamonds its unmodified network. Accuracies are those to expect on new images, not those observed, "
        "which flatter the run that tried more."
        + (f" {kind.title}: {kind.convention}." if kind.convention else ""),
    )


def _hypervolume_figure(frame: pd.DataFrame, reference: Reference) -> Drawn:
    title = COSTS[reference.cost].title
    return Drawn(
        hypervolumes(frame, reference),
        ident=f"hypervolume-{reference.cost}",
        label=f"Hypervolume of accuracy and {title} over what was spent",
        caption=f"The share that each run's networks dominate of the area from the reference point, the same "
        f"for all runs, to {text.percent(reference.best)} % at no cost. The reference point is "
        f"{reference.said}: the least accurate member of any front, the dearest network of any run.",
    )


def _differences(runs: Mapping[str, SavedRun]) -> dict[str, list[str]]:
    """The values of each run of the settings in which they differ."""
    found = [_settings(run) for run in runs.values()]
    values = {
        setting: [of.get(setting, text.MISSING) for of in found]
        for setting in dict.fromkeys(name for of in found for name in of)
    }
    return {setting: given for setting, given in values.items() if _differ(given)}


def _settings(run: SavedRun) -> dict[str, str]:
    """What was asked for, and of which images, by name as text."""
    record, declared = run.record, RunSettings.declared()
    found: dict[str, Any] = {
        name: _hashed(value) if declared[name].kind == "hashed" else value
        for name, value in record.settings.to_dict().items()
        if name not in (*_ELSEWHERE, "proxy") and name in declared
    }
    found |= {f"proxy {name}": value for name, value in record.settings.proxy.items()}
    found |= {"fingerprint": record.fingerprint, "classes": record.num_classes, "version": record.version}
    found |= {"training images": record.train_images, "validation images": record.val_images}
    return {name: _as_text(value) for name, value in found.items()}


def _hashed(files: Mapping[str, str]) -> list[str]:
    """Files by their names and the hashes of what is in them, wherever they lie."""
    return sorted(f"{Path(path).name}{MARK}{own}" for path, own in files.items())


def _as_text(value: object) -> str:
    if isinstance(value, Mapping):
        value = [f"{name}={_as_text(one)}" for name, one in value.items()]
    if isinstance(value, Path):
        return value.name
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_as_text, value)) or text.MISSING
    return text.MISSING if value is None else str(value)
