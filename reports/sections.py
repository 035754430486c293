"""The sections of the page as HTML; everything that comes from a file is escaped."""

import shlex
from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go

from ..space import COSTS, METRIC_TITLES, pick, shown_costs, text, verdict
from ..space.agreement import FEW_TO_RANK, RankAgreement, rank_agreement, rung_agreements
from ..space.claims import SURE
from ..space.device_table import said_of
from ..space.rungs import networks_at, networks_trained, units
from ..space.saved_run import SavedRun
from ..space.verdict import correlations
from .retraining import proxy_rungs
from .run_tables import name_of, searched_sites
from .table import front_of

_FEW_IMAGES = 1000  # so few that single images show in an accuracy


def header(run: SavedRun, frame: pd.DataFrame) -> str:
    """What was searched, when, and how many trials of which state."""
    record = run.record
    states = ", ".join(f"{count:,} {state}" for state, count in frame["state"].value_counts().items())
    return (
        f"<header><h1>{escape(record.settings.backbone)} on {escape(record.settings.dataset)}</h1>"
        f'<p class="lede">cheapsearch {escape(record.version)}, started {escape(text.date(record.created))}. '
        f"{_many(len(frame), 'trial')}{': ' + states if states else ''}.</p></header>"
    )


def highlights(run: SavedRun, frame: pd.DataFrame) -> str:
    """Three members of the front: the most accurate, the knee, the cheapest as good as the original."""
    front = front_of(frame, run)
    if front.empty:
        return ""
    objectives = run.record.settings.objectives
    best, knee = (
        pick(run.trials, rule, objectives, reference_accuracy=run.record.settings.reference_accuracy).number
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
    costs = shown_costs(objectives)
    cards = "".join(_card("; ".join(found), rows[number], costs) for number, found in titles.items())
    return f'<div class="cards">{cards}</div>'


def said_first(run: SavedRun) -> str:
    """What the run comes to, and how far that can be trusted."""
    lines = "".join(f"<p>{escape(line[:1].upper() + line[1:])}.</p>" for line in verdict.verdict(run))
    return f'<section class="verdict" aria-label="What was found">{lines}</section>' if lines else ""


def caution(run: SavedRun) -> str:
    """How much of a gap between two accuracies is chance."""
    images, claims, settings = run.record.val_images, run.claims, run.record.settings
    coarse = 0 < images <= _FEW_IMAGES
    step = f" One of the {images:,} validation images alone is {100 / images:.2g} points." if coarse else ""
    source = (
        f"measured on {_many(claims.repeats, 'further training')} with another seed, and a weak assumption"
        if claims.repeats
        else "assumed by the accuracy's own sampling error: nothing was repeated"
        + (" at this length" if settings.has_rungs else "")
    )
    go_on, then, short = "--confirm 10", "trains again where it settles most", "the proxy"
    if settings.has_rungs:  # where the search itself decides who is trained again
        go_on, then = settings.twice, "goes on: with new networks, longer, or again, by what is worth most"
        short = f"these, {text.times(run.rung)}"
    return (
        '<aside class="caution" aria-label="Caution">'
        f"<p><strong>A gap under about {claims.gap:.1f} points between two trainings says nothing.</strong> "
        f"The accuracy of one and the same network has a standard deviation of {claims.deviation:.2f} points "
        f"over seeds ({source}).{step} "
        f"<code>cheapsearch run --out {escape(shlex.quote(str(run.path)))} {go_on}</code> {then}. All of "
        f"it is about trainings as short as {short}: networks that learn slowly catch up in longer "
        "ones, so retrain the front, and the unmodified network, before counting on a lead.</p></aside>"
    )


def facts(run: SavedRun, frame: pd.DataFrame) -> str:
    """What was searched, and what the numbers are."""
    record, settings, space = run.record, run.record.settings, run.space
    trained = int(frame["state"].isin(["complete", "repeat", "pruned"]).sum())
    wanted = settings.budget + settings.confirm
    spent = f"{trained:,} of a budget of {_many(wanted, 'training')}"
    if settings.has_rungs:
        spent = (
            f"{_many(networks_trained(run.trials), 'network')} in {_many(trained, 'training')}, which cost "
            f"{units(run.trials):,} of a budget of {wanted:,} of the shortest"
        )
    stopped = int((frame["state"] == "pruned").sum())
    staged = f"; stage by stage: {', '.join(space.per_stage)}" if space.per_stage else ""
    limits = [
        f"at most {COSTS[cost].format(limit)} {COSTS[cost].title}" for cost, limit in settings.limits.items()
    ]
    if settings.reference_accuracy is not None:
        limits.append(f"an accuracy below {settings.reference_accuracy:g} % is worth nothing")
    where = (
        f"at width {settings.width:g}, for {record.num_classes} classes and images of "
        f"{record.input_size} x {record.input_size} pixels"
    )
    forms = {
        False: f"of the full network as it is trained, {where}",
        True: "of the smaller module that cheapsearch.deploy makes of it, which answers the same",
    }
    costs = [COSTS[name].title for name in settings.objectives if name != "accuracy"]
    items = {
        "Trained": f"{spent}, "
        + (f"{stopped} of them stopped early, " if stopped else "")
        + f"{text.duration(float(frame['seconds'].sum()))} of training",
        **_lengths(run),
        "Space": f"{space.size:,} combinations, {space.distinct_size:,} of them different networks; "
        f"sites: {', '.join(searched_sites(run))}{staged}",
        "Objectives": f"high accuracy, low in {' and '.join(costs)}"
        + "".join(f"; {limit}" for limit in limits),
        **_against(run),
        **_pilot(run),
        "Data": f"{settings.dataset}, {record.num_classes} classes, {record.train_images:,} training and "
        f"{record.val_images:,} validation images",
        "Accuracy": f"validation {METRIC_TITLES[settings.metric]}, in percent, after one short proxy "
        f"training of a reduced network ({_settings(settings.proxy) or 'settings not recorded'}"
        + (f"; the trainings compared are {text.times(run.rung)}" if settings.has_rungs else "")
        + ("; balanced class weights" if settings.class_weights == "balanced" else "")
        + "). It ranks architectures; it is not what "
        "full training reaches. Test images are never used in a search.",
    }
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
    return _definitions(items)


def _lengths(run: SavedRun) -> dict[str, str]:
    """How long trainings are, and how many networks were trained so, where there are several lengths."""
    settings, networks = run.record.settings, networks_at(run.trials)
    if not settings.has_rungs:
        return {}
    epochs = settings.proxy.get("epochs")
    lengths = [
        f"{text.times(rung)} "
        + (f"({_many(rung * epochs, 'epoch')}) " if isinstance(epochs, int) else "")
        + f"of {_many(networks.get(rung, 0), 'network')}"
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
    learnt = "" if pilot.learnt else "; they have hardly learnt more than how common the classes are"
    return {
        "Pilot": f"the proxy is the longest there was time for, {text.duration(pilot.seconds)} a training; "
        f"under it {tried}, the largest class {text.percent(pilot.largest_class)} %{learnt}{few}"
    }


def _against(run: SavedRun) -> dict[str, str]:
    """Which network savings are counted against."""
    lines = ["the unmodified network of the space", *verdict.against(run.record)]
    return {"Savings": "counted against " + "; ".join(lines)}


def figure(drawing: go.Figure, *, ident: str, label: str, caption: str) -> str:
    """A plotly figure as data that the page's script draws, with a caption."""
    # plotly writes < as an escape, so no text in the data can end the script element.
    return (
        f'<figure aria-label="{escape(label)}">'
        f'<div id="{escape(ident)}" class="plot" style="height:{drawing.layout.height}px"></div>'
        f'<script type="application/json" data-draws="{escape(ident)}">{drawing.to_json()}</script>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def foretold(run: SavedRun) -> str:
    """How well short trainings foretold longer ones; empty where no network has two lengths."""
    lines = verdict.foretold(rung_agreements(run.trials))
    if not lines:
        return ""
    said = "".join(f"<li>{escape(line[:1].upper() + line[1:])}.</li>" for line in lines)
    return (
        f"<ul>{said}</ul><p>The networks that were trained longer were chosen for being good, so a "
        "correlation is among the good ones, which makes it look weaker than it is over all networks.</p>"
    )


def agreement(retrained: pd.DataFrame) -> str:
    """How well the proxy had ranked the networks that were trained in full."""
    found: dict[int, tuple[int, RankAgreement | None]] = {}
    for rung in proxy_rungs(retrained):
        both = retrained[retrained[f"accuracy_{rung}"].notna()]
        ranks = rank_agreement(list(both[f"accuracy_{rung}"]), list(both["val"]))
        found |= {rung: (len(both), ranks)} if len(both) else {}
    count = max((count for count, ranks in found.values() if ranks is not None), default=0)
    if not count:
        return (
            f"{_many(len(retrained), 'network')} trained in full: too few, or too alike, to say how well the "
            "proxy ranks."
        )
    few = " So few networks say little." if count < FEW_TO_RANK else ""
    said = "Rank correlation of proxy and retrained validation accuracy"
    intervals = "with 95 % bootstrap intervals"
    if len(proxy_rungs(retrained)) == 1:
        ((_, ranks),) = found.values()
        return f"{said} over {count} networks, {intervals}: {correlations(ranks)}.{few}"
    each = "; ".join(
        f"trainings {text.times(rung)} of {_many(of, 'network')}, {correlations(ranks)}"
        for rung, (of, ranks) in found.items()
    )
    return f"{said}, {intervals}: {each}.{few}"


def next_steps(run: SavedRun) -> str:
    """The commands that usually follow."""
    path = shlex.quote(str(run.path))
    commands = (
        f"cheapsearch retrain {path}\n"
        f"cheapsearch export {path} --pick knee -o best.yaml\n"
        f"cheapsearch run --out {path} {run.record.settings.twice}"
    )
    return f"<pre><code>{escape(commands)}</code></pre>"


def repeat(run: SavedRun) -> str:
    """Everything that is needed to repeat the run."""
    record, settings = run.record, run.record.settings
    items = {
        "Seed": f"{settings.seed}, sampler {settings.sampler}, {settings.in_flight} proposals in flight",
        "Device": f"{settings.device}, {_many(record.workers, 'worker')}",
        **_against(run),
        "Data": f"{settings.dataset}{f' in {settings.data_dir}' if settings.data_dir else ''}, "
        f"fingerprint {record.fingerprint}",
        **({"Storage": settings.storage} if settings.storage else {}),
        "Proxy": _settings(settings.proxy) or text.MISSING,
        "Versions": _settings({"cheapsearch": record.version, **record.versions}),
    }
    return (
        "<p>In another folder, named by <code>--out</code>:</p>"
        f"<pre><code>{escape(settings.command)}</code></pre>{_definitions(items)}"
    )


def _card(title: str, row: pd.Series, costs: Sequence[str]) -> str:
    said = "<br>".join(
        f"{COSTS[cost].format(row[cost])} {COSTS[cost].title} "
        f'<span class="muted">{text.difference(row[f"{cost}_difference"], " %")}</span>'
        for cost in costs
    )
    known = name_of(row["preset"], row["unmodified"])
    return (
        f'<div class="card"><h3>{escape(title)}</h3>'
        f'<div class="value">{text.percent(row["expected"])} <small>% '
        f"{text.difference(row['accuracy_difference'], ' points')}</small></div><p>{said}</p>"
        f'<p class="muted">trial {row["number"]}{f", {escape(known)}" if known else ""}</p></div>'
    )


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _definitions(items: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in items.items()) + "</dl>"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
