"""What a run comes to in sentences, the most important first."""

from collections.abc import Sequence

from .agreement import FEW_TO_RANK, RankAgreement, RungAgreement
from .claims import Claims
from .costs import COSTS, shown_costs
from .noise import averaged
from .run_record import RunRecord
from .rungs import networks_trained
from .saved_run import SavedRun
from .text import many, percent, signed, times

_FEW_NETWORKS = 8  # below which it is too early to say that a proxy tells nothing
_SIGNAL = 0.5
_AS_PUBLISHED = "_paper"


def verdict(run: SavedRun) -> list[str]:
    """Sentences about what the run found, and how far that can be trusted; none where nothing is complete."""
    claims, validation = run.claims, run.validation
    if not claims.expected:
        return []
    observed = {trial.number: trial.accuracy or 0.0 for trial in averaged(run.trials)}
    best = max(claims.expected, key=lambda number: claims.expected[number].mean)
    lines = [_equals(claims, run.record.val_images, best)]
    if longer := networks_trained(run.trials, above=run.rung):
        lines.append(
            f"all this is of trainings {times(run.rung)}; longer ones, of {many(longer, 'network')}, are too "
            "few to compare"
        )
    if len(claims.expected) >= _FEW_NETWORKS and claims.signal < _SIGNAL:
        lines.insert(
            0,
            f"this proxy does not tell these networks apart: {100 * claims.signal:.0f} % of the variance of "
            "an accuracy is the networks', the rest is chance; longer trainings (--hours) or more validation "
            "images would tell more",
        )
    if run.record.pilot is not None and not run.record.pilot.learnt and run.rung == 1:
        lines.insert(0, "the proxy teaches networks hardly more than how common the classes are")
    if validation is not None:
        largest = validation.largest_class(run.record.settings.metric)
        if claims.expected[best].low <= largest:
            lines.insert(
                0,
                f"no network is surely better than answering always the largest class ({percent(largest)} %)",
            )
    luckiest = max(observed, key=lambda number: observed[number])
    if claims.luck >= 0.05:
        lines.append(
            f"the best accuracy observed, {percent(observed[luckiest])} % of trial {luckiest}, owes about "
            f"{claims.luck:.1f} points to luck"
        )
    return lines


def _equals(claims: Claims, images: int, best: int) -> str:
    equals, networks = claims.equals, len(claims.expected)
    cheapest = equals[0]
    found = claims.expected[cheapest]
    expected = f"{percent(found.mean)} % expected ({percent(found.low)} to {percent(found.high)})"
    images_said = f"with {images:,} validation images " if images else ""
    if networks == 1:
        return f"trial {best} is the only network so far: {expected}"
    if len(equals) == 1:
        return f"trial {best} is surely the most accurate of {networks} networks: {expected}"
    if len(equals) == networks:
        return (
            f"{images_said}these {networks} networks are equal; the cheapest is trial {cheapest}: {expected}"
        )
    return (
        f"{images_said}{len(equals)} of {networks} networks are not surely worse than the most accurate; "
        f"the cheapest of them is trial {cheapest}: {expected}"
    )


def against(record: RunRecord) -> list[str]:
    """What published networks that the space leaves out cost, for differences are to the unmodified one."""
    shown = shown_costs(record.settings.objectives)
    return [
        f"for comparison, not trained here: {name} costs "
        + ", ".join(f"{COSTS[cost].format(costs[cost])} {cost}" for cost in shown if cost in costs)
        for name, costs in record.published.items()
        if name.endswith(_AS_PUBLISHED)
    ]


def foretold(pairs: Sequence[RungAgreement]) -> list[str]:
    """How well trainings of each length foretold those of a longer one, a line for each pair."""
    lines = []
    for pair in pairs:
        networks = many(pair.count, "network")
        lengths = f"trainings {times(pair.shorter)} and {times(pair.longer)} of {networks}"
        intervals = "" if pair.ranks is None else ", 95 % intervals"
        if pair.ranks is not None and pair.count < FEW_TO_RANK:
            intervals += " (so few networks say little)"
        gained = f"the longer gained {signed(pair.lead)} points in the mean"
        lines.append(f"{lengths}: {correlations(pair.ranks)}{intervals}; {gained}")
    return lines


def correlations(found: RankAgreement | None) -> str:
    """Rank correlations with their 95 % intervals."""
    if found is None:
        return "too few, or too alike, for a rank correlation"
    return ", ".join(
        f"{name} {value.value:.2f} ({value.low:.2f} to {value.high:.2f})"
        for name, value in (("Kendall's tau", found.kendall), ("Spearman's rho", found.spearman))
    )
