"""How far accuracies can be trusted: chance, and what short trainings say of longer ones."""

import shlex
from dataclasses import dataclass

import pandas as pd

from ..space import text, verdict
from ..space.agreement import FEW_TO_RANK, RankAgreement, rank_agreement, rung_agreements
from ..space.saved_run import SavedRun
from ..space.verdict import correlations
from .retraining import proxy_rungs

_FEW_IMAGES = 1000  # so few that single images show in an accuracy


@dataclass(frozen=True)
class Caution:
    """How much of a gap between two accuracies is chance.

    Attributes:
        gap: Points that mean nothing.
        noise: What is known of the deviation between seeds.
        command: What trains more.
        then: What that does.
        short: What the trainings are as short as.
    """

    gap: str
    noise: str
    command: str
    then: str
    short: str


def caution(run: SavedRun) -> Caution:
    """What chance does to the accuracies of a run, and what can be done about it."""
    images, claims, settings = run.record.val_images, run.claims, run.record.settings
    coarse = 0 < images <= _FEW_IMAGES
    step = f" One of the {images:,} validation images alone is {100 / images:.2g} points." if coarse else ""
    shorter = ", of this length or a shorter one" if settings.has_rungs else ""
    source = (
        f"measured on {text.many(claims.repeats, 'further training')} with another seed{shorter}, and a weak "
        "assumption"
        if claims.repeats
        else "assumed by the accuracy's own sampling error: nothing was repeated"
    )
    go_on, then, short = "--confirm 10", "trains again where it settles most", "the proxy"
    if settings.has_rungs:  # where the search itself decides who is trained again
        go_on, then = settings.twice, "goes on: with new networks, longer, or again, by what is worth most"
        short = f"these, {text.times(run.rung)}"
    return Caution(
        f"{claims.gap:.1f} points",
        "The accuracy of one and the same network has a standard deviation of "
        f"{claims.deviation:.2f} points over seeds ({source}).{step}",
        f"cheapsearch run --out {shlex.quote(str(run.path))} {go_on}",
        then,
        short,
    )


def foretold(run: SavedRun) -> list[str]:
    """How well short trainings foretold longer ones; none where no network has two lengths."""
    return sentences(verdict.foretold(rung_agreements(run.trials)))


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
            f"{text.many(len(retrained), 'network')} trained in full: too few, or too alike, to say how well "
            "the proxy ranks."
        )
    few = " So few networks say little." if count < FEW_TO_RANK else ""
    said = "Rank correlation of proxy and retrained validation accuracy"
    intervals = "with 95 % bootstrap intervals"
    if len(proxy_rungs(retrained)) == 1:
        ((_, ranks),) = found.values()
        return f"{said} over {count} networks, {intervals}: {correlations(ranks)}.{few}"
    each = "; ".join(
        f"trainings {text.times(rung)} of {text.many(of, 'network')}, {correlations(ranks)}"
        for rung, (of, ranks) in found.items()
    )
    return f"{said}, {intervals}: {each}.{few}"


def sentences(lines: list[str]) -> list[str]:
    """Lines with a capital and a full stop."""
    return [f"{line[:1].upper()}{line[1:]}." for line in lines]
