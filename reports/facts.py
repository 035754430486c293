"""What a run was and what its numbers are, as names and sentences."""

from collections.abc import Mapping

import pandas as pd

from ..space import COSTS, METRIC_TITLES, text, verdict
from ..space.device_table import said_of
from ..space.rungs import networks_at, networks_trained, units
from ..space.saved_run import SavedRun
from .run_tables import searched_sites


def headline(run: SavedRun, frame: pd.DataFrame) -> str:
    """When it was begun, and how many trials of which state there are."""
    states = ", ".join(f"{count:,} {state}" for state, count in frame["state"].value_counts().items())
    return (
        f"cheapsearch {run.record.version}, started {text.date(run.record.created)}. "
        f"{text.many(len(frame), 'trial')}{': ' + states if states else ''}."
    )


def spent(run: SavedRun, frame: pd.DataFrame) -> str:
    """How much of its budget."""
    settings = run.record.settings
    trained = int(frame["state"].isin(["complete", "repeat", "pruned"]).sum())
    wanted = settings.budget + settings.confirm
    if settings.has_rungs:
        return (
            f"{text.many(networks_trained(run.trials), 'network')} in {text.many(trained, 'training')}, "
            f"which cost {units(run.trials):,} of a budget of {wanted:,} of the shortest"
        )
    return f"{trained:,} of a budget of {text.many(wanted, 'training')}"


def searched(run: SavedRun, frame: pd.DataFrame) -> dict[str, str]:
    """What was searched, for what, and what it took."""
    settings, space = run.record.settings, run.space
    stopped = int((frame["state"] == "pruned").sum())
    staged = f"; stage by stage: {', '.join(space.per_stage)}" if space.per_stage else ""
    limits = [
        f"at most {COSTS[cost].format(limit)} {COSTS[cost].title}" for cost, limit in settings.limits.items()
    ]
    if settings.reference_accuracy is not None:
        limits.append(f"an accuracy below {settings.reference_accuracy:g} % is worth nothing")
    costs = [COSTS[name].title for name in settings.objectives if name != "accuracy"]
    return {
        "Trained": f"{spent(run, frame)}, "
        + (f"{stopped} of them stopped early, " if stopped else "")
        + f"{text.duration(float(frame['seconds'].sum()))} of training",
        "Space": f"{space.size:,} combinations, {space.distinct_size:,} of them different networks; "
        f"sites: {', '.join(searched_sites(run))}{staged}",
        "Objectives": f"high accuracy, low in {' and '.join(costs)}"
        + "".join(f"; {limit}" for limit in limits),
    }


def measured(run: SavedRun) -> dict[str, str]:
    """What accuracies are of."""
    record, settings = run.record, run.record.settings
    return {
        "Accuracy": f"validation {METRIC_TITLES[settings.metric]}, in percent, after one short proxy "
        f"training of a reduced network ({_settings(settings.proxy) or 'settings not recorded'}"
        + (f"; the trainings compared are {text.times(run.rung)}" if settings.has_rungs else "")
        + ("; balanced class weights" if settings.class_weights == "balanced" else "")
        + "). It ranks architectures; it is not what full training reaches. Test images are never used in a "
        "search.",
        "Data": f"{settings.dataset}, {record.num_classes} classes, {record.train_images:,} training and "
        f"{record.val_images:,} validation images",
        **_lengths(run),
        **_pilot(run),
    }


def costs(run: SavedRun) -> dict[str, str]:
    """What costs are of, by which convention, and against what savings are counted."""
    record, settings = run.record, run.record.settings
    where = (
        f"at width {settings.width:g}, for {record.num_classes} classes and images of "
        f"{record.input_size} x {record.input_size} pixels"
    )
    forms = {
        False: f"of the full network as it is trained, {where}",
        True: "of the smaller module that cheapsearch.deploy makes of it, which answers the same",
    }
    items = {}
    for name, kind in COSTS.items():
        if kind.device and name not in run.predictors:
            continue
        counted = f": {kind.convention}" if kind.convention else ""
        off = f"; {run.predictors[name].said}" if kind.device else ""
        items[kind.title[:1].upper() + kind.title[1:]] = f"{forms[kind.deploy]}{counted}{off}."
    if run.front_latency:
        items["Measured latency"] = (
            "of whole networks of the front, in turn with the unmodified one: the median, and half the width "
            "of its 95 % interval. Of networks that are the same, the one is measured that stands for them, "
            f"which has no more copies and shuffles than any. On {said_of(run.front_latency_facts)}."
        )
    return items | _against(run)


def repeated(run: SavedRun) -> dict[str, str]:
    """What else is needed to repeat the run, beside its command."""
    record, settings = run.record, run.record.settings
    return {
        "Seed": f"{settings.seed}, sampler {settings.sampler}, {settings.in_flight} proposals in flight",
        "Device": f"{settings.device}, {text.many(record.workers, 'worker')}",
        **_against(run),
        "Data": f"{settings.dataset}{f' in {settings.data_dir}' if settings.data_dir else ''}, "
        f"fingerprint {record.fingerprint}",
        **({"Storage": settings.storage} if settings.storage else {}),
        "Proxy": _settings(settings.proxy) or text.MISSING,
        "Versions": _settings({"cheapsearch": record.version, **record.versions}),
    }


def _lengths(run: SavedRun) -> dict[str, str]:
    """How long trainings are, and how many networks were trained so, where there are several lengths."""
    settings, networks = run.record.settings, networks_at(run.trials)
    if not settings.has_rungs:
        return {}
    epochs = settings.proxy.get("epochs")
    lengths = [
        f"{text.times(rung)} "
        + (f"({text.many(rung * epochs, 'epoch')}) " if isinstance(epochs, int) else "")
        + f"of {text.many(networks.get(rung, 0), 'network')}"
        for rung in settings.lengths
    ]
    return {
        "Lengths": f"trainings {text.listed(lengths)}. Networks are compared at one length, "
        f"{text.times(run.rung)}: the longest that three of them have, or else the shortest"
    }


def _pilot(run: SavedRun) -> dict[str, str]:
    """What was measured to choose the proxy, where it was chosen so."""
    pilot = run.record.pilot
    if pilot is None:
        return {}
    tried = ", ".join(f"{name} {text.percent(value)} %" for name, value in pilot.accuracies.items())
    needed = pilot.images_needed
    few = f"; about {needed:,} validation images would tell networks 2 points apart" if needed else ""
    doubled = f"its epochs doubled {text.many(pilot.doublings, 'time')}, " if pilot.doublings else ""
    took = f"; it took {text.duration(pilot.took)}" if pilot.took else ""
    learnt = "" if pilot.learnt else "; they have hardly learnt more than how common the classes are"
    return {
        "Pilot": f"the proxy is the longest there was time for, {text.duration(pilot.seconds)} a training; "
        f"{doubled}under it {tried}, the largest class {text.percent(pilot.largest_class)} %"
        f"{learnt}{few}{took}"
    }


def _against(run: SavedRun) -> dict[str, str]:
    """Which network savings are counted against."""
    lines = ["the unmodified network of the space", *verdict.against(run.record)]
    return {"Savings": "counted against " + "; ".join(lines)}


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
